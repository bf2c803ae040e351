// What logical subscribers of this database should know before it is replaced.
#pragma once

#include <vector>

#include "core/source_catalog.hpp"

namespace pagila_repl {

// A warning for each publication FOR ALL TABLES, or that there is none. Needs a transaction.
std::vector<Finding> find_publications();

}  // namespace pagila_repl
