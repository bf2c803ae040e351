// Finds out beforehand whether a run would run out of locks, on the source or here.
#pragma once

#include <string>
#include <vector>

#include "core/lock_need.hpp"
#include "core/run_options.hpp"
#include "core/source_catalog.hpp"
#include "source/connection.hpp"

namespace pagila_repl {

std::vector<Finding> find_lack_of_locks(Connection &source, const SourceCatalog &catalog, const RunOptions &options);

// For what is known later: throws 53200 if so many locks at once are more than there is room for here. Need a transaction.
void check_room_for_locks(int64_t locks);
// The same for a load of so much in the place of what is in the schemas.
void check_locks_of_load(const LockedObjects &wanted, const std::vector<std::string> &schemas);

}  // namespace pagila_repl
