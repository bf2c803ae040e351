// Whether the source holds just what the visible copy was made of.
#pragma once

#include "core/load_plan.hpp"
#include "core/source_catalog.hpp"
#include "source/connection.hpp"

namespace pagila_repl {

// The run behind the visible copy if it was made of the same shape and every table and sequence of the source is as it
// was then, else 0; nor if it has skipped objects, which this run may not. Reads the source's tables one by one, the smallest first, and stops at the first difference. The copy
// itself has not drifted, so what is recorded of it is what it holds. Outside a transaction.
int64_t find_unchanged(Connection &holder, const LoadPlan &plan, const SourceCatalog &catalog,
                       const std::string &fingerprint, bool in_utf8, bool skip_objects);

}  // namespace pagila_repl
