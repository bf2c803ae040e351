// Looks for objects that may not come to be here, and says which of all findings on_object_error => 'skip' lets a run pass.
#pragma once

#include <vector>

#include "core/source_catalog.hpp"
#include "source/connection.hpp"

namespace pagila_repl {

// Materialized views whose rows come from other servers, or from functions that look names up when they are called.
std::vector<Finding> find_views_at_risk(Connection &source, const SourceCatalog &catalog);
// Security labels whose providers are not loaded here.
std::vector<Finding> find_foreign_labels(Connection &source, const SourceCatalog &catalog);

// The findings as a run has them: what single objects need is no error if those may be skipped, otherwise the hint says so.
std::vector<Finding> with_skips(std::vector<Finding> findings, bool skip_objects);

}  // namespace pagila_repl
