// What the wanted definitions of a source refer to.
#pragma once

#include "core/load_plan.hpp"
#include "core/source_catalog.hpp"
#include "source/connection.hpp"

namespace pagila_repl {

// For LoadPlan::resolved.
ResolvedNames read_resolved_names(Connection &source, const SourceCatalog &catalog);

}  // namespace pagila_repl
