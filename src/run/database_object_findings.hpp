// Whether objects of the database can be made here, and what would be lost by it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/source_catalog.hpp"
#include "source/connection.hpp"
#include "target/database_objects.hpp"

namespace pagila_repl {

// The work of a run; adds to the drift. Throws what keeps the role from doing it. Needs a transaction.
DatabaseObjectWork wanted_database_objects(const std::vector<PlannedDatabaseObject> &objects,
                                           const DatabaseObjectKinds &kinds, const std::vector<std::string> &schemas,
                                           Drift &drift);

// For pagila_check: what a run would be refused for, and its work, if it can be known. `remarks` takes what it would leave out.
std::vector<Finding> look_at_database_objects(Connection &source, const SourceCatalog &catalog,
                                              const DatabaseObjectKinds &kinds, std::vector<std::string> &remarks,
                                              std::optional<DatabaseObjectWork> &work);

}  // namespace pagila_repl
