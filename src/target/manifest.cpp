// The manifest of the visible copies and the search for drift.
//
// An object's definition is the hash of its catalog rows, which definitions_sql derives. It knows no schema names, so that
// a stage can be recorded before it is renamed.

#include "target/manifest.hpp"

#include <algorithm>
#include <map>

#include "pg/distributed_tables.hpp"
#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/content.hpp"
#include "target/definitions.hpp"
#include "target/dependents.hpp"
#include "target/member_rows.hpp"
#include "target/schema_properties.hpp"

extern "C" {
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_publication_namespace.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_transform.h"
}

namespace pagila_repl {

namespace {

// What is defined otherwise than the manifest says, as (what, identity). $1: OIDs of the schemas, $2: their names.
constexpr const char *kChanged = R"(
, partly AS (
  -- Runs of whose copy a part has been replaced since, and what is in no schema perhaps with it.
  SELECT o.run_id FROM pagila_repl.managed_object o
   WHERE o.schema_name IS NOT NULL
     AND NOT EXISTS (SELECT FROM pagila_repl.copy c WHERE c.run_id = o.run_id AND c.schema_name = o.schema_name)
), managed AS (
  SELECT m.*, m.schema_name IS NULL
                AND (m.run_id IN (SELECT run_id FROM partly)
                     OR EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = m.classid AND d.objid = m.objid)) AS may_miss
    FROM pagila_repl.managed_object m
   WHERE m.run_id IN (SELECT run_id FROM pagila_repl.copy WHERE schema_name = ANY ($2::name[]))
     AND (m.schema_name = ANY ($2::name[]) OR m.schema_name IS NULL AND m.definition_hash IS NOT NULL)
     AND (m.schema_name IS NULL
          OR EXISTS (SELECT FROM pagila_repl.copy c WHERE c.run_id = m.run_id AND c.schema_name = m.schema_name))
), changed AS (
  SELECT CASE WHEN m.objid IS NULL THEN 'unmanaged' WHEN n.objid IS NULL THEN 'dropped' ELSE 'altered' END AS what,
         COALESCE(m.identity, pg_catalog.pg_describe_object(n.classid, n.objid, 0),
                  pg_catalog.concat('object with OID ', n.objid)) AS identity,
         COALESCE(n.hash, m.definition_hash) AS hash, COALESCE(n.objid, m.objid) AS objid,
         EXISTS (SELECT FROM pg_catalog.pg_index i
                  WHERE i.indexrelid = n.objid AND n.classid = 'pg_catalog.pg_class'::pg_catalog.regclass) AS is_index
    FROM now n FULL JOIN managed m ON m.classid = n.classid AND m.objid = n.objid
   WHERE (n.hash IS DISTINCT FROM m.definition_hash OR n.schema_name IS DISTINCT FROM m.schema_name)
     -- An empty materialized view that has been filled.
     AND NOT COALESCE(n.schema_name = m.schema_name AND n.hash = m.statement_hash
                      AND n.classid = 'pg_catalog.pg_class'::pg_catalog.regclass, false)
     -- What is in no schema was made by someone else, or is of another schema.
     AND (n.objid IS NOT NULL OR NOT m.may_miss) AND (m.objid IS NOT NULL OR n.schema_name IS NOT NULL)
)
SELECT what, identity, objid FROM changed c
 -- REINDEX CONCURRENTLY makes the same index again.
 WHERE NOT EXISTS (SELECT FROM changed o
                    WHERE o.identity = c.identity AND o.hash = c.hash AND (o.is_index OR c.is_index)
                      AND (o.what, c.what) IN (('unmanaged', 'dropped'), ('dropped', 'unmanaged')))
 ORDER BY 2)";

void find_changed_objects(const std::string &oids, const std::string &names, Drift &drift) {
  std::vector<Row> rows = as_extension_owner([&] {
    return query("WITH now AS (" + definitions_sql() + ")" + kChanged, {oids, names});
  });
  for (const Row &row : rows) {
    if (*row[0] == "unmanaged")
      drift.unmanaged.push_back(*row[1]);
    else
      drift.modified.push_back(*row[1] + " was " + *row[0]);
    drift.altered.insert(*row[2]);
  }
}

// A description with the names the stage will be seen under.
std::string seen(const Stage &stage, std::string expression) {
  // From the last on: the name of the first begins that of the tenth.
  for (auto schema = stage.schemas.rbegin(); schema != stage.schemas.rend(); ++schema)
    expression = "pg_catalog.replace(" + expression + "," + quote_literal(schema->stage) + "," +
                 quote_literal(schema->name) + ")";
  return expression;
}

void write_objects(const Stage &stage, const std::string &run) {
  std::vector<std::string> stage_names, names;
  for (const StagedSchema &schema : stage.schemas) {
    stage_names.push_back(schema.stage);
    names.push_back(schema.name);
  }
  // To find the definitions all catalogs are read, so once for all schemas.
  execute(
      "INSERT INTO pagila_repl.managed_object (run_id, classid, objid, schema_name, identity, definition_hash)"
      " SELECT $2::bigint, classid, objid, s.name, " +
          seen(stage, "pg_catalog.pg_describe_object(classid, objid, 0)") + ", hash FROM (" + definitions_sql() +
          ") o JOIN ROWS FROM (pg_catalog.unnest($3::name[]), pg_catalog.unnest($4::name[])) s (stage, name)"
          " ON s.stage = o.schema_name",
      {array_literal(stage.stage_oids()), run, array_literal(stage_names), array_literal(names)});
  // Nobody else can depend on a stage, so these came with it.
  std::vector<Row> came_along = query(dependents_sql(), {array_literal(stage.stage_oids()), "{}"});
  for (const Row &row : came_along)
    execute(
        "INSERT INTO pagila_repl.managed_object (run_id, classid, objid, identity)"
        " VALUES ($1::bigint, $2::oid, $3::oid, " +
            seen(stage, "$4::text") + ")",
        {run, row[0], row[1], row[2]});
  if (came_along.empty()) return;
  execute(
      "UPDATE pagila_repl.managed_object m SET definition_hash = o.hash FROM (" + definitions_sql() +
          ") o WHERE m.run_id = $2::bigint AND m.classid = o.classid AND m.objid = o.objid AND m.schema_name IS NULL",
      {array_literal(stage.stage_oids()), run});
}

// What an empty materialized view will be once somebody has filled it, which is no change.
void write_filled_views(const Stage &stage, const std::string &run) {
  std::vector<Row> empty = query(
      "SELECT FROM pg_catalog.pg_class WHERE relnamespace = ANY ($1::oid[]) AND relkind = 'm' AND NOT relispopulated",
      {array_literal(stage.stage_oids())});
  if (empty.empty()) return;
  const std::string column = "x.relispopulated";
  std::string filled = definitions_sql();
  for (size_t at = filled.find(column); at != std::string::npos; at = filled.find(column, at))
    filled.replace(at, column.size(), "true");
  execute("UPDATE pagila_repl.managed_object m SET statement_hash = o.hash FROM (" + filled + R"() o
              JOIN pg_catalog.pg_class c ON c.tableoid = o.classid AND c.oid = o.objid AND c.relkind = 'm' AND NOT c.relispopulated
            WHERE m.run_id = $2::bigint AND m.classid = o.classid AND m.objid = o.objid)",
          {array_literal(stage.stage_oids()), run});
}

// Carried types are in the live schemas still.
void write_types(const LoadPlan &plan, const RunOptions &options, const Stage &stage, const std::string &run) {
  for (const CarriedType &type : stage.carried)
    execute(
        R"(INSERT INTO pagila_repl.managed_object (run_id, classid, objid, schema_name, identity, definition_hash)
           SELECT $1::bigint, m.classid, m.objid, m.schema_name, m.identity, m.definition_hash
             FROM pagila_repl.managed_object m JOIN pagila_repl.copy USING (run_id, schema_name)
            WHERE m.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND m.objid = $2::oid)",
        {run, std::to_string(type.oid)});
  for (const PlannedType &type : plan.types)
    execute(
        R"(UPDATE pagila_repl.managed_object m SET statement_hash = $4
             FROM pg_catalog.pg_type t
            WHERE m.run_id = $1::bigint AND m.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
              AND t.oid = m.objid AND m.schema_name = $2 AND t.typname = $3::name)",
        {run, type.type.schema, type.type.name, statement_hash(type, options)});
}

void write_content(const Stage &stage, const std::string &run, const ContentHashes &hashes) {
  constexpr const char *kInsert = R"(
INSERT INTO pagila_repl.managed_content (run_id, schema_name, relid, is_sequence, physical_state, content_hash)
SELECT $1::bigint, $2, c.relid, c.is_sequence, NULLIF(c.state, ''), NULLIF(c.hash, '')
  FROM ROWS FROM (pg_catalog.unnest($3::oid[]), pg_catalog.unnest($4::boolean[]), pg_catalog.unnest($5::text[]),
                  pg_catalog.unnest($6::text[])) c (relid, is_sequence, state, hash))";
  for (const StagedSchema &schema : stage.schemas) {
    std::vector<std::string> relations, sequences, states, contents;
    for (
        // What an extension has brought is its own.
        const Row &row : query(
            R"(SELECT c.oid, c.relkind = 'S' FROM pg_catalog.pg_class c
                WHERE c.relnamespace = $1::oid AND c.relkind IN ('r', 'S')
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                                   WHERE e.classid = c.tableoid AND e.objid = c.oid AND e.deptype = 'e'))",
            {std::to_string(schema.stage_oid)})) {
      Oid relation = static_cast<Oid>(std::stoul(*row[0]));
      auto hash = hashes.find(relation);
      relations.push_back(*row[0]);
      sequences.push_back(*row[1]);
      states.push_back((*row[1] == "t" ? sequence_state(relation) : frozen_state(relation)).value_or(""));
      contents.push_back(hash == hashes.end() ? "" : hash->second);
    }
    execute(kInsert, {run, schema.name, array_literal(relations), array_literal(sequences), array_literal(states),
                      array_literal(contents)});
  }
}

std::string listed(const std::vector<std::string> &items) {
  constexpr size_t kMost = 100;
  std::string text;
  for (size_t i = 0; i < items.size() && i < kMost; i++) text += (i ? "\n" : "") + items[i];
  if (items.size() > kMost) text += "\nand " + std::to_string(items.size() - kMost) + " more";
  return text;
}

}  // namespace

std::vector<std::string> oids_of(const std::vector<std::string> &schemas) {
  std::vector<std::string> oids;
  for (const Row &row :
       query("SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ANY ($1::text[])", {array_literal(schemas)}))
    oids.push_back(*row[0]);
  return oids;
}

std::string altered_objects_sql() {
  return "WITH now AS (" + definitions_sql() + R"()
    SELECT n.objid FROM now n LEFT JOIN (pagila_repl.managed_object m JOIN pagila_repl.copy USING (run_id, schema_name))
                                     ON m.classid = n.classid AND m.objid = n.objid
     WHERE n.schema_name IS NOT NULL
       AND (n.hash IS DISTINCT FROM m.definition_hash OR n.schema_name IS DISTINCT FROM m.schema_name))";
}

void find_dependents(const std::vector<std::string> &schema_oids, const std::vector<CarriedType> &carried,
                     Drift &drift) {
  std::vector<std::string> types;
  for (const CarriedType &type : carried) types.push_back(std::to_string(type.oid));
  std::vector<Row> managed = as_extension_owner(
      [&] { return query("SELECT classid, objid FROM pagila_repl.managed_object WHERE schema_name IS NULL"); });
  std::map<std::pair<std::string, std::string>, bool> came_with_copy;
  for (const Row &row : managed) came_with_copy[{*row[0], *row[1]}] = true;
  for (const Row &row : query(dependents_sql(), {array_literal(schema_oids), array_literal(types)})) {
    if (came_with_copy.count({*row[0], *row[1]}) > 0 && *row[5] != "t") continue;
    drift.dependents.push_back(*row[2]);
    drift.drops.push_back(row[3].value_or(""));
    drift.addresses.push_back({*row[0], *row[1], *row[4], *row[5] == "t"});
  }
}

// Without a row in pg_depend.
void find_subscribed(const std::vector<std::string> &schema_oids, Drift &drift) {
  for (const Row &row : query(
           R"(SELECT pg_catalog.format('%s in subscription %I',
                       pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 0), s.subname)
                FROM pg_catalog.pg_subscription_rel r JOIN pg_catalog.pg_subscription s ON s.oid = r.srsubid
                     JOIN pg_catalog.pg_class c ON c.oid = r.srrelid
               WHERE c.relnamespace = ANY ($1::oid[]) ORDER BY 1)",
           {array_literal(schema_oids)}))
    drift.subscribed.push_back(*row[0]);
}

namespace {

// What the manifest says of the rows: OID, whether a sequence, physical state, hash.
std::vector<Row> managed_content(const std::vector<std::string> &schemas) {
  return as_extension_owner([&] {
    return query(R"(SELECT m.relid, m.is_sequence, m.physical_state, m.content_hash
                      FROM pagila_repl.managed_content m JOIN pagila_repl.copy USING (run_id, schema_name)
                           JOIN pg_catalog.pg_class c ON c.oid = m.relid
                     WHERE schema_name = ANY ($1::name[]) ORDER BY 1)",
                 {array_literal(schemas)});
  });
}

std::string described(const std::string &classid, const std::string &objid) {
  return query_value("SELECT pg_catalog.pg_describe_object($1::oid, $2::oid, 0)", {classid, objid})
      .value_or("an object with OID " + objid);
}

std::string described_relation(const std::string &oid) { return described(std::to_string(RelationRelationId), oid); }

bool is_same_since(const Row &row, const RowsMark &mark) {
  Oid table = static_cast<Oid>(std::stoul(*row[0]));
  std::optional<bool> changed = has_later_rows(table, mark, !mark.map.empty());
  if (changed) return !*changed;
  // Of what is no heap, only its rows tell.
  return mark.map.empty() && is_ordinary_table(table) && read_content(table, true).hash == *row[3];
}

bool is_as_recorded(const Row &row) {
  Oid relation = static_cast<Oid>(std::stoul(*row[0]));
  std::optional<std::string> now = *row[1] == "t" ? sequence_state(relation) : frozen_state(relation);
  return now && now == row[2];
}

}  // namespace

void find_changed_content(const std::vector<std::string> &schemas, Drift &drift) {
  std::vector<std::string> modified;
  for (const Row &row : managed_content(schemas)) {
    // That it was altered is said already; what it holds now is not of interest.
    if (drift.altered.count(*row[0]) > 0 || is_as_recorded(row)) continue;
    Oid relation = static_cast<Oid>(std::stoul(*row[0]));
    std::string name = described_relation(*row[0]);
    if (*row[1] == "t") {
      modified.push_back(name + (sequence_state(relation) ? " has advanced" : " is not a sequence any more"));
    } else if (!is_ordinary_table(relation)) {
      modified.push_back(name + " is not a table any more");
    } else {
      drift.marks[*row[0]] = mark_rows(relation);
      Content now = read_content(relation, row[3].has_value());
      drift.rows[*row[0]] = now.rows;
      if (row[3] && now.hash == *row[3]) continue;
      modified.push_back(name +
                         (row[3] ? " has other rows" : " may have other rows (it was loaded with verify => 'counts')"));
    }
    drift.other_rows.insert(*row[0]);
  }
  std::sort(modified.begin(), modified.end());
  drift.modified.insert(drift.modified.end(), modified.begin(), modified.end());
}

void check_content_since(const std::vector<std::string> &schemas, const Drift &drift) {
  for (const Row &row : managed_content(schemas)) {
    if (drift.altered.count(*row[0]) > 0 || drift.other_rows.count(*row[0]) > 0 || is_as_recorded(row)) continue;
    auto mark = drift.marks.find(*row[0]);
    if (mark != drift.marks.end() && is_same_since(row, mark->second)) continue;
    throw Error("55P03", described_relation(*row[0]) + " was changed just now");
  }
}

namespace {

// A cast or transform that calls a function of the schemas, or is of a type in them, belongs to them, though it is in no schema,
// unless it belongs to an extension.
void separate_casts(Drift &drift) {
  const std::string casts = std::to_string(CastRelationId), transforms = std::to_string(TransformRelationId);
  Drift others;
  for (size_t i = 0; i < drift.dependents.size(); i++) {
    const Drift::Address &address = drift.addresses[i];
    if (!address.is_member && (address.classid == casts || address.classid == transforms)) {
      drift.unmanaged.push_back(drift.dependents[i]);
      drift.unmanaged_casts.push_back(address);
      continue;
    }
    others.dependents.push_back(drift.dependents[i]);
    others.drops.push_back(drift.drops[i]);
    others.addresses.push_back(address);
  }
  drift.dependents = others.dependents;
  drift.drops = others.drops;
  drift.addresses = others.addresses;
}

}  // namespace

Drift find_drift(const std::vector<std::string> &schemas, const std::vector<CarriedType> &carried) {
  Drift drift;
  drift.distributed = distributed_tables(schemas);
  std::vector<std::string> oids = oids_of(schemas);
  std::string names = array_literal(schemas);
  find_changed_objects(array_literal(oids), names, drift);
  find_changed_content(schemas, drift);
  for (const std::string &change : changed_member_rows(schemas)) drift.modified.push_back(change);
  find_dependents(oids, carried, drift);
  separate_casts(drift);
  find_subscribed(oids, drift);
  return drift;
}

std::string hint_on_objects_of_runs(const Drift &drift) {
  static const std::set<std::string> kCatalogs{std::to_string(PublicationRelRelationId),
                                               std::to_string(PublicationNamespaceRelationId),
                                               std::to_string(EventTriggerRelationId)};
  for (const Drift::Address &address : drift.addresses)
    if (kCatalogs.count(address.classid) > 0)
      return " Publications and event triggers that runs have made are replaced if database_objects asks for them again.";
  return {};
}

void check_drift(const Drift &drift, const RunOptions &options) {
  if (!drift.distributed.empty())
    throw Error("0A000", "distributed tables cannot be replaced", listed(drift.distributed),
                "Undistribute them with undistribute_table of Citus, or leave their schemas out.");
  if (!drift.subscribed.empty())
    throw Error("2BP01", "tables that a subscription writes to cannot be replaced", listed(drift.subscribed),
                "Drop the subscription, or take the tables out of its publication and run "
                "ALTER SUBSCRIPTION ... REFRESH PUBLICATION.");
  if (!drift.modified.empty() && !options.overwrite_modified)
    throw Error("55000", "the target was changed since the last run", listed(drift.modified),
                "Give on_modified => 'overwrite' to lose these changes.");
  if (!drift.unmanaged.empty() && !options.drop_unmanaged)
    throw Error("2BP01", "the schemas to replace hold objects that no run created", listed(drift.unmanaged),
                "Move them to another schema, or give on_unmanaged => 'drop' to lose them.");
  if (drift.dependents.empty()) return;
  if (!options.drop_dependents)
    throw Error("2BP01", "objects in other schemas depend on what would be replaced", listed(drift.dependents),
                "Drop them first, or give on_dependents => 'drop' to lose them." + hint_on_objects_of_runs(drift));
  std::vector<std::string> cannot;
  for (size_t i = 0; i < drift.drops.size(); i++)
    if (drift.drops[i].empty()) cannot.push_back(drift.dependents[i]);
  if (!cannot.empty())
    throw Error("2BP01", "objects in other schemas depend on what would be replaced and cannot be dropped by a run",
                listed(cannot), "Drop or change them first.");
}

int64_t run_behind(const std::vector<std::string> &schemas) {
  // Every schema has a copy, all of one run, and that run made no other that is visible.
  return as_extension_owner([&] {
    Value run = query_value(
        R"(SELECT pg_catalog.min(c.run_id) FROM pagila_repl.copy c
            WHERE c.schema_name = ANY ($1::name[])
           HAVING pg_catalog.count(*) = pg_catalog.cardinality($1::name[])
              AND pg_catalog.min(c.run_id) = pg_catalog.max(c.run_id)
              AND pg_catalog.count(*) = (SELECT pg_catalog.count(*) FROM pagila_repl.copy o
                                          WHERE o.run_id = pg_catalog.min(c.run_id)))",
        {array_literal(schemas)});
    return run ? static_cast<int64_t>(std::stoll(*run)) : int64_t{0};
  });
}

std::map<std::string, std::vector<std::string>> definitions_by_schema(const std::vector<std::string> &schema_oids) {
  std::map<std::string, std::vector<std::string>> definitions;
  for (const Row &row : query("SELECT schema_name, pg_catalog.concat_ws(' ', classid, objid, hash) FROM (" +
                                  definitions_sql() + ") o WHERE is_inside",
                              {array_literal(schema_oids)}))
    definitions[row[0].value_or("")].push_back(*row[1]);
  return definitions;
}

namespace {

// How many rows a table has, if they are still those that were counted before.
std::optional<uint64_t> rows_still(const std::string &table, const Drift &drift) {
  auto mark = drift.marks.find(table);
  if (mark == drift.marks.end()) return {};
  if (has_later_rows(static_cast<Oid>(std::stoul(table)), mark->second, !mark->second.map.empty()) != false) return {};
  return drift.rows.at(table);
}

}  // namespace

std::string properties_state(Oid schema, const std::string &properties) {
  return "schema " + std::to_string(schema) + " " + *query_value("SELECT pg_catalog.md5($1)", {properties});
}

std::vector<std::string> content_states(Oid schema, const Drift &drift) {
  std::vector<std::string> states;
  for (
      const Row &row : query(
          "SELECT oid, relkind, relfilenode FROM pg_catalog.pg_class WHERE relnamespace = $1::oid AND relkind IN ('r', 'S')",
          {std::to_string(schema)})) {
    Oid relation = static_cast<Oid>(std::stoul(*row[0]));
    if (*row[1] == "S")
      states.push_back("sequence " + *row[0] + " " + sequence_state(relation).value_or("gone"));
    else
      states.push_back("table " + *row[0] + " " + *row[2] + " " + text_of_rows(relation, rows_still(*row[0], drift)));
  }
  return states;
}

namespace {

// What the manifest has called an object that is gone.
std::string remembered(const std::string &classid, const std::string &objid) {
  return query_value(
             "SELECT identity FROM pagila_repl.managed_object WHERE classid = $1::oid AND objid = $2::oid"
             " ORDER BY run_id DESC LIMIT 1",
             {classid, objid})
      .value_or("an object with OID " + objid);
}

bool has_changed_rows(const std::vector<std::string> &state, const std::string &moment) {
  Value file =
      query_value("SELECT relfilenode FROM pg_catalog.pg_class WHERE oid = $1::oid AND relkind = 'r'", {state[1]});
  if (!file) return false;  // dropped
  if (*file != state[2]) return true;
  return has_other_rows(static_cast<Oid>(std::stoul(state[1])), {state.begin() + 3, state.end()}, moment);
}

// What an extension has in a replaced schema is in the new one now.
bool has_moved_on(const std::string &relation, const std::string &schema_oids) {
  return !query(R"(SELECT FROM pg_catalog.pg_class c
                    WHERE oid = $1::oid AND relnamespace <> ALL ($2::oid[])
                      AND EXISTS (SELECT FROM pg_catalog.pg_depend d
                                   WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                                     AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'))",
                {relation, schema_oids})
              .empty();
}

}  // namespace

LaterChanges later_changes(const std::vector<std::string> &schema_oids, const std::vector<std::string> &states,
                           const std::string &moment) {
  LaterChanges changes;
  std::set<std::string> then(states.begin(), states.end()), objects_now;
  std::string oids = array_literal(schema_oids);
  for (const auto &[schema, definitions] : definitions_by_schema(schema_oids))
    for (const std::string &definition : definitions) {
      std::vector<std::string> words = words_of(definition);
      objects_now.insert(words[0] + " " + words[1]);
      if (changes.kept_because.empty() && then.count(definition) == 0)
        changes.kept_because = described(words[0], words[1]) + " was created or changed in there";
    }
  for (const std::string &state : then) {
    std::vector<std::string> words = words_of(state);
    if ((words[0] == "sequence" || words[0] == "table") && has_moved_on(words[1], oids)) continue;
    if (words[0] == "sequence") {
      std::optional<std::string> now = sequence_state(static_cast<Oid>(std::stoul(words[1])));
      if (now && *now != words[2]) changes.lost.push_back(described_relation(words[1]) + " advanced");
    } else if (words[0] == "schema") {
      Oid schema = static_cast<Oid>(std::stoul(words[1]));
      std::string now = schema_properties(schema);
      if (changes.kept_because.empty() && !now.empty() && properties_state(schema, now) != state)
        changes.kept_because = "the owner, privileges, default privileges, comment or security label of " +
                               described(std::to_string(NamespaceRelationId), words[1]) + " was changed";
    } else if (words[0] == "table") {
      if (changes.kept_because.empty() && has_changed_rows(words, moment))
        changes.kept_because = "rows of " + described_relation(words[1]) + " were changed";
    } else if (objects_now.count(words[0] + " " + words[1]) == 0) {
      changes.lost.push_back(remembered(words[0], words[1]) + " was dropped");
    }
  }
  return changes;
}

void write_manifest(const LoadPlan &plan, const RunOptions &options, const Stage &stage, int64_t run_id,
                    const ContentHashes &hashes) {
  in_transaction([&] {
    as_extension_owner([&] {
      write_objects(stage, std::to_string(run_id));
      write_filled_views(stage, std::to_string(run_id));
      write_types(plan, options, stage, std::to_string(run_id));
      write_content(stage, std::to_string(run_id), hashes);
    });
  });
}

void forget_replaced_copies() {
  in_transaction([&] {
    as_extension_owner([&] {
      for (const char *table : {"managed_object", "managed_content", "member_row"})
        execute(
            std::string("DELETE FROM pagila_repl.") + table +
            " m WHERE NOT EXISTS (SELECT FROM pagila_repl.copy c WHERE c.run_id = m.run_id)"
            "     AND NOT EXISTS (SELECT FROM pagila_repl.run r WHERE r.run_id = m.run_id AND r.status = 'running')");
    });
  });
}

}  // namespace pagila_repl
