// Reads what the source has of what is wanted: schemas, tables and how their rows can travel, sequences, materialized views.

#include "source/read_catalog.hpp"

#include <algorithm>
#include <iterator>
#include <map>

#include "pg/filtered_views.hpp"
#include "source/answer.hpp"
#include "source/binary_copy.hpp"
#include "source/database_casts.hpp"
#include "source/left_out.hpp"
#include "source/lock_timeout.hpp"
#include "source/member_relations.hpp"
#include "source/nullable_columns.hpp"
#include "source/routing.hpp"
#include "source/selection.hpp"

namespace pagila_repl {

namespace {

constexpr const char *kDatabase = R"(
SELECT pg_catalog.current_setting('server_version_num'), pg_catalog.pg_is_in_recovery(),
       pg_catalog.pg_encoding_to_char(encoding), datname, oid,
       pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
  FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())";

// Our own is known already.
constexpr const char *kExtensionSchemas = R"(
SELECT n.nspname FROM member m JOIN pg_catalog.pg_namespace n ON n.oid = m.objid
 WHERE m.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND n.nspname <> 'pagila_repl' ORDER BY 1)";

// Who has SELECT on columns alone cannot lock the table.
constexpr const char *kTables = R"(
SELECT c.oid, COALESCE(pg_catalog.pg_partition_root(c.oid), c.oid)::pg_catalog.oid, c.nspname, c.relname,
       COALESCE(pg_catalog.pg_relation_size(c.oid), 0)
         + COALESCE(pg_catalog.pg_relation_size(NULLIF(c.reltoastrelid, 0)), 0) AS bytes,
       c.reltuples,
       CASE WHEN NOT pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') THEN 1
            WHEN NOT pg_catalog.has_table_privilege(c.oid, 'SELECT') THEN 2
            WHEN pg_catalog.row_security_active(c.oid) THEN 3
            WHEN c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery() THEN 4
            ELSE 0
       END
  FROM relation c WHERE c.relkind = 'r' ORDER BY bytes DESC, c.nspname, c.relname)";

// Why a table cannot be read, by the numbers that the query gives.
struct Refusal {
  const char *because, *sqlstate;
};
constexpr Refusal kRefusals[] = {{"", ""},
                                 {"no USAGE on its schema", "42501"},
                                 {"no SELECT on it", "42501"},
                                 {"row security would hide rows of it", "42501"},
                                 {"it is unlogged, and the source is a standby", "55000"}};

const Refusal &refusal_numbered(int64_t number) {
  return kRefusals[std::clamp<int64_t>(number, 0, std::size(kRefusals) - 1)];
}

constexpr const char *kColumns = R"(
SELECT a.attrelid, a.attname FROM relation c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
 WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attrelid, a.attnum)";

constexpr const char *kLocked = R"(
SELECT c.nspname, c.relname FROM relation c WHERE c.relkind IN ('r', 'p') ORDER BY c.oid)";

constexpr const char *kSequences = R"(
SELECT c.nspname, c.relname FROM relation c WHERE c.relkind = 'S' ORDER BY c.nspname, c.relname)";

// One that reads another, through views and functions too, reaches all that the other reaches and the other itself.
constexpr const char *kRefreshes = R"(
SELECT c.nspname, c.relname FROM relation c
 WHERE c.relkind = 'm' AND c.relispopulated
 ORDER BY (SELECT pg_catalog.count(*) FROM reached s JOIN pg_catalog.pg_class m ON m.oid = s.objid AND m.relkind = 'm'
            WHERE s.view = c.oid AND s.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.oid <> c.oid),
          c.nspname, c.relname)";

constexpr const char *kFiltered = R"(
SELECT c.nspname, c.relname, f.owner,
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE')
  FROM filtered f JOIN relation c ON c.oid = f.view WHERE c.relispopulated ORDER BY 1, 2)";

// VACUUM and ANALYZE change rows of pg_class in place, so xmin tells of everything else. Of a materialized view, rows and
// file are of no interest; REFRESH changes the row of pg_class.
constexpr const char *kSignature = R"(
SELECT pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws(',', c.oid, c.relnamespace, c.relname, c.relkind,
           CASE WHEN c.relkind = 'm' THEN c.relispopulated::text ELSE pg_catalog.concat(c.relfilenode, ':', p.xmin) END,
           a.columns, a.versions), ';' ORDER BY c.oid))
  FROM relation c
       JOIN pg_catalog.pg_class p ON p.oid = c.oid
       LEFT JOIN LATERAL (
         SELECT pg_catalog.count(*) AS columns, pg_catalog.sum(pg_catalog.int8in(pg_catalog.xidout(a.xmin))) AS versions
           FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid) a ON true)";

SourceCatalog read_database(Connection &source) {
  Row row = only_row(source.query(kDatabase));
  SourceCatalog catalog;
  catalog.version = static_cast<int>(number_in(row, 0));
  catalog.in_recovery = flag_in(row, 1);
  catalog.encoding = text_in(row, 2);
  catalog.database = text_in(row, 3);
  catalog.database_oid = oid_in(row, 4);
  if (flag_in(row, 5))
    catalog.system_identifier =
        text_in(only_row(source.query("SELECT system_identifier FROM pg_catalog.pg_control_system()")), 0);
  return catalog;
}

// A query over what is wanted.
class WantedQuery {
 public:
  WantedQuery(Connection &source, const Wanted &wanted) : source_(source), parameters_(parameters_for(wanted)) {}
  std::vector<Row> operator()(const std::string &sql) {
    return source_.query(std::string(kWantedRelations) + sql, parameters_);
  }
  std::vector<QualifiedName> names(const std::string &sql) {
    std::vector<QualifiedName> names;
    for (const Row &row : (*this)(sql)) names.push_back(name_in(row, 0));
    return names;
  }

 private:
  Connection &source_;
  std::vector<Value> parameters_;
};

std::vector<SourceTable> read_tables(Connection &source, const Wanted &wanted, WantedQuery &query) {
  std::map<std::string, std::string> text = find_text_tables(source, wanted);
  std::map<std::string, std::vector<std::string>> columns;
  for (const Row &row : query(kColumns)) columns[text_in(row, 0)].push_back(text_in(row, 1));
  std::vector<SourceTable> tables;
  for (const Row &row : query(kTables)) {
    SourceTable table;
    table.oid = oid_in(row, 0);
    table.root = oid_in(row, 1);
    table.name = name_in(row, 2);
    table.bytes = static_cast<uint64_t>(number_in(row, 4));
    table.rows_estimate = real_in(row, 5);
    const Refusal &refusal = refusal_numbered(number_in(row, 6));
    table.refused_because = refusal.because;
    table.refused_sqlstate = refusal.sqlstate;
    table.columns = columns[text_in(row, 0)];
    table.text_because = source.server().trusted ? text[text_in(row, 0)] : "server is not trusted";
    tables.push_back(table);
  }
  return tables;
}

SourceCatalog read(Connection &source, const Selection &selection, const DatabaseObjectKinds &kinds) {
  SourceCatalog catalog = read_database(source);
  Wanted wanted = find_wanted(source, selection);
  catalog.everything = selection.everything();
  catalog.schemas = wanted.schemas;
  catalog.left_out = wanted.left_out;
  WantedQuery query(source, wanted);
  for (const Row &row : query(kExtensionSchemas)) catalog.extension_schemas.push_back(text_in(row, 0));
  catalog.tables = read_tables(source, wanted, query);
  catalog.routed = find_routed_trees(source, wanted);
  SourceCasts casts = read_casts(source, wanted, selection);
  catalog.casts = casts.casts;
  catalog.nullable = find_nullable_columns(source, wanted);
  catalog.sequences = query.names(kSequences);
  catalog.refreshes = query.names(std::string(kReachedByViews) + kRefreshes);
  for (const Row &row : query((std::string(kFilteredViews) + kFiltered).c_str()))
    catalog.filtered.push_back({name_in(row, 0), text_in(row, 2), flag_in(row, 3)});
  for (const QualifiedName &name : query.names(kLocked)) catalog.lock_order.push_back(quote(name.schema, name.name));
  catalog.members = find_member_relations(source, wanted, selection);
  for (const MemberRelation &member : catalog.members)
    if (!member.is_sequence && member.refused_because.empty())
      catalog.lock_order.push_back(quote(member.name.schema, member.name.name));
  for (const Row &row : source.query("SELECT extname, extversion FROM pg_catalog.pg_extension"))
    catalog.extension_versions[text_in(row, 0)] = text_in(row, 1);
  catalog.signature = optional_text_in(only_row(query(kSignature)), 0);
  catalog.large_objects = static_cast<uint64_t>(
      number_in(only_row(source.query("SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata")), 0));
  catalog.remarks = left_out_of_any_run(source, wanted, kinds);
  catalog.remarks.insert(catalog.remarks.end(), casts.left_out.begin(), casts.left_out.end());
  catalog.findings = what_cannot_be_copied(source, catalog);
  return catalog;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> read_text_settings(Connection &source) {
  // Not as they are now: the connection has set some of its own.
  constexpr const char *kSettings = R"(
SELECT name, reset_val FROM pg_catalog.pg_settings
 WHERE name IN ('DateStyle', 'IntervalStyle', 'TimeZone', 'bytea_output', 'default_text_search_config',
                'default_toast_compression', 'extra_float_digits', 'lc_monetary', 'lc_numeric', 'lc_time', 'xmlbinary')
 ORDER BY name)";
  std::vector<std::pair<std::string, std::string>> settings;
  for (const Row &row : source.query(kSettings)) settings.emplace_back(text_in(row, 0), text_in(row, 1));
  return settings;
}

SourceCatalog read_catalog(Connection &source, const Selection &selection, const DatabaseObjectKinds &kinds) {
  // To know the size of a table takes a lock.
  return within_lock_timeout(source, [&] { return read(source, selection, kinds); });
}

}  // namespace pagila_repl
