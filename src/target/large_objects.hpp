// Large objects of the copy. They are in no schema and everyone sees them at once, so they are written in the transaction that
// publishes the copy, before readers are shut out of anything.
#pragma once

#include <string>

#include "core/run_options.hpp"
#include "target/large_object_work.hpp"
#include "target/manifest.hpp"

namespace pagila_repl {

// A query for OID, size and hash of the large objects $1 (oid[]): the same text for either side.
extern const char *const kLargeObjectHashes;

// Adds what others have changed of those that runs made, and those that no run made and whose OIDs are wanted. Needs a transaction.
void find_large_object_drift(const LargeObjectWork &work, Drift &drift);

// Makes those that are wanted, removes those of earlier runs that are not. As the session's role. Throws as check_drift for what others
// have changed meanwhile, unless the options allow it. Returns remarks, each with "; " before it. Part of publishing.
std::string write_large_objects(const LargeObjectWork &work, const RunOptions &options, int64_t run_id);

}  // namespace pagila_repl
