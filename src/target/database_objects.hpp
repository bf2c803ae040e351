// Publications, event triggers, settings and the comment of the database that are part of a copy. They are in no schema, and some
// name tables and functions that a copy replaces, so they are made in the transaction that publishes the copy, after the schemas have
// changed places.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/run_options.hpp"
#include "target/database_object_state.hpp"
#include "target/database_object_work.hpp"
#include "target/manifest.hpp"
#include "target/stage.hpp"

namespace pagila_repl {

// The work of a run. Settings of roles that do not exist here are left out. Finds the values that settings get by setting them
// in a subtransaction that is undone. `errors` takes what cannot be done as the session's role. Needs a transaction.
DatabaseObjectWork plan_database_objects(const std::vector<PlannedDatabaseObject> &objects,
                                         const DatabaseObjectKinds &kinds, const std::vector<std::string> &schemas,
                                         std::vector<Error> &errors);

// Adds what others have changed of what runs made, and what no run made and is in the way, and removes from the dependents what
// goes with an object that the run makes again. Needs a transaction.
void find_database_object_drift(const DatabaseObjectWork &work, Drift &drift);

// Only the last of these.
void leave_out_own_dependents(const DatabaseObjectWork &work, Drift &drift);

// Keeps others from changing what find_database_object_drift looks at, until the (sub)transaction ends. What is not there yet cannot be
// held.
void hold_database_objects(const DatabaseObjectWork &work);
// Throws if an event trigger would call a function of the copy that is not there (42883), or whose owner is no superuser, who could
// replace it (42501); or, if the run skips objects, leaves it out. Needs a transaction.
void check_event_trigger_functions(Stage &stage);

// Makes what is wanted and takes away what earlier runs made and is not. As the session's role. Returns remarks, each with "; "
// before it. Throws 55P03 if others have made or changed one since `seen`, what was here when drift was looked for. Part of publishing.
std::string make_database_objects(const DatabaseObjectWork &work, const DatabaseObjectStates &seen,
                                  const RunOptions &options, int64_t run_id);

// OIDs of the catalogs that tell of such objects, for LockTries: who is changing one is named then.
std::vector<std::string> catalogs_of_database_objects();

}  // namespace pagila_repl
