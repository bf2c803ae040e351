// The one error value of the project: what every part throws, and what the server's own errors become.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <utility>

namespace pagila_repl {

// Fields as in the server's ErrorData. Message: lower case, no full stop; detail and hint: sentences.
// The SQLSTATE is always five characters.
struct Error : std::exception {
  // Which server it is of: this one, or the one at the other end of a connection, which said it or was silent.
  enum class Origin { local, source, target };

  Error(std::string sqlstate_, std::string message_, std::string detail_ = {}, std::string hint_ = {})
      : sqlstate(std::move(sqlstate_)),
        message(std::move(message_)),
        detail(std::move(detail_)),
        hint(std::move(hint_)) {}

  // The same error, seen from one place further out: "line 12", then "file \"/x.sql\", line 12".
  Error within(const std::string &where) const {
    Error outer = *this;
    outer.context = context.empty() ? where : context + "\n" + where;
    return outer;
  }

  Error from(Origin where) const {
    Error other = *this;
    other.origin = where;
    return other;
  }

  const char *what() const noexcept override { return message.c_str(); }

  std::string sqlstate, message, detail, hint, context;
  int position = 0;   // of what is wrong in the statement that was given to the server: a character, from 1; 0: unknown
  uint64_t line = 0;  // the same as a line of the statement, from 1; 0: unknown
  Origin origin = Origin::local;
};

}  // namespace pagila_repl
