// Compares the source's extensions with those that are here.

#include "source/preflight_extensions.hpp"

#include <optional>
#include <set>

#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "source/answer.hpp"
#include "source/findings.hpp"
#include "source/wanted.hpp"

namespace pagila_repl {

namespace {

// Objects of extensions that what comes refers to, and by what: a view's rule is the view.
constexpr const char *kUsed = R"(
, used AS MATERIALIZED (
  SELECT m.extension, d.refclassid, d.refobjid, d.refobjsubid,
         CASE WHEN c.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                THEN pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, c.relation, 0)
              ELSE pg_catalog.pg_describe_object(c.classid, c.objid, 0) END AS by_what,
         -- Whether it has to be immutable for that.
         r.relkind IN ('i', 'I', 'p') OR a.attgenerated <> '' AS is_fixed
    FROM comes c JOIN pg_catalog.pg_depend d ON d.classid = c.classid AND d.objid = c.objid
         JOIN member m ON m.classid = d.refclassid AND m.objid = d.refobjid
         LEFT JOIN pg_catalog.pg_class r ON c.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND r.oid = c.objid
         LEFT JOIN pg_catalog.pg_attrdef f ON c.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND f.oid = c.objid
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
   WHERE d.deptype IN ('n', 'a')
     -- What is in an operator family of an extension is no member, but comes with it.
     AND NOT (c.classid IN ('pg_catalog.pg_amop'::pg_catalog.regclass, 'pg_catalog.pg_amproc'::pg_catalog.regclass)
              AND EXISTS (SELECT FROM pg_catalog.pg_depend p JOIN member q ON q.classid = p.refclassid AND q.objid = p.refobjid
                           WHERE p.classid = c.classid AND p.objid = c.objid
                             AND p.refclassid IN ('pg_catalog.pg_opfamily'::pg_catalog.regclass,
                                                  'pg_catalog.pg_opclass'::pg_catalog.regclass)))
))";

// A few of the names.
constexpr const char *kSome = R"(
pg_catalog.array_to_string((pg_catalog.array_agg(DISTINCT u.by_what ORDER BY u.by_what))[1:3], ', ')
  || CASE WHEN pg_catalog.count(DISTINCT u.by_what) > 3 THEN ' and others' ELSE '' END)";

std::string extensions_sql() {
  return std::string(kUsed) + "SELECT e.extname, e.extversion, n.nspname, COALESCE((SELECT " + kSome + R"(
              FROM used u WHERE u.extension = e.oid), '')
  FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname <> 'pagila_repl' ORDER BY e.oid)";
}

// What a function returns beside its result: the columns of its rows, in order.
constexpr const char *kReturns = R"(
pg_catalog.concat(pg_catalog.pg_get_function_result(p.oid), ' ',
  (SELECT pg_catalog.string_agg(pg_catalog.concat(p.proargnames[t.place::integer], ' ', pg_catalog.format_type(t.type, NULL)), ', ' ORDER BY t.place)
     FROM pg_catalog.unnest(p.proallargtypes) WITH ORDINALITY t (type, place) WHERE p.proargmodes[t.place::integer] IN ('o', 'b', 't')), ','))";

std::string members_sql() {
  return std::string(kUsed) + R"(
, member_used AS (
  SELECT u.extension, u.refclassid, u.refobjid, )" +
         kSome + R"( AS by_what, COALESCE(pg_catalog.bool_or(u.is_fixed), false) AS is_fixed,
         pg_catalog.array_agg(DISTINCT u.refobjsubid) AS parts
    FROM used u GROUP BY 1, 2, 3
)
SELECT e.extname, e.extversion, pg_catalog.pg_describe_object(u.refclassid, u.refobjid, 0), u.by_what,
       i.type, i.object_names::text, i.object_args::text, p.oid::pg_catalog.regprocedure::text, )" +
         kReturns + R"(, p.provolatile = 'i' AND u.is_fixed,
       p.provolatile = 'i' AND u.is_fixed AND p.xmin::text <> d.xmin::text,
       (SELECT pg_catalog.array_agg(pg_catalog.concat(a.attname, ' ', pg_catalog.format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)::text
          FROM pg_catalog.pg_attribute a
         WHERE u.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND a.attrelid = u.refobjid
           AND a.attnum > 0 AND a.attnum = ANY (u.parts)),
       h.nspname
  FROM member_used u JOIN pg_catalog.pg_extension e ON e.oid = u.extension
       JOIN pg_catalog.pg_namespace h ON h.oid = e.extnamespace
       CROSS JOIN LATERAL pg_catalog.pg_identify_object_as_address(u.refclassid, u.refobjid, 0) i
       LEFT JOIN pg_catalog.pg_proc p ON u.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = u.refobjid
       LEFT JOIN pg_catalog.pg_depend d ON d.classid = p.tableoid AND d.objid = p.oid AND d.deptype = 'e'
 ORDER BY 1, 3)";
}

bool is_superuser() {
  return query_value("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user") == "t";
}

struct Here {
  std::string version, schema;
};

std::optional<Here> find_here(const std::string &extension) {
  std::vector<Row> here = query(
      R"(SELECT e.extversion, n.nspname FROM pg_catalog.pg_extension e
                JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = $1)",
      {extension});
  if (here.empty()) return {};
  return Here{*here[0][0], *here[0][1]};
}

// An object of an extension that is used.
struct Used {
  std::string extension, version, schema, object, by_what, type, names, arguments;
  std::string signature, returns;  // of a function
  bool is_fixed = false;           // it is immutable and has to be
  bool is_altered = false;         // perhaps, since it was made
  Value columns;                   // of a relation, those used, as an array
};

Used used_in(const Row &row) {
  Used used;
  used.extension = text_in(row, 0);
  used.version = text_in(row, 1);
  used.object = text_in(row, 2);
  used.by_what = text_in(row, 3);
  used.type = text_in(row, 4);
  used.names = text_in(row, 5);
  used.arguments = text_in(row, 6);
  used.signature = optional_text_in(row, 7);
  used.returns = used.signature.empty() ? "" : optional_text_in(row, 8);
  used.is_fixed = !used.signature.empty() && flag_in(row, 9);
  used.is_altered = used.is_fixed && row[10] && flag_in(row, 10);
  if (row[11]) used.columns = text_in(row, 11);
  used.schema = text_in(row, 12);
  return used;
}

class Extensions {
 public:
  Extensions(Connection &source, const SourceCatalog &catalog)
      : source_(source), catalog_(catalog), schemas_(catalog.schemas.begin(), catalog.schemas.end()) {}

  void look();
  std::vector<Finding> take() { return found_.take(); }

 private:
  void look_at(const std::string &name, const std::string &version, const std::string &schema,
               const std::string &needed_by);
  void look_for(const std::string &name, const std::string &version, const std::string &schema,
                const std::string &needed_by);
  void look_at_member(const Used &used);
  void look_at_function(const Used &used, const std::string &oid, const std::string &versions);
  void look_at_relation(const Used &used, const std::string &oid, const std::string &versions);
  void look_at_others();
  // An error if something needs it; else it is left out.
  void missing(const std::string &sqlstate, const std::string &message, const std::string &needed_by,
               const std::string &hint);

  Connection &source_;
  const SourceCatalog &catalog_;
  std::set<std::string> schemas_;
  Findings found_;
};

void Extensions::look() {
  std::vector<Value> parameters = parameters_for({catalog_.schemas, catalog_.left_out});
  std::string wanted = std::string(kWantedRelations) + kWantedObjects;
  bool is_any_needed = false;
  for (const Row &row : source_.query(wanted + extensions_sql(), parameters)) {
    std::string needed_by = optional_text_in(row, 3);
    is_any_needed = is_any_needed || !needed_by.empty();
    look_at(text_in(row, 0), text_in(row, 1), text_in(row, 2), needed_by);
  }
  if (is_any_needed)
    for (const Row &row : source_.query(wanted + members_sql(), parameters)) look_at_member(used_in(row));
  look_at_others();
  found_.else_ok("extension", "all extensions that are needed are here");
}

// A copy of everything brings extensions that nothing needs, too.
void Extensions::look_at(const std::string &name, const std::string &version, const std::string &schema,
                         const std::string &needed_by) {
  if (needed_by.empty() && !catalog_.everything && schemas_.count(schema) == 0) return;
  std::optional<Here> here = find_here(name);
  if (!here) return look_for(name, version, schema, needed_by);
  if (!needed_by.empty() && here->schema != schema)
    found_.error(
        "extension", "42704",
        "extension \"" + name + "\" is in schema \"" + schema + "\" on the source and in \"" + here->schema + "\" here",
        "Move it with ALTER EXTENSION " + quote(name) + " SET SCHEMA " + quote(schema) + ".");
  if (here->version != version)
    found_.warning("extension", "extension \"" + name + "\" has version " + version + " on the source and " +
                                    here->version + " here" + (needed_by.empty() ? "" : "; used by " + needed_by));
}

// The shape may create it only inside of what is replaced: anywhere else it would stay if the run failed.
void Extensions::look_for(const std::string &name, const std::string &version, const std::string &schema,
                          const std::string &needed_by) {
  std::string message = "extension \"" + name + "\" does not exist here";
  std::string create = "CREATE EXTENSION " + quote(name) + " SCHEMA " + quote(schema);
  std::vector<Row> available = query(
      R"(SELECT pg_catalog.bool_or(v.trusted), pg_catalog.bool_or(v.version OPERATOR(pg_catalog.=) $2), e.default_version
           FROM pg_catalog.pg_available_extensions e
                JOIN pg_catalog.pg_available_extension_versions v USING (name) WHERE e.name = $1 GROUP BY e.name, e.default_version)",
      {name, version});
  if (available.empty())
    return missing("42704", message + " and is not installed", needed_by, "Install its files and create it.");
  if (schemas_.count(schema) == 0) return missing("42704", message, needed_by, "Create it with " + create + ".");
  if (available[0][0] != "t" && !is_superuser())
    return missing("42501", message + ", and the role may not create it", needed_by,
                   "Let a superuser create it with " + create + ".");
  std::string standard = available[0][2].value_or(version);
  std::string made = "; the run creates it in schema \"" + schema + "\"";
  if (standard != version)
    made += ", in version " + (available[0][1] == "t"
                                   ? version + " as on the source, while " + standard + " is the default here"
                                   : standard + ", since version " + version + " of the source is not installed");
  found_.warning("extension",
                 message + made + (standard == version || needed_by.empty() ? "" : "; used by " + needed_by));
}

void Extensions::missing(const std::string &sqlstate, const std::string &message, const std::string &needed_by,
                         const std::string &hint) {
  if (needed_by.empty())
    found_.warning("extension", message + "; nothing needs it, and it is left out", hint);
  else
    found_.error("extension", sqlstate, message + "; needed by " + needed_by, hint);
}

void Extensions::look_at_member(const Used &used) {
  std::optional<Here> here = find_here(used.extension);
  if (!here) {
    if (used.is_altered &&
        query_value("SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = $1", {used.extension}))
      found_.warning("extension",
                     used.object + " of extension \"" + used.extension +
                         "\" seems to have been altered on the source, where it is "
                         "immutable, as " +
                         used.by_what + " needs it; a run that creates the extension alters it, too",
                     "Otherwise run ALTER FUNCTION " + used.signature + " IMMUTABLE here first.");
    return;
  }
  // It has been said that it is elsewhere.
  if (here->schema != used.schema) return;
  std::string versions = here->version == used.version
                             ? " (version " + used.version + " on both sides)"
                             : " (version " + used.version + " on the source, " + here->version + " here)";
  std::vector<Row> object;
  try {
    in_subtransaction([&] {
      object = query("SELECT objid FROM pg_catalog.pg_get_object_address($1, $2::text[], $3::text[])",
                     {used.type, used.names, used.arguments});
    });
  } catch (const Error &error) {
    if (error.sqlstate.compare(0, 2, "42") != 0 && error.sqlstate != "3F000") throw;
  }
  if (object.empty())
    return found_.error("extension", "42704",
                        used.object + " of extension \"" + used.extension + "\" does not exist here" + versions +
                            "; needed by " + used.by_what,
                        "Bring the extension to the same version on both sides.");
  if (!used.signature.empty()) return look_at_function(used, *object[0][0], versions);
  if (used.columns) look_at_relation(used, *object[0][0], versions);
}

void Extensions::look_at_function(const Used &used, const std::string &oid, const std::string &versions) {
  Row here = query("SELECT " + std::string(kReturns) +
                       ", p.provolatile = 'i', CASE p.provolatile WHEN 's' THEN 'stable' ELSE 'volatile' END"
                       " FROM pg_catalog.pg_proc p WHERE p.oid = $1::oid",
                   {oid})
                 .at(0);
  // More columns at the end do no harm.
  if (here[0].value_or("").compare(0, used.returns.size(), used.returns) != 0)
    found_.error("extension", "55000",
                 used.object + " of extension \"" + used.extension + "\" returns something else here" + versions +
                     "; used by " + used.by_what,
                 "Bring the extension to the same version on both sides.");
  if (used.is_fixed && here[1] != "t")
    found_.error("extension", "42P17",
                 used.object + " of extension \"" + used.extension + "\" is immutable on the source and " + *here[2] +
                     " here; needed so by " + used.by_what,
                 "Run ALTER FUNCTION " + used.signature + " IMMUTABLE here first.");
}

void Extensions::look_at_relation(const Used &used, const std::string &oid, const std::string &versions) {
  Value lacking = query_value(
      R"(SELECT pg_catalog.string_agg(c, ', ') FROM pg_catalog.unnest($2::text[]) c
          WHERE c NOT IN (SELECT pg_catalog.concat(a.attname, ' ', pg_catalog.format_type(a.atttypid, a.atttypmod))
                            FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped))",
      {oid, used.columns});
  if (lacking)
    found_.error("extension", "55000",
                 used.object + " of extension \"" + used.extension + "\" lacks columns here" + versions + ": " +
                     *lacking + "; used by " + used.by_what,
                 "Bring the extension to the same version on both sides.");
}

// They stay in the schema that takes the name.
void Extensions::look_at_others() {
  std::vector<std::string> there;
  for (const auto &[name, version] : catalog_.extension_versions) there.push_back(name);
  for (
      const Row &row : query(
          R"(SELECT e.extname, n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
               WHERE n.nspname = ANY ($1::name[]) AND e.extname <> ALL ($2::name[]) ORDER BY 1)",
          {array_literal(catalog_.schemas), array_literal(there)}))
    found_.warning("extension", "extension \"" + *row[0] + "\" is only here; it stays in schema \"" + *row[1] + "\"");
}

}  // namespace

std::vector<Finding> find_missing_extensions(Connection &source, const SourceCatalog &catalog) {
  Extensions extensions(source, catalog);
  extensions.look();
  return extensions.take();
}

std::map<std::string, std::vector<FunctionAddress>> find_altered_functions(Connection &source,
                                                                           const SourceCatalog &catalog) {
  std::map<std::string, std::vector<FunctionAddress>> functions;
  bool is_any_missing = false;
  for (const auto &[name, version] : catalog.extension_versions) is_any_missing = is_any_missing || !find_here(name);
  if (!is_any_missing) return functions;
  for (const Row &row : source.query(std::string(kWantedRelations) + kWantedObjects + members_sql(),
                                     parameters_for({catalog.schemas, catalog.left_out}))) {
    Used used = used_in(row);
    if (used.is_altered && !find_here(used.extension))
      functions[used.extension].push_back({used.names, used.arguments});
  }
  return functions;
}

}  // namespace pagila_repl
