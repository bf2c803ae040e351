// Looks whether this server has the files and methods that text search dictionaries and columns of the source need.
#pragma once

#include <vector>

#include "core/source_catalog.hpp"
#include "source/connection.hpp"

namespace pagila_repl {

// Needs a transaction.
std::vector<Finding> find_missing_files_and_methods(Connection &source, const SourceCatalog &catalog);

}  // namespace pagila_repl
