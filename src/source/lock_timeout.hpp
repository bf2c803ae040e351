// Waits for locks of the source only so long, and says who holds them.
#pragma once

#include "core/error.hpp"
#include "source/connection.hpp"

namespace pagila_repl {

void begin_lock_timeout(Connection &source);
void end_lock_timeout(Connection &source);
// After an error within: undoes what was done, and says who is in the way if that was a lock.
[[noreturn]] void throw_lock_timeout(Connection &source, const Error &failure);

// Inside a transaction of the source. Throws 55P03.
template <class Body>
auto within_lock_timeout(Connection &source, Body body) -> decltype(body()) {
  begin_lock_timeout(source);
  try {
    if constexpr (std::is_void_v<decltype(body())>) {
      body();
      end_lock_timeout(source);
    } else {
      auto result = body();
      end_lock_timeout(source);
      return result;
    }
  } catch (const Error &failure) {
    if (failure.sqlstate != "55P03") throw;
    throw_lock_timeout(source, failure);
  }
}

}  // namespace pagila_repl
