// What the launcher, its schedulers, the leaders of jobs and sessions share. In the server's own shared memory, so it is
// there only if the module is preloaded. Server code, all of it.
#pragma once

#include "pg/server.hpp"

namespace pagila_repl {

// To be called once, while the module is preloaded: asks for the memory.
void reserve_launcher_state();

// Whether there is a launcher to run jobs: the module is preloaded.
bool is_launcher_configured();
// Has the launcher look at this database once the transaction commits, if there is a launcher.
void wake_launcher_at_commit();
// The same now, for a database.
void wake_launcher(Oid database);

//
// The launcher's end
//

constexpr int kSchedulers = 2;    // that may look at databases at the same time
constexpr int kMostJobRuns = 64;  // the most that pagila_repl.max_concurrent_runs may be

void attach_launcher();
// Databases that someone wants looked at; true if there were too many to note, so that it is all of them.
bool take_woken(Oid *databases, int *count);
constexpr int kMostWoken = 64;

// What a scheduler found in its database. Times are seconds since 1970.
struct SchedulerReport {
  bool done;            // else it failed
  bool clock_noted;     // what it was told of the clock need not be told again
  bool waits_for_turn;  // jobs are due, but enough runs are under way
  bool had_turn;        // a run was started
  int64 next_due;       // when to look again; 0: not before something changes
};
void clear_report(int scheduler);
SchedulerReport read_report(int scheduler);
// Has no effect once that launcher is gone: another one may have given the number to another scheduler.
void write_report(int scheduler, int launcher_pid, SchedulerReport report);

//
// Runs of jobs under way. A run counts from before its leader is started until that has ended, whatever becomes of it.
//

struct JobRun {
  Oid database, owner;
  int64 run_id;
};
// False if pagila_repl.max_concurrent_runs are under way.
bool add_job_run(JobRun run);
void remove_job_run(JobRun run);
// In the leader: it is this process. False if it is not known, so that it must not run.
bool attach_job_run(JobRun run);
// Whether it is under way; not so if its leader has not appeared long after it was to be started.
bool is_job_run_alive(JobRun run);
int job_runs_of(Oid owner);
// Which run of jobs the last one of this owner was, so that owners can take turns; 0 if it was long ago.
uint64 last_turn_of(Oid owner);

}  // namespace pagila_repl
