// Asks a leader for a run, and reads how a run stands.

#include "asked_run.hpp"

#include <initializer_list>

#include "entrance.hpp"
#include "pg/boundary.hpp"
#include "pg/client_text.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/snapmgr.h"
}

namespace pagila_repl {

namespace {

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

Datum row_of(FunctionCallInfo fcinfo, char **outcome) {
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
  for (int column : {kError, kDetail, kHint, kContext})
    outcome[column] = const_cast<char *>(for_client(outcome[column]));
  ereport(ERROR,
          (errcode(MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4])),
           errmsg_internal("%s", outcome[kError]), outcome[kDetail] ? errdetail_internal("%s", outcome[kDetail]) : 0,
           outcome[kHint] ? errhint("%s", outcome[kHint]) : 0,
           errcontext("%s%srun %s", outcome[kContext] ? outcome[kContext] : "", outcome[kContext] ? "\n" : "",
                      outcome[kRunId])));
}

}  // namespace

PlainRequest plain_request(const std::string &bytes) {
  const char *data = bytes.data();
  Size size = bytes.size();
  char *copy = guarded([=] { return (char *)memcpy(palloc(size), data, size); });
  return PlainRequest{copy, size, extension_owner()};
}

Datum ask_for_run(FunctionCallInfo fcinfo, Oid owner, RequestKind kind, PlainRequest request, bool wait) {
  Leader leader = start_leader(owner, kind, request.bytes, request.size);
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
  if (wait) raise_outcome(outcome);
  return row_of(fcinfo, outcome);
}

bool may_signal(Oid owner) {
  return superuser() || has_privs_of_role(GetUserId(), owner) ||
         (!superuser_arg(owner) && has_privs_of_role(GetUserId(), ROLE_PG_SIGNAL_BACKEND));
}

Outcome outcome_for_caller(int64 run_id, bool to_signal) {
  Oid owner = entry([] { return extension_owner(); });
  char **outcome = read_outcome(run_id, owner);
  Oid run_owner = outcome == nullptr ? InvalidOid : (Oid)strtoul(outcome[kOwner], nullptr, 10);
  // A run of others does not exist for those who may not see it.
  bool visible = outcome != nullptr && (may_see_what_is_of(run_owner) || (to_signal && may_signal(run_owner)));
  if (!visible)
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("run " INT64_FORMAT " does not exist", run_id),
                    errhint("See the runs in pagila_repl.run.")));
  return Outcome{outcome, run_owner, (int)strtol(outcome[kLeader], nullptr, 10), outcome[kRunId]};
}

Datum result_row(FunctionCallInfo fcinfo, Outcome outcome) { return row_of(fcinfo, outcome.columns); }

}  // namespace pagila_repl
