// Bounded waiting for locks that others hold, the same in every phase of a run: many short tries, between which whoever
// waits behind us may pass, until a budget is used up.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "target/relation_locks.hpp"

namespace pagila_repl {

// What the tries are for.
struct LockTries {
  int budget_ms;                                // pagila_repl.swap_budget of the caller
  std::vector<std::string> schema_oids;         // whose holders are named
  std::vector<std::string> relation_oids = {};  // of tables elsewhere, whose writers are named, too
};

// Within an open transaction: runs the body in a subtransaction, in which no statement waits longer than a try for a lock.
// When one has to, the body is undone, others may pass, and it runs again, as it does a few times where the server has
// found that a catalog changed while it read it (XX000). Throws 55P03 with who holds what once the budget is used up.
void in_lock_tries(const LockTries &tries, const std::function<void(RelationLocks &)> &body);

}  // namespace pagila_repl
