// Merges the rows that a run holds into tables that belong to extensions.

#include "core/counted.hpp"
#include "target/member_rows.hpp"
#include "target/member_table.hpp"
#include "target/relation_locks.hpp"

extern "C" {
#include "storage/lmgr.h"
}

namespace pagila_repl {

bool reads_pending_rows(const MemberRows &members, const std::vector<std::string> &stage_oids) {
  std::vector<std::string> tables;
  for (const MemberTable &table : members.tables)
    if (table.pending) tables.push_back(std::to_string(table.oid));
  if (tables.empty()) return false;
  return query_value(
             R"(WITH made (classid, objid) AS (
                  SELECT c.tableoid, c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace = ANY ($1::oid[])
                  UNION ALL
                  SELECT k.tableoid, k.oid FROM pg_catalog.pg_constraint k WHERE k.connamespace = ANY ($1::oid[])
                  UNION ALL
                  SELECT f.tableoid, f.oid FROM pg_catalog.pg_attrdef f JOIN pg_catalog.pg_class c ON c.oid = f.adrelid
                   WHERE c.relnamespace = ANY ($1::oid[])
                  UNION ALL
                  SELECT s.tableoid, s.oid FROM pg_catalog.pg_statistic_ext s WHERE s.stxnamespace = ANY ($1::oid[])
                  UNION ALL
                  -- A function may call what it likes.
                  SELECT p.tableoid, p.oid FROM pg_catalog.pg_proc p WHERE p.pronamespace = ANY ($1::oid[])
                )
                SELECT 1
                  FROM made m JOIN pg_catalog.pg_depend d ON d.classid = m.classid AND d.objid = m.objid
                       JOIN pg_catalog.pg_depend e
                         ON e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e'
                 WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                   AND e.refobjid IN (SELECT refobjid FROM pg_catalog.pg_depend
                                       WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                         AND objid = ANY ($2::oid[]) AND deptype = 'e')
                 LIMIT 1)",
             {array_literal(stage_oids), array_literal(tables)})
      .has_value();
}

void lend_member_rows(const MemberRows &members) {
  for (const MemberTable &table : members.tables) {
    if (!table.pending) continue;
    std::string there = name_of(table);
    (void)execute_as_actor(table, "INSERT INTO " + table.before + " (" + list_of(table.columns) + ") SELECT " +
                                      list_of(table.columns, "t.") + " FROM " + there + " t JOIN " + table.rows +
                                      " h ON " + same_key(table, "t", "h"));
    (void)update_rows(table, there, table.rows);
    (void)insert_rows(table, there);
  }
}

void take_back_member_rows(const MemberRows &members) {
  for (auto table = members.tables.rbegin(); table != members.tables.rend(); ++table) {
    if (!table->pending) continue;
    std::string there = name_of(*table);
    (void)execute_as_actor(*table, "DELETE FROM " + there + " t USING " + table->rows + " h WHERE " +
                                       same_key(*table, "t", "h") + " AND NOT EXISTS (SELECT FROM " + table->before +
                                       " b WHERE " + same_key(*table, "t", "b") + ")");
    MemberTable any = *table;
    any.replaces_all = true;
    (void)update_rows(any, there, table->before);
    (void)execute_as_actor(*table, "DELETE FROM " + table->before);
  }
}

namespace {

struct Merged {
  uint64_t written = 0, removed = 0, left_out = 0;
};

std::string remark_on(const MemberTable &table, const Merged &merged) {
  std::string text;
  if (merged.written > 0)
    text += "; " + counted(merged.written, "{row|rows}") + " of table " + table.name + " of an extension written";
  if (merged.left_out > 0)
    text += "; " + counted(merged.left_out, "{row|rows}") + " of table " + table.name +
            " of an extension left out, since others have the same keys";
  if (merged.removed > 0)
    text += "; " + counted(merged.removed, "{row|rows}") + " of table " + table.name + " of an extension removed";
  return text;
}

std::vector<std::vector<std::string>> delete_what_is_gone(const MemberRows &members, std::vector<Merged> &merged) {
  std::vector<std::vector<std::string>> to_write(members.tables.size());
  // Keys that refer to other tables: what refers goes first and comes last.
  for (size_t i = members.tables.size(); i-- > 0;) {
    const MemberTable &table = members.tables[i];
    std::string there = name_of(table);
    to_write[i] = rows_to_write(table, there);
    merged[i].removed = delete_written(table, there);
  }
  return to_write;
}

void write_rows(const MemberRows &members, const std::vector<std::vector<std::string>> &to_write, int64_t run_id,
                std::vector<Merged> &merged) {
  for (size_t i = 0; i < members.tables.size(); i++) {
    const MemberTable &table = members.tables[i];
    std::string there = name_of(table);
    merged[i].written = update_rows(table, there, table.rows);
    merged[i].written += insert_rows(table, there);
    merged[i].left_out = rows_not_there(table, there);
    record_written(table, run_id, rows_there(table, there, to_write[i]));
  }
}

void drop_hidden_schema(Oid schema) {
  std::string oid = std::to_string(schema);
  lock_schema_rows({oid});
  Value name = query_value("SELECT nspname FROM pg_catalog.pg_namespace WHERE oid = $1::oid", {oid});
  if (!name) throw Error("42P01", "part of the stage of the run was dropped", {}, "Run it again.");
  execute("DROP SCHEMA " + quote(*name) + " CASCADE");
  as_extension_owner([&] { execute("DELETE FROM pagila_repl.leftover WHERE schema_oid = $1::oid", {oid}); });
}

}  // namespace

std::string merge_member_rows(const MemberRows &members, int64_t run_id) {
  if (members.tables.empty() && members.sequences.empty() && !OidIsValid(members.hidden_schema)) return {};
  return with_fixed_output([&] {
    std::vector<Merged> merged(members.tables.size());
    write_rows(members, delete_what_is_gone(members, merged), run_id, merged);
    if (OidIsValid(members.hidden_schema)) drop_hidden_schema(members.hidden_schema);
    std::string remarks;
    for (size_t i = 0; i < members.tables.size(); i++) remarks += remark_on(members.tables[i], merged[i]);
    return remarks;
  });
}

void advance_member_sequences(const MemberRows &members) {
  for (const MemberSequence &sequence : members.sequences) {
    std::optional<Member> member = find_member(sequence.oid, RowExclusiveLock);
    if (!member || !member->writable) continue;
    // Others use it too: it never goes back.
    (void)query(
        "SELECT pg_catalog.setval($1::oid::pg_catalog.regclass, $2::bigint, $3::boolean) FROM " + member->name +
            " s WHERE s.last_value < $2::bigint OR s.last_value = $2::bigint AND $3::boolean AND NOT s.is_called",
        {std::to_string(sequence.oid), std::to_string(sequence.value), sequence.called ? "true" : "false"});
  }
}

namespace {

bool has_columns(const Written &written) {
  return query_value(
             R"(SELECT pg_catalog.bool_and(EXISTS (SELECT FROM pg_catalog.pg_attribute a
                                                    WHERE a.attrelid = $1::oid AND NOT a.attisdropped
                                                      AND w.name IN (pg_catalog.quote_ident(a.attname), pg_catalog.concat('"', a.attname, '"'))))
                  FROM pg_catalog.unnest($2::text[]) w (name))",
             {std::to_string(written.table), array_literal(written.columns)}) == "t";
}

// A sentence if some of these rows are not in the table any more; not of a table that may not be read.
std::string change_in(const Written &written) {
  std::optional<Member> member = find_member(written.table, AccessShareLock);
  if (!member || !member->readable || !has_columns(written)) return {};
  MemberTable table;
  table.actor = member->actor;
  table.columns = written.columns;
  uint64_t gone = count_rows(table,
                             "pg_catalog.unnest($1::text[]) w (hash) WHERE NOT EXISTS (SELECT FROM " + member->name +
                                 " t WHERE " + hash_of(table, "t") + " = w.hash)",
                             {written.hashes});
  if (gone == 0) return {};
  return "table " + member->name + " of an extension has lost or changed " + counted(gone, "{row|rows}") +
         " that a run wrote";
}

}  // namespace

std::vector<std::string> changed_member_rows(const std::vector<std::string> &schemas) {
  std::vector<std::string> changed;
  std::vector<Written> all = all_written(schemas);
  if (all.empty()) return changed;
  return with_fixed_output([&] {
    for (const Written &written : all)
      if (std::string change = change_in(written); !change.empty()) changed.push_back(change);
    return changed;
  });
}

}  // namespace pagila_repl
