// What is to be done between the shape and publishing, as items that processes can share.
#pragma once

#include <vector>

#include "core/replicate_request.hpp"
#include "core/source_catalog.hpp"
#include "core/work_item.hpp"
#include "target/stage.hpp"

namespace pagila_repl {

// Copies, verifications, indexes and constraints, statistics of the stage, with what must come before what. `in_utf8`: the
// encodings differ, so text is compared in UTF-8. Needs a transaction.
std::vector<WorkItem> plan_pull(const Stage &stage, const SourceCatalog &catalog, const ReplicateRequest &request,
                                bool in_utf8);

// The table, or materialized view, of the stage by its name as seen.
Oid staged_table(const Stage &stage, const QualifiedName &name);

}  // namespace pagila_repl
