// What depends on schemas that are replaced, or would go with them, and is elsewhere.
#pragma once

#include <string>

namespace pagila_repl {

// A query for objects outside of the schemas $1 (oid[]), but the types $2 (oid[]) in them: catalog, OID, description, statement that
// drops it (null: only with data, or as a part of something else), number of the column or 0, whether it is a member of an extension.
const std::string &dependents_sql();

}  // namespace pagila_repl
