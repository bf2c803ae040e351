// Tells whether a stage can be filled and indexed only under its real names.
#pragma once

#include <string>
#include <vector>

#include "pg/server.hpp"

namespace pagila_repl {

// True if loading rows, or building indexes, constraints and statistics, looks names up: in functions of the dump that are
// called then, in functions of extensions that the run has made, or in values of columns such as regclass. The schemas hold the whole
// shape. Needs a transaction.
bool needs_real_names(const std::vector<std::string> &stage_oids, const std::vector<Oid> &made_extensions);

}  // namespace pagila_repl
