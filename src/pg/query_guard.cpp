// Looks at every query before it is planned.
//
// The server's own functions are exempt from the function guard, and some run SQL that is given as text, or reach files. So whose
// expression it is that calls them has to be known: here, since at the call it is not. What is evaluated without a query (the
// checks of domains by their input functions, even while a query is parsed, or by PL/pgSQL's variables) may not call such.

#include "pg/query_guard.hpp"

#include "pg/compat.hpp"
#include "pg/function_guard.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "catalog/objectaccess.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_language.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "foreign/foreign.h"
#include "optimizer/planner.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rls.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace pagila_repl {

namespace {

planner_hook_type planner_before = nullptr;
ExecutorStart_hook_type start_before = nullptr;
object_access_hook_type access_before = nullptr;
int known_expressions = 0;

// What a look has met: something that not every role may evaluate, so that a plan holds for one role only.
struct Look {
  bool depends_on_role;
};

void check_owner(Look *look, Oid class_oid, Oid object, Oid schema, Oid owner) {
  if (superuser_arg(owner) || is_made_in_stage(class_oid, object, schema)) return;
  look->depends_on_role = true;
  if (has_privs_of_role(owner, GetUserId())) return;
  ObjectAddress address;
  ObjectAddressSet(address, class_oid, object);
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("%s of role \"%s\" would be evaluated as role \"%s\"", getObjectDescription(&address, false),
                         GetUserNameFromId(owner, true), GetUserNameFromId(GetUserId(), true)),
                  errdetail("Its owner could gain rights by what it is defined as."),
                  errhint("Change its owner, or the owner of the tables and views that it is evaluated for.")));
}

void check_function(Look *look, Oid oid) {
  FoundFunction function;
  if (oid >= FirstNormalObjectId && find_function(oid, &function))
    check_owner(look, ProcedureRelationId, oid, function.schema, function.owner);
}

// The function itself is looked at when it is called, but the defaults of its parameters are evaluated before.
void check_defaults(Look *look, FuncExpr *call) {
  FoundFunction function;
  if (call->funcid >= FirstNormalObjectId && find_function(call->funcid, &function) &&
      list_length(call->args) < function.parameters)
    check_owner(look, ProcedureRelationId, call->funcid, function.schema, function.owner);
}

// Of numbers no order can be made.
bool is_number(Oid type) {
  switch (type) {
    case BOOLOID:
    case INT2OID:
    case INT4OID:
    case INT8OID:
    case FLOAT4OID:
    case FLOAT8OID:
    case NUMERICOID: return true;
    default: return false;
  }
}

bool takes_numbers_only(Form_pg_proc function) {
  for (int i = 0; i < function->pronargs; i++)
    if (!is_number(function->proargtypes.values[i])) return false;
  return true;
}

// It could execute what it is given with the rights of the role: as SQL, or upon files, large objects, settings, other sessions.
bool acts_on_orders(Oid oid) {
  switch (oid) {
    case F_NEXTVAL:
    case F_CURRVAL:
    case F_RANDOM:
    case F_CLOCK_TIMESTAMP:
    case F_GEN_RANDOM_UUID:
    case F_TIMEOFDAY: return false;
    default: break;
  }
  HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
  if (!HeapTupleIsValid(tuple)) return false;
  auto *function = (Form_pg_proc)GETSTRUCT(tuple);
  bool is_c = function->prolang == ClanguageId && !takes_numbers_only(function);
  bool acts = function->provolatile == PROVOLATILE_VOLATILE && (is_c || function->prolang == INTERNALlanguageId);
  ReleaseSysCache(tuple);
  return acts;
}

// PL/pgSQL evaluates an expression without a query unless its plan is for one role only.
void check_orders(Look *look, Oid function) {
  if (acts_on_orders(function)) look->depends_on_role = true;
}

void check_operator(Look *look, Oid oid) {
  HeapTuple tuple = oid < FirstNormalObjectId ? nullptr : SearchSysCache1(OPEROID, ObjectIdGetDatum(oid));
  if (!HeapTupleIsValid(tuple)) return;
  auto *form = (Form_pg_operator)GETSTRUCT(tuple);
  Oid owner = form->oprowner, schema = form->oprnamespace, function = form->oprcode;
  ReleaseSysCache(tuple);
  check_owner(look, OperatorRelationId, oid, schema, owner);
  check_orders(look, function);
}

void check_type(Look *look, Oid oid);

void check_columns(Look *look, Oid type) {
  TupleDesc columns = lookup_rowtype_tupdesc_noerror(type, -1, true);
  if (columns == nullptr) return;
  for (int i = 0; i < columns->natts; i++)
    if (!TupleDescAttr(columns, i)->attisdropped) check_type(look, TupleDescAttr(columns, i)->atttypid);
  ReleaseTupleDesc(columns);
}

// A domain, or one that is somewhere in the type.
void check_type(Look *look, Oid oid) {
  check_stack_depth();
  HeapTuple tuple = oid < FirstNormalObjectId ? nullptr : SearchSysCache1(TYPEOID, ObjectIdGetDatum(oid));
  if (!HeapTupleIsValid(tuple)) return;
  auto *form = (Form_pg_type)GETSTRUCT(tuple);
  char kind = form->typtype;
  Oid owner = form->typowner, schema = form->typnamespace, base = form->typbasetype, element = form->typelem;
  ReleaseSysCache(tuple);
  if (kind == TYPTYPE_DOMAIN) {
    check_owner(look, TypeRelationId, oid, schema, owner);
    check_type(look, base);
  } else if (kind == TYPTYPE_COMPOSITE) {
    check_columns(look, oid);
  } else if (kind == TYPTYPE_RANGE) {
    check_type(look, get_range_subtype(oid));
  } else if (kind == TYPTYPE_MULTIRANGE) {
    check_type(look, get_multirange_range(oid));
  } else {
    check_type(look, element);
  }
}

struct FoundRelation {
  Oid owner, schema;
  char kind;
  bool has_policies, has_children;
};

bool find_relation(Oid oid, FoundRelation *relation) {
  HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));
  if (!HeapTupleIsValid(tuple)) return false;
  auto *form = (Form_pg_class)GETSTRUCT(tuple);
  *relation = {form->relowner, form->relnamespace, form->relkind, form->relrowsecurity, form->relhassubclass};
  ReleaseSysCache(tuple);
  return true;
}

void check_one_relation(Look *look, Oid oid, const FoundRelation &relation, bool is_evaluated) {
  if (is_evaluated || relation.kind == RELKIND_VIEW || relation.kind == RELKIND_FOREIGN_TABLE)
    check_owner(look, RelationRelationId, oid, relation.schema, relation.owner);
  if (relation.kind != RELKIND_FOREIGN_TABLE) return;
  // Whoever owns the server says as whom it is connected to, and where.
  ForeignServer *server = GetForeignServer(GetForeignTable(oid)->serverid);
  check_owner(look, ForeignServerRelationId, server->serverid, InvalidOid, server->owner);
}

void check_relation(Look *look, RangeTblEntry *entry, bool is_written) {
  FoundRelation relation, child;
  if (entry->relid < FirstNormalObjectId || !find_relation(entry->relid, &relation)) return;
  bool has_policies = relation.has_policies && check_enable_rls(entry->relid, entry->checkAsUser, true) == RLS_ENABLED;
  check_one_relation(look, entry->relid, relation, is_written || has_policies);
  if (!relation.has_children || !(entry->inh || is_written)) return;
  ListCell *cell;
  foreach (cell, find_all_inheritors(entry->relid, NoLock, nullptr))
    if (lfirst_oid(cell) != entry->relid && find_relation(lfirst_oid(cell), &child))
      check_one_relation(look, lfirst_oid(cell), child, is_written);
}

void check_types(Look *look, List *oids) {
  ListCell *cell;
  foreach (cell, oids) check_type(look, lfirst_oid(cell));
}

void check_entries(Look *look, Query *query) {
  ListCell *cell;
  foreach (cell, query->rtable) {
    auto *entry = lfirst_node(RangeTblEntry, cell);
    bool is_written = query->resultRelation > 0 && foreach_current_index(cell) + 1 == query->resultRelation;
    // A view is an entry of its own, so that its permissions are checked.
    if (OidIsValid(entry->relid)) check_relation(look, entry, is_written);
    if (entry->tablefunc != nullptr) check_types(look, entry->tablefunc->coltypes);
    ListCell *function;
    foreach (function, entry->functions) check_types(look, lfirst_node(RangeTblFunction, function)->funccoltypes);
  }
}

bool look_at(Node *node, void *context) {
  auto *look = static_cast<Look *>(context);
  if (node == nullptr) return false;
  switch (nodeTag(node)) {
    case T_Query: check_entries(look, (Query *)node); return walk_query((Query *)node, look_at, context);
    case T_FuncExpr:
      check_defaults(look, (FuncExpr *)node);
      check_type(look, exprType(node));
      check_orders(look, ((FuncExpr *)node)->funcid);
      break;
    case T_Aggref: check_function(look, ((Aggref *)node)->aggfnoid); break;
    case T_WindowFunc: check_function(look, ((WindowFunc *)node)->winfnoid); break;
    case T_OpExpr:
    case T_DistinctExpr:
    case T_NullIfExpr: check_operator(look, ((OpExpr *)node)->opno); break;
    case T_ScalarArrayOpExpr: check_operator(look, ((ScalarArrayOpExpr *)node)->opno); break;
    case T_CoerceToDomain:
    case T_CoerceViaIO:
    case T_ArrayCoerceExpr:
    case T_ConvertRowtypeExpr:
    case T_RowExpr: check_type(look, exprType(node)); break;
    default: break;
  }
  return walk_expression(node, look_at, context);
}

PlannedStmt *plan(Query *query, const char *text, int options, ParamListInfo parameters) {
  Look look = {false};
  if (guard_is_on()) (void)look_at((Node *)query, &look);
  auto *next = planner_before != nullptr ? planner_before : standard_planner;
  PlannedStmt *planned = next(query, text, options, parameters);
  if (look.depends_on_role) planned->dependsOnRole = true;
  return planned;
}

void start_query(QueryDesc *query, int flags) {
  auto *next = start_before != nullptr ? start_before : standard_ExecutorStart;
  with_known_expressions([=] { next(query, flags); });
}

// An expression is made ready to be evaluated. Those of queries were looked at.
void look_at_access(ObjectAccessType access, Oid catalog, Oid oid, int column, void *argument) {
  if (access_before != nullptr) access_before(access, catalog, oid, column, argument);
  if (access != OAT_FUNCTION_EXECUTE || known_expressions > 0 || !guard_is_on() || !acts_on_orders(oid)) return;
  ereport(
      ERROR,
      (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
       errmsg("function %s may not be called by a domain, default or check in a run", format_procedure_qualified(oid)),
       errdetail("It could execute what others have written, as role \"%s\".", GetUserNameFromId(GetUserId(), true)),
       errhint("Call it in a query.")));
}

}  // namespace

void begin_known_expressions() { known_expressions++; }

void end_known_expressions() { known_expressions--; }

void check_procedure(CallStmt *call) {
  Look look = {false};
  check_function(&look, call->funcexpr->funcid);
}

void check_query(Query *query) {
  Look look = {false};
  if (guard_is_on()) (void)look_at((Node *)query, &look);
}

void install_query_guard() {
  planner_before = planner_hook;
  planner_hook = plan;
  start_before = ExecutorStart_hook;
  ExecutorStart_hook = start_query;
  access_before = object_access_hook;
  object_access_hook = look_at_access;
}

}  // namespace pagila_repl
