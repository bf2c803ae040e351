// What functions that SQL calls have in common at their entrance.
#pragma once

#include <string>
#include <vector>

#include "core/replicate_request.hpp"
#include "pg/server.hpp"

namespace pagila_repl {

// Server code, to be called before any C++ object is born. Each raises what keeps the function from being called.
void check_operator(const char *function);
void check_not_in_run(const char *function);
void check_not_standby(const char *function);
void check_may_read_files();
void check_no_transaction(const char *function);
void check_may_log_in();
// Whether the caller sees runs and jobs of this role, by the rule of the views and of row-level security.
bool may_see_what_is_of(Oid owner);

// Arguments that must not be null, by name, unless it is said otherwise. Throw 22004, 22023.
std::string text_argument(FunctionCallInfo fcinfo, int number, const char *name);
bool boolean_argument(FunctionCallInfo fcinfo, int number, const char *name);
// The elements of a text[]; none if it is null.
std::vector<std::string> texts_argument(FunctionCallInfo fcinfo, int number, const char *name);
// The same as words of the option database_objects, which may also be empty. Throws 22023.
DatabaseObjectKinds database_objects_argument(FunctionCallInfo fcinfo, int number);
// schemas, include and exclude, side by side; each may be null.
Selection selection_argument(FunctionCallInfo fcinfo, int first);

}  // namespace pagila_repl
