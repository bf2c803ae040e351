// Statements and COPY over a connection to a source or target.

#include "source/connection.hpp"

#include <algorithm>
#include <climits>
#include <cstdlib>

#include "core/error.hpp"
#include "libpq-fe.h"
#include "pg/boundary.hpp"
#include "settings.hpp"
#include "source/connect.hpp"
#include "source/pooler.hpp"
#include "source/remote_error.hpp"

extern "C" {
#include "storage/latch.h"
}

namespace pagila_repl {

namespace {

// What a session needs, whatever role, database and server have set. Older servers lack some of the settings. All before
// search_path is empty must be qualified. A target is asked what a source must never do: to write.
constexpr const char *kSetUp = R"(
SELECT pg_catalog.set_config(s.name, v.value, false)
  FROM (VALUES ('application_name', $1),
               ('search_path', ''),
               ('row_security', CASE $2 WHEN 'target' THEN 'on' ELSE 'off' END),
               ('default_transaction_read_only', CASE $2 WHEN 'target' THEN 'off' ELSE 'on' END),
               ('default_transaction_isolation', CASE $2 WHEN 'target' THEN 'read committed' ELSE 'repeatable read' END),
               ('default_transaction_deferrable', 'off'),
               ('restrict_nonsystem_relation_kind', CASE $2 WHEN 'target' THEN '' ELSE 'view,foreign-table' END),
               ('statement_timeout', '0'),
               ('lock_timeout', '0'),
               ('idle_in_transaction_session_timeout', '0'),
               ('idle_session_timeout', '0'),
               ('transaction_timeout', '0'),
               ('standard_conforming_strings', 'on'),
               ('quote_all_identifiers', 'off'),
               ('DateStyle', 'ISO, MDY'),
               ('IntervalStyle', 'postgres'),
               ('lc_monetary', 'C'),
               ('TimeZone', 'UTC'),
               ('extra_float_digits', '1'),
               ('bytea_output', 'hex'),
               ('xmlbinary', 'base64'),
               ('jit', 'off'),
               ('synchronize_seqscans', 'off'),
               ('client_min_messages', 'error'),
               ('tcp_keepalives_idle', '10'),
               ('tcp_keepalives_interval', '5'),
               ('tcp_keepalives_count', '3'),
               ('tcp_user_timeout', '24000'),
               -- Elsewhere it cannot be set.
               ('client_connection_check_interval',
                CASE WHEN pg_catalog.version() OPERATOR(pg_catalog.~) 'linux' THEN '1s' ELSE '0' END)
       ) v (name, value)
       JOIN pg_catalog.pg_settings s ON s.name OPERATOR(pg_catalog.=) v.name)";

// TLS may hold bytes back that it has read already, of which the socket knows nothing: so then we look that often.
constexpr int64_t kTlsSliceMs = 100;

std::string find_parameter(const SourceServer &server, const char *name) {
  for (const auto &parameter : server.parameters)
    if (parameter.first == name) return parameter.second;
  return {};
}

std::string as_seconds(int ms) {
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

std::string address_of(pg_conn *connection) {
  std::string host = PQhost(connection);
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return host + ":" + PQport(connection) + "/" + PQdb(connection);
}

std::vector<Row> rows_of(const pg_result *result) {
  std::vector<Row> rows(static_cast<size_t>(PQntuples(result)));
  for (int row = 0; row < PQntuples(result); ++row)
    for (int column = 0; column < PQnfields(result); ++column)
      rows[row].push_back(PQgetisnull(result, row, column) != 0
                              ? Value()
                              : Value(std::string(PQgetvalue(result, row, column),
                                                  static_cast<size_t>(PQgetlength(result, row, column)))));
  return rows;
}

constexpr int kTriesForPooler = 8;

}  // namespace

Connection::Connection(const SourceServer &server, const std::string &purpose, Session session) : server_(server) {
  std::string timeout = find_parameter(server, "connect_timeout");
  connect_until_ms_ = steady_ms() + (timeout.empty() ? connect_timeout_setting() : std::stoll(timeout) * 1000);
  std::string own_name = find_parameter(server, "application_name");
  std::string application_name = (own_name.empty() ? "pagila_repl" : own_name) + ": " + purpose;
  connection_ = connect(server, application_name, connect_until_ms_);
  try {
    input_ = std::make_unique<InputWait>(PQsocket(connection_));
    where_ = address_of(connection_);
    reached_ = {PQhost(connection_), PQhostaddr(connection_), PQport(connection_)};
    version_ = PQserverVersion(connection_);
    if (session != Session::untouched) {
      is_pooled_ = is_behind_pooler(*this, purpose, session == Session::set_up ? kTriesForPooler : 1);
      query(kSetUp, {application_name, name_of(server.peer)});
    }
  } catch (...) {
    close();
    throw;
  }
  // What is asked through an untouched one belongs to connecting.
  if (session != Session::untouched) connect_until_ms_ = 0;
}

Connection::~Connection() { close(); }

int Connection::told_backend() const { return PQbackendPID(connection_); }

bool Connection::is_idle() const {
  return connection_ != nullptr && PQstatus(connection_) == CONNECTION_OK &&
         PQtransactionStatus(connection_) == PQTRANS_IDLE;
}

void Connection::close() {
  input_.reset();
  disconnect(connection_);
  connection_ = nullptr;
}

//
// Statements
//

std::vector<Row> Connection::query(const std::string &sql, const std::vector<Value> &parameters) {
  send(sql, parameters);
  return receive();
}

Value Connection::query_value(const std::string &sql, const std::vector<Value> &parameters) {
  std::vector<Row> rows = query(sql, parameters);
  return rows.empty() || rows[0].empty() ? Value() : rows[0][0];
}

void Connection::execute(const std::string &sql) {
  send(sql);
  (void)receive();
}

void Connection::send(const std::string &sql) {
  if (PQsendQuery(connection_, sql.c_str()) == 0) throw connection_error(connection_, server_);
  flush();
}

void Connection::send(const std::string &sql, const std::vector<Value> &parameters) {
  std::vector<const char *> values;
  for (const Value &parameter : parameters) values.push_back(parameter ? parameter->c_str() : nullptr);
  if (PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr,
                        nullptr, 0) == 0)
    throw connection_error(connection_, server_);
  flush();
}

std::vector<Row> Connection::receive() {
  std::vector<Row> rows;
  for (Result result = next_result(); result; result = next_result()) {
    switch (PQresultStatus(result.get())) {
      case PGRES_TUPLES_OK: rows = rows_of(result.get()); break;
      case PGRES_COMMAND_OK:
      case PGRES_EMPTY_QUERY: break;
      case PGRES_FATAL_ERROR: fail(result.get());
      default: throw senseless(server_, "it copies where it should not");
    }
  }
  return rows;
}

// Throws the error of a statement, after reading the rest, so that the connection can go on. If the source has closed it,
// the error said why.
void Connection::fail(const pg_result *result) {
  Error failure = statement_error(connection_, result, server_);
  try {
    for (Result rest = next_result(); rest; rest = next_result())
      if (PQresultStatus(rest.get()) == PGRES_COPY_OUT) break;
  } catch (const Error &) {
    if (PQstatus(connection_) == CONNECTION_OK) throw;
  }
  throw failure;
}

//
// COPY
//

void Connection::begin_copy(const std::string &copy_statement) {
  rows_copied_ = 0;
  send(copy_statement);
  Result result = next_result();
  if (result && PQresultStatus(result.get()) == PGRES_COPY_OUT) return;
  if (result && PQresultStatus(result.get()) == PGRES_FATAL_ERROR) fail(result.get());
  throw senseless(server_, "COPY gave no rows");
}

// PQgetlineAsync, old as it is, copies rows straight into our buffer and hands over large ones in parts; PQgetCopyData
// allocates each.
size_t Connection::read_copy(char *buffer, size_t size) {
  size_t filled = 0;
  int64_t waiting_since_ms = 0;
  bool has_looked = false;
  while (filled < size) {
    int got = PQgetlineAsync(connection_, buffer + filled, static_cast<int>(std::min<size_t>(size - filled, INT_MAX)));
    if (got > 0) {
      filled += static_cast<size_t>(got);
    } else if (got < 0) {
      // What was read before comes first; then this is seen again.
      if (filled == 0) end_copy();
      return filled;
    } else if (filled > 0) {
      return filled;
    } else {
      if (has_looked) wait_for(WL_SOCKET_READABLE, waiting_since_ms);
      has_looked = true;
      if (PQconsumeInput(connection_) == 0) {
        // The source may have said why it went.
        end_copy();
      }
    }
  }
  return filled;
}

// Rows are at their end only when the source says that the COPY is done.
void Connection::end_copy() {
  bool is_confirmed = false;
  for (Result result = next_result(); result; result = next_result()) {
    if (PQresultStatus(result.get()) == PGRES_COPY_OUT) {
      // libpq has not left the COPY yet: an error ends it, or the connection was lost within it.
      char *row = nullptr;
      int got = 1;
      while ((got = PQgetCopyData(connection_, &row, 1)) > 0) PQfreemem(row);
      if (got != -1) throw connection_error(connection_, server_);
    } else if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) {
      is_confirmed = true;
      rows_copied_ = strtoull(PQcmdTuples(result.get()), nullptr, 10);
    } else {
      fail(result.get());
    }
  }
  if (!is_confirmed) throw connection_error(connection_, server_);
}

//
// Waiting
//

void Connection::flush() {
  int64_t waiting_since_ms = 0;
  for (;;) {
    int left = PQflush(connection_);
    if (left == 0) return;
    // A source that sends before it reads must not make both wait.
    if (left > 0) wait_for(WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE, waiting_since_ms);
    if (left < 0 || PQconsumeInput(connection_) == 0) throw connection_error(connection_, server_);
  }
}

// The next result of what was sent, none at the end.
Result Connection::next_result() {
  int64_t waiting_since_ms = 0;
  guarded([] { CHECK_FOR_INTERRUPTS(); });  // a source may send results without end
  while (PQisBusy(connection_) != 0) {
    wait_for(WL_SOCKET_READABLE, waiting_since_ms);
    if (PQconsumeInput(connection_) != 0) continue;
    Error lost = connection_error(connection_, server_);
    Result last(PQgetResult(connection_));
    // The source may have said why it went.
    bool is_from_source = last && (PQresultStatus(last.get()) != PGRES_FATAL_ERROR ||
                                   PQresultErrorField(last.get(), PG_DIAG_SQLSTATE) != nullptr);
    if (!is_from_source) throw lost;
    return last;
  }
  return Result(PQgetResult(connection_));
}

// Waits until the socket is ready, or may be. `since_ms`: when it last was, 0 at first.
void Connection::wait_for(int events, int64_t &since_ms) {
  if (PQsocket(connection_) < 0) return;  // lost, as libpq will say
  int64_t now = steady_ms();
  if (since_ms == 0) since_ms = now;
  int64_t until = INT64_MAX;
  if (connect_until_ms_ != 0)
    until = connect_until_ms_;
  else if (stall_timeout_setting() > 0)
    until = since_ms + stall_timeout_setting();
  int64_t look_again = PQsslInUse(connection_) != 0 ? std::min(until, now + kTlsSliceMs) : until;
  bool is_ready = events == WL_SOCKET_READABLE ? input_->wait(look_again)
                                               : wait_on_socket(PQsocket(connection_), events, look_again);
  if (is_ready) {
    since_ms = steady_ms();
  } else if (steady_ms() >= until) {
    close();
    if (connect_until_ms_ != 0) throw connect_timed_out(server_);
    throw stalled(server_, "no data for " + as_seconds(stall_timeout_setting()));
  }
}

void ClearResult::operator()(pg_result *result) const { PQclear(result); }

}  // namespace pagila_repl
