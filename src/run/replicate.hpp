// The run that pagila_replicate_from asks for.
#pragma once

#include "core/replicate_request.hpp"

namespace pagila_repl {

// Runs in a leader, outside a transaction. How the run ended is recorded in pagila_repl.run; throws only if it could not
// be recorded at all.
void run_replicate(const ReplicateRequest &request);

}  // namespace pagila_repl
