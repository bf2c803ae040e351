// The run that pagila_replicate_from asks for.
#pragma once

#include <string>

#include "core/replicate_request.hpp"

namespace pagila_repl {

// Runs in a leader, outside a transaction. How the run ended is recorded in pagila_repl.run; throws only if it could not
// be recorded at all.
void run_replicate(const ReplicateRequest &request);

// The options as they are recorded: a JSON object.
std::string options_as_json(const ReplicateRequest &request);
// A JSON string.
std::string json_text(const std::string &text);

}  // namespace pagila_repl
