// Keeps this process from calling functions with rights that whoever could replace them does not have.
#pragma once

#include <string>
#include <vector>

#include "pg/server.hpp"

namespace pagila_repl {

// Defines the setting by which parallel workers learn what their leader is kept from. For _PG_init.
void define_function_guard();

// From now on a function is called in this process, or in its parallel workers, only if its owner could act as the role that
// they act as at that moment; else 42501 is raised, by name. All ways lead through here (function calls of expressions,
// operators, casts, types, operator classes, triggers, partition bounds), but for the server's own functions. Nor does a
// function define anything (DDL) or leave a cursor behind: what is trusted could be changed thereby. Only functions of event
// triggers that a superuser has made do.
void guard_functions();

// The same until the caller's nest level of settings ends. Server code.
void guard_functions_for_now();

// Functions made in these schemas, which nobody else can reach, may be called as any role. Members of extensions are no such.
void trust_functions_in(const std::vector<std::string> &schema_oids);

// Of a function of an event trigger: true to do nothing instead of calling it. Asked, within a transaction and under the
// guard, at each call; may raise an error. Server code.
void leave_event_triggers_still(bool (*is_still)(Oid function));

// For query_guard, which looks at what is evaluated but is no function of others.
struct FoundFunction {
  Oid owner, schema;
  int parameters;
  bool runs_as_owner, is_event_trigger, is_sql;
};
// False if there is no such function.
bool find_function(Oid oid, FoundFunction *function);
bool guard_is_on();
// True of what functions may be called as any role.
bool is_made_in_stage(Oid class_oid, Oid object, Oid schema);

// So many utility statements that come next are ours, and no function's.
void admit_statements(int count);

}  // namespace pagila_repl
