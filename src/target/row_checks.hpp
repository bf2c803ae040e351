// Tells which checks can be evaluated row by row, whatever else is there and whenever that is.
#pragma once

#include "pg/server.hpp"

namespace pagila_repl {

// How far a check of a table or domain can be relied on.
enum class CheckScope {
  row,        // immutable functions of the server, or written in C: the row decides
  own_code,   // calls functions written in SQL or another language, which may read tables whatever they are declared as
  not_fixed,  // calls functions that are not immutable, such as now()
};

// Needs a transaction.
CheckScope scope_of_check(Oid constraint);

// Declares a foreign key or check of a table, or of a domain, valid that was added as NOT VALID: it holds on the source, in the
// snapshot that the rows are from. What a check is inherited by is declared valid, too. Needs a transaction.
void declare_valid(Oid table, Oid domain, const char *name);

}  // namespace pagila_repl
