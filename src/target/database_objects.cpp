// Compares and makes objects of the database.
//
// A publication is dropped and made again, since all its tables are new. A setting is written only where its value changes.

#include "target/database_objects.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/counted.hpp"
#include "pg/boundary.hpp"
#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/database_object_state.hpp"
#include "target/permitted.hpp"

extern "C" {
#include "catalog/pg_publication.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
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

std::vector<std::string> publications_among(const std::set<DatabaseObjectKey> &keys) {
  std::vector<std::string> names;
  for (const DatabaseObjectKey &key : keys)
    if (key.kind == Kind::publication) names.push_back(key.name);
  return names;
}

std::vector<std::string> oids_of_publications(const std::vector<std::string> &names) {
  std::vector<std::string> oids;
  for (const Row &row :
       query("SELECT oid FROM pg_catalog.pg_publication WHERE pubname = ANY ($1::name[])", {array_literal(names)}))
    oids.push_back(*row[0]);
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
    if (key.kind == Kind::publication) continue;
    try {
      in_subtransaction([&, &parts = object.parts] {
        for (const PlannedDatabaseObject::Part &part : parts) execute_restricted(part.statement.text);
      });
    } catch (const Error &error) {
      if (error.sqlstate == "57014" || error.sqlstate.compare(0, 2, "53") == 0) {
        roll_back_subtransaction(outer);
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
    if (const std::string *value = find(here, key); value != nullptr && key.kind != Kind::publication)
      work.values[key] = *value;
}

void look_at_rights(const DatabaseObjectWork &work, std::vector<Error> &errors) {
  bool is_superuser = guarded([] { return superuser(); });
  if (is_superuser) return;
  DatabaseObjectStates managed = managed_database_objects(work), here = database_objects_here();
  for (const auto &[key, object] : work.wanted)
    if (object.needs_superuser)
      errors.emplace_back(
          "42501", described(key) + " is of all tables, or of all of a schema, which only a superuser can publish", "",
          "Run as a superuser, or leave publications out of database_objects.");
  for (const Row &row : query(R"(SELECT pubname FROM pg_catalog.pg_publication
                                  WHERE pubname = ANY ($1::name[]) AND NOT pg_catalog.pg_has_role(pubowner, 'USAGE'))",
                              {array_literal(publications_among(concerned(work, managed)))}))
    errors.emplace_back("42501", "the role does not own publication \"" + *row[0] + "\", which is to be replaced", "",
                        "Run as a role that owns the publication, or leave publications out of database_objects.");
  bool is_owner = query_value(
                      "SELECT pg_catalog.pg_has_role(datdba, 'USAGE') FROM pg_catalog.pg_database"
                      " WHERE datname = pg_catalog.current_database()") == "t";
  for (const auto &[key, definition] : managed)
    if (key.kind != Kind::publication && work.wanted.count(key) == 0 && here.count(key) > 0 && key.role == 0 &&
        !is_owner)
      errors.emplace_back("42501", "the role may not take back " + described(key), "",
                          "Run as the owner of the database, or leave settings out of database_objects.");
}

// A dependent that goes with a publication which the run drops.
void leave_out_own_dependents(const std::vector<std::string> &publications, Drift &drift) {
  if (drift.dependents.empty() || publications.empty()) return;
  std::set<std::pair<std::string, std::string>> own;
  for (const Row &row : query(
           R"(SELECT tableoid, oid FROM pg_catalog.pg_publication_rel WHERE prpubid = ANY ($1::oid[])
              UNION ALL
              SELECT tableoid, oid FROM pg_catalog.pg_publication_namespace WHERE pnpubid = ANY ($1::oid[]))",
           {array_literal(oids_of_publications(publications))}))
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

void set_owner(const PlannedDatabaseObject::Part &part, const RunOptions &options,
               std::map<std::string, int> &skipped) {
  const std::vector<std::string> &roles = part.statement.what.roles;
  if (!options.keep_owners)
    skipped["{owner|owners} of publications skipped as asked"]++;
  else if (!roles.empty() && !role_exists(roles[0]))
    skipped["{owner|owners} of publications skipped, {its role does|their roles do} not exist"]++;
  else if ((!roles.empty() && !is_own_role(roles[0])) || !run_if_permitted(part.statement.text))
    skipped["{owner|owners} of publications skipped, the caller may not set {it|them}"]++;
}

void make(const PlannedDatabaseObject &object, const RunOptions &options, std::map<std::string, int> &skipped) {
  for (const PlannedDatabaseObject::Part &part : object.parts) {
    set_local("search_path", part.search_path);
    if (part.statement.what.database_object.part == DatabaseObjectCall::Part::owner)
      set_owner(part, options, skipped);
    else
      execute_restricted(part.statement.text);
  }
  set_local("search_path", "pg_catalog, pg_temp");
}

void take_away(const DatabaseObjectKey &key) {
  if (key.kind == Kind::publication)
    execute("DROP PUBLICATION " + quote(key.name) + " RESTRICT");
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
    if (key.kind == Kind::publication || value == nullptr || *now != *value) drift.unmanaged.push_back(described(key));
  }
  leave_out_own_dependents(publications_among(concerned(work, managed)), drift);
}

// Some statements lock the object, some only change its row.
void hold_database_objects(const DatabaseObjectWork &work) {
  for (const std::string &oid :
       oids_of_publications(publications_among(concerned(work, managed_database_objects(work))))) {
    Oid publication = static_cast<Oid>(std::stoul(oid));
    guarded([publication] { LockDatabaseObject(PublicationRelationId, publication, 0, AccessExclusiveLock); });
    as_extension_owner([&] { query("SELECT 1 FROM pg_catalog.pg_publication WHERE oid = $1::oid FOR UPDATE", {oid}); });
  }
  if (!work.kinds.settings) return;
  as_extension_owner([] {
    query(R"(SELECT 1 FROM pg_catalog.pg_db_role_setting
              WHERE setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
                FOR UPDATE)");
  });
}

std::string make_database_objects(const DatabaseObjectWork &work, const RunOptions &options, int64_t run_id) {
  DatabaseObjectStates managed = managed_database_objects(work), here = database_objects_here();
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
    if (now != nullptr && key.kind == Kind::publication) take_away(key);
    make(object, options, skipped);
    made.insert(key);
    written++;
    PR_FAULT("database_object");
  }
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
