// Has another database copy this one: the run is done there, and what becomes of it is told and recorded here.
#pragma once

#include "core/replicate_to_request.hpp"

namespace pagila_repl {

// Called in a leader, outside a transaction.
void run_replicate_to(const ReplicateToRequest &request);

}  // namespace pagila_repl
