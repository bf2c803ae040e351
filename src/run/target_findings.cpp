// Looks at the target as the plan phase of a run does.

#include "run/target_findings.hpp"

#include <algorithm>

#include "core/counted.hpp"
#include "pg/boundary.hpp"
#include "pg/function_guard.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "source/answer.hpp"
#include "source/dump_child.hpp"
#include "source/findings.hpp"
#include "target/carried_types.hpp"
#include "target/default_privileges.hpp"
#include "target/large_objects.hpp"
#include "target/manifest.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace pagila_repl {

namespace {

constexpr const char *kPatience = "10s";  // for a lock

std::vector<std::string> own_schemas(const std::vector<std::string> &names) {
  std::vector<std::string> own;
  for (const Row &row :
       query("SELECT nspname FROM pg_catalog.pg_namespace"
             " WHERE nspname = ANY ($1::name[]) AND pg_catalog.pg_has_role(nspowner, 'USAGE') ORDER BY 1",
             {array_literal(names)}))
    own.push_back(*row[0]);
  return own;
}

// A run leaves enums and domains as they are that its shape has not changed, and what depends on them with them. Only who knows the
// shape knows which.
void leave_out_dependents_of_carried(Connection &source, const SourceCatalog &catalog, const Selection &selection,
                                     const std::vector<std::string> &schemas, Drift &drift) {
  std::vector<std::string> oids = oids_of(schemas);
  if (drift.dependents.empty() ||
      query("SELECT FROM pg_catalog.pg_type WHERE typnamespace = ANY ($1::oid[]) AND typtype IN ('e', 'd') LIMIT 1",
            {array_literal(oids)})
          .empty())
    return;
  std::vector<CarriedType> carried;
  try {
    in_subtransaction([&] {
      std::string sha256;
      carried = find_carried_types(dump_shape(source.server(), catalog, selection, {}, sha256), {});
    });
  } catch (const Error &error) {
    // What keeps a run from having the shape is another finding, or is seen when it runs.
    if (error.sqlstate == "57014" && error.origin == Error::Origin::local) throw;
  }
  if (carried.empty()) return;
  Drift rest;
  find_dependents(oids, carried, rest);
  drift.dependents = rest.dependents;
  drift.drops = rest.drops;
}

// `words` is for counted().
void tell(Findings &found, const std::vector<std::string> &objects, const std::string &check,
          const std::string &sqlstate, const std::string &words, const std::string &hint) {
  if (!objects.empty()) found.error(check, sqlstate, counted(objects.size(), words) + ": " + shown(objects), hint);
}

std::string hint_on_dependents(const Drift &drift) {
  auto kept = std::count(drift.drops.begin(), drift.drops.end(), "");
  if (kept == 0)
    return "Drop them first, or give the run on_dependents => 'drop' to lose them." + hint_on_objects_of_runs(drift);
  return "Drop or change them first; a run cannot drop " + std::to_string(kept) + " of them.";
}

void tell_drift(const Drift &drift, Findings &found) {
  tell(found, drift.modified, "changed by hand", "55000", "{object was|objects were} changed since the last run",
       "Give the run on_modified => 'overwrite' to lose these changes.");
  found.else_ok("changed by hand", "nothing was changed here since the last run");
  tell(found, drift.unmanaged, "unmanaged object", "2BP01",
       "{object|objects} in the schemas to replace that no run created",
       "Move them to another schema, or give the run on_unmanaged => 'drop' to lose them.");
  found.else_ok("unmanaged object", "runs created all that the schemas to replace hold");
  tell(found, drift.dependents, "dependent", "2BP01",
       "{object|objects} in other schemas that depend on what would be replaced", hint_on_dependents(drift));
  found.else_ok("dependent", "nothing in other schemas depends on what would be replaced");
  tell(found, drift.subscribed, "subscribed table", "2BP01", "{table|tables} to replace that a subscription writes to",
       "Drop the subscription, or take the tables out of its publication and run "
       "ALTER SUBSCRIPTION ... REFRESH PUBLICATION.");
}

void look_at_default_privileges(const std::vector<std::string> &schemas, Findings &found) {
  std::string user = query_value("SELECT current_user").value_or("");
  if (std::string kinds = default_privileges_of_database(); !kinds.empty())
    found.warning("default privileges", "default privileges of role \"" + user + "\" on " + kinds + " are not applied",
                  "Those that ALTER DEFAULT PRIVILEGES IN SCHEMA sets are.");
  for (const std::string &schema : schemas_with_default_privileges(oids_of(schemas)))
    found.warning("default privileges",
                  "default privileges of schema \"" + schema + "\" grant on what a run makes there",
                  "To have the privileges of the source alone, revoke them with ALTER DEFAULT PRIVILEGES IN SCHEMA.");
}

}  // namespace

std::vector<Finding> look_at_target(Connection &source, const SourceCatalog &catalog, const Selection &selection,
                                    const std::vector<std::string> &vanished,
                                    const std::optional<DatabaseObjectWork> &database_objects) {
  std::vector<std::string> all = catalog.schemas;
  all.insert(all.end(), vanished.begin(), vanished.end());
  std::vector<std::string> schemas = own_schemas(all);
  Findings found;
  try {
    Drift drift;
    in_subtransaction([&] {
      // To read rows takes settings and locks, and the transaction is the caller's.
      int settings = guarded([] {
        int level = NewGUCNestLevel();
        guard_functions_for_now();
        return level;
      });
      set_local("lock_timeout", kPatience);
      drift = find_drift(schemas);
      leave_out_dependents_of_carried(source, catalog, selection, schemas, drift);
      if (database_objects) leave_out_own_dependents(*database_objects, drift);
      guarded([settings] { AtEOXact_GUC(false, settings); });
    });
    tell_drift(drift, found);
  } catch (const Error &error) {
    bool lacks_room = error.sqlstate == "53200";
    if ((error.sqlstate != "55P03" && !lacks_room) || error.origin != Error::Origin::local) throw;
    found.warning("changed by hand", "the schemas to replace cannot be compared now: " + error.message,
                  lacks_room ? error.hint : "Call it again when others have released their locks.");
  }
  look_at_default_privileges(schemas, found);
  return found.take();
}

std::vector<Finding> look_at_large_objects(Connection &source, const SourceCatalog &catalog) {
  Findings found;
  if (!catalog.everything) return {};
  LargeObjectWork work{catalog.schemas, {}, {}};
  for (const Row &row : source.query("SELECT oid FROM pg_catalog.pg_largeobject_metadata ORDER BY oid")) {
    work.wanted.emplace_back();
    work.wanted.back().oid = oid_in(row, 0);
  }
  Drift drift;
  find_large_object_drift(work, drift);
  tell(found, drift.modified, "large object", "55000", "large {object was|objects were} changed since the last run",
       "Give the run on_modified => 'overwrite' to lose these changes, or large_objects => false.");
  tell(found, drift.unmanaged, "large object", "2BP01",
       "large {object|objects} that no run created {has the OID|have the OIDs} of those to be copied",
       "Remove them with lo_unlink, or give the run on_unmanaged => 'drop' to lose them, or large_objects => false.");
  return found.take();
}

}  // namespace pagila_repl
