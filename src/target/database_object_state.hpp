// What is here of publications, event triggers, settings and the comment of the database, and what is recorded of those that runs have made.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "target/database_object_work.hpp"

namespace pagila_repl {

using DatabaseObjectStates =
    std::map<DatabaseObjectKey, std::string>;  // definitions; of a setting and the comment: the value

// All of this database. Needs a transaction, as do the others.
DatabaseObjectStates database_objects_here();
// Those that this run is to replace, as they were published.
DatabaseObjectStates managed_database_objects(const DatabaseObjectWork &work);
// Replaces the records of the managed ones by those of `made`.
void record_database_objects(const DatabaseObjectWork &work, const std::set<DatabaseObjectKey> &made, int64_t run_id);

// As messages name it.
std::string described(const DatabaseObjectKey &key);
// How a statement about it begins, before SET or RESET. Throws 42704 if its role is gone.
std::string alter_settings_of(const DatabaseObjectKey &key);

}  // namespace pagila_repl
