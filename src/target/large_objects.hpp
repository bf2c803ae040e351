// Large objects of the copy. They are in no schema and everyone sees them at once, so they are written in the transaction that
// publishes the copy, before readers are shut out of anything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/run_options.hpp"
#include "target/large_object_work.hpp"
#include "target/manifest.hpp"

namespace pagila_repl {

// A query for OID, size and hash of the large objects $1 (oid[]): the same text for either side.
extern const char *const kLargeObjectHashes;

// Adds what others have changed of those that runs made, and those that no run made and whose OIDs are wanted. Needs a transaction.
void find_large_object_drift(const LargeObjectWork &work, Drift &drift);

struct WrittenLargeObjects {
  std::string remarks;  // each with "; " before it
  struct Replaced {
    uint32_t oid;
    int32_t pages;  // that it has now; none if it is gone
  };
  std::vector<Replaced> replaced;  // or removed
};

// Makes those that are wanted, removes those of earlier runs that are not. As the session's role. Throws as check_drift for what others
// have changed meanwhile, unless the options allow it, and 55P03 if others are about to. Part of publishing.
WrittenLargeObjects write_large_objects(const LargeObjectWork &work, const RunOptions &options, int64_t run_id);

// Others can still write pages that neither the old nor the new bytes have, which would be part of the new ones. Throws 55000 if somebody
// has, 55P03 while he has not committed.
void check_large_objects_since(const std::vector<WrittenLargeObjects::Replaced> &replaced);

// OIDs of the catalogs that hold them, for LockTries: who is changing one is named then.
std::vector<std::string> catalogs_of_large_objects();

}  // namespace pagila_repl
