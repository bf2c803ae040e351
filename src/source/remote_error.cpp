// Errors of the other server.

#include "source/remote_error.hpp"

#include <cstring>

#include "core/remote_text.hpp"
#include "libpq-fe.h"
#include "pg/boundary.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace pagila_repl {

namespace {

// Before the other side knows our encoding its texts are in any.
std::string clean(const char *text) {
  if (text == nullptr) return {};
  size_t length = strnlen(text, kMaxRemoteText + MAX_MULTIBYTE_CHAR_LEN);
  bool is_utf8 = GetDatabaseEncoding() == PG_UTF8;
  // Only the part that is kept, so that no character is cut.
  bool fits = length <= kMaxRemoteText;
  if (!fits) length = static_cast<size_t>(pg_mbcliplen(text, static_cast<int>(length), kMaxRemoteText));
  std::string kept(text, length);
  if (!pg_verify_mbstr(GetDatabaseEncoding(), kept.data(), static_cast<int>(kept.size()), true))
    for (char &c : kept)
      if ((c & 0x80) != 0) c = '?';
  return escape_controls(kept, is_utf8) + (fits ? "" : "...");
}

// An error of the other side, seen from here.
Error of(const SourceServer &server, const Error &error) {
  return error.within("server \"" + server.name + "\"").from(origin_of(server.peer));
}

std::string who(const SourceServer &server) { return std::string(name_of(server.peer)) + ": "; }

}  // namespace

std::string clean_remote_text(const std::string &text) { return clean(text.c_str()); }

Error statement_error(pg_conn *connection, const pg_result *result, const SourceServer &server) {
  const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (state == nullptr || message == nullptr) return connection_error(connection, server);
  Error error(error_state(state, "08P01"), who(server) + clean(message),
              clean(PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL)),
              clean(PQresultErrorField(result, PG_DIAG_MESSAGE_HINT)));
  if (is_about_size(state, PQresultErrorField(result, PG_DIAG_SOURCE_FILE)))
    error = Error("54000", who(server) + kTooLarge, kLargest,
                  "A server that a superuser has marked trusted sends most values as they are, which takes less.");
  std::string context = clean(PQresultErrorField(result, PG_DIAG_CONTEXT));
  return of(server, context.empty() ? error : error.within(who(server) + context));
}

Error connection_error(pg_conn *connection, const SourceServer &server) {
  std::string reason = one_line(PQerrorMessage(connection));
  // The second is said of a buffer, and then that the connection is out of step.
  if (reason.find("out of memory") != std::string::npos || reason.find("cannot allocate memory") != std::string::npos)
    return of(server, Error("53200", std::string("out of memory for what the ") + name_of(server.peer) + " sent"));
  const char *state = "08006";
  for (const char *mark : {"lost synchronization", "do not agree with length", "unexpected", "insufficient data"})
    if (reason.find(mark) != std::string::npos &&
        reason.find("closed the connection unexpectedly") == std::string::npos)
      state = "08P01";
  return of(server, Error(state, who(server) + "connection lost", clean(reason.c_str())));
}

Error connect_error(pg_conn *connection, const SourceServer &server) {
  ConnectFailure failure = read_connect_failure(PQerrorMessage(connection));
  std::string hint;
  if (failure.message.find("channel binding") != std::string::npos)
    hint = "A superuser may set the server's option channel_binding to 'prefer'.";
  else if (failure.message.find("root certificate file") != std::string::npos)
    hint = "Name the file that holds its certificate authority in the server's option sslrootcert.";
  return of(server, Error(error_state(failure.sqlstate, "08001"), who(server) + clean(failure.message.c_str()),
                          clean(failure.detail.c_str()), hint));
}

Error connect_timed_out(const SourceServer &server) {
  return of(server, Error("08001", who(server) + "no connection within the time allowed", {},
                          "See the setting pagila_repl.connect_timeout and the option connect_timeout of servers."));
}

Error stalled(const SourceServer &server, const std::string &silence) {
  return of(server, Error("57014", std::string(name_of(server.peer)) + " stalled: " + silence, {},
                          "See the setting pagila_repl.stall_timeout."));
}

Error senseless(const SourceServer &server, const std::string &what) {
  return of(server, Error("08P01", who(server) + what));
}

}  // namespace pagila_repl
