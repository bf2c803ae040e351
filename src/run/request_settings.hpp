// What the settings of this session say about every run.
#pragma once

#include "core/load_request.hpp"
#include "core/replicate_request.hpp"

namespace pagila_repl {

void take_settings(RunOptions &options);
void take_settings(ReplicateRequest &request);

}  // namespace pagila_repl
