// The leader's main function: becomes the caller, runs the request, records how it ended.
//
// SIGINT cancels the run, SIGTERM aborts it; both arrive as the server's cancel error at the next interrupt check, so
// that the run can be recorded before the process ends. A second SIGTERM ends it at once.

#include "run/leader.hpp"

#include "core/load_request.hpp"
#include "core/replicate_request.hpp"
#include "pg/boundary.hpp"
#include "run/channel.hpp"
#include "run/load.hpp"
#include "run/replicate.hpp"
#include "run/run.hpp"
#include "target/target_lock.hpp"

extern "C" {
#include <signal.h>

#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/timeout.h"
}

namespace pagila_repl {

namespace {

bool leading = false;
volatile sig_atomic_t termination_requested = false;
volatile sig_atomic_t timed_out = false;

void on_sigterm(SIGNAL_ARGS) {
  int saved_errno = errno;
  if (termination_requested) die(postgres_signal_arg);
  termination_requested = true;
  InterruptPending = true;
  QueryCancelPending = true;
  SetLatch(MyLatch);
  errno = saved_errno;
}

// Runs in the handler of SIGALRM.
void on_timeout() {
  timed_out = true;
  InterruptPending = true;
  QueryCancelPending = true;
  SetLatch(MyLatch);
}

}  // namespace

bool is_leader() { return leading; }

bool is_termination_requested() { return termination_requested; }

void limit_run(int milliseconds) {
  if (milliseconds <= 0) return;
  TimeoutId timeout = RegisterTimeout(USER_TIMEOUT, on_timeout);
  enable_timeout_after(timeout, milliseconds);
}

bool is_timed_out() { return timed_out; }

void ignore_cancel() {
  pqsignal(SIGINT, SIG_IGN);
  pqsignal(SIGTERM, die);
  QueryCancelPending = false;
}

void accept_cancel() { pqsignal(SIGINT, StatementCancelHandler); }

}  // namespace pagila_repl

using namespace pagila_repl;

void pagila_repl_leader_main(Datum segment_handle) {
  leading = true;
  pqsignal(SIGTERM, on_sigterm);
  BackgroundWorkerUnblockSignals();
  Attached caller = attach_to_caller(DatumGetUInt32(segment_handle));
  if (caller.shared->cancel_requested) return;
  BackgroundWorkerInitializeConnectionByOid(caller.shared->database, caller.shared->owner, 0);
  release_locks_at_exit();
  Size size = caller.shared->request_size;
  if (caller.shared->kind == RequestKind::load)
    entry([&] { run_load(decode_load_request({caller.request, size})); });
  else
    entry([&] { run_replicate(decode_replicate_request({caller.request, size})); });
}
