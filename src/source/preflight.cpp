// The findings about the two databases themselves: versions, encodings, rights. What single objects need is in find_missing.

#include "source/preflight.hpp"

#include "core/counted.hpp"
#include "core/error.hpp"
#include "pg/distributed_tables.hpp"
#include "pg/spi.hpp"
#include "source/answer.hpp"
#include "source/connect.hpp"
#include "source/database_casts.hpp"
#include "source/default_collation.hpp"
#include "source/dump_child.hpp"
#include "source/findings.hpp"
#include "source/nullable_columns.hpp"
#include "source/pooler.hpp"
#include "source/preflight_extensions.hpp"
#include "source/preflight_functions.hpp"
#include "source/preflight_locks.hpp"
#include "source/preflight_needs.hpp"
#include "source/preflight_publications.hpp"
#include "source/preflight_skips.hpp"
#include "source/preflight_storage.hpp"
#include "source/unconvertible_text.hpp"
#include "source/wanted.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace pagila_repl {

namespace {

std::string major(int version) { return std::to_string(version / 10000); }
std::string full(int version) { return major(version) + "." + std::to_string(version % 10000); }

void look_at_version(const SourceCatalog &catalog, Findings &found) {
  if (catalog.version / 10000 > PG_VERSION_NUM / 10000)
    found.warning("version",
                  "the source is newer: PostgreSQL " + full(catalog.version) + ", here " + full(PG_VERSION_NUM),
                  "What this version does not know yet ends the run.");
  found.else_ok("version", "PostgreSQL " + full(catalog.version));
}

void look_at_libpq(Findings &found) {
  for (const std::string &remark : libpq_remarks()) found.warning("libpq", remark, kUpdateLibpq);
}

void look_at_recovery(const SourceCatalog &catalog, Findings &found) {
  if (catalog.in_recovery)
    found.warning("recovery", "the source is a standby, whose replay may cancel the run's queries",
                  "Set max_standby_streaming_delay or hot_standby_feedback there. Before 15.20, 16.16, 17.12 and 18.7 "
                  "its snapshot cannot be shared, so one connection does all.");
  found.else_ok("recovery", "the source is not a standby");
}

// Two servers may be copies of each other, so the system identifier alone says little.
void look_for_ourselves(Connection &source, Findings &found) {
  constexpr const char *kWho = R"(
SELECT (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()),
       extract(epoch FROM pg_catalog.pg_postmaster_start_time()), pg_catalog.pg_is_in_recovery(),
       pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
         AND pg_catalog.has_function_privilege('pg_catalog.pg_control_checkpoint()', 'EXECUTE'))";
  constexpr const char *kLineage = R"(
SELECT s.system_identifier, c.timeline_id
  FROM pg_catalog.pg_control_system() s CROSS JOIN pg_catalog.pg_control_checkpoint() c)";
  Row there = only_row(source.query(kWho)), here = only_row(query(kWho));
  auto same = [&](size_t column) { return text_in(there, column) == text_in(here, column); };
  std::string name = "server \"" + source.server().name + "\"";
  if (!same(0)) {
  } else if (same(1)) {
    found.error("same database", "22023", name + " is this database itself");
  } else if (flag_in(there, 2) && flag_in(there, 3) && flag_in(here, 3) &&
             only_row(source.query(kLineage)) == only_row(query(kLineage))) {
    found.error("same database", "22023", name + " is a standby of this database");
  }
  found.else_ok("same database", "the source is another database");
}

// Encodings that cannot be converted into each other the source has refused when we connected.
void look_at_encoding(Connection &source, const SourceCatalog &catalog, Findings &found) {
  constexpr const char *kAscii = "SQL_ASCII";
  std::string here = GetDatabaseEncodingName();
  std::string both = "the encoding is " + catalog.encoding + " on the source and " + here + " here";
  if (catalog.encoding == here) {
  } else if (catalog.encoding == kAscii || here == kAscii) {
    if (source.server().allow_sql_ascii)
      found.warning("encoding", both + ": bytes are taken as they are", "Bytes that are not valid here end the run.");
    else
      found.error("encoding", "22P05", both + ", so what the bytes of text mean is not known",
                  "If they are " + (here == kAscii ? catalog.encoding : here) +
                      ", set the option allow_sql_ascii 'true' of the server.");
  } else {
    found.warning("encoding", both + ": text is converted", "A character that " + here + " lacks ends the run.");
  }
  found.else_ok("encoding", "the encoding is " + here + " on both sides");
}

void look_at_default_collation(Connection &source, Findings &found) {
  DefaultCollations collations = default_collations(source);
  if (collations.differ())
    found.warning("default collation",
                  "the default collation is " + collations.there + " on the source and " + collations.here + " here",
                  "Text is sorted as it is here.");
  found.else_ok("default collation", "the default collation is " + collations.here + " on both sides");
}

void look_at_tables(Connection &source, const SourceCatalog &catalog, Findings &found) {
  for (const SourceTable &table : catalog.tables)
    if (!table.refused_because.empty())
      found.error(
          "table", table.refused_sqlstate,
          "table \"" + table.name.schema + "." + table.name.name + "\" cannot be read: " + table.refused_because,
          "Let the role read all of it, or leave it out.");
  constexpr const char *kUnreadable = R"(
SELECT c.relkind, c.nspname, c.relname,
       CASE WHEN pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') THEN 'no SELECT on it'
            ELSE 'no USAGE on its schema' END
  FROM relation c
 WHERE c.relkind IN ('p', 'S')
   AND NOT (pg_catalog.has_table_privilege(c.oid, 'SELECT')
            AND pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE'))
 ORDER BY 1, 2, 3)";
  for (const Row &row :
       source.query(std::string(kWantedRelations) + kUnreadable, parameters_for({catalog.schemas, catalog.left_out})))
    found.error("table", "42501",
                (text_in(row, 0) == "p" ? "partitioned table " : "sequence ") + quoted_name_in(row, 1) +
                    " cannot be read: " + text_in(row, 3),
                "Let the role read all of it, or leave it out.");
  size_t tables = catalog.tables.size();
  found.else_ok("table",
                tables == 1 ? "the table can be read" : "all " + std::to_string(tables) + " tables can be read");
}

// The rows of a table that Citus distributes are on other servers, which share no snapshot. Its list of such tables is
// believed where only a superuser can have made it.
void look_for_distributed(Connection &source, const SourceCatalog &catalog, Findings &found) {
  constexpr const char *kLists = R"(
SELECT n.nspname, c.relname,
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_catalog.pg_roles r ON r.oid = c.relowner JOIN pg_catalog.pg_roles s ON s.oid = n.nspowner
       JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'logicalrelid'
 WHERE c.relname = 'pg_dist_partition' AND c.relkind = 'r' AND c.relpersistence <> 't'
   AND (n.nspname = 'pg_catalog' OR r.rolsuper AND s.rolsuper)
   AND a.atttypid IN ('pg_catalog.regclass'::pg_catalog.regtype, 'pg_catalog.oid'::pg_catalog.regtype))";
  const std::string subject = "distributed table";
  for (const Row &list : source.query(kLists)) {
    QualifiedName name = name_in(list, 0);
    if (!flag_in(list, 2)) {
      found.error(subject, "42501",
                  quoted_name_in(list, 0) + " cannot be read, in which Citus lists distributed tables",
                  "Grant SELECT on it to the role.");
      continue;
    }
    for (const Row &row : source.query(std::string(kWantedRelations) +
                                           "SELECT c.nspname, c.relname FROM relation c WHERE c.oid IN (SELECT "
                                           "logicalrelid::pg_catalog.oid FROM " +
                                           quote(name.schema, name.name) + ") ORDER BY 1, 2",
                                       parameters_for({catalog.schemas, catalog.left_out})))
      found.error(subject, "0A000", "table " + quoted_name_in(row, 0) + " of the source is distributed by Citus",
                  "Leave it out, or undistribute it with undistribute_table of Citus.");
  }
  for (const std::string &table : distributed_tables(catalog.schemas))
    found.error(subject, "0A000", "table \"" + table + "\", which is to be replaced, is distributed by Citus",
                "Undistribute it with undistribute_table of Citus, or leave its schema out.");
}

// Where policies of the source decide what a view holds they must be asked as the same role, or it must hold everything.
void look_at_filtered_views(const SourceCatalog &catalog, bool keep_owners, Findings &found) {
  for (const FilteredSource &filtered : catalog.filtered)
    if (!keep_owners || query(R"(SELECT FROM pg_catalog.pg_roles
                  WHERE rolname = $1 AND NOT rolsuper AND NOT rolbypassrls AND pg_catalog.pg_has_role(oid, 'USAGE'))",
                              {filtered.owner})
                            .empty())
      found.warning(
          "materialized view",
          "materialized view \"" + filtered.view.schema + "." + filtered.view.name +
              "\" is filled through row-level security for its owner \"" + filtered.owner +
              "\", a role that cannot own it here",
          "A run fails unless it holds all rows. Create the role, without SUPERUSER and BYPASSRLS, and grant it "
          "to the role that runs.");
}

void look_at_large_objects(Connection &source, const SourceCatalog &catalog, const RunOptions &options,
                           Findings &found) {
  constexpr const char *kUnreadable = R"(
SELECT m.oid FROM pg_catalog.pg_largeobject_metadata m
 WHERE NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
   AND pg_catalog.current_setting('lo_compat_privileges') = 'off' AND NOT pg_catalog.pg_has_role(m.lomowner, 'USAGE')
   AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(m.lomacl) e
                    WHERE e.privilege_type = 'SELECT'
                      AND (e.grantee = 0 OR pg_catalog.pg_has_role(e.grantee, 'USAGE')))
 ORDER BY 1)";
  if (catalog.large_objects == 0 || !options.large_objects.value_or(catalog.everything)) return;
  std::vector<std::string> unreadable;
  for (const Row &row : source.query(kUnreadable)) unreadable.push_back(text_in(row, 0));
  if (!unreadable.empty())
    found.error("large object", "42501",
                counted(unreadable.size(), "large {object|objects}") + " cannot be read: " + shown(unreadable),
                "Grant SELECT on them to the role, or leave them out with large_objects => false.");
  found.else_ok("large object", counted(catalog.large_objects, "large {object|objects} can be copied"));
}

void look_at_rights(const SourceCatalog &catalog, Findings &found) {
  if (query_value("SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')") != "t")
    found.error("rights", "42501", "the role may not create schemas in this database",
                "Grant CREATE on the database to the role.");
  for (const Row &row : query(
           R"(SELECT nspname FROM pg_catalog.pg_namespace
               WHERE nspname = ANY ($1::name[]) AND NOT pg_catalog.pg_has_role(nspowner, 'USAGE') ORDER BY 1)",
           {array_literal(catalog.schemas)}))
    found.error("rights", "42501", "the role does not own the schema \"" + *row[0] + "\", which is to be replaced",
                "Run as a role that owns the schema.");
  found.else_ok("rights", "the role may replace the schemas here");
}

}  // namespace

std::vector<Finding> preflight(Connection &source, const SourceCatalog &catalog, const RunOptions &options) {
  Findings found;
  found.else_ok("connection", "connected to " + source.where() + " as role \"" +
                                  source.query_value("SELECT current_user").value_or("") + "\"");
  look_at_pooler(source, found);
  look_at_version(catalog, found);
  found.add({find_pg_dump(catalog.version)});
  look_at_libpq(found);
  look_at_recovery(catalog, found);
  look_for_ourselves(source, found);
  look_at_encoding(source, catalog, found);
  found.add(find_unconvertible_definitions(source, catalog));
  look_at_default_collation(source, found);
  look_at_rights(catalog, found);
  look_at_tables(source, catalog, found);
  found.add(look_at_nullable_columns(catalog));
  found.add(find_lack_of_locks(source, catalog, options));
  found.add(find_publications());
  look_for_distributed(source, catalog, found);
  found.add(look_at_casts(catalog));
  found.add(catalog.findings);
  look_at_filtered_views(catalog, options.keep_owners, found);
  found.add(find_missing_extensions(source, catalog));
  found.add(find_missing(source, catalog, options));
  found.add(find_path_dependent_functions(source, catalog));
  found.add(find_missing_files_and_methods(source, catalog));
  found.add(find_views_at_risk(source, catalog));
  found.add(find_foreign_labels(source, catalog));
  look_at_large_objects(source, catalog, options, found);
  return with_skips(found.take(), options.skip_objects);
}

void check_findings(const std::vector<Finding> &findings) {
  std::vector<Finding> errors;
  for (const Finding &finding : findings)
    if (finding.severity == Finding::Severity::error) errors.push_back(finding);
  if (errors.empty()) return;
  if (errors.size() == 1) throw Error(errors[0].sqlstate, errors[0].message, {}, errors[0].hint);
  std::string detail, hints, last_hint;
  for (const Finding &finding : errors) {
    detail += (detail.empty() ? "" : "\n") + finding.message;
    if (hints.find(finding.hint) == std::string::npos) hints += (hints.empty() ? "" : "\n") + finding.hint;
  }
  throw Error(errors[0].sqlstate, std::to_string(errors.size()) + " things are in the way of the run", detail, hints);
}

}  // namespace pagila_repl
