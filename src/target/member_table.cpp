// Compares and merges the rows of one table of an extension.

#include "target/member_table.hpp"

#include <algorithm>

#include "target/relation_locks.hpp"

extern "C" {
#include "storage/lmgr.h"
}

namespace pagila_repl {

//
// SQL about a table t and the rows h that it is to hold
//

std::string list_of(const std::vector<std::string> &columns, const std::string &alias) {
  std::string list;
  for (const std::string &column : columns) list += (list.empty() ? "" : ", ") + alias + column;
  return list;
}

static std::string text_of(const std::vector<std::string> &columns, const std::string &alias) {
  return "ROW(" + list_of(columns, alias + ".") + ")::pg_catalog.text COLLATE pg_catalog.\"C\"";
}

std::string hash_of(const MemberTable &table, const std::string &alias) {
  return "pg_catalog.md5(" + text_of(table.columns, alias) + ")";
}

std::string same_key(const MemberTable &table, const std::string &one, const std::string &other) {
  return text_of(table.key, one) + " OPERATOR(pg_catalog.=) " + text_of(table.key, other);
}

static std::string other_row(const MemberTable &table, const std::string &one, const std::string &other) {
  return text_of(table.columns, one) + " OPERATOR(pg_catalog.<>) " + text_of(table.columns, other);
}

//
// Whose table it is
//

static std::optional<Member> look_at(Oid relation) {
  std::vector<Row> found = query(
      R"(SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), e.oid,
                CASE WHEN pg_catalog.pg_has_role(c.relowner, 'USAGE') THEN c.relowner
                     WHEN pg_catalog.pg_has_role(c.relowner, r.oid, 'USAGE') THEN r.oid END
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                JOIN pg_catalog.pg_extension e ON c.oid = ANY (e.extconfig)
                JOIN pg_catalog.pg_depend d
                  ON d.classid = c.tableoid AND d.objid = c.oid AND d.deptype = 'e' AND d.refobjid = e.oid
                CROSS JOIN (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user) r
          WHERE c.oid = $1::oid AND c.relkind IN ('r', 'p', 'S') AND e.extname <> 'pagila_repl')",
      {std::to_string(relation)});
  if (found.empty()) return {};
  Member member;
  member.name = *found[0][0];
  member.extension = to_oid(found[0][1]);
  if (found[0][2]) member.actor = to_oid(found[0][2]);
  return member;
}

// Rules would write something else. A role that may make triggers may have made one whose condition does what it likes as whoever
// writes.
constexpr const char *kRights = R"(
SELECT pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
         AND NOT pg_catalog.row_security_active(c.oid),
       CASE WHEN c.relkind = 'S' THEN pg_catalog.has_table_privilege(c.oid, 'UPDATE')
            ELSE pg_catalog.has_table_privilege(c.oid, 'INSERT') AND pg_catalog.has_table_privilege(c.oid, 'UPDATE')
                   AND pg_catalog.has_table_privilege(c.oid, 'DELETE')
                   AND NOT c.relhasrules
                   AND NOT (EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = c.oid AND tgqual IS NOT NULL)
                            AND EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) a
                                         WHERE a.privilege_type = 'TRIGGER'
                                           AND (a.grantee = 0 OR NOT pg_catalog.pg_has_role(a.grantee, $2::oid, 'USAGE')))) END
  FROM pg_catalog.pg_class c WHERE c.oid = $1::oid)";

std::optional<Member> find_member(Oid relation, LOCKMODE mode) {
  guarded([=] { LockRelationOid(relation, mode); });
  std::string oid = std::to_string(relation);
  Value schema = query_value("SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = $1::oid", {oid});
  if (!schema) return {};
  lock_schema_rows({*schema});
  std::optional<Member> member = look_at(relation);
  if (!member || !OidIsValid(member->actor)) return member;
  Row rights = acting_as(member->actor, [&] { return query(kRights, {oid, std::to_string(member->actor)}).at(0); });
  member->readable = rights[0] == "t";
  member->writable = rights[1] == "t";
  return member;
}

std::string name_of(const MemberTable &table) {
  std::optional<Member> member = find_member(table.oid, RowExclusiveLock);
  if (!member || member->actor != table.actor)
    throw Error("55000", "table \"" + table.name + "\" of an extension was changed or dropped during the run", {},
                "Run it again.");
  return member->name;
}

uint64_t execute_as_actor(const MemberTable &table, const std::string &sql, const std::vector<Value> &parameters) {
  return acting_as(table.actor, [&] { return execute(sql, parameters); });
}

std::vector<Row> query_as_actor(const MemberTable &table, const std::string &sql,
                                const std::vector<Value> &parameters) {
  return acting_as(table.actor, [&] { return query(sql, parameters); });
}

uint64_t count_rows(const MemberTable &table, const std::string &sql, const std::vector<Value> &parameters) {
  return std::stoull(*query_as_actor(table, "SELECT pg_catalog.count(*) FROM " + sql, parameters).at(0)[0]);
}

//
// What runs have written
//

std::vector<std::string> written_rows(Oid table, const std::vector<std::string> &schemas) {
  return as_extension_owner([&] {
    std::vector<std::string> hashes;
    for (const Row &row : query(
             R"(SELECT DISTINCT row_hash FROM pagila_repl.member_row
                 WHERE relid = $1::oid
                   AND run_id IN (SELECT run_id FROM pagila_repl.copy WHERE schema_name = ANY ($2::name[])))",
             {std::to_string(table), array_literal(schemas)}))
      hashes.push_back(*row[0]);
    return hashes;
  });
}

void record_written(const MemberTable &table, int64_t run_id, const std::vector<std::string> &hashes) {
  as_extension_owner([&] {
    execute(
        R"(INSERT INTO pagila_repl.member_row (run_id, relid, columns, row_hash)
           SELECT $1::bigint, $2::oid, $3::text[], h FROM pg_catalog.unnest($4::text[]) h ON CONFLICT DO NOTHING)",
        {std::to_string(run_id), std::to_string(table.oid), array_literal(table.columns), array_literal(hashes)});
  });
}

std::vector<std::string> elements(const Value &array) {
  std::vector<std::string> elements;
  for (const Row &row : query("SELECT e FROM pg_catalog.unnest($1::text[]) e", {array})) elements.push_back(*row[0]);
  return elements;
}

std::vector<Written> all_written(const std::vector<std::string> &schemas) {
  std::vector<Written> all;
  as_extension_owner([&] {
    for (const Row &row : query(
             R"(SELECT m.relid, m.columns, pg_catalog.array_agg(DISTINCT m.row_hash)
                  FROM pagila_repl.member_row m
                 WHERE m.run_id IN (SELECT run_id FROM pagila_repl.copy WHERE schema_name = ANY ($1::name[]))
                 GROUP BY 1, 2)",
             {array_literal(schemas)}))
      all.push_back({to_oid(row[0]), elements(row[1]), *row[2]});
  });
  return all;
}

//
// Merging
//

// Rows that are there under the same key with other values, and that no run has written, are others'. They stay, unless the options
// allow to lose them.
static std::string is_others(const MemberTable &table) {
  return "NOT $1::boolean AND " + hash_of(table, "t") + " <> ALL ($2::text[])";
}

static std::vector<Value> rights_over(const MemberTable &table) {
  return {table.replaces_all ? "true" : "false", table.written};
}

uint64_t rows_not_there(const MemberTable &table, const std::string &there) {
  return count_rows(table, table.rows + " h WHERE NOT EXISTS (SELECT FROM " + there + " t WHERE " +
                               same_key(table, "t", "h") + " AND NOT " + other_row(table, "t", "h") + ")");
}

uint64_t update_rows(const MemberTable &table, const std::string &there, const std::string &from) {
  std::vector<std::string> columns;
  for (const std::string &column : table.columns)
    if (std::find(table.key.begin(), table.key.end(), column) == table.key.end()) columns.push_back(column);
  if (columns.empty()) return 0;
  return execute_as_actor(table,
                          "UPDATE " + there + " t SET (" + list_of(columns) + ") = ROW(" + list_of(columns, "h.") +
                              ") FROM " + from + " h WHERE " + same_key(table, "t", "h") + " AND " +
                              other_row(table, "t", "h") + " AND NOT (" + is_others(table) + ")",
                          rights_over(table));
}

// Rows of others may have the same values in another key.
uint64_t insert_rows(const MemberTable &table, const std::string &there) {
  return execute_as_actor(table, "INSERT INTO " + there + " (" + list_of(table.columns) +
                                     ") OVERRIDING SYSTEM VALUE SELECT " + list_of(table.columns, "h.") + " FROM " +
                                     table.rows + " h WHERE NOT EXISTS (SELECT FROM " + there + " t WHERE " +
                                     same_key(table, "t", "h") + ") ON CONFLICT DO NOTHING");
}

uint64_t delete_written(const MemberTable &table, const std::string &there) {
  return execute_as_actor(table,
                          "DELETE FROM " + there + " t WHERE " + hash_of(table, "t") +
                              " = ANY ($1::text[]) AND NOT EXISTS (SELECT FROM " + table.rows + " h WHERE " +
                              same_key(table, "t", "h") + ")",
                          {table.written});
}

// Those that are there already and that no run has written are others' still.
std::vector<std::string> rows_to_write(const MemberTable &table, const std::string &there) {
  std::vector<std::string> hashes;
  for (const Row &row : query_as_actor(table,
                                       "SELECT " + hash_of(table, "h") + " FROM " + table.rows + " h WHERE " +
                                           hash_of(table, "h") + " = ANY ($2::text[]) OR NOT EXISTS (SELECT FROM " +
                                           there + " t WHERE " + same_key(table, "t", "h") + " AND (" +
                                           is_others(table) + " OR NOT " + other_row(table, "t", "h") + "))",
                                       rights_over(table)))
    hashes.push_back(*row[0]);
  return hashes;
}

std::vector<std::string> rows_there(const MemberTable &table, const std::string &there,
                                    const std::vector<std::string> &hashes) {
  std::vector<std::string> found;
  for (const Row &row : query_as_actor(
           table,
           "SELECT DISTINCT w FROM " + there + " t JOIN pg_catalog.unnest($1::text[]) w ON w = " + hash_of(table, "t"),
           {array_literal(hashes)}))
    found.push_back(*row[0]);
  return found;
}

bool is_pending(const MemberTable &table, const std::string &there) {
  return count_rows(table,
                    table.rows + " h WHERE NOT EXISTS (SELECT FROM " + there + " t WHERE " + same_key(table, "t", "h") +
                        " AND (" + is_others(table) + " OR NOT " + other_row(table, "t", "h") + "))",
                    rights_over(table)) > 0;
}

}  // namespace pagila_repl
