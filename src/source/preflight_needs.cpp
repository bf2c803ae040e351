// Compares what the wanted objects refer to outside of their schemas with what this database has.

#include "source/preflight_needs.hpp"

#include <clocale>
#include <map>
#include <set>

#include "pg/server.hpp"
#include "pg/spi.hpp"
#include "source/findings.hpp"
#include "source/selection.hpp"

namespace pagila_repl {

namespace {

constexpr size_t kNamesShown = 5;

//
// On the source
//

constexpr const char *kExtensions = R"(
SELECT e.extname, e.extversion, n.nspname,
       EXISTS (SELECT FROM comes c JOIN pg_catalog.pg_depend d ON d.classid = c.classid AND d.objid = c.objid
                      JOIN member m ON m.classid = d.refclassid AND m.objid = d.refobjid
                WHERE m.extension = e.oid)
  FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname <> 'pagila_repl' ORDER BY 1)";

// Those of the server's own and those that come along, but not those of extensions.
constexpr const char *kCollations = R"(
SELECT n.nspname, l.collname, l.collprovider, COALESCE(l.collcollate, ''), l.oid < 16384
  FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
 WHERE l.oid IN (SELECT objid FROM comes WHERE classid = 'pg_catalog.pg_collation'::pg_catalog.regclass)
    OR (l.oid < 16384
        AND l.oid IN (SELECT d.refobjid FROM comes c
                             JOIN pg_catalog.pg_depend d ON d.classid = c.classid AND d.objid = c.objid
                       WHERE d.refclassid = 'pg_catalog.pg_collation'::pg_catalog.regclass))
 ORDER BY 1, 2)";

// Owners, who has been granted something, and whom policies are for; the last cannot be passed over.
constexpr const char *kRoles = R"(
SELECT pg_catalog.pg_get_userbyid(r.oid), pg_catalog.bool_or(r.is_needed)
  FROM (SELECT owner, false FROM comes WHERE owner <> 0
        UNION
        SELECT nspowner, false FROM pg_catalog.pg_namespace WHERE oid IN (SELECT oid FROM wanted)
        UNION
        SELECT d.refobjid, d.deptype = 'r'
          FROM comes c JOIN pg_catalog.pg_shdepend d ON d.classid = c.classid AND d.objid = c.objid
         WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.deptype IN ('a', 'r')
           AND d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
        UNION
        SELECT d.refobjid, false
          FROM wanted c JOIN pg_catalog.pg_shdepend d
               ON d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.objid = c.oid
         WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.deptype = 'a'
           AND d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
       ) r (oid, is_needed)
 GROUP BY 1 ORDER BY 1)";

constexpr const char *kTablespaces = R"(
SELECT DISTINCT s.spcname FROM comes o
       JOIN pg_catalog.pg_class c ON o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = o.objid
       JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace
 ORDER BY 1)";

constexpr const char *kAccessMethods = R"(
SELECT DISTINCT a.amname FROM comes o
       JOIN pg_catalog.pg_class c ON o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = o.objid
       JOIN pg_catalog.pg_am a ON a.oid = c.relam
 WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_am'::pg_catalog.regclass AND m.objid = a.oid)
 ORDER BY 1)";

constexpr const char *kServers = R"(
SELECT DISTINCT s.srvname FROM relation c JOIN pg_catalog.pg_foreign_table t ON t.ftrelid = c.oid
       JOIN pg_catalog.pg_foreign_server s ON s.oid = t.ftserver
 ORDER BY 1)";

// One row per function: its language, and whether that comes with an extension.
constexpr const char *kFunctions = R"(
SELECT l.lanname, p.oid::pg_catalog.regprocedure,
       EXISTS (SELECT FROM member m
                WHERE m.classid = 'pg_catalog.pg_language'::pg_catalog.regclass AND m.objid = l.oid)
  FROM comes o
       JOIN pg_catalog.pg_proc p ON o.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = o.objid
       JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE l.lanname <> 'sql' ORDER BY 1, 2)";

//
// Here
//

bool is_here(const std::string &sql, const std::string &name) { return !query(sql, {name}).empty(); }

bool is_superuser() {
  return query_value("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user") == "t";
}

std::string shown(const std::vector<std::string> &names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < kNamesShown; i++) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kNamesShown) text += " and " + std::to_string(names.size() - kNamesShown) + " more";
  return text;
}

class Needs {
 public:
  Needs(Connection &source, const SourceCatalog &catalog)
      : source_(source),
        catalog_(catalog),
        schemas_(catalog.schemas.begin(), catalog.schemas.end()),
        parameters_(parameters_for({catalog.schemas, catalog.left_out})) {}

  void extensions();
  void collations();
  void roles(bool keep_owners);
  void tablespaces();
  void access_methods();
  void servers();
  void languages();

  std::vector<Finding> take() { return found_.take(); }

 private:
  std::vector<Row> ask(const char *sql) {
    return source_.query(std::string(kWantedRelations) + kWantedObjects + sql, parameters_);
  }
  void extension(const std::string &name, const std::string &version, const std::string &schema, bool is_needed);
  void missing_extension(const std::string &name, const std::string &schema);

  Connection &source_;
  const SourceCatalog &catalog_;
  std::set<std::string> schemas_;
  std::vector<Value> parameters_;
  Findings found_;
};

void Needs::extensions() {
  for (const Row &row : ask(kExtensions)) extension(*row[0], *row[1], *row[2], row[3] == "t");
  found_.else_ok("extension", "all extensions that are needed are here");
}

// A copy of everything brings extensions that nothing needs, too.
void Needs::extension(const std::string &name, const std::string &version, const std::string &schema, bool is_needed) {
  if (!is_needed && !catalog_.everything && schemas_.count(schema) == 0) return;
  std::vector<Row> here = query(
      R"(SELECT e.extversion, n.nspname FROM pg_catalog.pg_extension e
                JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = $1)",
      {name});
  if (here.empty()) return missing_extension(name, schema);
  if (is_needed && here[0][1] != schema)
    found_.error(
        "extension", "42704",
        "extension \"" + name + "\" is in schema \"" + schema + "\" on the source and in \"" + *here[0][1] + "\" here",
        "Move it with ALTER EXTENSION " + quote(name) + " SET SCHEMA " + quote(schema) + ".");
  if (here[0][0] != version)
    found_.warning("extension",
                   "extension \"" + name + "\" has version " + version + " on the source and " + *here[0][0] + " here");
}

// The shape may create it only inside of what is replaced: anywhere else it would stay if the run failed.
void Needs::missing_extension(const std::string &name, const std::string &schema) {
  std::string message = "extension \"" + name + "\" does not exist here";
  std::vector<Row> available = query(
      R"(SELECT pg_catalog.bool_or(v.trusted) FROM pg_catalog.pg_available_extensions e
                JOIN pg_catalog.pg_available_extension_versions v USING (name) WHERE e.name = $1 GROUP BY e.name)",
      {name});
  if (available.empty())
    found_.error("extension", "42704", message + " and is not installed", "Install its files and create it.");
  else if (schemas_.count(schema) == 0)
    found_.error("extension", "42704", message,
                 "Create it with CREATE EXTENSION " + quote(name) + " SCHEMA " + quote(schema) + ".");
  else if (available[0][0] != "t" && !is_superuser())
    found_.error("extension", "42501", message + ", and the role may not create it",
                 "Let a superuser create it with CREATE EXTENSION " + quote(name) + " SCHEMA " + quote(schema) + ".");
  else
    found_.warning("extension", message + "; the run creates it in schema \"" + schema + "\"");
}

void Needs::collations() {
  constexpr const char *kHere = R"(
SELECT FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
 WHERE n.nspname = $1 AND l.collname = $2
   AND l.collencoding IN (-1, (SELECT encoding FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())))";
  bool has_icu = !query("SELECT FROM pg_catalog.pg_collation WHERE collprovider = 'i' LIMIT 1").empty();
  for (const Row &row : ask(kCollations)) {
    const std::string &schema = *row[0], &name = *row[1], &provider = *row[2], &locale = *row[3];
    std::string message = "collation \"" + schema + "." + name + "\" ";
    if (row[4] == "t") {
      if (query(kHere, {schema, name}).empty())
        found_.error("collation", "42704", message + "does not exist here",
                     provider == "c"
                         ? "Install the locale \"" + locale + "\", then call pg_import_system_collations('pg_catalog')."
                         : "This server was built without it.");
    } else if (provider == "i" && !has_icu) {
      found_.error("collation", "0A000", message + "needs ICU, which this server was built without");
    } else if (provider == "b" && PG_VERSION_NUM < 170000) {
      found_.error("collation", "0A000", message + "is of a provider that came with PostgreSQL 17");
    } else if (provider == "c") {
      locale_t known = newlocale(LC_COLLATE_MASK, locale.c_str(), nullptr);
      if (known == nullptr)
        found_.error("collation", "42704", message + "needs the locale \"" + locale + "\", which this machine lacks",
                     "Install the locale.");
      else
        freelocale(known);
    }
  }
  found_.else_ok("collation", "all collations that are needed are here");
}

void Needs::roles(bool keep_owners) {
  std::vector<std::string> missing;
  for (const Row &row : ask(kRoles)) {
    if (is_here("SELECT FROM pg_catalog.pg_roles WHERE rolname = $1", *row[0])) continue;
    if (row[1] == "t")
      found_.error("role", "42704", "role \"" + *row[0] + "\", which policies are for, does not exist here",
                   "Create the role.");
    else
      missing.push_back("\"" + *row[0] + "\"");
  }
  if (!missing.empty())
    found_.warning("role", (missing.size() == 1 ? "role " : "roles ") + shown(missing) + " missing here",
                   std::string(keep_owners ? "What they own belongs to the role that runs; their" : "Their") +
                       " privileges are skipped.");
  found_.else_ok("role", "all owners and grantees are here");
}

void Needs::tablespaces() {
  for (const Row &row : ask(kTablespaces)) {
    std::vector<Row> here = query(
        "SELECT pg_catalog.has_tablespace_privilege(oid, 'CREATE') FROM pg_catalog.pg_tablespace WHERE spcname = $1",
        {row[0]});
    if (here.empty())
      found_.error("tablespace", "42704", "tablespace \"" + *row[0] + "\" does not exist here",
                   "Create it with CREATE TABLESPACE.");
    else if (here[0][0] != "t")
      found_.error("tablespace", "42501", "the role may not create in tablespace \"" + *row[0] + "\"",
                   "Grant CREATE on the tablespace to the role.");
  }
  found_.else_ok("tablespace", "all tablespaces that are needed are here");
}

void Needs::access_methods() {
  for (const Row &row : ask(kAccessMethods))
    if (!is_here("SELECT FROM pg_catalog.pg_am WHERE amname = $1", *row[0]))
      found_.error("access method", "42704", "access method \"" + *row[0] + "\" does not exist here",
                   "Create it with CREATE ACCESS METHOD.");
  found_.else_ok("access method", "all access methods that are needed are here");
}

void Needs::servers() {
  for (const Row &row : ask(kServers)) {
    std::vector<Row> here = query(
        "SELECT pg_catalog.has_server_privilege(oid, 'USAGE') FROM pg_catalog.pg_foreign_server WHERE srvname = $1",
        {row[0]});
    if (here.empty())
      found_.error("foreign server", "42704", "server \"" + *row[0] + "\" of foreign tables does not exist here",
                   "Create it with CREATE SERVER.");
    else if (here[0][0] != "t")
      found_.error("foreign server", "42501", "the role may not use server \"" + *row[0] + "\" of foreign tables",
                   "Grant USAGE on the foreign server to the role.");
  }
  found_.else_ok("foreign server", "all servers that foreign tables need are here");
}

void Needs::languages() {
  std::map<std::string, std::vector<std::string>> functions;
  std::set<std::string> of_extensions;
  for (const Row &row : ask(kFunctions)) {
    functions[*row[0]].push_back(*row[1]);
    if (row[2] == "t") of_extensions.insert(*row[0]);
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

}  // namespace

std::vector<Finding> find_missing(Connection &source, const SourceCatalog &catalog, const RunOptions &options) {
  Needs needs(source, catalog);
  needs.extensions();
  needs.collations();
  needs.roles(options.keep_owners);
  needs.tablespaces();
  needs.access_methods();
  needs.servers();
  needs.languages();
  return needs.take();
}

}  // namespace pagila_repl
