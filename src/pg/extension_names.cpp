// Looks objects up by name and tells whether they belong to an extension.

#include "pg/extension_names.hpp"

#include "pg/spi.hpp"

namespace pagila_repl {

namespace {

// Objects of the schema $1 named $2, with the kind of relations.
constexpr const char *kNamed = R"(
WITH named (classid, objid, relkind) AS (
  SELECT c.tableoid, c.oid, c.relkind::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = $1 AND c.relname = $2
  UNION ALL
  SELECT p.tableoid, p.oid, '' FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
   WHERE n.nspname = $1 AND p.proname = $2
  UNION ALL
  SELECT t.tableoid, t.oid, '' FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
   WHERE n.nspname = $1 AND t.typname = $2
  UNION ALL
  SELECT o.tableoid, o.oid, '' FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
   WHERE n.nspname = $1 AND o.oprname = $2
)
SELECT 1 FROM named o)";

constexpr const char *kOfExtension = R"(EXISTS (SELECT FROM pg_catalog.pg_depend d
          WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'e'))";

}  // namespace

bool is_extension(const std::string &name) {
  return query_value("SELECT 1 FROM pg_catalog.pg_extension WHERE extname = $1", {name}).has_value();
}

bool is_of_extension(const std::string &schema, const std::string &name) {
  return query_value(std::string(kNamed) + " WHERE " + kOfExtension + " LIMIT 1", {schema, name}).has_value();
}

bool is_relation_of_extension(const std::string &schema, const std::string &name, const std::string &kinds) {
  return query_value(std::string(kNamed) + " WHERE o.relkind <> '' AND pg_catalog.strpos($3, o.relkind) > 0 AND " +
                         kOfExtension + " LIMIT 1",
                     {schema, name, kinds})
      .has_value();
}

bool is_anything(const std::string &schema, const std::string &name) {
  return query_value(std::string(kNamed) + " LIMIT 1", {schema, name}).has_value();
}

bool is_schema_with_extension(const std::string &schema) {
  return query_value(
             R"(SELECT 1 FROM pg_catalog.pg_namespace n
                 WHERE n.nspname = $1
                   AND (EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extnamespace = n.oid)
                        OR EXISTS (SELECT FROM pg_catalog.pg_depend s
                                          JOIN pg_catalog.pg_depend e USING (classid, objid)
                                    WHERE s.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                                      AND s.refobjid = n.oid AND e.deptype = 'e')))",
             {schema})
      .has_value();
}

}  // namespace pagila_repl
