// Reads what belongs to the source's database as a whole.
#pragma once

#include <string>
#include <vector>

#include "core/database_object_kinds.hpp"
#include "core/load_plan.hpp"
#include "core/source_catalog.hpp"
#include "source/connection.hpp"

namespace pagila_repl {

struct SourceDatabaseObjects {
  std::vector<PlannedDatabaseObject> objects;  // with the statements that make them in this database
  std::vector<std::string> remarks;            // what is left out, since it is not about what is copied
  std::vector<Finding> findings;               // errors: what cannot be copied with this selection
};

// Needs a transaction.
SourceDatabaseObjects read_database_objects(Connection &source, const SourceCatalog &catalog,
                                            const DatabaseObjectKinds &kinds);

}  // namespace pagila_repl
