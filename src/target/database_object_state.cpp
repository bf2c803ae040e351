// Reads and writes records of objects of the database.

#include "target/database_object_state.hpp"

#include "core/error.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

namespace pagila_repl {

namespace {

using Kind = DatabaseObjectCall::Kind;

// A publication knows its tables and schemas by OID, an event trigger its function.
constexpr const char *kHere = R"(
SELECT 'publication', p.pubname::text, 0::pg_catalog.oid,
       pg_catalog.concat_ws(' ', (pg_catalog.to_jsonb(p) - 'oid')::text,
         (SELECT pg_catalog.string_agg((pg_catalog.to_jsonb(r) - 'oid' - 'prpubid')::text, ' ' ORDER BY r.prrelid)
            FROM pg_catalog.pg_publication_rel r WHERE r.prpubid = p.oid),
         (SELECT pg_catalog.string_agg('schema ' || s.pnnspid::text, ' ' ORDER BY s.pnnspid)
            FROM pg_catalog.pg_publication_namespace s WHERE s.pnpubid = p.oid),
         pg_catalog.obj_description(p.oid, 'pg_publication'))
  FROM pg_catalog.pg_publication p
UNION ALL
SELECT 'event trigger', e.evtname::text, 0,
       pg_catalog.concat_ws(' ', (pg_catalog.to_jsonb(e) - 'oid')::text, pg_catalog.obj_description(e.oid, 'pg_event_trigger'))
  FROM pg_catalog.pg_event_trigger e
UNION ALL
SELECT 'setting', pg_catalog.split_part(c.setting, '=', 1), s.setrole,
       pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') + 1)
  FROM pg_catalog.pg_db_role_setting s CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) c (setting)
 WHERE s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
UNION ALL
SELECT 'comment', '', 0, d.comment
  FROM (SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database
         WHERE datname = pg_catalog.current_database()) d (comment)
 WHERE d.comment IS NOT NULL)";

Kind kind_of(const std::string &word) {
  if (word == "publication") return Kind::publication;
  if (word == "event trigger") return Kind::event_trigger;
  return word == "setting" ? Kind::setting : Kind::comment;
}

const char *word_of(Kind kind) {
  switch (kind) {
    case Kind::publication: return "publication";
    case Kind::event_trigger: return "event trigger";
    case Kind::setting: return "setting";
    default: return "comment";
  }
}

DatabaseObjectStates states(const std::vector<Row> &rows) {
  DatabaseObjectStates states;
  for (const Row &row : rows) states[{kind_of(*row[0]), *row[1], to_oid(row[2])}] = *row[3];
  return states;
}

// Kinds that the run is to look after.
std::string kinds_of(const DatabaseObjectWork &work) {
  std::vector<std::string> kinds;
  if (work.kinds.publications) kinds.emplace_back("publication");
  if (work.kinds.event_triggers) kinds.emplace_back("event trigger");
  if (work.kinds.settings) kinds.insert(kinds.end(), {"setting", "comment"});
  return array_literal(kinds);
}

constexpr const char *kSchemasOfPublication = R"(
SELECT n.nspname FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid
       JOIN pg_catalog.pg_class c ON c.oid = r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE p.pubname = $1::name
UNION
SELECT n.nspname FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_namespace s ON s.pnpubid = p.oid
       JOIN pg_catalog.pg_namespace n ON n.oid = s.pnnspid
 WHERE p.pubname = $1::name)";

constexpr const char *kSchemaOfEventTrigger = R"(
SELECT n.nspname FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
       JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE e.evtname = $1::name AND n.nspname = ANY ($2::name[]))";

// A publication or event trigger belongs to the schemas that it is about, everything else to all of the run.
std::string schemas_of(const DatabaseObjectWork &work, const DatabaseObjectKey &key) {
  std::vector<std::string> schemas;
  std::vector<Row> rows;
  if (key.kind == Kind::publication) rows = query(kSchemasOfPublication, {key.name});
  if (key.kind == Kind::event_trigger) rows = query(kSchemaOfEventTrigger, {key.name, array_literal(work.schemas)});
  for (const Row &row : rows) schemas.push_back(*row[0]);
  return array_literal(schemas.empty() ? work.schemas : schemas);
}

}  // namespace

DatabaseObjectStates database_objects_here() {
  return as_extension_owner([] { return states(query(kHere)); });
}

DatabaseObjectStates managed_database_objects(const DatabaseObjectWork &work) {
  return as_extension_owner([&] {
    return states(query(R"(SELECT kind, name, roleid, definition FROM pagila_repl.managed_database_object
                            WHERE kind = ANY ($1::text[]) AND schemas && $2::name[])",
                        {kinds_of(work), array_literal(work.schemas)}));
  });
}

void record_database_objects(const DatabaseObjectWork &work, const std::set<DatabaseObjectKey> &made, int64_t run_id) {
  DatabaseObjectStates here = database_objects_here();
  as_extension_owner([&] {
    execute("DELETE FROM pagila_repl.managed_database_object WHERE kind = ANY ($1::text[]) AND schemas && $2::name[]",
            {kinds_of(work), array_literal(work.schemas)});
    for (const DatabaseObjectKey &key : made)
      execute(
          R"(INSERT INTO pagila_repl.managed_database_object (kind, name, roleid, run_id, schemas, definition)
             VALUES ($1, $2, $3::oid, $4::bigint, $5::name[], $6)
             ON CONFLICT (kind, name, roleid) DO UPDATE
               SET run_id = excluded.run_id, schemas = excluded.schemas, definition = excluded.definition)",
          {word_of(key.kind), key.name, std::to_string(key.role), std::to_string(run_id), schemas_of(work, key),
           here[key]});
  });
}

std::string described(const DatabaseObjectKey &key) {
  if (!is_value(key.kind)) return std::string(word_of(key.kind)) + " \"" + key.name + "\"";
  if (key.kind == Kind::comment) return "the comment on the database";
  std::string text = "setting \"" + key.name + "\" of the database";
  if (key.role == 0) return text;
  Value role = query_value("SELECT rolname FROM pg_catalog.pg_roles WHERE oid = $1::oid", {std::to_string(key.role)});
  return text + " for role " + (role ? "\"" + *role + "\"" : std::to_string(key.role));
}

std::string alter_settings_of(const DatabaseObjectKey &key) {
  std::string database = quote(query_value("SELECT pg_catalog.current_database()").value_or(""));
  if (key.role == 0) return "ALTER DATABASE " + database;
  Value role = query_value("SELECT rolname FROM pg_catalog.pg_roles WHERE oid = $1::oid", {std::to_string(key.role)});
  if (!role) throw Error("42704", "role with OID " + std::to_string(key.role) + " does not exist");
  return "ALTER ROLE " + quote(*role) + " IN DATABASE " + database;
}

}  // namespace pagila_repl
