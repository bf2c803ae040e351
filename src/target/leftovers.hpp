// What runs leave behind: schemas that were replaced, stages of runs that failed or died.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace pagila_repl {

// Marks runs whose leader is gone as crashed. Needs a transaction.
void mark_crashed_runs(int64_t own_run);
// The same, and drops the schemas that ended runs have registered, trying again for so long in all where someone uses them.
// Schemas of runs under way, this one's (`own_run`) among them, are left alone. False if some had to stay for now.
bool sweep(int64_t own_run, std::chrono::milliseconds patience);
// What a run has for that.
constexpr std::chrono::seconds kSweepPatience{2};

// OIDs of the schemas that a run under way has registered: its stage. Needs a transaction.
std::vector<std::string> registered_schemas(int64_t run_id);

// Drops the schemas this run has registered. Returns remarks on those that had to stay.
std::vector<std::string> drop_own_leftovers(int64_t run_id);

}  // namespace pagila_repl
