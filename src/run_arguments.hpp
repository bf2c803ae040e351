// What SQL says about a run, as a request.
#pragma once

#include <string>

#include "core/load_request.hpp"
#include "core/replicate_request.hpp"
#include "pg/server.hpp"
#include "run/request_settings.hpp"

namespace pagila_repl {

// Throw 22004, 22023, 42501. The arguments stand as in pagila_load.
LoadRequest load_request(FunctionCallInfo fcinfo);
// The arguments stand as in pagila_replicate_from, those from `workers` on beginning at `first`.
ReplicateRequest replicate_request(FunctionCallInfo fcinfo, const std::string &server, int first);

}  // namespace pagila_repl
