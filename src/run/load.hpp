// The run that pagila_load asks for.
#pragma once

#include "core/load_request.hpp"

namespace pagila_repl {

// Runs in a leader, outside a transaction. How the run ended is recorded in pagila_repl.run; throws only if it could not
// be recorded at all.
void run_load(const LoadRequest &request);

}  // namespace pagila_repl
