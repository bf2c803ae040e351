// Waits for locks of the source only so long, and says who holds them.
#pragma once

#include <cstdint>

#include "core/error.hpp"
#include "source/connection.hpp"

namespace pagila_repl {

void begin_lock_try(Connection &source);
void end_lock_try(Connection &source);
// After an error within: undoes what was done. Throws once the time is up, and says who is in the way.
void give_way(Connection &source, const Error &failure, int64_t until_ms);
int64_t end_of_patience();

// Inside a transaction of the source. Each try is over before the source would look for a deadlock, so that nobody but we
// is the victim of one. `body` is repeated. Throws 55P03.
template <class Body>
auto within_lock_timeout(Connection &source, Body body) -> decltype(body()) {
  for (int64_t until = end_of_patience();;) {
    begin_lock_try(source);
    try {
      if constexpr (std::is_void_v<decltype(body())>) {
        body();
        return end_lock_try(source);
      } else {
        auto result = body();
        end_lock_try(source);
        return result;
      }
    } catch (const Error &failure) {
      if (failure.sqlstate != "55P03" && failure.sqlstate != "40P01") throw;
      give_way(source, failure, until);
    }
  }
}

}  // namespace pagila_repl
