// Looks at the expressions of checks as the server keeps them.

#include "target/row_checks.hpp"

#include "pg/boundary.hpp"
#include "pg/catalog_row.hpp"
#include "pg/compat.hpp"

extern "C" {
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/syscache.h"
}

namespace pagila_repl {

namespace {

//
// Server code
//

bool is_written_by_user(Oid function, void *) {
  if (function < FirstNormalObjectId) return false;
  HeapTuple row = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(row)) elog(ERROR, "cache lookup failed for function %u", function);
  Oid language = ((Form_pg_proc)GETSTRUCT(row))->prolang;
  ReleaseSysCache(row);
  return language != INTERNALlanguageId && language != ClanguageId;
}

bool calls_own_code(Node *node, void *context) {
  if (node == nullptr) return false;
  // The checks of a domain are not part of the expression.
  if (IsA(node, CoerceToDomain)) return true;
  if (check_functions_in_node(node, is_written_by_user, context)) return true;
  return walk_expression(node, calls_own_code, context);
}

CheckScope scope_of(Oid constraint) {
  HeapTuple row = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
  if (!HeapTupleIsValid(row)) elog(ERROR, "cache lookup failed for constraint %u", constraint);
  bool is_null;
  Datum written = SysCacheGetAttr(CONSTROID, row, Anum_pg_constraint_conbin, &is_null);
  if (is_null) elog(ERROR, "constraint %u has no expression", constraint);
  auto *expression = (Node *)stringToNode(TextDatumGetCString(written));
  ReleaseSysCache(row);
  if (contain_mutable_functions(expression)) return CheckScope::not_fixed;
  return calls_own_code(expression, nullptr) ? CheckScope::own_code : CheckScope::row;
}

void set_valid(Oid constraint) {
  change_catalog_row<Form_pg_constraint>(ConstraintRelationId, ConstraintOidIndexId, Anum_pg_constraint_oid, constraint,
                                         [](Form_pg_constraint row) { row->convalidated = true; });
}

bool is_check(Oid constraint, bool inherited) {
  HeapTuple row = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
  if (!HeapTupleIsValid(row)) elog(ERROR, "cache lookup failed for constraint %u", constraint);
  auto *form = (Form_pg_constraint)GETSTRUCT(row);
  bool is = form->contype == CONSTRAINT_CHECK && (!inherited || form->coninhcount > 0);
  ReleaseSysCache(row);
  return is;
}

// ALTER TABLE, in this transaction, has locked what inherits it.
void set_valid_for_heirs(Oid table, const char *name) {
  ListCell *cell;
  foreach (cell, find_all_inheritors(table, NoLock, nullptr)) {
    Oid heir = lfirst_oid(cell), constraint = get_relation_constraint_oid(heir, name, true);
    if (!OidIsValid(constraint) || !is_check(constraint, heir != table)) continue;
    set_valid(constraint);
    // The planner knows of it by the table.
    CacheInvalidateRelcacheByRelid(heir);
  }
}

}  // namespace

CheckScope scope_of_check(Oid constraint) {
  return guarded([constraint] { return scope_of(constraint); });
}

void declare_valid(Oid table, Oid domain, const char *name) {
  guarded([=] {
    if (OidIsValid(domain)) return set_valid(get_domain_constraint_oid(domain, name, false));
    Oid constraint = get_relation_constraint_oid(table, name, false);
    if (is_check(constraint, false))
      set_valid_for_heirs(table, name);
    else
      set_valid(constraint);
  });
}

}  // namespace pagila_repl
