// Everything travels as hexadecimal digits of UTF-8, since the characters themselves would not come through.

#include "source/unconvertible_text.hpp"

#include <map>

#include "core/utf8.hpp"
#include "source/answer.hpp"
#include "source/connect.hpp"
#include "source/findings.hpp"
#include "source/unconvertible.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace pagila_repl {

namespace {

constexpr const char *kHint = "Use a database in UTF8, or replace the character at the source.";

constexpr const char *kDefinitions = R"(
, described (classid, objid, part, text) AS (
  SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 0,
         CASE WHEN p.prokind = 'a' THEN p.proname ELSE pg_catalog.pg_get_functiondef(p.oid) END FROM pg_catalog.pg_proc p
   WHERE p.oid IN (SELECT objid FROM comes WHERE classid = 'pg_catalog.pg_proc'::pg_catalog.regclass)
  UNION ALL
  SELECT v.classid, v.objid, 0, pg_catalog.pg_get_ruledef(w.oid)
    FROM comes c JOIN pg_catalog.pg_rewrite w ON c.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = c.objid
         CROSS JOIN LATERAL (
           SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, w.ev_class WHERE w.rulename = '_RETURN'
           UNION ALL
           SELECT c.classid, c.objid WHERE w.rulename <> '_RETURN') v (classid, objid)
  UNION ALL
  SELECT c.classid, c.objid, 0,
         CASE c.classid WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN
                          (SELECT pg_catalog.concat(conname, pg_catalog.pg_get_constraintdef(oid)) FROM pg_catalog.pg_constraint WHERE oid = c.objid)
                        WHEN 'pg_catalog.pg_trigger'::pg_catalog.regclass THEN pg_catalog.pg_get_triggerdef(c.objid)
                        WHEN 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass THEN pg_catalog.pg_get_statisticsobjdef(c.objid)
                        WHEN 'pg_catalog.pg_attrdef'::pg_catalog.regclass THEN
                          (SELECT pg_catalog.pg_get_expr(adbin, adrelid) FROM pg_catalog.pg_attrdef WHERE oid = c.objid)
                        WHEN 'pg_catalog.pg_policy'::pg_catalog.regclass THEN
                          (SELECT pg_catalog.concat(polname, pg_catalog.pg_get_expr(polqual, polrelid),
                                                    pg_catalog.pg_get_expr(polwithcheck, polrelid))
                             FROM pg_catalog.pg_policy WHERE oid = c.objid)
                        WHEN 'pg_catalog.pg_type'::pg_catalog.regclass THEN
                          (SELECT pg_catalog.concat(typname, typdefault) FROM pg_catalog.pg_type
                            WHERE oid = c.objid AND typrelid = 0 AND (typelem = 0 OR typlen <> -1))
                        WHEN 'pg_catalog.pg_ts_dict'::pg_catalog.regclass THEN
                          (SELECT pg_catalog.concat(dictname, dictinitoption) FROM pg_catalog.pg_ts_dict WHERE oid = c.objid)
         END
    FROM comes c
  UNION ALL
  SELECT c.classid, c.objid, 0, CASE WHEN r.relkind IN ('i', 'I') THEN pg_catalog.pg_get_indexdef(r.oid)
                                     ELSE pg_catalog.concat(r.relname, pg_catalog.pg_get_expr(r.relpartbound, r.oid)) END
    FROM comes c JOIN pg_catalog.pg_class r ON c.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND r.oid = c.objid
  UNION ALL
  SELECT c.classid, c.objid, a.attnum, a.attname
    FROM comes c JOIN pg_catalog.pg_attribute a ON c.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND a.attrelid = c.objid
   WHERE a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT c.classid, c.objid, 0, e.enumlabel
    FROM comes c JOIN pg_catalog.pg_enum e ON c.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND e.enumtypid = c.objid
  UNION ALL
  SELECT d.classoid, d.objoid, d.objsubid, d.description FROM pg_catalog.pg_description d
   WHERE (d.classoid, d.objoid) IN (SELECT classid, objid FROM comes)
      OR d.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.objoid IN (SELECT oid FROM wanted)
)
SELECT pg_catalog.encode(pg_catalog.convert_to(pg_catalog.pg_describe_object(classid, objid, part), 'UTF8'), 'hex'),
       pg_catalog.encode(pg_catalog.convert_to(
         pg_catalog.string_agg(pg_catalog.regexp_replace(text, '[\x01-\x7f]+', '', 'g'), ''), 'UTF8'), 'hex')
  FROM described WHERE text OPERATOR(pg_catalog.~) '[^\x01-\x7f]' GROUP BY classid, objid, part ORDER BY 1)";

// Whose values may have other characters than those of ASCII.
constexpr const char *kTextColumns = R"(
SELECT c.oid, pg_catalog.encode(pg_catalog.convert_to(a.attname::text, 'UTF8'), 'hex'), c.nspname, c.relname
  FROM relation c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
       JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
 WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
   AND t.typcategory NOT IN ('B', 'D', 'G', 'I', 'N', 'R', 'T', 'V')
   AND t.oid NOT IN ('pg_catalog.bytea'::pg_catalog.regtype, 'pg_catalog.uuid'::pg_catalog.regtype)
   AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE')
   AND NOT pg_catalog.row_security_active(c.oid)
 ORDER BY c.oid, a.attnum)";

struct TextTable {
  QualifiedName name;
  std::vector<std::string> columns;  // in UTF-8
};
using TextTables = std::map<uint32_t, TextTable>;

TextTables text_tables(const std::vector<Row> &rows) {
  TextTables tables;
  for (const Row &row : rows) {
    TextTable &table = tables[oid_in(row, 0)];
    table.name = name_in(row, 2);
    table.columns.push_back(utf8_from_hex(text_in(row, 1)));
  }
  return tables;
}

// Of each column the characters that are not of ASCII. Output functions are called, as COPY would, but no casts; what is very
// long is left alone.
std::string sample_of(const TextTable &table, int rows) {
  std::string aggregates, values;
  for (size_t i = 0; i < table.columns.size(); i++) {
    std::string value = "v" + std::to_string(i), column = "t." + quote(table.columns[i]), comma = i == 0 ? "" : ", ";
    aggregates +=
        comma +
        "(SELECT pg_catalog.encode(pg_catalog.convert_to(pg_catalog.string_agg(DISTINCT c, ''), 'UTF8'), 'hex')"
        " FROM s CROSS JOIN LATERAL pg_catalog.regexp_split_to_table(s." +
        value + ", '') r (c))";
    values += comma + "CASE WHEN pg_catalog.pg_column_size(" + column +
              ") < 100000 THEN pg_catalog.regexp_replace(pg_catalog.format('%s', " + column +
              "), '[\\x01-\\x7f]+', '', 'g') END AS " + value;
  }
  return "WITH s AS MATERIALIZED (SELECT " + values + " FROM ONLY " + quote(table.name.schema, table.name.name) +
         " t LIMIT " + std::to_string(rows) + ") SELECT " + aggregates;
}

struct Lacking {
  std::string column, character;
};

std::vector<Lacking> look_at(Connection &source, const TextTable &table, int rows) {
  std::vector<Lacking> lacking;
  source.execute("SAVEPOINT before_rows; SET LOCAL lock_timeout = '1s'");
  try {
    Row found = only_row(source.query(sample_of(table, rows)));
    for (size_t i = 0; i < table.columns.size(); i++) {
      std::string character = first_unconvertible(utf8_from_hex(optional_text_in(found, i)));
      if (!character.empty()) lacking.push_back({ascii_of_utf8(table.columns[i]), character});
    }
  } catch (const Error &error) {
    // It may be locked, or dropped by now.
    if (error.origin == Error::Origin::local || error.sqlstate.compare(0, 2, "08") == 0) throw;
  }
  source.execute("ROLLBACK TO before_rows; RELEASE before_rows");
  return lacking;
}

}  // namespace

bool may_lack_characters(const SourceCatalog &catalog) {
  int here = GetDatabaseEncoding();
  return catalog.encoding == "UTF8" && here != PG_UTF8 && here != PG_SQL_ASCII && here != PG_MULE_INTERNAL;
}

std::vector<Finding> find_unconvertible_definitions(Connection &source, const SourceCatalog &catalog) {
  Findings found;
  if (!may_lack_characters(catalog)) return {};
  for (const Row &row : source.query(std::string(kWantedRelations) + kWantedObjects + kDefinitions,
                                     parameters_for({catalog.schemas, catalog.left_out}))) {
    std::string character = first_unconvertible(utf8_from_hex(text_in(row, 1)));
    if (!character.empty())
      found.error("encoding", "22P05",
                  "the name, comment or definition of " + ascii_of_utf8(utf8_from_hex(text_in(row, 0))) +
                      " has the character " + character + ", which " + GetDatabaseEncodingName() + " lacks",
                  kHint);
  }
  return found.take();
}

std::vector<Finding> find_unconvertible_rows(Connection &source, const SourceCatalog &catalog) {
  constexpr int kRows = 1000;
  constexpr int64_t kPatienceMs = 10000;
  Findings found;
  if (!may_lack_characters(catalog)) return {};
  TextTables tables = text_tables(
      source.query(std::string(kWantedRelations) + kTextColumns, parameters_for({catalog.schemas, catalog.left_out})));
  int64_t until = steady_ms() + kPatienceMs;
  for (const auto &[oid, table] : tables) {
    if (steady_ms() > until) break;
    for (const Lacking &lacking : look_at(source, table, kRows))
      found.warning("encoding",
                    "column \"" + lacking.column + "\" of table \"" + table.name.schema + "." + table.name.name +
                        "\" has the character " + lacking.character + ", which " + GetDatabaseEncodingName() + " lacks",
                    kHint);
  }
  return found.take();
}

std::string unconvertible_column(Connection &source, uint32_t table) {
  constexpr int kRows = 100000;
  constexpr const char *kAlone = R"(
WITH relation AS (SELECT c.*, n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                   WHERE c.oid = $1::pg_catalog.oid))";
  TextTables tables = text_tables(source.query(std::string(kAlone) + kTextColumns, {std::to_string(table)}));
  for (const auto &[oid, text_table] : tables)
    for (const Lacking &lacking : look_at(source, text_table, kRows))
      return "Column \"" + lacking.column + "\" has the character " + lacking.character + ", which " +
             GetDatabaseEncodingName() + " lacks.";
  return {};
}

}  // namespace pagila_repl
