// The background worker that owns a run.
#pragma once

#include "pg/server.hpp"

namespace pagila_repl {

// True in a leader, where starting another run would be recursion.
bool is_leader();

}  // namespace pagila_repl

extern "C" PGDLLEXPORT void pagila_repl_leader_main(Datum segment_handle);
