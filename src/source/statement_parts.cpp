// Reads the parts of a statement from its parse tree.

#include "source/statement_parts.hpp"

extern "C" {
#include "commands/defrem.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
}

namespace pagila_repl {

namespace {

using Makes = Statement::Makes;

void add_type(StatementParts *parts, const TypeName *type) {
  if (type != nullptr) parts->types = lappend(parts->types, type->names);
}

void add_function(StatementParts *parts, const ObjectWithArgs *function) {
  if (function != nullptr) parts->functions = lappend(parts->functions, function->objname);
}

void look_at(StatementParts *parts, CreateCastStmt *cast) {
  parts->makes = Makes::found_by_type;
  add_type(parts, cast->sourcetype);
  add_type(parts, cast->targettype);
  add_function(parts, cast->func);
}

void look_at(StatementParts *parts, CreateTransformStmt *transform) {
  parts->makes = Makes::found_by_type;
  add_type(parts, transform->type_name);
  add_function(parts, transform->fromsql);
  add_function(parts, transform->tosql);
}

void look_at(StatementParts *parts, CreateFunctionStmt *function) {
  parts->makes = Makes::function;
  add_type(parts, function->returnType);
  ListCell *cell;
  foreach (cell, function->parameters) add_type(parts, lfirst_node(FunctionParameter, cell)->argType);
}

void look_at(StatementParts *parts, CreateOpClassStmt *of_class) {
  parts->makes = Makes::found_by_type;
  add_type(parts, of_class->datatype);
  if (of_class->opfamilyname != NIL) parts->functions = lappend(parts->functions, of_class->opfamilyname);
  ListCell *cell;
  foreach (cell, of_class->items) {
    auto *item = lfirst_node(CreateOpClassItem, cell);
    add_function(parts, item->name);
    add_type(parts, item->storedtype);
    if (item->order_family != NIL) parts->functions = lappend(parts->functions, item->order_family);
  }
}

void look_at_operator(StatementParts *parts, DefineStmt *define) {
  parts->makes = Makes::found_by_type;
  ListCell *cell;
  foreach (cell, define->definition) {
    auto *option = lfirst_node(DefElem, cell);
    if (option->arg == nullptr) continue;
    if (strcmp(option->defname, "leftarg") == 0 || strcmp(option->defname, "rightarg") == 0)
      parts->types = lappend(parts->types, defGetQualifiedName(option));
    else if (strcmp(option->defname, "function") == 0 || strcmp(option->defname, "procedure") == 0)
      parts->functions = lappend(parts->functions, defGetQualifiedName(option));
  }
}

void look_at(StatementParts *parts, DefineStmt *define) {
  if (define->kind == OBJECT_OPERATOR)
    look_at_operator(parts, define);
  else if (define->kind == OBJECT_TYPE)
    parts->makes = Makes::type;
  else if (define->kind == OBJECT_AGGREGATE)
    parts->makes = Makes::function;
}

}  // namespace

StatementParts parts_of_statement(Node *node) {
  StatementParts parts{};
  switch (nodeTag(node)) {
    case T_CreateStmt:
    case T_CreateForeignTableStmt:
    case T_ViewStmt:
    case T_CreateTableAsStmt:
    case T_CreateDomainStmt:
    case T_CreateEnumStmt:
    case T_CreateRangeStmt:
    case T_CompositeTypeStmt: parts.makes = Makes::type; break;
    case T_DefineStmt: look_at(&parts, castNode(DefineStmt, node)); break;
    case T_CreateFunctionStmt: look_at(&parts, castNode(CreateFunctionStmt, node)); break;
    case T_CreateOpFamilyStmt: parts.makes = Makes::found_by_type; break;
    case T_CreateOpClassStmt: look_at(&parts, castNode(CreateOpClassStmt, node)); break;
    case T_CreateCastStmt: look_at(&parts, castNode(CreateCastStmt, node)); break;
    case T_CreateTransformStmt: look_at(&parts, castNode(CreateTransformStmt, node)); break;
    default: break;
  }
  return parts;
}

std::vector<QualifiedName> qualified_names(List *lists) {
  std::vector<QualifiedName> names;
  for (int i = 0; i < list_length(lists); i++) {
    auto *list = static_cast<List *>(list_nth(lists, i));
    int count = list_length(list);
    names.push_back({count < 2 ? "" : strVal(list_nth(list, count - 2)), strVal(llast(list))});
  }
  return names;
}

}  // namespace pagila_repl
