// What a schema has besides its objects: owner, privileges, comment, default privileges.
#pragma once

#include "pg/server.hpp"

namespace pagila_repl {

// Gives `to` everything `from` has of these, as it is: grantors included. Needs a transaction. The caller has checked
// that the session's role owns `from`.
void carry_schema_properties(Oid from, Oid to);

}  // namespace pagila_repl
