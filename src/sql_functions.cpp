// Every function that SQL can call: the index of the product. Each checks the caller, then hands over.

#include "core/load_request.hpp"
#include "core/replicate_request.hpp"
#include "entrance.hpp"
#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "run/channel.hpp"
#include "run/leader.hpp"
#include "settings.hpp"
#include "target/target_lock.hpp"

extern "C" {
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/procarray.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

PGDLLEXPORT Datum pagila_load(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pagila_replicate_from(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pagila_wait(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pagila_cancel(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pagila_load);
PG_FUNCTION_INFO_V1(pagila_replicate_from);
PG_FUNCTION_INFO_V1(pagila_wait);
PG_FUNCTION_INFO_V1(pagila_cancel);
}

namespace pagila_repl {

namespace {

//
// Checks at the entrance. Server code: they run before any C++ object is born.
//

void check_may_read_files() {
  if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to read files on the server"),
                    errdetail("pagila_load reads its files on the server."),
                    errhint("GRANT pg_read_server_files TO the role.")));
}

// Relations of the extension do not count: SELECT pagila_wait(run_id) FROM pagila_repl.run is a fair question.
bool holds_lock_of_a_relation() {
  Oid own_schema = get_namespace_oid("pagila_repl", true);
  LockData *locks = GetLockStatusData();
  for (int i = 0; i < locks->nelements; i++) {
    const LockInstanceData *lock = &locks->locks[i];
    if (lock->pid == MyProcPid && lock->holdMask != 0 && lock->locktag.locktag_type == LOCKTAG_RELATION &&
        lock->locktag.locktag_field1 == MyDatabaseId && lock->locktag.locktag_field2 >= FirstNormalObjectId &&
        get_rel_namespace(lock->locktag.locktag_field2) != own_schema)
      return true;
  }
  return false;
}

// The run would wait for locks of its caller's transaction, which waits for the run.
void check_no_transaction(const char *function) {
  if (IsTransactionBlock() || IsSubTransaction())
    ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
                    errmsg("%s cannot be called inside a transaction block", function),
                    errdetail("The run is done by another process, which would wait for this transaction's locks."),
                    errhint("Call it as a statement of its own.")));
  if (TransactionIdIsValid(GetTopTransactionIdIfAny()) || holds_lock_of_a_relation())
    ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
                    errmsg("%s cannot be called after other work in the same statement", function),
                    errdetail("The run is done by another process, which would wait for this transaction's locks."),
                    errhint("Call it as a statement of its own.")));
}

void check_may_log_in() {
  HeapTuple role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
  bool may = HeapTupleIsValid(role) && ((Form_pg_authid)GETSTRUCT(role))->rolcanlogin;
  if (HeapTupleIsValid(role)) ReleaseSysCache(role);
  if (!may)
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
             errmsg("role \"%s\" may not log in, so no run can be done as it", GetUserNameFromId(GetUserId(), true)),
             errhint("Call it as a role with LOGIN.")));
}

//
// Arguments
//

// True if the argument is `yes`, false if it is `no`.
bool choice_argument(FunctionCallInfo fcinfo, int number, const char *name, const std::string &yes,
                     const std::string &no) {
  std::string value = text_argument(fcinfo, number, name);
  if (value == yes) return true;
  if (value == no) return false;
  throw Error("22023", std::string("invalid value for argument \"") + name + "\": \"" + value + "\"", {},
              "It is '" + yes + "' or '" + no + "'.");
}

// The options that all runs share stand side by side, from `verify` on.
void take_options(FunctionCallInfo fcinfo, int force, int verify, RunOptions &options) {
  options.force = boolean_argument(fcinfo, force, "force");
  options.verify_content = choice_argument(fcinfo, verify, "verify", "content", "counts");
  options.overwrite_modified = choice_argument(fcinfo, verify + 1, "on_modified", "overwrite", "refuse");
  options.drop_unmanaged = choice_argument(fcinfo, verify + 2, "on_unmanaged", "drop", "refuse");
  options.drop_dependents = choice_argument(fcinfo, verify + 3, "on_dependents", "drop", "refuse");
  options.keep_owners = choice_argument(fcinfo, verify + 4, "owners", "keep", "skip");
  options.swap_budget_ms = swap_budget_setting();
  options.run_timeout_ms = run_timeout_setting();
}

LoadRequest load_request(FunctionCallInfo fcinfo) {
  LoadRequest request;
  request.schema_file = text_argument(fcinfo, 0, "schema_file");
  if (!PG_ARGISNULL(1)) request.data_file = text_argument(fcinfo, 1, "data_file");
  take_options(fcinfo, 2, 4, request);
  request.strict = boolean_argument(fcinfo, 9, "strict");
  check_load_directories(request.schema_file);
  if (request.data_file) check_load_directories(*request.data_file);
  return request;
}

int workers_argument(FunctionCallInfo fcinfo, int number) {
  if (PG_ARGISNULL(number)) return workers_setting();
  int workers = PG_GETARG_INT32(number);
  if (workers < 1 || workers > kMostWorkers)
    throw Error("22023", "invalid value for argument \"workers\": " + std::to_string(workers), {},
                "It is between 1 and " + std::to_string(kMostWorkers) + ".");
  return workers;
}

ReplicateRequest replicate_request(FunctionCallInfo fcinfo) {
  ReplicateRequest request;
  request.server = text_argument(fcinfo, 0, "server");
  request.workers = workers_argument(fcinfo, 1);
  request.selection = selection_argument(fcinfo, 2);
  take_options(fcinfo, 5, 7, request);
  request.connect_timeout_ms = connect_timeout_setting();
  request.stall_timeout_ms = stall_timeout_setting();
  request.check_foreign_keys = choice_argument(fcinfo, 12, "foreign_keys", "check", "trust");
  return request;
}

//
// How a run stands, as committed by now
//

// The columns of kOutcome as text.
constexpr const char *kOutcome = R"(
SELECT run_id, status, rows, bytes, COALESCE(finished_at, pg_catalog.clock_timestamp()) - started_at, message,
       sqlstate, error_message, error_detail, error_hint, error_context, leader_pid, owner_oid
  FROM pagila_repl.run WHERE run_id = $1)";
enum {
  kRunId,
  kStatus,
  kRows,
  kBytes,
  kDuration,
  kMessage,
  kState,
  kError,
  kDetail,
  kHint,
  kContext,
  kLeader,
  kOwner,
  kOutcomeColumns
};
constexpr int kResultColumns = 6;

// Server code. Our own statement's snapshot may be older than the run, so it takes the latest. Null if there is no run.
char **read_outcome(int64 run_id, Oid extension_owner) {
  Oid user;
  int context;
  GetUserIdAndSecContext(&user, &context);
  MemoryContext caller = CurrentMemoryContext;
  char **outcome = nullptr;

  SPI_connect();
  SetUserIdAndSecContext(extension_owner, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
  Oid type = INT8OID;
  SPIPlanPtr plan = SPI_prepare(kOutcome, 1, &type);
  Datum value = Int64GetDatum(run_id);
  int result = SPI_execute_snapshot(plan, &value, nullptr, GetLatestSnapshot(), InvalidSnapshot, true, false, 1);
  if (result != SPI_OK_SELECT) elog(ERROR, "could not read the outcome of a run");
  if (SPI_processed == 1) {
    outcome = (char **)MemoryContextAllocZero(caller, sizeof(char *) * kOutcomeColumns);
    for (int i = 0; i < kOutcomeColumns; i++) {
      char *text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1);
      if (text != nullptr) outcome[i] = MemoryContextStrdup(caller, text);
    }
  }
  SetUserIdAndSecContext(user, context);
  SPI_finish();
  return outcome;
}

Datum result_row(FunctionCallInfo fcinfo, char **outcome) {
  TupleDesc descriptor;
  if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
    elog(ERROR, "return type must be a row type");
  descriptor = BlessTupleDesc(descriptor);
  Assert(descriptor->natts == kResultColumns);
  HeapTuple row = BuildTupleFromCStrings(TupleDescGetAttInMetadata(descriptor), outcome);
  return HeapTupleGetDatum(row);
}

// Raises the error that ended the run, if one did.
void raise_outcome(char **outcome) {
  if (outcome[kState] == nullptr) return;
  const char *state = outcome[kState];
  ereport(ERROR,
          (errcode(MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4])),
           errmsg_internal("%s", outcome[kError]), outcome[kDetail] ? errdetail_internal("%s", outcome[kDetail]) : 0,
           outcome[kHint] ? errhint("%s", outcome[kHint]) : 0,
           errcontext("%s%srun %s", outcome[kContext] ? outcome[kContext] : "", outcome[kContext] ? "\n" : "",
                      outcome[kRunId])));
}

// A request in plain memory.
struct PlainRequest {
  char *bytes;
  Size size;
  Oid extension_owner;
};

PlainRequest plain_request(const std::string &bytes) {
  const char *data = bytes.data();
  Size size = bytes.size();
  char *copy = guarded([=] { return (char *)memcpy(palloc(size), data, size); });
  return PlainRequest{copy, size, extension_owner()};
}

Datum run(FunctionCallInfo fcinfo, RequestKind kind, PlainRequest request, bool wait) {
  Leader leader = start_leader(GetUserId(), kind, request.bytes, request.size);
  int64 run_id = follow_leader(leader, !wait);
  dsm_detach(leader.segment);
  char **outcome = run_id == 0 ? nullptr : read_outcome(run_id, request.extension_owner);
  if (outcome == nullptr)
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the leader of the run could not start"),
                    errhint("See the server's log.")));
  if (wait && strcmp(outcome[kStatus], "running") == 0)
    ereport(ERROR,
            (errcode(ERRCODE_CRASH_SHUTDOWN), errmsg("the leader of run %s died", outcome[kRunId]),
             errhint("The target is unchanged or new as a whole; the next run cleans up. See the server's log.")));
  raise_outcome(outcome);
  return result_row(fcinfo, outcome);
}

char **outcome_for_caller(int64 run_id) {
  Oid owner = entry([] { return extension_owner(); });
  char **outcome = read_outcome(run_id, owner);
  Oid run_owner = outcome == nullptr ? InvalidOid : (Oid)strtoul(outcome[kOwner], nullptr, 10);
  Oid monitor = get_role_oid("pagila_repl_monitor", true);
  // A run of others does not exist for those who may not see it.
  bool visible = outcome != nullptr && (superuser() || has_privs_of_role(GetUserId(), run_owner) ||
                                        (OidIsValid(monitor) && has_privs_of_role(GetUserId(), monitor)));
  if (!visible)
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("run " INT64_FORMAT " does not exist", run_id),
                    errhint("See the runs in pagila_repl.run.")));
  return outcome;
}

}  // namespace

}  // namespace pagila_repl

using namespace pagila_repl;

// pagila_load(schema_file, data_file, force, wait, verify, on_modified, on_unmanaged, on_dependents, owners, strict)
Datum pagila_load(PG_FUNCTION_ARGS) {
  check_operator("pagila_load");
  check_may_read_files();
  check_not_in_run("pagila_load");
  check_not_standby("pagila_load");
  check_no_transaction("pagila_load");
  check_may_log_in();
  bool wait = entry([&] { return boolean_argument(fcinfo, 3, "wait"); });
  PlainRequest request = entry([&] { return plain_request(encode(load_request(fcinfo))); });
  return run(fcinfo, RequestKind::load, request, wait);
}

// pagila_replicate_from(server, workers, schemas, include, exclude, force, wait, verify, on_modified, on_unmanaged,
//                       on_dependents, owners, foreign_keys)
Datum pagila_replicate_from(PG_FUNCTION_ARGS) {
  check_operator("pagila_replicate_from");
  check_not_in_run("pagila_replicate_from");
  check_not_standby("pagila_replicate_from");
  check_no_transaction("pagila_replicate_from");
  check_may_log_in();
  bool wait = entry([&] { return boolean_argument(fcinfo, 6, "wait"); });
  PlainRequest request = entry([&] { return plain_request(encode(replicate_request(fcinfo))); });
  return run(fcinfo, RequestKind::replicate, request, wait);
}

// pagila_wait(run_id)
Datum pagila_wait(PG_FUNCTION_ARGS) {
  int64 run_id = PG_GETARG_INT64(0);
  check_operator("pagila_wait");
  check_not_in_run("pagila_wait");
  check_no_transaction("pagila_wait");
  (void)outcome_for_caller(run_id);
  wait_for_run(run_id);
  return result_row(fcinfo, outcome_for_caller(run_id));
}

// pagila_cancel(run_id)
Datum pagila_cancel(PG_FUNCTION_ARGS) {
  int64 run_id = PG_GETARG_INT64(0);
  check_operator("pagila_cancel");
  check_not_in_run("pagila_cancel");
  char **outcome = outcome_for_caller(run_id);
  auto run_owner = (Oid)strtoul(outcome[kOwner], nullptr, 10);
  if (!superuser() && !has_privs_of_role(GetUserId(), run_owner) &&
      (superuser_arg(run_owner) || !has_privs_of_role(GetUserId(), ROLE_PG_SIGNAL_BACKEND)))
    ereport(ERROR,
            (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to cancel run %s", outcome[kRunId]),
             errdetail("Only its owner and members of \"pg_signal_backend\" may.")));

  bool gone = entry([=] { return is_leader_gone(run_id); });
  auto pid = (int)strtol(outcome[kLeader], nullptr, 10);
  PGPROC *leader = gone ? nullptr : BackendPidGetProc(pid);
  if (leader == nullptr || leader->databaseId != MyDatabaseId || leader->roleId != run_owner) PG_RETURN_BOOL(false);
  PG_RETURN_BOOL(kill(pid, SIGINT) == 0);
}
