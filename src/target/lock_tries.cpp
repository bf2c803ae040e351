// Tries again while others hold locks.

#include "target/lock_tries.hpp"

#include <chrono>
#include <cstring>

#include "pg/transaction.hpp"
#include "target/concurrent_changes.hpp"

namespace pagila_repl {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kChanges = 3;

// What the server says, never translated, when a catalog changes while it is read.
bool is_about_changing_catalog(const Error &error) {
  if (error.sqlstate != "XX000") return false;
  for (const char *start : {"cache lookup failed for ", "could not open relation with OID ",
                            "could not find tuple for ", "tuple concurrently "})
    if (error.message.compare(0, std::strlen(start), start) == 0) return true;
  return false;
}

}  // namespace

void in_lock_tries(const LockTries &tries, const std::function<void(RelationLocks &)> &body) {
  RelationLocks locks;
  std::string in_the_way, last_error;
  bool is_last_try = false;
  int changes = 0;
  Clock::time_point give_up = Clock::now() + std::chrono::milliseconds(tries.budget_ms);
  for (;;) {
    try {
      return in_subtransaction([&] {
        locks.limit_waits();
        body(locks);
        locks.lift_limit();
      });
    } catch (const Error &error) {
      bool is_changing = is_about_changing_catalog(error) && ++changes <= kChanges;
      if (!is_lock_failure(error.sqlstate) && !is_changing) throw;
      last_error = error.message;
    }
    // Whoever it was may be gone by now: then there is one more try, and the one before it is named.
    std::string now = who_is_in_the_way(tries.schema_oids, tries.relation_oids);
    if (!now.empty()) in_the_way = now;
    if (Clock::now() >= give_up) {
      if (is_last_try || !now.empty())
        throw Error(
            "55P03", "could not lock the schemas to replace within the swap budget",
            in_the_way.empty() ? "After " + std::to_string(tries.budget_ms) + " ms: " + last_error + "." : in_the_way,
            "End these transactions, or raise pagila_repl.swap_budget.");
      is_last_try = true;
    }
    locks.let_readers_pass();
  }
}

}  // namespace pagila_repl
