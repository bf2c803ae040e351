// Makes foreign keys to tables elsewhere and looks for what of the stage has gone with something elsewhere.

#include "target/outward_keys.hpp"

#include <algorithm>

#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "target/key_triggers.hpp"
#include "target/statement_in_stage.hpp"

namespace pagila_repl {

namespace {

bool is_outward(const Stripped &stripped) { return stripped.group == Stripped::Group::outward; }

// By its name, since it has another OID each time it is made.
Value find_key(const Stripped &key) {
  return query_value(
      "SELECT oid FROM pg_catalog.pg_constraint WHERE conrelid = $1::oid AND conname = $2::name AND contype = 'f'",
      {std::to_string(key.table), key.object});
}

[[noreturn]] void throw_missing(const Stage &stage, const std::string &kind, const std::string &schema,
                                const std::string &name) {
  throw Error("55000",
              kind + " \"" + name + "\" in schema \"" + seen_as(stage, schema) + "\" is gone from the new copy",
              "Something elsewhere that it needs was dropped during the run.", "Run it again.");
}

}  // namespace

void set_outward_keys_apart(Stage &stage) {
  std::vector<std::string> inside = stage.stage_oids();
  for (Stripped &stripped : stage.stripped) {
    if (stripped.group != Stripped::Group::constraint || stripped.referenced == InvalidOid) continue;
    Value schema = query_value("SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = $1::oid",
                               {std::to_string(stripped.referenced)});
    if (schema && std::find(inside.begin(), inside.end(), *schema) == inside.end())
      stripped.group = Stripped::Group::outward;
  }
}

std::vector<std::string> tables_referred_to(const Stage &stage) {
  std::vector<std::string> tables;
  for (const Stripped &stripped : stage.stripped)
    if (is_outward(stripped)) tables.push_back(std::to_string(stripped.referenced));
  return tables;
}

void make_outward_key(const Stage &stage, const Stripped &key) {
  for (const std::string &statement : key.create) run_in_stage(stage, statement, {}, RowsOfKeys::unread);
  Value made = find_key(key);
  if (made) switch_off(triggers_elsewhere({*made}));
}

std::vector<std::string> outward_keys(const Stage &stage) {
  std::vector<std::string> keys;
  for (const Stripped &stripped : stage.stripped) {
    if (!is_outward(stripped)) continue;
    Value key = find_key(stripped);
    if (!key) throw_missing(stage, "constraint", stripped.schema, stripped.object);
    keys.push_back(*key);
  }
  return keys;
}

void check_nothing_is_missing(const Stage &stage) {
  std::vector<std::string> kinds, tables, schemas, names;
  for (const Stripped &stripped : stage.stripped) {
    bool is_index = stripped.group == Stripped::Group::index;
    if (stripped.group == Stripped::Group::setting || stripped.table == InvalidOid) continue;
    kinds.push_back(is_index ? "index" : stripped.kind);
    tables.push_back(std::to_string(stripped.table));
    schemas.push_back(stripped.schema);
    names.push_back(stripped.object);
  }
  for (const Row &row : query(
           R"(SELECT s.kind, s.schema, s.name
                FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::oid[]), pg_catalog.unnest($3::name[]),
                                pg_catalog.unnest($4::name[])) s (kind, table_oid, schema, name)
               WHERE CASE s.kind
                       WHEN 'index' THEN NOT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
                                                      WHERE i.indrelid = s.table_oid AND x.relname = s.name)
                       WHEN 'constraint' THEN NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
                                                           WHERE k.conrelid = s.table_oid AND k.conname = s.name)
                       WHEN 'trigger' THEN NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t
                                                        WHERE t.tgrelid = s.table_oid AND t.tgname = s.name)
                       WHEN 'rule' THEN NOT EXISTS (SELECT FROM pg_catalog.pg_rewrite r
                                                     WHERE r.ev_class = s.table_oid AND r.rulename = s.name)
                     END
               ORDER BY 1, 2, 3 LIMIT 1)",
           {array_literal(kinds), array_literal(tables), array_literal(schemas), array_literal(names)}))
    throw_missing(stage, *row[0], *row[1], *row[2]);
}

}  // namespace pagila_repl
