// Compares what the wanted objects refer to outside of their schemas with what this database has.

#include "source/preflight_needs.hpp"

#include <clocale>
#include <map>
#include <set>

#include "pg/server.hpp"
#include "pg/spi.hpp"
#include "source/answer.hpp"
#include "source/findings.hpp"
#include "source/wanted.hpp"

namespace pagila_repl {

namespace {

// What the objects that come refer to: its kind, then what is to be known of it. One query, since to find those objects
// is most of the work.
constexpr const char *kNeeds = R"(
, in_use AS MATERIALIZED (
  SELECT DISTINCT d.refclassid AS classid, d.refobjid AS objid
    FROM comes c JOIN pg_catalog.pg_depend d ON d.classid = c.classid AND d.objid = c.objid
), functions AS (
  SELECT l.oid, l.lanname, p.oid AS function FROM comes o
         JOIN pg_catalog.pg_proc p ON o.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = o.objid
         JOIN pg_catalog.pg_language l ON l.oid = p.prolang
   -- An aggregate, which pg_proc lists under "internal", is written in no language.
   WHERE l.lanname <> 'sql' AND p.prokind <> 'a'
), for_superusers (classid, objid, since) AS (
  SELECT classid, objid, NULL FROM comes
   WHERE classid IN ('pg_catalog.pg_opclass'::pg_catalog.regclass, 'pg_catalog.pg_opfamily'::pg_catalog.regclass,
                     'pg_catalog.pg_ts_parser'::pg_catalog.regclass, 'pg_catalog.pg_ts_template'::pg_catalog.regclass)
  UNION ALL
  SELECT o.classid, o.objid, NULL FROM comes o
         JOIN pg_catalog.pg_type t ON o.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = o.objid
   WHERE (t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid))
      OR NOT t.typisdefined
  UNION ALL
  SELECT o.classid, o.objid, NULL FROM comes o
         JOIN pg_catalog.pg_proc p ON o.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = o.objid
         LEFT JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid
   WHERE p.proleakproof OR p.prosupport <> 0
      OR 'pg_catalog.internal'::pg_catalog.regtype IN (a.aggtranstype, a.aggmtranstype)
  UNION ALL
  -- Estimators that are not built in.
  SELECT o.classid, o.objid, '150016' FROM comes o
         JOIN pg_catalog.pg_operator p
         ON o.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND p.oid = o.objid
   WHERE p.oprrest::pg_catalog.oid >= 10000 OR p.oprjoin::pg_catalog.oid >= 10000
), owned (owner, namespace) AS (
  -- What pg_dump tells the owner of, and schemas, which are in none.
  SELECT o.owner, o.namespace FROM comes o
         LEFT JOIN pg_catalog.pg_class c ON o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = o.objid
         LEFT JOIN pg_catalog.pg_type t ON o.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = o.objid
   WHERE o.owner <> 0 AND (c.oid IS NULL OR c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f'))
     AND (t.oid IS NULL
          OR NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid)
             AND (t.typrelid = 0 OR t.typrelid IN (SELECT oid FROM pg_catalog.pg_class WHERE relkind = 'c')))
  UNION ALL
  SELECT nspowner, NULL FROM pg_catalog.pg_namespace WHERE oid IN (SELECT oid FROM wanted)
), relations AS (
  SELECT c.reltablespace, c.relam FROM comes o
         JOIN pg_catalog.pg_class c ON o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = o.objid
), roles (oid, is_needed) AS (
  SELECT owner, false FROM comes WHERE owner <> 0
  UNION
  SELECT nspowner, false FROM pg_catalog.pg_namespace WHERE oid IN (SELECT oid FROM wanted)
  UNION
  -- Who has been granted something, and whom policies are for; these cannot be passed over.
  SELECT d.refobjid, d.deptype = 'r'
    FROM (SELECT classid, objid FROM comes
          UNION ALL
          SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, oid FROM wanted) c
         JOIN pg_catalog.pg_shdepend d ON d.classid = c.classid AND d.objid = c.objid
   WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.deptype IN ('a', 'r')
     AND d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
)
-- Those of the server's own and those that come along, but not those of extensions.
SELECT CASE WHEN l.oid < 16384 THEN 'collation' ELSE 'own collation' END, l.collname::text, l.collprovider::text,
       n.nspname::text, COALESCE(l.collcollate, '')::text
  FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
 WHERE l.oid IN (SELECT objid FROM comes WHERE classid = 'pg_catalog.pg_collation'::pg_catalog.regclass)
    OR (l.oid < 16384
        AND l.oid IN (SELECT objid FROM in_use WHERE classid = 'pg_catalog.pg_collation'::pg_catalog.regclass))
UNION ALL
SELECT 'role', pg_catalog.pg_get_userbyid(oid), pg_catalog.bool_or(is_needed)::text, NULL, NULL FROM roles GROUP BY oid
UNION ALL
SELECT 'owner', pg_catalog.pg_get_userbyid(o.owner), pg_catalog.count(*)::text, n.nspname,
       COALESCE(pg_catalog.has_schema_privilege(o.owner, o.namespace, 'CREATE'), true)::text
  FROM owned o LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.namespace GROUP BY o.owner, o.namespace, n.nspname
UNION ALL
SELECT 'for superusers', pg_catalog.pg_describe_object(classid, objid, 0), since, NULL, NULL FROM for_superusers
UNION ALL
SELECT 'function setting', f.function::pg_catalog.regprocedure::text, pg_catalog.split_part(c.setting, '=', 1), NULL, NULL
  FROM (SELECT o.objid AS function FROM comes o WHERE o.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass) f
       JOIN pg_catalog.pg_proc p ON p.oid = f.function
       CROSS JOIN LATERAL pg_catalog.unnest(p.proconfig) c (setting)
UNION ALL
SELECT 'tablespace', spcname, NULL, NULL, NULL FROM pg_catalog.pg_tablespace
 WHERE oid IN (SELECT reltablespace FROM relations)
UNION ALL
SELECT 'access method', a.amname, NULL, NULL, NULL FROM pg_catalog.pg_am a
 WHERE a.oid IN (SELECT relam FROM relations)
   AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_am'::pg_catalog.regclass AND m.objid = a.oid)
UNION ALL
SELECT 'foreign server', srvname, NULL, NULL, NULL FROM pg_catalog.pg_foreign_server
 WHERE oid IN (SELECT t.ftserver FROM relation c JOIN pg_catalog.pg_foreign_table t ON t.ftrelid = c.oid)
UNION ALL
SELECT 'function', f.lanname, f.function::pg_catalog.regprocedure::text,
       EXISTS (SELECT FROM member m
                WHERE m.classid = 'pg_catalog.pg_language'::pg_catalog.regclass AND m.objid = f.oid)::text, NULL
  FROM functions f
 ORDER BY 1, 2, 3)";

//
// Here
//

bool is_here(const std::string &sql, const std::string &name) { return !query(sql, {name}).empty(); }

bool is_superuser() {
  return query_value("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user") == "t";
}

class Needs {
 public:
  Needs(Connection &source, const SourceCatalog &catalog) : catalog_(catalog) {
    for (const Row &row : source.query(std::string(kWantedRelations) + kWantedObjects + kNeeds,
                                       parameters_for({catalog.schemas, catalog.left_out})))
      needs_[text_in(row, 0)].push_back(row);
  }

  void collations();
  void roles(bool keep_owners);
  void tablespaces();
  void access_methods();
  void servers();
  void languages();
  void superusers();

  std::vector<Finding> take() { return found_.take(); }

 private:
  void own_collation(const std::string &collation, const std::string &provider, const std::string &locale);
  void owners();

  const SourceCatalog &catalog_;
  std::map<std::string, std::vector<Row>> needs_;  // by kind
  Findings found_;
};

void Needs::collations() {
  constexpr const char *kHere = R"(
SELECT FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
 WHERE n.nspname = $1 AND l.collname = $2
   AND l.collencoding IN (-1, (SELECT encoding FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())))";
  for (const Row &row : needs_["collation"])
    if (query(kHere, {text_in(row, 3), text_in(row, 1)}).empty())
      found_.error(
          "collation", "42704", "collation \"" + text_in(row, 3) + "." + text_in(row, 1) + "\" does not exist here",
          text_in(row, 2) == "c"
              ? "Install the locale \"" + text_in(row, 4) + "\", then call pg_import_system_collations('pg_catalog')."
              : "This server was built without it.");
  for (const Row &row : needs_["own collation"])
    own_collation("collation \"" + text_in(row, 3) + "." + text_in(row, 1) + "\" ", text_in(row, 2), text_in(row, 4));
  found_.else_ok("collation", "all collations that are needed are here");
}

void Needs::own_collation(const std::string &collation, const std::string &provider, const std::string &locale) {
  if (provider == "i") {
    if (query("SELECT FROM pg_catalog.pg_collation WHERE collprovider = 'i' LIMIT 1").empty())
      found_.error("collation", "0A000", collation + "needs ICU, which this server was built without");
  } else if (provider == "b") {
    if (PG_VERSION_NUM < 170000)
      found_.error("collation", "0A000", collation + "is of a provider that came with PostgreSQL 17");
  } else if (locale_t known = newlocale(LC_COLLATE_MASK, locale.c_str(), nullptr)) {
    freelocale(known);
  } else {
    found_.error("collation", "42704", collation + "needs the locale \"" + locale + "\", which this machine lacks",
                 "Install the locale.");
  }
}

void Needs::roles(bool keep_owners) {
  std::vector<std::string> missing;
  for (const Row &row : needs_["role"]) {
    if (is_here("SELECT FROM pg_catalog.pg_roles WHERE rolname = $1", text_in(row, 1))) continue;
    if (flag_in(row, 2))
      found_.error("role", "42704", "role \"" + text_in(row, 1) + "\", which policies are for, does not exist here",
                   "Create the role.");
    else
      missing.push_back("\"" + text_in(row, 1) + "\"");
  }
  if (!missing.empty())
    found_.warning("role", (missing.size() == 1 ? "role " : "roles ") + shown(missing) + " missing here",
                   std::string(keep_owners ? "What they own belongs to the role that runs; their" : "Their") +
                       " privileges are skipped.");
  if (keep_owners) owners();
  found_.else_ok("role", "all owners and grantees are here");
}

// A run skips those that the role that runs may not set: without their role, or where an owner may not create in the schema, by
// a privilege that is here already or comes with the copy.
void Needs::owners() {
  constexpr const char *kMaySet = R"(
SELECT FROM pg_catalog.pg_roles r LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = $2
 WHERE r.rolname = $1 AND pg_catalog.pg_has_role(r.oid, 'USAGE')
   AND ($3::bool OR COALESCE(pg_catalog.has_schema_privilege(r.oid, n.oid, 'CREATE'), false)))";
  if (is_superuser()) return;
  std::map<std::string, int64_t> objects;
  for (const Row &row : needs_["owner"])
    if (is_here("SELECT FROM pg_catalog.pg_roles WHERE rolname = $1", text_in(row, 1)) &&
        query(kMaySet, {text_in(row, 1), row[3], row[4]}).empty())
      objects[text_in(row, 1)] += number_in(row, 2);
  if (objects.empty()) return;
  std::vector<std::string> skipped;
  for (const auto &[owner, count] : objects) skipped.push_back("\"" + owner + "\" (" + std::to_string(count) + ")");
  std::string user = query_value("SELECT current_user").value_or("");
  bool one = skipped.size() == 1;
  found_.warning("role",
                 std::string(one ? "objects of owner " : "objects of owners ") + shown(skipped) + " will belong to \"" +
                     user + "\", which may not set " + (one ? "that owner" : "these owners"),
                 "To keep the owners, grant their roles to " + quote(user) + ", and CREATE on the schemas to them.");
}

void Needs::tablespaces() {
  for (const Row &row : needs_["tablespace"]) {
    std::vector<Row> here = query(
        "SELECT pg_catalog.has_tablespace_privilege(oid, 'CREATE') FROM pg_catalog.pg_tablespace WHERE spcname = $1",
        {text_in(row, 1)});
    if (here.empty())
      found_.error("tablespace", "42704", "tablespace \"" + text_in(row, 1) + "\" does not exist here",
                   "Create it with CREATE TABLESPACE.");
    else if (here[0][0] != "t")
      found_.error("tablespace", "42501", "the role may not create in tablespace \"" + text_in(row, 1) + "\"",
                   "Grant CREATE on the tablespace to the role.");
  }
  found_.else_ok("tablespace", "all tablespaces that are needed are here");
}

void Needs::access_methods() {
  for (const Row &row : needs_["access method"])
    if (!is_here("SELECT FROM pg_catalog.pg_am WHERE amname = $1", text_in(row, 1)))
      found_.error("access method", "42704", "access method \"" + text_in(row, 1) + "\" does not exist here",
                   "Create it with CREATE ACCESS METHOD.");
  found_.else_ok("access method", "all access methods that are needed are here");
}

void Needs::servers() {
  for (const Row &row : needs_["foreign server"]) {
    std::vector<Row> here = query(
        "SELECT pg_catalog.has_server_privilege(oid, 'USAGE') FROM pg_catalog.pg_foreign_server WHERE srvname = $1",
        {text_in(row, 1)});
    if (here.empty())
      found_.error("foreign server", "42704",
                   "server \"" + text_in(row, 1) + "\" of foreign tables does not exist here",
                   "Create it with CREATE SERVER.");
    else if (here[0][0] != "t")
      found_.error("foreign server", "42501",
                   "the role may not use server \"" + text_in(row, 1) + "\" of foreign tables",
                   "Grant USAGE on the foreign server to the role.");
  }
  found_.else_ok("foreign server", "all servers that foreign tables need are here");
}

void Needs::languages() {
  std::map<std::string, std::vector<std::string>> functions;
  std::set<std::string> of_extensions;
  for (const Row &row : needs_["function"]) {
    functions[text_in(row, 1)].push_back(text_in(row, 2));
    if (flag_in(row, 3)) of_extensions.insert(text_in(row, 1));
  }
  for (const auto &[language, written] : functions) {
    std::vector<Row> here = query(
        "SELECT lanpltrusted, pg_catalog.has_language_privilege(oid, 'USAGE') FROM pg_catalog.pg_language "
        "WHERE lanname = $1",
        {language});
    if (here.empty()) {
      // Otherwise the extension has been found to be missing.
      if (of_extensions.count(language) == 0)
        found_.error("language", "42704", "language \"" + language + "\" of " + shown(written) + " does not exist here",
                     "Create it with CREATE LANGUAGE.");
    } else if (here[0][0] == "t" ? here[0][1] != "t" : !is_superuser()) {
      found_.error("language", "42501",
                   "the role may not create functions in language \"" + language + "\": " + shown(written),
                   here[0][0] == "t" ? "Grant USAGE on the language to the role."
                                     : "The language is not trusted, so only a superuser may run this.");
    }
  }
  found_.else_ok("language", "all languages that are needed are here");
}

// What the server lets nobody else create, whatever the role owns.
void Needs::superusers() {
  if (!is_superuser()) {
    std::vector<std::string> refused;
    for (const Row &row : needs_["for superusers"])
      if (!row[2] || is_here("SELECT WHERE pg_catalog.current_setting('server_version_num')::int >= $1::int", *row[2]))
        refused.push_back(text_in(row, 1));
    for (const SourceCast &cast : catalog_.casts)
      if (cast.is_unchecked) refused.push_back(cast.name);
    if (!refused.empty())
      found_.error("superuser", "42501", "only a superuser may create " + shown(refused),
                   "Leave their schema out, or run as a superuser, for whom the server must be trusted.");
    for (const Row &row : needs_["function setting"])
      if (!is_here(
              R"(SELECT FROM pg_catalog.pg_settings WHERE pg_catalog.lower(name) = pg_catalog.lower($1) AND context = 'user'
                      UNION ALL SELECT WHERE pg_catalog.has_parameter_privilege($1, 'SET'))",
              text_in(row, 2)))
        found_.error(
            "superuser", "42501",
            "the role may not set parameter \"" + text_in(row, 2) + "\", as function " + text_in(row, 1) + " does",
            "GRANT SET ON PARAMETER " + quote(text_in(row, 2)) + " TO the role.");
  }
  found_.else_ok("superuser", "nothing that is wanted needs a superuser");
}

}  // namespace

std::vector<Finding> find_missing(Connection &source, const SourceCatalog &catalog, const RunOptions &options) {
  Needs needs(source, catalog);
  needs.collations();
  needs.roles(options.keep_owners);
  needs.tablespaces();
  needs.access_methods();
  needs.servers();
  needs.languages();
  needs.superusers();
  return needs.take();
}

}  // namespace pagila_repl
