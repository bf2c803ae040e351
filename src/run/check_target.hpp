// Whether a target can be asked to copy this database.
#pragma once

#include "source/connection.hpp"

namespace pagila_repl {

// Throws 42704 (no extension there), 55000 (its version speaks another language; the target is this database; a job here
// replicates from it), 25006 (a standby), 42501 (no operator there).
void check_target(Connection &target);

}  // namespace pagila_repl
