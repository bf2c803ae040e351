// Default privileges of the target, and what they do to a copy: those of the whole database nothing, those of its schemas as on any
// object that is made there.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "target/carried_types.hpp"

namespace pagila_repl {

// Runs the work, within the caller's transaction, as if the current role had no default privileges for the whole database: a dump's
// grants say what an object has beyond what is granted without any.
void without_default_privileges(const std::function<void()> &work);

// The kinds of objects for which the role has such default privileges, such as "tables, functions"; empty if there are none. Needs a
// transaction.
std::string default_privileges_of_database();
// Schemas, by name, in which the role's default privileges grant something to others.
std::vector<std::string> schemas_with_default_privileges(const std::vector<std::string> &schema_oids);
// For the run's message, once the objects are made; empty if there is nothing to tell. The schema is that of the stage, under the name
// that it is to be seen by.
std::string remark_on_defaults_of_database();
std::string remark_on_defaults_of_schema(const std::string &name, Oid schema, const std::vector<CarriedType> &carried);

}  // namespace pagila_repl
