// pg_dump as a child process: the shape of the source, as a plain-text dump read from a pipe.
#pragma once

#include <string>

#include "core/load_plan.hpp"
#include "core/replicate_request.hpp"
#include "core/source_catalog.hpp"
#include "source/foreign_server.hpp"

namespace pagila_repl {

// Whether there is a pg_dump that can read a source of this version: 58P01, 42501, 58030, 0A000 if not. Throws 57014.
Finding find_pg_dump(int source_version);

// Runs pg_dump --schema-only in the exported snapshot (none: as it sees the source) and reads what it prints into a
// plan without rows. Everything wanted and nothing left out by the catalog is in it; objects of the database rather
// than of a schema are passed over, and counted unless the catalog's remarks name them, but for extensions and the
// catalog's casts and transforms. plan.schemas are the catalog's, plan.files is empty, `sha256` gets the hash of the
// shape: equal for equal shapes. Needs a transaction. Throws 58P01 (no pg_dump found), 0A000 (too old for the source),
// 54000 (too many names), 55000 (the snapshot is gone, or the source changed while there was none), 57014 (also if it
// stalls), or what pg_dump says, with 08001 or 08006 if it did not reach or lost the source, 55P03, 42501, else 38000.
LoadPlan dump_shape(const SourceServer &server, const SourceCatalog &catalog, const Selection &selection,
                    const std::string &snapshot, std::string &sha256);

}  // namespace pagila_repl
