// The leader's main function: becomes the caller, runs the request, records how it ended.
//
// SIGINT cancels the run, SIGTERM aborts it; both arrive as the server's cancel error at the next interrupt check, so
// that the run can be recorded before the process ends. A second SIGTERM ends it at once.

#include "run/leader.hpp"

#include "core/load_request.hpp"
#include "core/replicate_request.hpp"
#include "core/replicate_to_request.hpp"
#include "pg/background_worker.hpp"
#include "pg/boundary.hpp"
#include "pg/function_guard.hpp"
#include "pg/transaction.hpp"
#include "run/channel.hpp"
#include "run/job_request.hpp"
#include "run/job_table.hpp"
#include "run/load.hpp"
#include "run/replicate.hpp"
#include "run/replicate_to.hpp"
#include "run/run.hpp"
#include "target/still_event_triggers.hpp"
#include "target/target_lock.hpp"

extern "C" {
#include <signal.h>

#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
}

namespace pagila_repl {

namespace {

bool leading = false;
volatile sig_atomic_t termination_requested = false;
volatile sig_atomic_t timed_out = false;
// When SIGTERM came first. The postmaster sends each signal twice, to the process and to its group.
volatile TimestampTz told_at = 0;
constexpr int kSameSignalMs = 500;

// How the end of the run is dealt with: while it is recorded nothing but a second SIGTERM stops this process.
volatile sig_atomic_t is_ending = false;
volatile sig_atomic_t is_uncancellable = false;
volatile sig_atomic_t told_while_ending = false;

bool is_told_again() {
  return termination_requested && TimestampDifferenceExceeds(told_at, GetCurrentTimestamp(), kSameSignalMs);
}

void cancel_what_is_done() {
  InterruptPending = true;
  QueryCancelPending = true;
  SetLatch(MyLatch);
}

void on_sigterm(SIGNAL_ARGS) {
  int saved_errno = errno;
  if (is_told_again()) die(postgres_signal_arg);
  bool is_first = !termination_requested;
  if (is_first) told_at = GetCurrentTimestamp();
  termination_requested = true;
  // What has ended the run does not end the cleaning up as well.
  if (is_ending && is_first) told_while_ending = true;
  if (!is_uncancellable && (is_first || !is_ending)) cancel_what_is_done();
  errno = saved_errno;
}

// Runs in the handler of SIGALRM.
void on_timeout() {
  if (is_ending) return;
  timed_out = true;
  cancel_what_is_done();
}

void run(RequestKind kind, std::string_view request) {
  switch (kind) {
    case RequestKind::load: return run_load(decode_load_request(request));
    case RequestKind::replicate: return run_replicate(decode_replicate_request(request));
    case RequestKind::replicate_to: return run_replicate_to(decode_replicate_to_request(request));
  }
}

struct JobOrder {
  JobRun run;
  int64 job;
};

// Whatever is wrong with the job, its run is recorded.
void run_job(JobOrder order) {
  std::optional<Job> job = in_transaction([&] { return find_job(order.job); });
  // Another may have its number if the extension was created anew.
  if (!job || job->owner != order.run.owner || job->current_run != order.run.run_id) return;
  std::optional<JobRequest> request;
  try {
    request = in_transaction([&] { return request_of(*job, order.run.run_id); });
  } catch (...) {
    return fail_run(*job, order.run.run_id, current_error());
  }
  try {
    run(request->kind, request->bytes);
  } catch (...) {
    // If the run was not recorded: it may be that someone called for one of this job at the same moment.
    std::pair<RunStatus, Error> end = how_it_ended(current_error());
    in_transaction([&] { record_failed_start(*job, end.first, end.second); });
    throw;
  }
}

// Old runs are to be forgotten, and nobody else would know that this one has left something.
void wake_launcher_at_exit(int, Datum) {
  if (has_begun_run()) wake_launcher(MyDatabaseId);
}

}  // namespace

bool is_leader() { return leading; }

bool start_leader_of_job(JobRun run, int64 job) {
  JobOrder order{run, job};
  BackgroundWorker worker = background_worker("pagila_repl_job_main", "pagila_repl leader");
  static_assert(sizeof order <= BGW_EXTRALEN);
  memcpy(worker.bgw_extra, &order, sizeof order);
  return RegisterDynamicBackgroundWorker(&worker, nullptr);
}

bool is_termination_requested() { return termination_requested; }

void limit_run(int milliseconds) {
  if (milliseconds <= 0) return;
  TimeoutId timeout = RegisterTimeout(USER_TIMEOUT, on_timeout);
  enable_timeout_after(timeout, milliseconds);
}

bool is_timed_out() { return timed_out; }

void ignore_cancel() {
  is_ending = is_uncancellable = true;
  pqsignal(SIGINT, SIG_IGN);
  QueryCancelPending = false;
}

void accept_cancel() {
  is_uncancellable = false;
  pqsignal(SIGINT, StatementCancelHandler);
  if (told_while_ending) cancel_what_is_done();
}

}  // namespace pagila_repl

using namespace pagila_repl;

void pagila_repl_leader_main(Datum segment_handle) {
  leading = true;
  pqsignal(SIGTERM, on_sigterm);
  BackgroundWorkerUnblockSignals();
  Attached caller = attach_to_caller(DatumGetUInt32(segment_handle));
  if (caller.shared->cancel_requested) return;
  BackgroundWorkerInitializeConnectionByOid(caller.shared->database, caller.shared->owner, 0);
  // Done in the reverse order: whoever is woken is to find no lock of the run.
  on_shmem_exit(wake_launcher_at_exit, 0);
  release_locks_at_exit();
  Size size = caller.shared->request_size;
  guard_functions();
  keep_event_triggers_of_runs_still();
  entry([&] { run(caller.shared->kind, {caller.request, size}); });
}

void pagila_repl_job_main(Datum) {
  JobOrder order;
  memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof order);
  leading = true;
  pqsignal(SIGTERM, on_sigterm);
  BackgroundWorkerUnblockSignals();
  if (!attach_job_run(order.run)) return;
  BackgroundWorkerInitializeConnectionByOid(order.run.database, order.run.owner, 0);
  release_locks_at_exit();
  guard_functions();
  keep_event_triggers_of_runs_still();
  entry([&] { run_job(order); });
}
