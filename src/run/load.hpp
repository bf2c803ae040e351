// The run that pagila_load asks for.
#pragma once

#include "core/load_request.hpp"

namespace pagila_repl {

// Runs in a leader, outside a transaction. How the run ended is recorded in pagila_repl.run; throws only if it could not
// be recorded at all.
void run_load(const LoadRequest &request);

// The leader's signals: was SIGTERM the reason for the cancel error; nothing may cancel the recording of the end. While
// cancels are ignored lock_timeout has no effect, since the server delivers it the same way.
bool is_termination_requested();
void ignore_cancel();
void accept_cancel();

}  // namespace pagila_repl
