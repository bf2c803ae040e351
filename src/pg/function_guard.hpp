// Keeps this process from calling functions with rights that whoever could replace them does not have.
#pragma once

#include <string>
#include <vector>

namespace pagila_repl {

// From now on a function is called in this process, and inlined into a query, only if its owner could act as the role that the
// process acts as; else 42501 is raised, by name. All ways lead through here (function calls of expressions, operators, casts,
// types, operator classes, triggers, partition bounds), but for the server's own functions and security-definer ones.
void guard_functions();

// Functions made in these schemas, which nobody else can reach, may be called as any role. Members of extensions are no such.
void trust_functions_in(const std::vector<std::string> &schema_oids);

}  // namespace pagila_repl
