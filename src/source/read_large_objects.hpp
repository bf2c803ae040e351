// Reads the large objects of a source.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/load_plan.hpp"
#include "source/connection.hpp"

namespace pagila_repl {

// All of them by OID, with size, hash, and statements that set owner, privileges and comment. `hashes`: a query of OID, size and hash for
// the OIDs $1.
std::vector<PlannedLargeObject> list_large_objects(Connection &source, const char *hashes);
// Piece by piece.
void read_large_object(Connection &source, const PlannedLargeObject &object,
                       const std::function<void(const std::string &bytes)> &take);

}  // namespace pagila_repl
