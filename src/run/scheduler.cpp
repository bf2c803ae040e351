// A scheduler: looks at the jobs of its database once.
//
// It runs as the bootstrap superuser, executes nothing but statements of this extension, as its owner, and waits for nobody, so
// that it ends after some milliseconds and nobody who drops the database waits for it.

#include "run/scheduler.hpp"

#include <algorithm>
#include <map>

#include "core/job.hpp"
#include "pg/background_worker.hpp"
#include "pg/boundary.hpp"
#include "pg/fault.hpp"
#include "pg/function_guard.hpp"
#include "pg/transaction.hpp"
#include "run/job_end.hpp"
#include "run/job_request.hpp"
#include "run/job_table.hpp"
#include "run/launcher.hpp"
#include "run/launcher_state.hpp"
#include "run/leader.hpp"
#include "run/run.hpp"
#include "settings.hpp"
#include "target/decoding.hpp"
#include "target/history.hpp"
#include "target/leftovers.hpp"
#include "target/still_event_triggers.hpp"
#include "target/target_lock.hpp"

extern "C" {
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
}

namespace pagila_repl {

namespace {

// What could not be removed, because someone still uses it, is tried again so much later.
constexpr int64_t kSweepAgainSeconds = 30;
constexpr int64_t kLockedAgainSeconds = 2;
// A leader that never appeared tells nobody.
constexpr int64_t kUnderWayAgainSeconds = 40;

// However long others hold locks here.
constexpr int kMostMs = 60000;

std::vector<Job> jobs() {
  return in_transaction([] { return read_jobs(); });
}

// How a job stands once the clock was set by so many seconds: by interval it is due after as long as it would have waited, by
// cron at the time it is for, a new one at once. But never later than its schedule and its retries have it now: the clock may
// have been set back while nobody was there to notice. Needs a transaction.
JobState by_clock(const Job &job, int64_t moved) {
  JobState state = job.state;
  int64_t now = job_clock(), due = *state.next_run_at;
  JobSchedule schedule = schedule_of(job);
  bool by_interval = schedule.is_interval();
  if (by_interval && !state.last_due_at) {
    state.next_run_at = std::min(due, now);
    return state;
  }
  std::optional<int64_t> latest = schedule.next(by_interval ? now : state.last_due_at.value_or(now), now);
  if (!latest) return state;
  if (state.failures > 0) latest = std::max<int64_t>(*latest, now + max_retry_delay_setting());
  state.next_run_at = std::min(by_interval ? due + moved : due, *latest);
  // So that its grid moves along.
  if (by_interval) *state.last_due_at += *state.next_run_at - due;
  return state;
}

void follow_clock(const SchedulerOrder &order) {
  if (order.clock_moved == 0 && !order.clock_unwatched) return;
  for (const Job &job : jobs()) {
    if (!job.state.next_run_at) continue;
    try {
      JobState state = in_transaction([&] { return by_clock(job, order.clock_moved); });
      if (state.next_run_at == job.state.next_run_at) continue;
      // Who is changing it finds out by what the clock says now.
      decide([&] { (void)write_state(job, state); });
    } catch (const Error &error) {
      // A schedule that is none; what becomes of it is decided when the job is due.
      if (error.sqlstate != "22023") throw;
    }
  }
}

bool is_startable(const Job &job) {
  return job.enabled && !job.state.suspended_because && !job.current_run && job.state.next_run_at;
}

// No role can keep others from their turn: the one with the fewest runs under way is next, and the one whose last turn was
// longest ago if there are several.
Job take_next(std::vector<Job> &due) {
  std::map<uint32_t, std::pair<int, uint64>> turns;
  for (const Job &job : due)
    if (turns.count(job.owner) == 0) turns[job.owner] = {job_runs_of(job.owner), last_turn_of(job.owner)};
  auto first = std::min_element(due.begin(), due.end(), [&](const Job &one, const Job &other) {
    return std::make_pair(turns[one.owner], *one.state.next_run_at) <
           std::make_pair(turns[other.owner], *other.state.next_run_at);
  });
  Job next = *first;
  due.erase(first);
  return next;
}

void fail_to_start(const Job &job, const Error &error) {
  decide([&] { record_failed_start(job, RunStatus::failed, error); });
  settle(job, {RunStatus::failed, error.sqlstate, error.message});
}

// Someone called for a run of it, which will do for this time.
void pass_over(const Job &job) {
  int64_t now = job_clock();
  decide([&] {
    JobState state = job.state;
    JobSchedule schedule = schedule_of(job);
    state.last_due_at = schedule.turn(*state.next_run_at, state.last_due_at);
    state.next_run_at = schedule.next(*state.last_due_at, now);
    check_written(write_state(job, state));
  });
}

void pass_over_or_suspend(const Job &job) {
  try {
    pass_over(job);
  } catch (const Error &error) {
    if (error.sqlstate != "22023") throw;
    suspend(job, error.message);
  }
}

// The run whose leader is yet to be started by this process, without which there will be none.
JobRun about_to_start;

void give_up_start() {
  remove_job_run(about_to_start);
  about_to_start = JobRun{};
}

void give_up_start_at_exit(int, Datum) { give_up_start(); }

struct EnoughUnderWay {};

// What is wrong with a schedule, the end of the run will tell.
int64_t turn_of(const Job &job) {
  int64_t due = *job.state.next_run_at;
  try {
    return in_transaction([&] { return schedule_of(job).turn(due, job.state.last_due_at); });
  } catch (const Error &error) {
    if (error.sqlstate != "22023") throw;
  }
  return due;
}

// Whether there is a run now. Throws EnoughUnderWay.
bool start(Job job) {
  if (in_transaction([&] { return is_job_running(job.id); })) {
    pass_over_or_suspend(job);
    return false;
  }
  if (std::optional<std::string> reason = in_transaction([&] { return why_not(job); })) {
    suspend(job, *reason);
    return false;
  }
  bool started = false;
  int64_t turn = turn_of(job);
  try {
    decide([&] {
      int64_t run_id = next_run_id();
      about_to_start = JobRun{MyDatabaseId, job.owner, run_id};
      if (!add_job_run(about_to_start)) throw EnoughUnderWay();
      job.current_run = run_id;
      job.state.last_due_at = turn;
      begin_run_of(job);
    });
    PR_FAULT("schedule");
    int64_t id = job.id;
    started = guarded([id] { return start_leader_of_job(about_to_start, id); });
  } catch (...) {
    give_up_start();
    throw;
  }
  if (started) {
    about_to_start = JobRun{};
    return true;
  }
  give_up_start();
  fail_to_start(job, Error("53000", "no background worker slot is free for the leader of the run", {},
                           "Raise \"max_worker_processes\"."));
  return false;
}

void look_again_at(SchedulerReport &report, int64_t time) {
  report.next_due = report.next_due == 0 ? time : std::min<int64_t>(report.next_due, time);
}

// Does it unless someone is changing the job; then it is to be done soon. Nobody is waited for: other jobs are due too.
template <class Body>
void unless_locked(SchedulerReport &report, Body body) {
  try {
    body();
  } catch (const Error &error) {
    if (error.sqlstate != "55P03") throw;
    look_again_at(report, job_clock() + kLockedAgainSeconds);
  }
}

void start_due(SchedulerReport &report, int64_t now) {
  std::vector<Job> due = jobs();
  due.erase(std::remove_if(due.begin(), due.end(),
                           [now](const Job &job) { return !is_startable(job) || *job.state.next_run_at > now; }),
            due.end());
  while (!due.empty()) {
    try {
      unless_locked(report, [&] { report.had_turn = start(take_next(due)) || report.had_turn; });
    } catch (const EnoughUnderWay &) {
      report.waits_for_turn = true;
      return;
    }
  }
}

// Those that were due at that time wait for something else; whoever has become due since is looked at again at once.
void find_next_due(SchedulerReport &report, int64_t now) {
  for (const Job &job : jobs()) {
    if (is_startable(job) && *job.state.next_run_at > now) look_again_at(report, *job.state.next_run_at);
    if (job.current_run) look_again_at(report, now + kUnderWayAgainSeconds);
  }
}

// What is left of dead runs, and of copies that were still in use. Nobody is waited for: jobs are. Whatever becomes of it, it is
// tried again.
void tidy_up(int scheduler, const SchedulerOrder &order, SchedulerReport report) {
  SchedulerReport clean = report;
  look_again_at(report, job_clock() + kSweepAgainSeconds);
  write_report(scheduler, order.launcher_pid, report);
  // What has just been started will end.
  if (!report.had_turn) in_transaction([] { forget_old_runs(); });
  if (sweep(0, std::chrono::milliseconds(0))) write_report(scheduler, order.launcher_pid, clean);
}

void look(int scheduler, const SchedulerOrder &order) {
  SchedulerReport report{};
  in_transaction([] {
    check_version();
    hide_own_tables_from_decoding();
  });
  follow_clock(order);
  report.clock_noted = true;
  write_report(scheduler, order.launcher_pid, report);
  in_transaction([] { mark_crashed_runs(0); });
  for (const Job &job : jobs()) {
    std::optional<RunEnd> end = job.current_run ? end_of(job) : std::nullopt;
    if (!end) continue;
    unless_locked(report, [&] { settle(job, *end); });
  }
  int64_t now = job_clock();
  start_due(report, now);
  PR_FAULT("started");
  find_next_due(report, now);
  PR_FAULT("tick");
  report.done = true;
  tidy_up(scheduler, order, report);
}

}  // namespace

BackgroundWorkerHandle *start_scheduler(int number, SchedulerOrder order) {
  BackgroundWorker worker = background_worker("pagila_repl_scheduler_main", "pagila_repl scheduler");
  worker.bgw_main_arg = Int32GetDatum(number);
  static_assert(sizeof order <= BGW_EXTRALEN);
  memcpy(worker.bgw_extra, &order, sizeof order);
  worker.bgw_notify_pid = MyProcPid;
  BackgroundWorkerHandle *handle;
  return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : nullptr;
}

}  // namespace pagila_repl

using namespace pagila_repl;

void pagila_repl_scheduler_main(Datum argument) {
  int number = DatumGetInt32(argument);
  SchedulerOrder order;
  memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof order);
  pqsignal(SIGTERM, die);
  BackgroundWorkerUnblockSignals();
  on_shmem_exit(give_up_start_at_exit, 0);
  BackgroundWorkerInitializeConnectionByOid(order.database, InvalidOid, 0);
  guard_functions();
  keep_event_triggers_of_runs_still();
  // Others wait for their turn.
  limit_run(kMostMs);
  entry([&] {
    if (in_transaction([] { return has_extension(); }))
      look(number, order);
    else
      write_report(number, order.launcher_pid, SchedulerReport{true, true, false, false, 0});
  });
}
