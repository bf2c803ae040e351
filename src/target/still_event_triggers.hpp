// Event triggers that runs have made do nothing while a run works: what they would see is the run's own business, and their functions
// belong to the copy that it replaces.
#pragma once

#include <string>
#include <vector>

namespace pagila_repl {

// From now on in this process, if functions are guarded.
void keep_event_triggers_of_runs_still();

// Those that runs have made in this database, by name. Needs a transaction.
std::vector<std::string> event_triggers_of_runs();

}  // namespace pagila_repl
