// Shared memory of the launcher.

#include "run/launcher_state.hpp"

#include "settings.hpp"

extern "C" {
#include "access/xact.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"
}

namespace pagila_repl {

namespace {

// A leader that has not appeared by then never will: it could not be forked.
constexpr int kAppearsWithinMs = 30000;

struct Slot {
  JobRun run;  // none if the run is 0
  TimestampTz since;
  int pid;  // of the leader; 0 as long as it has not appeared
};

struct Turn {
  Oid owner;
  uint64 number;  // 0: none
};

struct LauncherState {
  LWLock *lock;  // guards all the rest
  Latch *launcher;
  int launcher_pid;
  bool all_woken;
  int woken_count;
  Oid woken[kMostWoken];
  SchedulerReport reports[kSchedulers];
  Slot slots[kMostJobRuns];
  uint64 turns;                   // runs of jobs so far
  Turn last_turns[kMostJobRuns];  // of the owners who had one most recently
};

constexpr const char *kName = "pagila_repl";
LauncherState *state;
shmem_startup_hook_type next_startup_hook;
bool wake_at_commit = false;

void make_state() {
  if (next_startup_hook != nullptr) next_startup_hook();
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  bool found;
  state = static_cast<LauncherState *>(ShmemInitStruct("pagila_repl launcher", sizeof(LauncherState), &found));
  if (!found) {
    memset(state, 0, sizeof *state);
    state->lock = &GetNamedLWLockTranche(kName)->lock;
  }
  LWLockRelease(AddinShmemInitLock);
}

void ask_for_memory() {
  RequestAddinShmemSpace(sizeof(LauncherState));
  RequestNamedLWLockTranche(kName, 1);
}

#if PG_VERSION_NUM >= 150000
shmem_request_hook_type next_request_hook;

void request_hook() {
  if (next_request_hook != nullptr) next_request_hook();
  ask_for_memory();
}
#endif

void lock(LWLockMode mode) { LWLockAcquire(state->lock, mode); }
void unlock() { LWLockRelease(state->lock); }

void at_end_of_transaction(XactEvent event, void *) {
  // Whoever commits it later would not know whom to wake.
  if (event == XACT_EVENT_PRE_PREPARE && wake_at_commit)
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("cannot PREPARE a transaction that has scheduled, changed or removed a job")));
  if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT) return;
  if (wake_at_commit && event == XACT_EVENT_COMMIT) wake_launcher(MyDatabaseId);
  wake_at_commit = false;
}

void detach_launcher(int, Datum) {
  lock(LW_EXCLUSIVE);
  if (state->launcher_pid == MyProcPid) {
    state->launcher = nullptr;
    state->launcher_pid = 0;
  }
  unlock();
}

bool same(const JobRun &one, const JobRun &other) {
  return one.database == other.database && one.run_id == other.run_id;
}

// The callers of these hold the lock.

// Slots of leaders that will not appear any more.
void free_the_unused() {
  TimestampTz now = GetCurrentTimestamp();
  for (Slot &slot : state->slots)
    if (slot.pid == 0 && TimestampDifferenceExceeds(slot.since, now, kAppearsWithinMs)) slot = Slot{};
}

Slot *find_slot(const JobRun &run) {
  for (Slot &slot : state->slots)
    if (slot.run.run_id != 0 && same(slot.run, run)) return &slot;
  return nullptr;
}

void note_turn(Oid owner) {
  Turn *turn = state->last_turns;
  for (Turn &other : state->last_turns) {
    bool better = turn->owner != owner && (other.owner == owner || other.number < turn->number);
    if (better) turn = &other;
  }
  *turn = Turn{owner, ++state->turns};
}

JobRun own_run;

void leave_job_run(int, Datum) {
  remove_job_run(own_run);
  wake_launcher(own_run.database);
}

}  // namespace

void reserve_launcher_state() {
#if PG_VERSION_NUM >= 150000
  next_request_hook = shmem_request_hook;
  shmem_request_hook = request_hook;
#else
  ask_for_memory();
#endif
  next_startup_hook = shmem_startup_hook;
  shmem_startup_hook = make_state;
}

bool is_launcher_configured() { return state != nullptr; }

void wake_launcher_at_commit() {
  static bool registered = false;
  if (state == nullptr) return;
  if (!registered) RegisterXactCallback(at_end_of_transaction, nullptr);
  registered = true;
  wake_at_commit = true;
}

void wake_launcher(Oid database) {
  if (state == nullptr) return;
  lock(LW_EXCLUSIVE);
  bool known = false;
  for (int i = 0; i < state->woken_count; i++) known = known || state->woken[i] == database;
  if (!known && state->woken_count == kMostWoken) state->all_woken = true;
  if (!known && state->woken_count < kMostWoken) state->woken[state->woken_count++] = database;
  if (state->launcher != nullptr) SetLatch(state->launcher);
  unlock();
}

void attach_launcher() {
  on_shmem_exit(detach_launcher, 0);
  lock(LW_EXCLUSIVE);
  state->launcher = &MyProc->procLatch;
  state->launcher_pid = MyProcPid;
  unlock();
}

bool take_woken(Oid *databases, int *count) {
  lock(LW_EXCLUSIVE);
  bool all = state->all_woken;
  *count = state->woken_count;
  for (int i = 0; i < state->woken_count; i++) databases[i] = state->woken[i];
  state->all_woken = false;
  state->woken_count = 0;
  unlock();
  return all;
}

void clear_report(int scheduler) { write_report(scheduler, MyProcPid, {}); }

SchedulerReport read_report(int scheduler) {
  lock(LW_SHARED);
  SchedulerReport report = state->reports[scheduler];
  unlock();
  return report;
}

void write_report(int scheduler, int launcher_pid, SchedulerReport report) {
  lock(LW_EXCLUSIVE);
  if (state->launcher_pid == launcher_pid) state->reports[scheduler] = report;
  unlock();
}

bool add_job_run(JobRun run) {
  bool added = false;
  lock(LW_EXCLUSIVE);
  int under_way = 0;
  Slot *free_slot = nullptr;
  free_the_unused();
  for (Slot &slot : state->slots) {
    if (slot.run.run_id != 0)
      under_way++;
    else
      free_slot = &slot;
  }
  if (free_slot != nullptr && under_way < max_concurrent_runs_setting()) {
    *free_slot = Slot{run, GetCurrentTimestamp(), 0};
    note_turn(run.owner);
    added = true;
  }
  unlock();
  return added;
}

void remove_job_run(JobRun run) {
  lock(LW_EXCLUSIVE);
  Slot *slot = find_slot(run);
  if (slot != nullptr) *slot = Slot{};
  unlock();
}

bool attach_job_run(JobRun run) {
  lock(LW_EXCLUSIVE);
  Slot *slot = find_slot(run);
  bool known = slot != nullptr && slot->pid == 0;
  if (known) slot->pid = MyProcPid;
  unlock();
  if (!known) return false;
  own_run = run;
  on_shmem_exit(leave_job_run, 0);
  return true;
}

bool is_job_run_alive(JobRun run) {
  lock(LW_EXCLUSIVE);
  free_the_unused();
  bool alive = find_slot(run) != nullptr;
  unlock();
  return alive;
}

int job_runs_of(Oid owner) {
  int count = 0;
  lock(LW_SHARED);
  for (const Slot &slot : state->slots) count += slot.run.run_id != 0 && slot.run.owner == owner ? 1 : 0;
  unlock();
  return count;
}

uint64 last_turn_of(Oid owner) {
  uint64 number = 0;
  lock(LW_SHARED);
  for (const Turn &turn : state->last_turns)
    if (turn.owner == owner) number = turn.number;
  unlock();
  return number;
}

}  // namespace pagila_repl
