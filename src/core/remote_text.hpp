// Text that another server wrote, made fit for our messages: it may hold anything.
#pragma once

#include <string>
#include <string_view>

namespace pagila_repl {

constexpr size_t kMaxRemoteText = 1024;

// Control characters as \n, \t, \r, \x1B, and the same for those of Unicode, direction marks too, if it is UTF-8.
std::string escape_controls(std::string_view text, bool is_utf8);

// The lines, less the blanks around them, as one.
std::string one_line(std::string_view text);

// The SQLSTATE if it is the state of an error, else `otherwise`: a server may call an error a success.
std::string error_state(std::string_view sqlstate, const char *otherwise);

// What libpq says about a failed attempt to connect, with PQERRORS_VERBOSE.
struct ConnectFailure {
  std::string sqlstate;  // empty if no server has given one
  std::string message;   // one line
  std::string detail;    // the other lines, as one; no source locations
};
ConnectFailure read_connect_failure(std::string_view text);

}  // namespace pagila_repl
