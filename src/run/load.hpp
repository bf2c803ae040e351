// The run that pagila_load asks for.
#pragma once

#include "core/load_request.hpp"

namespace pagila_repl {

// Runs in a leader, outside a transaction. How the run ended is recorded in pagila_repl.run; throws only if it could not
// be recorded at all.
void run_load(const LoadRequest &request);

// The leader's signals: was SIGTERM the reason for the cancel error; nothing may interrupt the recording of the end.
bool is_termination_requested();
void ignore_cancel_from_now_on();

}  // namespace pagila_repl
