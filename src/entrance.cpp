// Checks of the caller and of arguments.

#include "entrance.hpp"

#include "pg/boundary.hpp"
#include "run/leader.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace pagila_repl {

void check_operator(const char *function) {
  Oid role = get_role_oid("pagila_repl_operator", true);
  if (!superuser() && !(OidIsValid(role) && has_privs_of_role(GetUserId(), role)))
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for function %s", function),
                    errdetail("Only members of the role \"pagila_repl_operator\" may call it."),
                    errhint("GRANT pagila_repl_operator TO the role.")));
}

void check_not_in_run(const char *function) {
  if (is_leader())
    ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE), errmsg("%s cannot be called from within a run", function)));
  if (InSecurityRestrictedOperation())
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("%s cannot be called within a security-restricted operation", function)));
}

void check_not_standby(const char *function) {
  if (RecoveryInProgress())
    ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION), errmsg("%s cannot be called during recovery", function),
                    errhint("Call it on the primary.")));
}

namespace {

// Relations of the extension do not count: SELECT pagila_wait(run_id) FROM pagila_repl.run is a fair question. Nor do those
// of the system's schemas, which no run waits for: extensions have tables in pg_catalog that their hooks open. Those that
// extensions have elsewhere may have to move with their schema.
bool holds_lock_of_a_relation() {
  Oid own_schema = get_namespace_oid("pagila_repl", true);
  auto counts = [own_schema](Oid relation) {
    Oid schema = get_rel_namespace(relation);
    return schema != own_schema && schema != PG_CATALOG_NAMESPACE && schema != PG_TOAST_NAMESPACE;
  };
  LockData *locks = GetLockStatusData();
  for (int i = 0; i < locks->nelements; i++) {
    const LockInstanceData *lock = &locks->locks[i];
    if (lock->pid == MyProcPid && lock->holdMask != 0 && lock->locktag.locktag_type == LOCKTAG_RELATION &&
        lock->locktag.locktag_field1 == MyDatabaseId && lock->locktag.locktag_field2 >= FirstNormalObjectId &&
        counts(lock->locktag.locktag_field2))
      return true;
  }
  return false;
}

}  // namespace

void check_may_read_files() {
  if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to read files on the server"),
                    errdetail("pagila_load reads its files on the server."),
                    errhint("GRANT pg_read_server_files TO the role.")));
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

bool may_see_what_is_of(Oid owner) {
  Oid monitor = get_role_oid("pagila_repl_monitor", true);
  return superuser() || is_member_of_role(GetUserId(), owner) ||
         (OidIsValid(monitor) && is_member_of_role(GetUserId(), monitor));
}

namespace {

std::string text_of(Datum value) {
  return guarded([value]() -> const char * { return TextDatumGetCString(value); });
}

}  // namespace

std::string text_argument(FunctionCallInfo fcinfo, int number, const char *name) {
  if (PG_ARGISNULL(number)) throw Error("22004", std::string("argument \"") + name + "\" must not be null");
  return text_of(PG_GETARG_DATUM(number));
}

bool boolean_argument(FunctionCallInfo fcinfo, int number, const char *name) {
  if (PG_ARGISNULL(number)) throw Error("22004", std::string("argument \"") + name + "\" must not be null");
  return PG_GETARG_BOOL(number);
}

namespace {

std::vector<std::string> elements_argument(FunctionCallInfo fcinfo, int number, const char *name) {
  std::vector<std::string> texts;
  if (PG_ARGISNULL(number)) return texts;
  Datum value = PG_GETARG_DATUM(number);
  struct Elements {
    Datum *values;
    bool *nulls;
    int count;
  };
  Elements elements = guarded([value] {
    Elements found{};
    deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT, &found.values, &found.nulls,
                      &found.count);
    return found;
  });
  for (int i = 0; i < elements.count; i++) {
    if (elements.nulls[i]) throw Error("22004", std::string("argument \"") + name + "\" must not have null elements");
    texts.push_back(text_of(elements.values[i]));
  }
  return texts;
}

}  // namespace

std::vector<std::string> texts_argument(FunctionCallInfo fcinfo, int number, const char *name) {
  std::vector<std::string> texts = elements_argument(fcinfo, number, name);
  if (!PG_ARGISNULL(number) && texts.empty())
    throw Error("22023", std::string("argument \"") + name + "\" must not be empty", {}, "Leave it out to mean all.");
  return texts;
}

DatabaseObjectKinds database_objects_argument(FunctionCallInfo fcinfo, int number) {
  return database_object_kinds(elements_argument(fcinfo, number, "database_objects"));
}

Selection selection_argument(FunctionCallInfo fcinfo, int first) {
  return {texts_argument(fcinfo, first, "schemas"), texts_argument(fcinfo, first + 1, "include"),
          texts_argument(fcinfo, first + 2, "exclude")};
}

}  // namespace pagila_repl
