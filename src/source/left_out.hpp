// What no run brings along.
#pragma once

#include <string>
#include <vector>

#include "core/database_object_kinds.hpp"
#include "core/source_catalog.hpp"
#include "source/connection.hpp"
#include "source/wanted.hpp"

namespace pagila_repl {

// What is left out without harm, by name: publications and settings that are not asked for, subscriptions, event triggers, ...
std::vector<std::string> left_out_of_any_run(Connection &source, const Wanted &wanted,
                                             const DatabaseObjectKinds &kinds);

// Errors for what is wanted and cannot be brought, so that the copy would not be one: partitions, ...
std::vector<Finding> what_cannot_be_copied(Connection &source, const SourceCatalog &catalog);

}  // namespace pagila_repl
