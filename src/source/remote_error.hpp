// What went wrong on the other server or on the way to it, as our Error: its own SQLSTATE, its text cut and escaped, and
// the other side as its origin.
#pragma once

#include "pg/boundary.hpp"
#include "source/foreign_server.hpp"

struct pg_conn;
struct pg_result;

namespace pagila_repl {

// A message of the other server's, cut and with control characters escaped.
std::string clean_remote_text(const std::string &text);

// A statement failed, or the connection was lost while it ran.
Error statement_error(pg_conn *connection, const pg_result *result, const SourceServer &server);
// No connection came about.
Error connect_error(pg_conn *connection, const SourceServer &server);
Error connect_timed_out(const SourceServer &server);
// 08006 with libpq's reason, unless that is no loss at all.
Error connection_error(pg_conn *connection, const SourceServer &server);
// It has been silent for too long.
Error stalled(const SourceServer &server, const std::string &silence);
// It does what no server does.
Error senseless(const SourceServer &server, const std::string &what);

}  // namespace pagila_repl
