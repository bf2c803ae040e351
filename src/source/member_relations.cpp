// Finds and reads what users put into tables of extensions.

#include "source/member_relations.hpp"

#include "core/counted.hpp"
#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "source/answer.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace pagila_repl {

namespace {

// They are held in memory.
constexpr size_t kMaxBytes = size_t{64} << 20;

constexpr const char *kMembers = R"(
, config (oid, condition) AS MATERIALIZED (
  SELECT u.oid, u.condition
    FROM pg_catalog.pg_extension e
         CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(e.extconfig), pg_catalog.unnest(e.extcondition)) u (oid, condition)
   WHERE e.extname <> 'pagila_repl'
), reached (oid, other) AS (
  -- What its foreign keys lead to.
  SELECT oid, oid FROM config
  UNION
  SELECT r.oid, k.confrelid FROM reached r JOIN pg_catalog.pg_constraint k ON k.conrelid = r.other AND k.contype = 'f'
)
SELECT n.nspname, c.relname, c.relkind = 'S', f.condition,
       CASE WHEN NOT pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') THEN 'no USAGE on its schema'
            WHEN NOT pg_catalog.has_table_privilege(c.oid, 'SELECT') THEN 'no SELECT on it'
            WHEN pg_catalog.row_security_active(c.oid) THEN 'row security would hide rows of it'
            WHEN c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery() THEN 'it is unlogged, and the source is a standby'
            ELSE '' END,
       c.oid
  FROM config f JOIN pg_catalog.pg_class c ON c.oid = f.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'S') AND ($4::boolean OR n.oid IN (SELECT oid FROM wanted))
 ORDER BY (SELECT pg_catalog.count(*) FROM reached r WHERE r.oid = c.oid), n.nspname, c.relname)";

constexpr const char *kColumns = R"(
SELECT attname FROM pg_catalog.pg_attribute
 WHERE attrelid = $1::pg_catalog.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum)";

std::string list_of(const std::vector<std::string> &columns) {
  std::string list;
  for (const std::string &column : columns) list += (list.empty() ? "" : ", ") + quote(column);
  return list;
}

std::string shown(const QualifiedName &name) { return name.schema + "." + name.name; }

PlannedRows read_rows(Connection &source, const MemberRelation &table, size_t room) {
  std::string columns = list_of(table.columns);
  CopiedRows copied(source, "COPY (SELECT " + columns + " FROM " + quote(table.name.schema, table.name.name) + " " +
                                table.condition + " ORDER BY ROW(" + columns +
                                ")::pg_catalog.text COLLATE pg_catalog.\"C\") TO STDOUT");
  PlannedRows rows;
  rows.table = rows.block.table = table.name;
  rows.columns = table.columns;
  rows.encoding = guarded([]() -> const char * { return GetDatabaseEncodingName(); });
  rows.place = {"the source", 0, shown(table.name)};
  char buffer[8192];
  size_t bytes = 0;
  while (size_t got = copied.read(buffer, sizeof buffer)) {
    bytes += got;
    if (bytes <= room) rows.text.append(buffer, got);
  }
  rows.block.rows = copied.rows();
  rows.block.bytes = bytes;
  rows.block.rows_are_lines = true;
  return rows;
}

SequenceState read_sequence(Connection &source, const QualifiedName &name) {
  Row row = only_row(source.query("SELECT last_value, is_called FROM " + quote(name.schema, name.name)));
  return {name, number_in(row, 0), flag_in(row, 1), {"the source", 0, shown(name)}};
}

}  // namespace

std::vector<MemberRelation> find_member_relations(Connection &source, const Wanted &wanted,
                                                  const Selection &selection) {
  std::vector<MemberRelation> members;
  if (!selection.include.empty()) return members;
  std::vector<Value> parameters = parameters_for(wanted);
  parameters.emplace_back(selection.schemas.empty() ? "true" : "false");
  for (const Row &row : source.query(std::string(kWantedRelations) + kMembers, parameters)) {
    MemberRelation member;
    member.name = name_in(row, 0);
    member.is_sequence = flag_in(row, 2);
    member.condition = optional_text_in(row, 3);
    member.refused_because = optional_text_in(row, 4);
    for (const Row &column : source.query(kColumns, {text_in(row, 5)})) member.columns.push_back(text_in(column, 0));
    members.push_back(member);
  }
  return members;
}

void read_member_rows(Connection &source, const SourceCatalog &catalog, LoadPlan &plan) {
  size_t bytes = 0;
  for (const MemberRelation &member : catalog.members) {
    if (!member.refused_because.empty()) continue;
    if (member.is_sequence) {
      plan.member_sequences.push_back(read_sequence(source, member.name));
      continue;
    }
    PlannedRows rows = read_rows(source, member, kMaxBytes - bytes);
    bool fits = rows.text.size() == rows.block.bytes;
    if (fits)
      bytes += rows.text.size();
    else
      plan.remarks.push_back(counted(rows.block.rows, "{row|rows}") + " of table " + shown(member.name) +
                             " of an extension left out, since they are more than can be held");
    if (fits) plan.member_rows.push_back(std::move(rows));
  }
}

std::vector<std::string> remarks_on_members(const SourceCatalog &catalog, bool are_copied) {
  std::vector<std::string> remarks;
  for (const MemberRelation &member : catalog.members) {
    if (member.is_sequence || (are_copied && member.refused_because.empty())) continue;
    remarks.push_back("rows that users put into table " + shown(member.name) + " of an extension left out: " +
                      (are_copied ? member.refused_because : "pagila_repl.extension_rows is 'skip'"));
  }
  return remarks;
}

}  // namespace pagila_repl
