// Publishing by rename.
//
// A rename alone would let one statement resolve one name before it and another after it. Holding all old relations
// exclusively at the commit shuts that out: a statement that has resolved one of them makes us wait, and one that waits for one of
// them resolves its name again once we have committed. Rows of the new copy are frozen, so transactions with older snapshots
// see them too.
//
// Until then nobody sees what we do, so all but the commit is done before: the old relations are first held still against all but
// readers, then looked at and renamed, and readers are shut out last.
//
// Definitions that no lock protects (of functions, types, privileges, comments) are looked at in between: whatever somebody
// else has begun to change by the moment before the commit, committed or not, undoes the try.

#include "target/publish.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/counted.hpp"
#include "pg/fault.hpp"
#include "pg/function_guard.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/concurrent_changes.hpp"
#include "target/database_objects.hpp"
#include "target/decoding.hpp"
#include "target/disk_reserve.hpp"
#include "target/extension_parts.hpp"
#include "target/key_triggers.hpp"
#include "target/large_objects.hpp"
#include "target/lock_tries.hpp"
#include "target/manifest.hpp"
#include "target/outward_keys.hpp"
#include "target/outward_rows.hpp"
#include "target/permitted.hpp"
#include "target/staged_rows.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace pagila_repl {

namespace {

std::vector<StagedSchema> replaced_schemas(const Stage &stage) {
  std::vector<StagedSchema> schemas = stage.schemas;
  schemas.insert(schemas.end(), stage.vanished.begin(), stage.vanished.end());
  return schemas;
}

}  // namespace

void check_same_schemas(const Stage &stage) {
  for (const StagedSchema &schema : replaced_schemas(stage)) {
    Value now = query_value("SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1", {schema.name});
    Oid oid = now ? static_cast<Oid>(std::stoul(*now)) : InvalidOid;
    if (oid != schema.live_oid)
      throw Error("55000", "schema \"" + schema.name + "\" was created, dropped or replaced during the run", {},
                  "Run it again.");
    if (oid != InvalidOid && schema_properties(oid) != schema.live_properties)
      throw Error("55000",
                  "the owner, privileges, default privileges, comment or security label of schema \"" + schema.name +
                      "\" was changed during the run",
                  {}, "Run it again.");
  }
  check_stage_is_there(stage);
}

namespace {

std::vector<std::string> names_of(const Stage &stage) {
  std::vector<std::string> names;
  for (const auto *replaced : {&stage.schemas, &stage.vanished})
    for (const StagedSchema &schema : *replaced) names.push_back(schema.name);
  return names;
}

// What the target was like just before the locks, so that little is left to look at while readers wait for them.
struct LastLook {
  Snapshot moment;  // before it
  Drift drift;
  DatabaseObjectStates objects;                                 // of the database
  std::map<std::string, std::vector<std::string>> definitions;  // by schema
  DatabaseParts dropped;  // by publishing: casts and transforms that came with the copies or were made by hand
};

DatabaseParts parts_to_drop(const Stage &stage, const Drift &drift) {
  DatabaseParts dropped = parts_of_copies(stage.live_oids(), stage.carried);
  std::set<Oid> oids;
  for (const Drift::Address &address : drift.unmanaged_casts) oids.insert(static_cast<Oid>(std::stoul(address.objid)));
  for (const DatabasePart &part : dropped) oids.erase(part.oid);
  DatabaseParts by_hand = parts_by_oid(oids);
  dropped.insert(dropped.end(), by_hand.begin(), by_hand.end());
  return dropped;
}

void leave_out(std::vector<std::string> &definitions, Oid catalog, Oid oid) {
  std::string head = std::to_string(catalog) + " " + std::to_string(oid) + " ";
  definitions.erase(std::remove_if(definitions.begin(), definitions.end(),
                                   [&](const std::string &text) { return text.compare(0, head.size(), head) == 0; }),
                    definitions.end());
}

// Less the types that move to the new copy, and what is dropped when that is published.
std::map<std::string, std::vector<std::string>> definitions_to_replace(const Stage &stage,
                                                                       const DatabaseParts &dropped) {
  std::map<std::string, std::vector<std::string>> definitions = definitions_by_schema(stage.live_oids());
  for (const CarriedType &type : stage.carried) leave_out(definitions[type.schema], TypeRelationId, type.oid);
  for (const DatabasePart &part : dropped) leave_out(definitions[""], catalog_of(part), part.oid);
  return definitions;
}

LastLook look(const Stage &stage, const RunOptions &options) {
  LastLook look;
  look.moment = remember_moment();
  if (stage.database_objects) hold_database_objects(*stage.database_objects);
  look.drift = find_drift(names_of(stage), stage.carried);
  if (stage.database_objects) {
    look.objects = database_objects_here();
    find_database_object_drift(*stage.database_objects, look.drift);
  }
  check_drift(look.drift, options);
  look.dropped = parts_to_drop(stage, look.drift);
  look.definitions = definitions_to_replace(stage, look.dropped);
  return look;
}

// The schemas as they are held still, for the look just before the commit.
struct HeldStill {
  Snapshot moment;  // before they were looked at
  std::string moment_text;
  uint64_t wal_position;
  ObjectSet inside;  // of what is replaced, and of the stage
};

std::vector<std::string> both_copies(const Stage &stage) {
  std::vector<std::string> oids = stage.live_oids(), staged = stage.stage_oids();
  oids.insert(oids.end(), staged.begin(), staged.end());
  return oids;
}

// Holds the schemas still and sees that all is as it was at the last look. If it is not, a new try looks again.
HeldStill hold_still(const LastLook &last, const Stage &stage, RelationLocks &locks) {
  locks.hold_still(stage.live_oids());
  HeldStill held;
  held.moment = remember_moment();
  held.moment_text = text_of(held.moment);
  held.inside = objects_inside(both_copies(stage));
  held.wal_position = wal_position();
  check_same_schemas(stage);
  check_no_changes_since(last.moment, held.inside);
  check_content_since(names_of(stage), last.drift);
  for (const StagedSchema &schema : stage.vanished) check_removable(schema);
  return held;
}

// The statement knows the object by name, and another may have taken that since the object was found.
void drop_dependent(const Drift &drift, size_t i) {
  execute(drift.drops[i]);
  const Drift::Address &object = drift.addresses[i];
  if (!query_value("SELECT pg_catalog.pg_describe_object($1::oid, $2::oid, $3::integer)",
                   {object.classid, object.objid, object.objsubid}))
    return;
  throw Error("55000", drift.dependents[i] + " was renamed or replaced during the run", {}, "Run it again.");
}

// Returns remarks on what is lost because the options allow it.
std::string drop_what_is_allowed(const Drift &drift, const RunOptions &options) {
  check_drift(drift, options);
  for (size_t i = 0; i < drift.drops.size(); i++) drop_dependent(drift, i);
  std::string remarks;
  for (const std::string &lost : drift.modified) remarks += "; overwritten: " + lost;
  for (const std::string &lost : drift.unmanaged) remarks += "; dropped: " + lost;
  for (const std::string &lost : drift.dependents) remarks += "; dropped: " + lost;
  return remarks;
}

void swap_names(const Stage &stage) {
  for (const StagedSchema &schema : stage.schemas) {
    if (schema.live_oid != InvalidOid)
      execute("ALTER SCHEMA " + quote(schema.name) + " RENAME TO " + quote(schema.old));
    execute("ALTER SCHEMA " + quote(schema.stage) + " RENAME TO " + quote(schema.name));
    give_rights(schema.stage_oid, schema.rights);
    if (schema.live_oid == InvalidOid) continue;
    move_extension_parts(extension_parts_in(schema.live_oid), schema.live_oid, schema.stage_oid);
    move_types(stage.carried, schema.name, schema.live_oid, schema.stage_oid);
  }
  for (const StagedSchema &schema : stage.vanished)
    execute("ALTER SCHEMA " + quote(schema.name) + " RENAME TO " + quote(schema.old));
}

std::string grant_in_subtransaction(const ShapeStatement &statement) {
  std::string why;
  in_subtransaction([&] { why = make_grant(statement); });
  return why;
}

// About objects of extensions that have stayed.
std::string run_later_statements(const Stage &stage) {
  std::map<std::string, int> skipped;
  for (const auto &[statement, search_path] : stage.later) {
    std::string why;
    set_local("search_path", search_path);
    try {
      if (statement.what.kind == Statement::Kind::grant)
        why = grant_in_subtransaction(statement);
      else if (!run_if_permitted(statement.text))
        why = "{comment|comments} on extensions skipped, the caller may not set {it|them}";
    } catch (const Error &error) {
      // Such as a column that the table of this version lacks.
      if (error.sqlstate.compare(0, 2, "42") != 0) throw;
      why = "{statement|statements} about what the extensions here do not have left out";
    }
    if (!why.empty()) skipped[why]++;
  }
  set_local("search_path", "pg_catalog, pg_temp");
  std::string remarks;
  for (const auto &[what, times] : skipped) remarks += "; " + counted(static_cast<uint64_t>(times), what);
  return remarks;
}

// The statements above know schemas by name; what they have renamed is known by OID.
void check_swapped(const Stage &stage) {
  auto check = [](Oid oid, const std::string &name) {
    if (oid == InvalidOid ||
        query_value("SELECT nspname FROM pg_catalog.pg_namespace WHERE oid = $1::oid", {std::to_string(oid)}) == name)
      return;
    throw Error("55000", "schema \"" + name + "\" was replaced by another one while the copy was published", {},
                "Run it again.");
  };
  for (const StagedSchema &schema : stage.schemas) check(schema.stage_oid, schema.name);
  for (const StagedSchema &schema : replaced_schemas(stage)) check(schema.live_oid, schema.old);
}

// What is replaced is recorded with what it holds: whatever comes into it later, or is changed in it, by a session that had found it
// by its name before, is not dropped with it.
void record_replaced(const StagedSchema &schema, const LastLook &seen, const std::string &moment,
                     const std::string &run) {
  // What is in no schema goes with all of them.
  std::vector<std::string> states = content_states(schema.live_oid, seen.drift);
  states.push_back(properties_state(schema.live_oid, schema.live_properties));
  for (const std::string &name : {schema.name, std::string()})
    if (auto found = seen.definitions.find(name); found != seen.definitions.end())
      states.insert(states.end(), found->second.begin(), found->second.end());
  execute(
      R"(INSERT INTO pagila_repl.leftover (schema_oid, schema_name, run_id, definitions, moment)
         VALUES ($1::oid, $2, $3::bigint, $4::text[], $5::pg_catalog.pg_snapshot))",
      {std::to_string(schema.live_oid), schema.old, run, array_literal(states), moment});
}

void record_swap(const Stage &stage, const LastLook &seen, const std::string &moment, int64_t run_id) {
  std::string run = std::to_string(run_id);
  as_extension_owner([&] {
    for (const StagedSchema &schema : stage.schemas) {
      execute("DELETE FROM pagila_repl.leftover WHERE schema_oid = $1::oid", {std::to_string(schema.stage_oid)});
      if (schema.live_oid != InvalidOid) record_replaced(schema, seen, moment, run);
      execute(
          R"(INSERT INTO pagila_repl.copy (schema_name, run_id) VALUES ($1, $2::bigint)
             ON CONFLICT (schema_name) DO UPDATE SET run_id = excluded.run_id)",
          {schema.name, run});
    }
    for (const StagedSchema &schema : stage.vanished) {
      record_replaced(schema, seen, moment, run);
      execute("DELETE FROM pagila_repl.copy WHERE schema_name = $1", {schema.name});
    }
  });
}

constexpr size_t kFewLargeObjects = 5000;

// Whose changes may be in the way.
std::vector<std::string> relations_elsewhere(const Stage &stage) {
  std::vector<std::string> oids = tables_referred_to(stage);
  auto add = [&](const std::vector<std::string> &catalogs) {
    oids.insert(oids.end(), catalogs.begin(), catalogs.end());
  };
  if (stage.database_objects) add(catalogs_of_database_objects());
  if (stage.large_objects) add(catalogs_of_large_objects());
  return oids;
}

void try_to_publish(const Stage &stage, const RunOptions &options, const std::string &message, OutwardRows &rows,
                    RelationLocks &locks, RunRecord &record,
                    const std::vector<WrittenLargeObjects::Replaced> &large_objects) {
  check_same_schemas(stage);
  check_no_schema_of_extension(names_of(stage));
  check_shown_to_decoding(stage.stage_oids());
  LastLook seen = look(stage, options);
  check_nothing_is_missing(stage);
  check_parts_are_there(stage);
  rows.hold();
  check_staged_rows(stage);
  hold_definitions_referred_to(stage.live_oids());
  std::string members = merge_member_rows(stage.members, record.id());
  HeldStill held = hold_still(seen, stage, locks);
  record_swap(stage, seen, held.moment_text, record.id());
  // Under the names that it was found by.
  std::string lost = drop_what_is_allowed(seen.drift, options);
  take_away(seen.dropped);
  std::vector<std::string> keys = outward_keys(stage);
  switch_on(triggers_elsewhere(keys));
  swap_names(stage);
  DatabaseParts parts = stage.database_parts;
  put_in_place(parts);
  as_extension_owner([&] { record_parts(parts, std::to_string(record.id())); });
  members += run_later_statements(stage);
  if (stage.database_objects)
    members += make_database_objects(*stage.database_objects, seen.objects, options, record.id());
  // What is replaced has no say any more in what becomes of rows elsewhere.
  switch_off_keys_out_of(stage.live_oids());
  check_swapped(stage);
  // Many take longer than readers should wait.
  if (large_objects.size() > kFewLargeObjects) check_large_objects_since(large_objects);
  flush_own_wal();
  PR_FAULT("held_still");
  locks.shut_out_readers();
  record.succeeded(message + members + lost);
  PR_FAULT("publish");
  check_keys_are_on(keys);
  check_no_changes_since(held.moment, held.inside, held.wal_position);
  if (large_objects.size() <= kFewLargeObjects) check_large_objects_since(large_objects);
  advance_member_sequences(stage.members);
}

}  // namespace

void publish(const Stage &stage, const RunOptions &options, const std::string &message, RunRecord &record) {
  check_disk_reserve();
  // A try that fails undoes a subtransaction: aborting the transaction would release the locks of the run.
  in_durable_transaction([&] {
    OutwardRows rows(stage);
    LockTries tries{options.swap_budget_ms, stage.live_oids(), relations_elsewhere(stage)};
    // Before the others, since it may take long.
    WrittenLargeObjects large;
    if (stage.large_objects)
      in_lock_tries(tries,
                    [&](RelationLocks &) { large = write_large_objects(*stage.large_objects, options, record.id()); });
    in_lock_tries(tries, [&](RelationLocks &) { rows.compare(); });
    PR_FAULT("compared");
    in_lock_tries(tries, [&](RelationLocks &locks) {
      try_to_publish(stage, options, message + large.remarks, rows, locks, record, large.replaced);
    });
    rows.end();
  });
  // They are reached by everyone now.
  trust_functions_in({});
  PR_FAULT("published");
}

}  // namespace pagila_repl
