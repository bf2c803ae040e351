// How long runs that have ended are remembered.
#pragma once

namespace pagila_repl {

// Forgets runs older or more than pagila_repl.history_age and history_runs say, with their steps; never one that is under
// way, whose copy is visible, that left something to remove, or that is the last of a job. Needs a transaction.
void forget_old_runs();

}  // namespace pagila_repl
