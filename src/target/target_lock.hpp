// Locks of a run, held by the leader's session: no SQL statement can take or release them, whatever a dump contains.
#pragma once

#include <string>
#include <vector>

#include "pg/server.hpp"

namespace pagila_repl {

// To be called once in a leader: the server itself releases session locks of the default method only when a transaction
// aborts. Runs after an open transaction has been aborted.
void release_locks_at_exit();

// Held as long as the run's leader lives; whoever can get it knows that the leader is gone. Needs a transaction.
void lock_run(int64_t run_id);
// Waits until the leader of the run is gone. Server code, interruptible, seen by the deadlock detector.
void wait_for_run(int64 run_id);
// True if the leader of the run is gone.
bool is_leader_gone(int64_t run_id);

// The same for the job that a run is of. Throws 55P03 if another run of it is under way.
void lock_job(int64_t job);
bool is_job_running(int64_t job);

// One run per schema at a time. Throws 55P03 at once if another run holds one; detail: which, whose, since when.
void lock_schemas(const std::vector<std::string> &schemas);
// Keeps DROP EXTENSION waiting while the run lives.
void lock_extension();

}  // namespace pagila_repl
