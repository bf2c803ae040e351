// Finds texts of a source, in its definitions and in its rows, that the encoding of this database cannot hold.
#pragma once

#include <string>
#include <vector>

#include "core/source_catalog.hpp"
#include "source/connection.hpp"
#include "source/wanted.hpp"

namespace pagila_repl {

// Whether there can be any that is known of: the source is in UTF8, and this database in an encoding with fewer characters.
bool may_lack_characters(const SourceCatalog &catalog);

// An error for each object that is wanted and has such a character in its name, comment or definition.
std::vector<Finding> find_unconvertible_definitions(Connection &source, const SourceCatalog &catalog);

// A warning for each column that has one in the first rows of its table, for as long as a few seconds.
std::vector<Finding> find_unconvertible_rows(Connection &source, const SourceCatalog &catalog);

// Which column of a table has which character, in as many rows; empty if none is found.
std::string unconvertible_column(Connection &source, uint32_t table);

}  // namespace pagila_repl
