// The leader's main function: becomes the caller, runs the request, records how it ended.
//
// SIGINT cancels the run, SIGTERM aborts it; both arrive as the server's cancel error at the next interrupt check, so
// that the run can be recorded before the process ends. A second SIGTERM ends it at once.

#include "run/leader.hpp"

#include "core/load_request.hpp"
#include "pg/boundary.hpp"
#include "run/channel.hpp"
#include "run/load.hpp"
#include "target/target_lock.hpp"

extern "C" {
#include <signal.h>

#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
}

namespace pagila_repl {

namespace {

bool leading = false;
volatile sig_atomic_t termination_requested = false;

void on_sigterm(SIGNAL_ARGS) {
  int saved_errno = errno;
  if (termination_requested) die(postgres_signal_arg);
  termination_requested = true;
  InterruptPending = true;
  QueryCancelPending = true;
  SetLatch(MyLatch);
  errno = saved_errno;
}

void fix_setting(const char *name, const char *value) { SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE); }

// Settings of the role or database must not decide what a run does, or end it.
void fix_settings() {
  fix_setting("role", "none");
  fix_setting("search_path", "pg_catalog, pg_temp");
  fix_setting("session_replication_role", "origin");
  fix_setting("default_transaction_isolation", "read committed");
  fix_setting("default_transaction_read_only", "off");
  fix_setting("default_transaction_deferrable", "off");
  fix_setting("statement_timeout", "0");
  fix_setting("lock_timeout", "0");
  fix_setting("idle_in_transaction_session_timeout", "0");
  fix_setting("client_min_messages", "notice");
  fix_setting("row_security", "on");
  fix_setting("DateStyle", "ISO, MDY");
  fix_setting("IntervalStyle", "postgres");
  fix_setting("extra_float_digits", "1");
  fix_setting("bytea_output", "hex");
  fix_setting("xmlbinary", "base64");
  fix_setting("default_tablespace", "");
  // The compiler's library alone is larger than all else a leader holds.
  fix_setting("jit", "off");
  // Only publishing must be durable, and its commit makes everything before it durable too.
  fix_setting("synchronous_commit", "off");
}

}  // namespace

bool is_leader() { return leading; }

bool is_termination_requested() { return termination_requested; }

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
  fix_settings();
  Size size = caller.shared->request_size;
  entry([&] { run_load(decode_load_request({caller.request, size})); });
}
