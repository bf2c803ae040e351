// What the wanted objects of the source need on this side, and whether it is there.
#pragma once

#include <vector>

#include "core/run_options.hpp"
#include "core/source_catalog.hpp"
#include "source/connection.hpp"

namespace pagila_repl {

std::vector<Finding> find_missing(Connection &source, const SourceCatalog &catalog, const RunOptions &options);

}  // namespace pagila_repl
