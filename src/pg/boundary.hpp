// The border between C++ and the server, in both directions.
//   guarded(call): C++ calls the server; a server error becomes an Error.
//   entry(body):   the server calls C++; an Error becomes a server error.
// A longjmp never passes a live destructor, an exception never enters C.
#pragma once

#include <type_traits>

#include "core/error.hpp"
#include "pg/server.hpp"

namespace pagila_repl {

// Plain memory: may be alive when ereport jumps.
struct PlainError {
  int sqlerrcode;
  char *message, *detail, *hint, *context;
  Error::Origin origin;
};

// Empties the server's error stack and throws what was on top of it. Called after PG_END_TRY.
[[noreturn]] void throw_server_error(ErrorData *caught);
// True of the server's own complaint that a piece of memory would be larger than 1 GB, which names neither value nor limit:
// known by where in the server it was raised. Then it is said as below, with 54000.
bool is_about_size(const char *sqlstate, const char *source_file);
extern const char *const kTooLarge;
extern const char *const kLargest;

// Takes the current server error out of a PG_CATCH block, into memory that lives until throw_server_error.
ErrorData *take_server_error();
// The exception being handled, whatever it is: 53200 for a lack of memory, XX000 for what is no Error.
Error current_error();
// Copies it; never fails, at worst leaves fields out.
PlainError plain_copy_of_current_exception();
[[noreturn]] void raise(const PlainError &error);

// Runs server code. Nothing with a destructor may be born inside the call, and it returns plain data.
// After an Error the (sub)transaction is to be aborted before the server is used again.
template <class Call>
auto guarded(Call call) -> decltype(call()) {
  using Result = decltype(call());
  ErrorData *volatile caught = nullptr;
  if constexpr (std::is_void_v<Result>) {
    PG_TRY();
    { call(); }
    PG_CATCH();
    { caught = take_server_error(); }
    PG_END_TRY();
    if (caught != nullptr) throw_server_error(caught);
  } else {
    static_assert(std::is_trivially_copyable_v<Result>, "guarded returns plain data");
    volatile bool done = false;
    Result result{};
    Result *volatile slot = &result;  // in memory, so that a longjmp leaves it alone
    PG_TRY();
    {
      *slot = call();
      done = true;
    }
    PG_CATCH();
    { caught = take_server_error(); }
    PG_END_TRY();
    if (!done) throw_server_error(caught);
    return result;
  }
}

// Runs C++ code called by the server.
template <class Body>
auto entry(Body body) -> decltype(body()) {
  PlainError error;
  try {
    return body();
  } catch (...) {
    error = plain_copy_of_current_exception();
  }
  raise(error);
}

}  // namespace pagila_repl
