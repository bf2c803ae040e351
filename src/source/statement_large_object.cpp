// Classifies what a dump says of large objects.

#include "source/parsed_statement.hpp"

extern "C" {
#include "nodes/value.h"
#include "utils/builtins.h"
}

namespace pagila_repl {

namespace {

using Function = LargeObjectCall::Function;

constexpr const char *kAsDumped = "Write it as pg_dump does: lo_create, lo_open, lowrite and lo_close with constants.";

const char *name_of(FuncCall *call) { return strVal(llast(call->funcname)); }

// OIDs are told as text.
uint32 number_in(Node *node) {
  const char *text = node == nullptr ? nullptr : constant_text(node);
  if (text == nullptr || strspn(text, "0123456789") != strlen(text) || *text == '\0')
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "large objects in this form", kAsDumped);
  return DatumGetObjectId(DirectFunctionCall1(oidin, CStringGetDatum(text)));
}

}  // namespace

// SELECT lo_unlink(oid) FROM pg_largeobject_metadata WHERE ..., as pg_dump --clean --if-exists writes it: what it removes is replaced.
bool classify_large_object_query(Parsed *parsed, SelectStmt *statement) {
  if (list_length(statement->targetList) != 1 || list_length(statement->fromClause) != 1) return false;
  Node *call = linitial_node(ResTarget, statement->targetList)->val, *from = (Node *)linitial(statement->fromClause);
  if (call == nullptr || !IsA(call, FuncCall) || strcmp(name_of(castNode(FuncCall, call)), "lo_unlink") != 0 ||
      !IsA(from, RangeVar) || strcmp(castNode(RangeVar, from)->relname, "pg_largeobject_metadata") != 0)
    return false;
  pass_over(parsed, "{statement|statements} that {takes|take} away what the run replaces passed over");
  return true;
}

void classify_large_object_call(Parsed *parsed, FuncCall *call) {
  const char *name = name_of(call);
  parsed->kind = Statement::Kind::large_object;
  Node *first = call->args == NIL ? nullptr : (Node *)linitial(call->args);
  if (strcmp(name, "lo_unlink") == 0)
    return pass_over(parsed, "{statement|statements} that {takes|take} away what the run replaces passed over");
  if (strcmp(name, "lo_create") == 0 && list_length(call->args) == 1) {
    parsed->lo_function = Function::create;
  } else if (strcmp(name, "lo_open") == 0 && list_length(call->args) == 2) {
    parsed->lo_function = Function::open;
    if (IsA(first, FuncCall) && strcmp(name_of(castNode(FuncCall, first)), "lo_create") == 0 &&
        list_length(castNode(FuncCall, first)->args) == 1) {
      parsed->lo_function = Function::create_and_open;
      first = (Node *)linitial(castNode(FuncCall, first)->args);
    }
  } else if (strcmp(name, "lowrite") == 0 && list_length(call->args) == 2) {
    parsed->lo_function = Function::write;
    parsed->lo_data = constant_text((Node *)lsecond(call->args));
    if (parsed->lo_data == nullptr || strncmp(parsed->lo_data, "\\x", 2) != 0)
      refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "large objects in this form", kAsDumped, call->location);
  } else if (strcmp(name, "lo_close") == 0 && list_length(call->args) == 1) {
    parsed->lo_function = Function::close;
  } else {
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "large objects in this form", kAsDumped, call->location);
  }
  parsed->lo_oid = number_in(first);
}

void about_large_object(Parsed *parsed, Node *number) {
  parsed->lo_function = Function::property;
  parsed->lo_oid = oidparse(number);
}

}  // namespace pagila_repl
