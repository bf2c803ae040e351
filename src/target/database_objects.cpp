// Compares and makes objects of the database.
//
// A publication is dropped and made again, since all its tables are new, and so is an event trigger, whose function is. A setting is
// written only where its value changes.

#include "target/database_objects.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "core/counted.hpp"
#include "pg/boundary.hpp"
#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/concurrent_changes.hpp"
#include "target/database_object_state.hpp"
#include "target/permitted.hpp"
#include "target/skipped_objects.hpp"

extern "C" {
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_shdescription.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/cmdtag.h"
}

namespace pagila_repl {

namespace {

using Kind = DatabaseObjectCall::Kind;

// Every managed or wanted one that is here.
std::set<DatabaseObjectKey> concerned(const DatabaseObjectWork &work, const DatabaseObjectStates &managed) {
  std::set<DatabaseObjectKey> keys;
  for (const auto &[key, object] : work.wanted) keys.insert(key);
  for (const auto &[key, definition] : managed) keys.insert(key);
  return keys;
}

std::string names_among(const std::set<DatabaseObjectKey> &keys, Kind kind) {
  std::vector<std::string> names;
  for (const DatabaseObjectKey &key : keys)
    if (key.kind == kind) names.push_back(key.name);
  return array_literal(names);
}

// Of those that are here.
std::vector<std::string> oids_among(const std::set<DatabaseObjectKey> &keys, Kind kind) {
  const char *sql = kind == Kind::publication
                        ? "SELECT oid FROM pg_catalog.pg_publication WHERE pubname = ANY ($1::name[])"
                        : "SELECT oid FROM pg_catalog.pg_event_trigger WHERE evtname = ANY ($1::name[])";
  std::vector<std::string> oids;
  for (const Row &row : query(sql, {names_among(keys, kind)})) oids.push_back(*row[0]);
  return oids;
}

const std::string *find(const DatabaseObjectStates &states, const DatabaseObjectKey &key) {
  auto found = states.find(key);
  return found == states.end() ? nullptr : &found->second;
}

// The values that settings get, one after the other, since each may be refused.
void try_settings(DatabaseObjectWork &work, std::vector<Error> &errors) {
  Subtransaction outer = begin_subtransaction();
  for (const auto &[key, object] : work.wanted) {
    if (!is_value(key.kind)) continue;
    try {
      in_subtransaction([&, &parts = object.parts] {
        for (const PlannedDatabaseObject::Part &part : parts) execute_restricted(part.statement.text);
      });
    } catch (const Error &error) {
      // The first setting of the role, or comment, and others are making one, too.
      bool is_made_by_others = error.sqlstate == "23505";
      if (!is_of_object(error) || is_made_by_others) {
        roll_back_subtransaction(outer);
        if (is_made_by_others) throw Error("55P03", "another session has just changed " + described(key));
        throw;
      }
      Error refused(error.sqlstate, described(key) + " cannot be set here: " + error.message, error.detail,
                    error.sqlstate == "42501"
                        ? "Run as the owner of the database, or as a superuser, or leave settings out "
                          "of database_objects."
                        : "Leave settings out of database_objects.");
      errors.push_back(refused);
    }
  }
  DatabaseObjectStates here = database_objects_here();
  roll_back_subtransaction(outer);
  for (const auto &[key, object] : work.wanted)
    if (const std::string *value = find(here, key); value != nullptr && is_value(key.kind)) work.values[key] = *value;
}

void look_at_rights(const DatabaseObjectWork &work, std::vector<Error> &errors) {
  bool is_superuser = guarded([] { return superuser(); });
  if (is_superuser) return;
  DatabaseObjectStates managed = managed_database_objects(work), here = database_objects_here();
  for (const auto &[key, object] : work.wanted) {
    if (!object.needs_superuser) continue;
    if (key.kind == Kind::event_trigger)
      errors.emplace_back("42501", described(key) + " cannot be made here, since only a superuser can make one", "",
                          "Run as a superuser, or leave event_triggers out of database_objects.");
    else
      errors.emplace_back(
          "42501", described(key) + " is of all tables, or of all of a schema, which only a superuser can publish", "",
          "Run as a superuser, or leave publications out of database_objects.");
  }
  for (const Row &row : query(R"(SELECT pubname FROM pg_catalog.pg_publication
                                  WHERE pubname = ANY ($1::name[]) AND NOT pg_catalog.pg_has_role(pubowner, 'USAGE'))",
                              {names_among(concerned(work, managed), Kind::publication)}))
    errors.emplace_back("42501", "the role does not own publication \"" + *row[0] + "\", which is to be replaced", "",
                        "Run as a role that owns the publication, or leave publications out of database_objects.");
  for (const auto &[key, definition] : managed)
    if (key.kind == Kind::event_trigger && work.wanted.count(key) == 0 && here.count(key) > 0)
      errors.emplace_back("42501", "the role may not remove " + described(key) + ", which only its owner can", "",
                          "Run as a superuser, or leave event_triggers out of database_objects.");
  bool is_owner = query_value(
                      "SELECT pg_catalog.pg_has_role(datdba, 'USAGE') FROM pg_catalog.pg_database"
                      " WHERE datname = pg_catalog.current_database()") == "t";
  for (const auto &[key, definition] : managed)
    if (is_value(key.kind) && work.wanted.count(key) == 0 && here.count(key) > 0 && key.role == 0 && !is_owner)
      errors.emplace_back("42501", "the role may not take back " + described(key), "",
                          "Run as the owner of the database, or leave settings out of database_objects.");
}

// Servers know the tags of their own commands only.
void look_at_events(const DatabaseObjectWork &work, std::vector<Error> &errors) {
  static const std::set<std::string> kEvents{"ddl_command_start", "ddl_command_end", "sql_drop", "table_rewrite"};
  for (const auto &[key, object] : work.wanted) {
    if (key.kind != Kind::event_trigger) continue;
    const DatabaseObjectCall &call = object.parts.front().statement.what.database_object;
    std::string unknown = kEvents.count(call.event) > 0 ? "" : "event \"" + call.event + "\"";
    for (const std::string &tag : call.tags) {
      const char *name = tag.c_str();
      bool is_known = guarded([name] { return GetCommandTagEnum(name) != CMDTAG_UNKNOWN; });
      if (!is_known && unknown.empty()) unknown = "command \"" + tag + "\"";
    }
    if (!unknown.empty())
      errors.emplace_back("0A000", described(key) + " is for the " + unknown + ", which this server does not know", "",
                          "Leave event_triggers out of database_objects.");
  }
}

Error calls_function_of_other(const DatabaseObjectKey &key, const std::string &function, const std::string &owner) {
  return Error("42501",
               described(key) + " calls function " + function + " of role \"" + owner + "\", which is no superuser",
               "Superusers would call it whenever they define something, and its owner could replace it.",
               "Give the function to a superuser, give the run owners => 'skip' or on_object_error => 'skip', or leave "
               "event_triggers out of database_objects.");
}

// Of a staged schema, or of an extension that stays in the live one.
std::optional<Error> refused_function(const DatabaseObjectKey &key, const StagedSchema &schema,
                                      const std::string &function) {
  std::vector<Row> found = query(
      R"(SELECT r.rolname, r.rolsuper FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_roles r ON r.oid = p.proowner
          WHERE p.proname = $1::name AND p.pronargs = 0
            AND (p.pronamespace = $2::oid OR p.pronamespace = $3::oid AND EXISTS (
                   SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = p.tableoid AND d.objid = p.oid AND d.deptype = 'e')))",
      {function, std::to_string(schema.stage_oid), std::to_string(schema.live_oid)});
  std::string name = quote(schema.name, function) + "()";
  if (found.empty())
    return Error("42883", described(key) + " calls function " + name + ", which the copy does not have", {},
                 "Give the run on_object_error => 'skip', or leave event_triggers out of database_objects.");
  if (found[0][1] == "f") return calls_function_of_other(key, name, *found[0][0]);
  return std::nullopt;
}

void set_owner(const PlannedDatabaseObject::Part &part, const RunOptions &options,
               std::map<std::string, int> &skipped) {
  const std::vector<std::string> &roles = part.statement.what.roles;
  bool of_publication = part.statement.what.database_object.kind == Kind::publication;
  std::string of = of_publication ? "publications" : "event triggers";
  if (!options.keep_owners)
    skipped["{owner|owners} of " + of + " skipped as asked"]++;
  else if (!roles.empty() && !role_exists(roles[0]))
    skipped["{owner|owners} of " + of + " skipped, {its role does|their roles do} not exist"]++;
  else if ((!roles.empty() && !is_own_role(roles[0])) || !run_if_permitted(part.statement.text))
    skipped["{owner|owners} of " + of + " skipped, the caller may not set {it|them}"]++;
}

// A superuser's event trigger calls its function as whoever defines something, so whoever could replace the function would gain
// that role's rights. And a function elsewhere is no part of the copy.
void check_function_of(const DatabaseObjectKey &key, const std::vector<std::string> &schemas) {
  for (const Row &row : query(
           R"(SELECT p.oid::pg_catalog.regprocedure, r.rolname, r.rolsuper,
                     n.nspname = ANY ($2::name[]) OR EXISTS (
                       SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = p.tableoid AND d.objid = p.oid AND d.deptype = 'e')
                FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
                     JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_roles r ON r.oid = p.proowner
               WHERE e.evtname = $1::name)",
           {key.name, array_literal(schemas)})) {
    if (row[2] == "f") throw calls_function_of_other(key, *row[0], *row[1]);
    if (row[3] == "f")
      throw Error("2BP01", described(key) + " calls function " + *row[0] + ", which is no part of the copy", {},
                  "Take it out of the file, or leave event_triggers out of database_objects.");
  }
}

// Whoever makes one of that name at the same time may be faster.
void create(const DatabaseObjectKey &key, const std::string &statement) {
  try {
    execute_restricted(statement);
  } catch (const Error &error) {
    if (error.sqlstate != "42710" && error.sqlstate != "23505") throw;
    throw Error("55P03", "another session has just made " + described(key));
  }
}

void make(const DatabaseObjectKey &key, const PlannedDatabaseObject &object, const RunOptions &options,
          std::map<std::string, int> &skipped) {
  using Part = DatabaseObjectCall::Part;
  for (const PlannedDatabaseObject::Part &part : object.parts) {
    set_local("search_path", part.search_path);
    if (part.statement.what.database_object.part == Part::owner)
      set_owner(part, options, skipped);
    else if (part.statement.what.database_object.part == Part::create)
      create(key, part.statement.text);
    else
      execute_restricted(part.statement.text);
  }
  set_local("search_path", "pg_catalog, pg_temp");
}

void take_away(const DatabaseObjectKey &key) {
  if (key.kind == Kind::publication)
    execute("DROP PUBLICATION " + quote(key.name) + " RESTRICT");
  else if (key.kind == Kind::event_trigger)
    execute("DROP EVENT TRIGGER " + quote(key.name) + " RESTRICT");
  else if (key.kind == Kind::setting)
    execute(alter_settings_of(key) + " RESET " + quote(key.name));
  else
    execute("COMMENT ON DATABASE " + quote(query_value("SELECT pg_catalog.current_database()").value_or("")) +
            " IS NULL");
}

}  // namespace

DatabaseObjectWork plan_database_objects(const std::vector<PlannedDatabaseObject> &objects,
                                         const DatabaseObjectKinds &kinds, const std::vector<std::string> &schemas,
                                         std::vector<Error> &errors) {
  DatabaseObjectWork work;
  work.schemas = schemas;
  work.kinds = kinds;
  size_t without_role = 0;
  for (const PlannedDatabaseObject &object : objects) {
    DatabaseObjectKey key{object.kind, object.name, 0};
    if (!object.role.empty()) {
      key.role = to_oid(query_value("SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1", {object.role}));
      if (key.role == 0 && ++without_role > 0) continue;
    }
    work.wanted[key] = object;
  }
  if (without_role > 0)
    work.remarks.push_back(
        counted(without_role, "{setting|settings} left out, {its role does|their roles do} not exist"));
  try_settings(work, errors);
  look_at_events(work, errors);
  look_at_rights(work, errors);
  return work;
}

void find_database_object_drift(const DatabaseObjectWork &work, Drift &drift) {
  DatabaseObjectStates managed = managed_database_objects(work), here = database_objects_here();
  for (const auto &[key, definition] : managed) {
    const std::string *now = find(here, key), *value = find(work.values, key);
    if (now != nullptr && (*now == definition || (value != nullptr && *now == *value))) continue;
    // What is gone and no longer wanted is as it is to be.
    if (now == nullptr && work.wanted.count(key) == 0) continue;
    drift.modified.push_back(described(key) + (now == nullptr ? " was removed" : " was changed"));
  }
  for (const auto &[key, object] : work.wanted) {
    const std::string *now = find(here, key), *value = find(work.values, key);
    if (now == nullptr || managed.count(key) > 0) continue;
    if (!is_value(key.kind) || value == nullptr || *now != *value) drift.unmanaged.push_back(described(key));
  }
  leave_out_own_dependents(work, drift);
}

// What goes with a publication or event trigger that the run drops.
void leave_out_own_dependents(const DatabaseObjectWork &work, Drift &drift) {
  if (drift.dependents.empty()) return;
  std::set<DatabaseObjectKey> keys = concerned(work, managed_database_objects(work));
  std::set<std::pair<std::string, std::string>> own;
  for (const Row &row : query(
           R"(SELECT tableoid, oid FROM pg_catalog.pg_publication_rel WHERE prpubid = ANY ($1::oid[])
              UNION ALL
              SELECT tableoid, oid FROM pg_catalog.pg_publication_namespace WHERE pnpubid = ANY ($1::oid[])
              UNION ALL
              SELECT tableoid, oid FROM pg_catalog.pg_event_trigger WHERE oid = ANY ($2::oid[]))",
           {array_literal(oids_among(keys, Kind::publication)), array_literal(oids_among(keys, Kind::event_trigger))}))
    own.insert({*row[0], *row[1]});
  Drift rest;
  for (size_t i = 0; i < drift.dependents.size(); i++) {
    if (own.count({drift.addresses[i].classid, drift.addresses[i].objid}) > 0) continue;
    rest.dependents.push_back(drift.dependents[i]);
    rest.drops.push_back(drift.drops[i]);
    rest.addresses.push_back(drift.addresses[i]);
  }
  drift.dependents = std::move(rest.dependents);
  drift.drops = std::move(rest.drops);
  drift.addresses = std::move(rest.addresses);
}

void check_event_trigger_functions(Stage &stage) {
  if (!stage.database_objects) return;
  auto &wanted = stage.database_objects->wanted;
  for (auto at = wanted.begin(); at != wanted.end();) {
    auto object = at++;
    std::optional<Error> error;
    if (object->first.kind == Kind::event_trigger)
      for (const StagedSchema &schema : stage.schemas) {
        const Statement &what = object->second.parts.front().statement.what;
        if (schema.name == what.schema) error = refused_function(object->first, schema, what.name);
      }
    if (!error) continue;
    if (!stage.skips_objects) throw *error;
    stage.skipped.push_back({"event trigger", "", object->first.name, *error});
    wanted.erase(object);
  }
}

static std::vector<std::string> roles_with_settings(const std::set<DatabaseObjectKey> &keys) {
  std::vector<std::string> roles;
  for (const DatabaseObjectKey &key : keys)
    if (key.kind == Kind::setting) roles.push_back(std::to_string(key.role));
  return roles;
}

// Some statements lock the object, some only change its row.
void hold_database_objects(const DatabaseObjectWork &work) {
  std::set<DatabaseObjectKey> keys = concerned(work, managed_database_objects(work));
  auto hold = [&](Kind kind, Oid catalog, const char *lock_row) {
    for (const std::string &oid : oids_among(keys, kind)) {
      Oid object = static_cast<Oid>(std::stoul(oid));
      guarded([catalog, object] { LockDatabaseObject(catalog, object, 0, AccessExclusiveLock); });
      as_extension_owner([&] { query(lock_row, {oid}); });
    }
  };
  hold(Kind::publication, PublicationRelationId,
       "SELECT 1 FROM pg_catalog.pg_publication WHERE oid = $1::oid FOR UPDATE");
  hold(Kind::event_trigger, EventTriggerRelationId,
       "SELECT 1 FROM pg_catalog.pg_event_trigger WHERE oid = $1::oid FOR UPDATE");
  if (!work.kinds.settings) return;
  std::vector<std::string> roles = roles_with_settings(keys);
  as_extension_owner([&] {
    query(R"(SELECT 1 FROM pg_catalog.pg_db_role_setting
              WHERE setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
                AND setrole = ANY ($1::oid[]) FOR UPDATE)",
          {array_literal(roles)});
    query(R"(SELECT 1 FROM pg_catalog.pg_shdescription
              WHERE objoid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
                AND classoid = 'pg_catalog.pg_database'::pg_catalog.regclass FOR UPDATE)");
  });
}

// What nobody can hold, since it is not there, may have been made meanwhile.
static void check_as_seen(const std::set<DatabaseObjectKey> &keys, const DatabaseObjectStates &seen,
                          const DatabaseObjectStates &here) {
  for (const DatabaseObjectKey &key : keys) {
    const std::string *before = find(seen, key), *now = find(here, key);
    if ((before == nullptr) != (now == nullptr) || (now != nullptr && *now != *before))
      throw Error("55P03", "another session has just changed " + described(key));
  }
}

// A setting that was the first of a role, or the first comment, is written over by the statement that sets another.
static void check_values_since(const std::set<DatabaseObjectKey> &keys, Snapshot settings, Snapshot comments) {
  std::set<std::vector<Oid>> of_roles;
  for (const DatabaseObjectKey &key : keys)
    if (key.kind == Kind::setting) of_roles.insert({MyDatabaseId, key.role});
  if (is_row_changed_since(settings, DbRoleSettingRelationId,
                           {Anum_pg_db_role_setting_setdatabase, Anum_pg_db_role_setting_setrole}, of_roles))
    throw Error("55P03", "another session is changing a setting of the database");
  bool is_commented = keys.count({Kind::comment, "", 0}) > 0;
  if (is_row_changed_since(comments, SharedDescriptionRelationId,
                           {Anum_pg_shdescription_objoid, Anum_pg_shdescription_classoid},
                           {{MyDatabaseId, DatabaseRelationId}}) &&
      is_commented)
    throw Error("55P03", "another session is changing the comment on the database");
}

std::vector<std::string> catalogs_of_database_objects() {
  std::vector<std::string> oids;
  for (Oid catalog :
       {PublicationRelationId, EventTriggerRelationId, DbRoleSettingRelationId, SharedDescriptionRelationId})
    oids.push_back(std::to_string(catalog));
  return oids;
}

std::string make_database_objects(const DatabaseObjectWork &work, const DatabaseObjectStates &seen,
                                  const RunOptions &options, int64_t run_id) {
  Snapshot settings = remember_moment(), comments = remember_moment();
  hold_database_objects(work);
  DatabaseObjectStates managed = managed_database_objects(work), here = database_objects_here();
  check_as_seen(concerned(work, managed), seen, here);
  std::map<std::string, int> skipped;
  std::set<DatabaseObjectKey> made;
  size_t written = 0, removed = 0;
  for (const auto &[key, definition] : managed)
    if (here.count(key) > 0 && work.wanted.count(key) == 0) {
      take_away(key);
      removed++;
    }
  for (const auto &[key, object] : work.wanted) {
    const std::string *now = find(here, key), *value = find(work.values, key);
    // One that others have set to the same value is not the run's.
    if (now != nullptr && value != nullptr && *now == *value) {
      if (managed.count(key) > 0) made.insert(key);
      continue;
    }
    if (now != nullptr && !is_value(key.kind)) take_away(key);
    make(key, object, options, skipped);
    if (key.kind == Kind::event_trigger) check_function_of(key, work.schemas);
    made.insert(key);
    written++;
    PR_FAULT("database_object");
  }
  check_values_since(concerned(work, managed), settings, comments);
  record_database_objects(work, made, run_id);
  std::string remarks;
  if (!work.wanted.empty())
    remarks += "; " + counted(work.wanted.size(), "{object|objects} of the database") + ", " + std::to_string(written) +
               " written";
  if (removed > 0) remarks += "; " + counted(removed, "{object|objects} of the database removed");
  for (const std::string &remark : work.remarks) remarks += "; " + remark;
  for (const auto &[what, times] : skipped) remarks += "; " + counted(static_cast<uint64_t>(times), what);
  return remarks;
}

}  // namespace pagila_repl
