// The functions by which SQL asks for runs, waits for them and stops them. Each checks the caller, then hands over.

#include "asked_run.hpp"
#include "core/replicate_to_request.hpp"
#include "entrance.hpp"
#include "pg/boundary.hpp"
#include "run_arguments.hpp"
#include "target/target_lock.hpp"

extern "C" {
#include <signal.h>

#include "catalog/pg_authid.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/acl.h"

PGDLLEXPORT Datum pagila_load(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pagila_replicate_from(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pagila_replicate_to(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pagila_wait(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pagila_cancel(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pagila_load);
PG_FUNCTION_INFO_V1(pagila_replicate_from);
PG_FUNCTION_INFO_V1(pagila_replicate_to);
PG_FUNCTION_INFO_V1(pagila_wait);
PG_FUNCTION_INFO_V1(pagila_cancel);
}

using namespace pagila_repl;

// pagila_load(schema_file, data_file, force, wait, verify, on_modified, on_unmanaged, on_dependents, owners, strict,
//             on_other_source, on_object_error, large_objects,
//                     database_objects)
Datum pagila_load(PG_FUNCTION_ARGS) {
  check_operator("pagila_load");
  check_may_read_files();
  check_not_in_run("pagila_load");
  check_not_standby("pagila_load");
  check_no_transaction("pagila_load");
  check_may_log_in();
  bool wait = entry([&] { return boolean_argument(fcinfo, 3, "wait"); });
  PlainRequest request = entry([&] { return plain_request(encode(load_request(fcinfo))); });
  return ask_for_run(fcinfo, GetUserId(), RequestKind::load, request, wait);
}

// pagila_replicate_from(server, workers, schemas, include, exclude, force, wait, verify, on_modified, on_unmanaged,
//                       on_dependents, owners, foreign_keys, on_other_source, on_object_error, large_objects,
//                     database_objects)
Datum pagila_replicate_from(PG_FUNCTION_ARGS) {
  check_operator("pagila_replicate_from");
  check_not_in_run("pagila_replicate_from");
  check_not_standby("pagila_replicate_from");
  check_no_transaction("pagila_replicate_from");
  check_may_log_in();
  bool wait = entry([&] { return boolean_argument(fcinfo, 6, "wait"); });
  PlainRequest request =
      entry([&] { return plain_request(encode(replicate_request(fcinfo, text_argument(fcinfo, 0, "server"), 1))); });
  return ask_for_run(fcinfo, GetUserId(), RequestKind::replicate, request, wait);
}

// pagila_replicate_to(server, source, workers, schemas, include, exclude, force, wait, verify, on_modified, on_unmanaged,
//                     on_dependents, owners, foreign_keys, on_other_source, on_object_error, large_objects,
//                     database_objects)
Datum pagila_replicate_to(PG_FUNCTION_ARGS) {
  check_operator("pagila_replicate_to");
  check_not_in_run("pagila_replicate_to");
  check_not_standby("pagila_replicate_to");
  check_no_transaction("pagila_replicate_to");
  check_may_log_in();
  bool wait = entry([&] { return boolean_argument(fcinfo, 7, "wait"); });
  PlainRequest plain = entry([&] {
    ReplicateToRequest request;
    static_cast<ReplicateRequest &>(request) = replicate_request(fcinfo, text_argument(fcinfo, 0, "server"), 2);
    if (PG_ARGISNULL(2)) request.workers = 0;
    if (!PG_ARGISNULL(1)) request.source = text_argument(fcinfo, 1, "source");
    request.wait = wait;
    return plain_request(encode(request));
  });
  return ask_for_run(fcinfo, GetUserId(), RequestKind::replicate_to, plain, wait);
}

// pagila_wait(run_id)
Datum pagila_wait(PG_FUNCTION_ARGS) {
  int64 run_id = PG_GETARG_INT64(0);
  check_operator("pagila_wait");
  check_not_in_run("pagila_wait");
  check_no_transaction("pagila_wait");
  (void)outcome_for_caller(run_id, false);
  wait_for_run(run_id);
  return result_row(fcinfo, outcome_for_caller(run_id, false));
}

// pagila_cancel(run_id)
Datum pagila_cancel(PG_FUNCTION_ARGS) {
  int64 run_id = PG_GETARG_INT64(0);
  check_operator("pagila_cancel");
  check_not_in_run("pagila_cancel");
  Outcome outcome = outcome_for_caller(run_id, true);
  if (!may_signal(outcome.owner))
    ereport(ERROR,
            (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to cancel run %s", outcome.run_id),
             errdetail("Only its owner and members of \"pg_signal_backend\" may.")));

  bool gone = entry([=] { return is_leader_gone(run_id); });
  PGPROC *leader = gone ? nullptr : BackendPidGetProc(outcome.leader_pid);
  if (leader == nullptr || leader->databaseId != MyDatabaseId || leader->roleId != outcome.owner) PG_RETURN_BOOL(false);
  PG_RETURN_BOOL(kill(outcome.leader_pid, SIGINT) == 0);
}
