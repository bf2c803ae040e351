// Finds functions that a copy would evaluate and that find what they name only by a search_path.
#pragma once

#include <vector>

#include "core/source_catalog.hpp"
#include "source/connection.hpp"

namespace pagila_repl {

// Nothing is evaluated: the source, and this server for functions of extensions, are asked to analyze the bodies, as they do when a
// function is created. Of functions that these call, nothing is known. Needs a transaction here and one on the source.
std::vector<Finding> find_path_dependent_functions(Connection &source, const SourceCatalog &catalog);

}  // namespace pagila_repl
