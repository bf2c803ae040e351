// Which partition trees put the same row into another leaf here than on the source.
#pragma once

#include <vector>

#include "core/source_catalog.hpp"
#include "source/connection.hpp"
#include "source/wanted.hpp"

namespace pagila_repl {

std::vector<RoutedTree> find_routed_trees(Connection &source, const Wanted &wanted);

}  // namespace pagila_repl
