// The background worker that owns a run.
#pragma once

#include "pg/server.hpp"
#include "run/launcher_state.hpp"

namespace pagila_repl {

// True in a leader, where starting another run would be recursion.
bool is_leader();

// Server code: starts the leader of a job's run, which nobody waits for. The run is among those under way already. False if
// no worker slot is free.
bool start_leader_of_job(JobRun run, int64 job);

}  // namespace pagila_repl

extern "C" PGDLLEXPORT void pagila_repl_leader_main(Datum segment_handle);
extern "C" PGDLLEXPORT void pagila_repl_job_main(Datum argument);
