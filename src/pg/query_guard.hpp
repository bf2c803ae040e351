// The part of the function guard that looks at queries: what others wrote and the server evaluates itself, without a function of
// theirs.
#pragma once

#include <type_traits>

#include "pg/server.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pagila_repl {

// From now on 42501 is raised in this process, while functions are guarded, before a query is planned that would evaluate what a
// role has defined which could not act as the role in force: a view, a policy, what is evaluated when its table is written to,
// an operator, an aggregate, a domain, a default of a function's parameter, or a foreign table or server.
//
// Some expressions are planned by no query. Those of relations of the copy (checks, index expressions, defaults) are looked at
// beforehand (foreign_code). A domain's check, of whoever, is met while a query is parsed or a variable set. Unless the work below
// says so, none of these may call a volatile function of the server, or in C with arguments that could hold an order.
void install_query_guard();

// Server code. The same for a procedure that is about to be called.
void check_procedure(CallStmt *call);
// And for a query whose expressions are evaluated without a plan.
void check_query(Query *query);

void begin_known_expressions();
void end_known_expressions();

// Server code. Expressions that the work makes ready to be evaluated are the copy's, and were looked at.
template <class Work>
void with_known_expressions(const Work &work) {
  static_assert(std::is_trivially_destructible_v<Work>);
  begin_known_expressions();
  PG_TRY();
  { work(); }
  PG_FINALLY();
  { end_known_expressions(); }
  PG_END_TRY();
}

}  // namespace pagila_repl
