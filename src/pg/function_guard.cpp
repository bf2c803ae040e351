// Looks at every function when it is called.
//
// The server asks needs_fmgr_hook when it looks a function up (fmgr_info_cxt_security) and when it could inline one
// (inline_function); from then on it calls fmgr_hook before each call. What was looked up as one role may be called as another:
// plpgsql keeps its expressions, cached plans outlive transactions. So all that matters is asked at the call.

#include "pg/function_guard.hpp"

#include "pg/boundary.hpp"
#include "pg/query_guard.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
}

namespace pagila_repl {

namespace {

constexpr char kSetting[] = "pagila_repl.guarded";

needs_fmgr_hook_type needs_before = nullptr;
fmgr_hook_type call_before = nullptr;
ProcessUtility_hook_type utility_before = nullptr;

// The setting: empty where functions are not guarded, else a word and the OIDs of the schemas that are trusted.
char *guarded_text = nullptr;
struct Guard {
  bool is_on;
  int count;
  Oid trusted[FLEXIBLE_ARRAY_MEMBER];
};
const Guard *guard = nullptr;

int admitted_statements = 0;
int event_triggers_running = 0;
bool (*is_event_trigger_still)(Oid function) = nullptr;

bool read_guard(char **value, void **extra, GucSource) {
  // As many OIDs as the text could hold.
  auto *read = static_cast<Guard *>(malloc(offsetof(Guard, trusted) + sizeof(Oid) * (strlen(*value) + 1)));
  if (read == nullptr) return false;
  read->is_on = **value != '\0';
  read->count = 0;
  for (const char *at = strchr(*value, ' '); at != nullptr; at = strchr(at + 1, ' '))
    read->trusted[read->count++] = static_cast<Oid>(strtoul(at, nullptr, 10));
  *extra = read;
  return true;
}

bool is_superusers_event_trigger(const FoundFunction &function) {
  return function.is_event_trigger && superuser_arg(function.owner);
}

void check_call(Oid oid, const FoundFunction &function) {
  if (function.runs_as_owner || has_privs_of_role(function.owner, GetUserId()) ||
      is_made_in_stage(ProcedureRelationId, oid, function.schema))
    return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("function %s of role \"%s\" would be called as role \"%s\"", format_procedure_qualified(oid),
                         GetUserNameFromId(function.owner, true), GetUserNameFromId(GetUserId(), true)),
                  errdetail("Its owner could gain rights by replacing it."),
                  errhint("Change its owner, or the owner of the tables that it is called for.")));
}

// Whatever a superuser's function is called as, its owner gains nothing. But what is inlined escapes a look at its queries.
bool needs(Oid oid) {
  FoundFunction function;
  if (guard_is_on() && oid >= FirstNormalObjectId && find_function(oid, &function) &&
      (function.is_sql || function.is_event_trigger ||
       !(superuser_arg(function.owner) || is_made_in_stage(ProcedureRelationId, oid, function.schema))))
    return true;
  return needs_before != nullptr && needs_before(oid);
}

// What is kept with a function that is called.
struct Called {
  Oid role;         // as which it was called last
  bool is_still;    // does nothing
  bool is_counted;  // as a running event trigger of a superuser
  Datum of_next;    // what the hook before ours keeps
};

Datum do_nothing(FunctionCallInfo) { return Datum{0}; }

// A function in SQL keeps its plans for as long as the expression does that calls it. Made for one role, they were not looked
// at for another.
void forget_plans_of_others(FmgrInfo *info, Called *called) {
  if (called->role != GetUserId() && info->fn_extra != nullptr) {
    if (info->fn_retset)
      ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                      errmsg("function %s would go on as another role", format_procedure_qualified(info->fn_oid)),
                      errhint("Let no function read from a cursor that was opened as another role.")));
    info->fn_extra = nullptr;
  }
  called->role = GetUserId();
}

void call(FmgrHookEventType event, FmgrInfo *info, Datum *argument) {
  auto *called = (Called *)DatumGetPointer(*argument);
  if (called == nullptr) {
    called = (Called *)MemoryContextAllocZero(info->fn_mcxt, sizeof(Called));
    *argument = PointerGetDatum(called);
  }
  if (called->is_still) return;
  // It may have been dropped or given away meanwhile.
  if (event != FHET_START && called->is_counted) {
    called->is_counted = false;
    event_triggers_running--;
  }
  FoundFunction function;
  if (event == FHET_START && guard_is_on() && find_function(info->fn_oid, &function)) {
    if (function.is_event_trigger && is_event_trigger_still != nullptr && is_event_trigger_still(info->fn_oid)) {
      // The server looks its function up anew for each event, so this holds for one call.
      called->is_still = true;
      info->fn_addr = do_nothing;
      return;
    }
    check_call(info->fn_oid, function);
    if (function.is_sql) forget_plans_of_others(info, called);
    if (is_superusers_event_trigger(function)) {
      called->is_counted = true;
      event_triggers_running++;
    }
  }
  if (call_before != nullptr && (needs_before == nullptr || needs_before(info->fn_oid)))
    call_before(event, info, &called->of_next);
}

bool defines_or_outlives(PlannedStmt *statement) {
  Node *node = statement->utilityStmt;
  if (IsA(node, DeclareCursorStmt)) return (castNode(DeclareCursorStmt, node)->options & CURSOR_OPT_HOLD) != 0;
  return GetCommandLogLevel(node) == LOGSTMT_DDL;
}

void check_utility(PlannedStmt *statement, const char *text, bool read_only, ProcessUtilityContext context,
                   ParamListInfo parameters, QueryEnvironment *environment, DestReceiver *receiver,
                   QueryCompletion *completion) {
  if (admitted_statements > 0)
    admitted_statements--;
  else if (context != PROCESS_UTILITY_SUBCOMMAND && !creating_extension && event_triggers_running == 0 &&
           guard_is_on() && defines_or_outlives(statement))
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("a function that a run calls may not execute %s", CreateCommandName(statement->utilityStmt)),
                    errdetail("What the run trusts could be changed by it."),
                    errhint("Let no function of checks, indexes, columns, views or triggers define anything.")));
  if (guard_is_on() && IsA(statement->utilityStmt, CallStmt))
    check_procedure(castNode(CallStmt, statement->utilityStmt));
  auto *next = utility_before != nullptr ? utility_before : standard_ProcessUtility;
  next(statement, text, read_only, context, parameters, environment, receiver, completion);
}

void install() {
  static bool installed = false;
  if (installed) return;
  installed = true;
  needs_before = needs_fmgr_hook;
  call_before = fmgr_hook;
  utility_before = ProcessUtility_hook;
  needs_fmgr_hook = needs;
  fmgr_hook = call;
  ProcessUtility_hook = check_utility;
  install_query_guard();
}

// Parallel workers get the setting from their leader.
void take_guard(const char *, void *extra) {
  guard = static_cast<const Guard *>(extra);
  if (guard_is_on()) install();
}

}  // namespace

void define_function_guard() {
  DefineCustomStringVariable(kSetting, "How parallel workers of a run are kept from calling functions of others.",
                             nullptr, &guarded_text, "", PGC_SUSET,
                             GUC_NO_SHOW_ALL | GUC_NO_RESET_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, read_guard,
                             take_guard, nullptr);
}

bool find_function(Oid oid, FoundFunction *function) {
  HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
  if (!HeapTupleIsValid(tuple)) return false;
  auto *form = (Form_pg_proc)GETSTRUCT(tuple);
  *function = {form->proowner,
               form->pronamespace,
               form->pronargs,
               form->prosecdef,
               form->prorettype == EVENT_TRIGGEROID,
               form->prolang == SQLlanguageId};
  ReleaseSysCache(tuple);
  return true;
}

bool guard_is_on() { return guard != nullptr && guard->is_on; }

bool is_made_in_stage(Oid class_oid, Oid object, Oid schema) {
  for (int i = 0; i < guard->count; i++)
    if (guard->trusted[i] == schema) return !OidIsValid(getExtensionOfObject(class_oid, object));
  return false;
}

// Server code.
void guard_functions() { SetConfigOption(kSetting, "on", PGC_SUSET, PGC_S_OVERRIDE); }

void guard_functions_for_now() {
  set_config_option(kSetting, "on", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void trust_functions_in(const std::vector<std::string> &schema_oids) {
  std::string text = "on";
  for (const std::string &oid : schema_oids) text += " " + oid;
  const char *value = text.c_str();
  guarded([value] { SetConfigOption(kSetting, value, PGC_SUSET, PGC_S_OVERRIDE); });
}

void leave_event_triggers_still(bool (*is_still)(Oid function)) { is_event_trigger_still = is_still; }

void admit_statements(int count) { admitted_statements = count; }

}  // namespace pagila_repl
