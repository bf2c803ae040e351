// Extensions: whether those that the source has are here or can be created, and whether they have what the wanted objects use.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/load_plan.hpp"
#include "core/source_catalog.hpp"
#include "source/connection.hpp"

namespace pagila_repl {

std::vector<Finding> find_missing_extensions(Connection &source, const SourceCatalog &catalog);

// Functions of extensions that somebody seems to have made immutable on the source, as far as indexes and the like of what is wanted
// need them so; by extension, of those that are not here.
std::map<std::string, std::vector<FunctionAddress>> find_altered_functions(Connection &source,
                                                                           const SourceCatalog &catalog);

}  // namespace pagila_repl
