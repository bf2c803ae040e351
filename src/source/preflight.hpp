// Looks whether a run from this source can succeed, before anything is touched on either side.
#pragma once

#include <vector>

#include "core/replicate_request.hpp"
#include "core/source_catalog.hpp"
#include "source/connection.hpp"

namespace pagila_repl {

// Everything that is, or is not, as a run needs it: version, pg_dump, standby, same database, encodings, privileges and row
// security on every table, extensions, collations, roles, tablespaces, languages, access methods, servers of foreign
// tables. Needs a transaction here and one on the source. Never throws for what it finds.
std::vector<Finding> preflight(Connection &source, const SourceCatalog &catalog, const RunOptions &options);

// Throws the findings that are errors as one Error: the first's SQLSTATE, all messages in the detail.
void check_findings(const std::vector<Finding> &findings);

}  // namespace pagila_repl
