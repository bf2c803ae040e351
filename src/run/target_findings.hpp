// What pagila_check finds of the schemas that a run would replace: what is here and would be lost or kept a run from it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/replicate_request.hpp"
#include "core/source_catalog.hpp"
#include "source/connection.hpp"
#include "target/database_objects.hpp"

namespace pagila_repl {

// The look for drift of a run's plan phase, at those of the schemas that the role may replace, and at default privileges. `vanished`:
// schemas that the run would remove; `database_objects`: what it would do with them. Needs a transaction, whose settings it leaves as they are.
std::vector<Finding> look_at_target(Connection &source, const SourceCatalog &catalog, const Selection &selection,
                                    const std::vector<std::string> &vanished,
                                    const std::optional<DatabaseObjectWork> &database_objects);

// Of large objects: those that a run would be refused for.
std::vector<Finding> look_at_large_objects(Connection &source, const SourceCatalog &catalog);

}  // namespace pagila_repl
