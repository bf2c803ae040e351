// Makes connections and closes them, whatever becomes of this process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "source/foreign_server.hpp"

struct WaitEventSet;
struct pg_conn;

namespace pagila_repl {

// Milliseconds of a clock that is never set.
int64_t steady_ms();

// Server code: waits until one of the WL_SOCKET_ events happens on the socket or the time has come (INT64_MAX: never).
// Interruptible. True if one happened.
bool wait_on_socket(int socket, int events, int64_t until_ms);

// Waits for input of one socket with one set of events, where wait_on_socket makes a new one each time: a COPY waits often.
class InputWait {
 public:
  // The socket must outlive it.
  explicit InputWait(int socket);
  ~InputWait();
  InputWait(const InputWait &) = delete;
  InputWait &operator=(const InputWait &) = delete;
  bool wait(int64_t until_ms);  // as wait_on_socket

 private:
  WaitEventSet *events_;
};

constexpr const char *kUpdateLibpq = "Update libpq (Debian: libpq5 of the security suite) and restart the server.";

// What is not fixed in the libpq of this process; nothing if it has all fixes, or if pagila_repl.old_libpq makes that an
// error, which connect throws.
std::vector<std::string> libpq_remarks();

// Connects until then. The password was used if the server says it must be. Throws the source's SQLSTATE, 08001, 2F003,
// 0A000 (source too old, or libpq and pagila_repl.old_libpq says so).
pg_conn *connect(const SourceServer &server, const std::string &application_name, int64_t until_ms);
void disconnect(pg_conn *connection) noexcept;

}  // namespace pagila_repl
