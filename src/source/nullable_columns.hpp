// Columns that a table inherits with NOT NULL and that have lost it since, of which pg_dump does not tell.
#pragma once

#include <string>
#include <vector>

#include "core/load_plan.hpp"
#include "core/source_catalog.hpp"
#include "source/connection.hpp"
#include "source/wanted.hpp"

namespace pagila_repl {

std::vector<ColumnName> find_nullable_columns(Connection &source, const Wanted &wanted);

// Adds what makes them nullable again to the end of the shape, as far as this server allows it.
void add_nullable_columns(const SourceCatalog &catalog, LoadPlan &plan);

// Warnings for those that this server does not allow.
std::vector<Finding> look_at_nullable_columns(const SourceCatalog &catalog);

}  // namespace pagila_repl
