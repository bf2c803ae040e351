// Looks at every function before it is called.
//
// The server asks needs_fmgr_hook when it looks a function up (fmgr_info_cxt_security) and when it could inline one
// (inline_function); for a function with settings of its own it does not ask, and calls fmgr_hook instead.

#include "pg/function_guard.hpp"

#include "pg/boundary.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/pg_proc.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
}

namespace pagila_repl {

namespace {

needs_fmgr_hook_type needs_before = nullptr;
fmgr_hook_type call_before = nullptr;

Oid *trusted_schemas = nullptr;
int trusted_count = 0;

bool is_in_trusted_schema(Oid function, Oid schema) {
  for (int i = 0; i < trusted_count; i++)
    if (trusted_schemas[i] == schema) return !OidIsValid(getExtensionOfObject(ProcedureRelationId, function));
  return false;
}

void check_function(Oid function) {
  HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(tuple)) return;
  auto *form = (Form_pg_proc)GETSTRUCT(tuple);
  Oid owner = form->proowner, schema = form->pronamespace;
  bool runs_as_owner = form->prosecdef;
  ReleaseSysCache(tuple);
  if (runs_as_owner || has_privs_of_role(owner, GetUserId()) || is_in_trusted_schema(function, schema)) return;
  ereport(ERROR,
          (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
           errmsg("function %s of role \"%s\" would be called as role \"%s\"", format_procedure_qualified(function),
                  GetUserNameFromId(owner, true), GetUserNameFromId(GetUserId(), true)),
           errdetail("Its owner could gain rights by replacing it."),
           errhint("Change its owner, or the owner of the tables that it is called for.")));
}

bool needs(Oid function) {
  check_function(function);
  return needs_before != nullptr && needs_before(function);
}

void call(FmgrHookEventType event, FmgrInfo *function, Datum *argument) {
  if (event == FHET_START) check_function(function->fn_oid);
  if (call_before != nullptr && (needs_before == nullptr || needs_before(function->fn_oid)))
    call_before(event, function, argument);
}

}  // namespace

void guard_functions() {
  if (needs_fmgr_hook == needs) return;
  needs_before = needs_fmgr_hook;
  call_before = fmgr_hook;
  needs_fmgr_hook = needs;
  fmgr_hook = call;
}

void trust_functions_in(const std::vector<std::string> &schema_oids) {
  size_t count = schema_oids.size();
  auto *schemas = guarded([count] { return (Oid *)MemoryContextAlloc(TopMemoryContext, (count + 1) * sizeof(Oid)); });
  for (size_t i = 0; i < count; i++) schemas[i] = static_cast<Oid>(std::stoul(schema_oids[i]));
  trusted_schemas = schemas;
  trusted_count = static_cast<int>(count);
}

}  // namespace pagila_repl
