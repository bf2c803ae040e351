// A connection to a source, or to a target that is asked to copy from here. Every wait is a latch wait: interruptible, and
// ended by connect and stall timeouts.
// Connections still open when the process exits, by FATAL too, are closed then; the source's session notices at once
// (client_connection_check_interval), so nothing runs on there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/dump_reader.hpp"
#include "pg/spi.hpp"
#include "source/foreign_server.hpp"

struct pg_conn;
struct pg_result;

namespace pagila_repl {

class InputWait;
struct ClearResult {
  void operator()(pg_result *result) const;
};
using Result = std::unique_ptr<pg_result, ClearResult>;

class Connection {
 public:
  // Connects and sets the session up: search_path empty, fixed output formats, no timeouts but ours, keepalives on both
  // ends, client_encoding as this database; row_security off and read only, but for a target. `purpose` becomes part of
  // application_name.
  // Throws the source's SQLSTATE, or 08001 (no connection, or not in time), 2F003 (it asked for no password), 0A000 (too
  // old, or a pooler that shares sessions). one_more: beside one that is set up, so that less is tried to find such a pooler.
  // untouched: only connects, and has to be done with in the time for that.
  enum class Session { set_up, one_more, untouched };
  Connection(const SourceServer &server, const std::string &purpose, Session session = Session::set_up);
  ~Connection();
  Connection(const Connection &) = delete;
  Connection &operator=(const Connection &) = delete;

  // From here on each function throws 08006 if the connection is lost, 08P01 if what comes makes no sense, and 57014,
  // "source stalled", if nothing comes for pagila_repl.stall_timeout. Then, and after a cancel, it is of no more use.
  // Messages say "target" or "server" instead of "source" where that is what it is.

  // As query, query_value and execute of pg/spi.hpp, on the source. Errors keep the source's SQLSTATE; message
  // "source: ...", cut and with control characters escaped; context names the server.
  std::vector<Row> query(const std::string &sql, const std::vector<Value> &parameters = {});
  Value query_value(const std::string &sql, const std::vector<Value> &parameters = {});
  void execute(const std::string &sql);  // one or several statements

  // Starts a query and returns; receive waits for its rows.
  void send(const std::string &sql);
  std::vector<Row> receive();

  // COPY ... TO STDOUT. read_copy gives up to `size` bytes as they come, 0 after the source has confirmed the end; only
  // then rows_copied is known. A connection in the midst of a COPY is of no other use.
  void begin_copy(const std::string &copy_statement);
  size_t read_copy(char *buffer, size_t size);
  uint64_t rows_copied() const { return rows_copied_; }

  // For others that are to reach the very same server.
  const Reached &reached() const { return reached_; }
  int version() const { return version_; }  // server_version_num
  // The process id that was told for cancels, which need not be that of the server's process.
  int told_backend() const;
  bool is_pooled() const { return is_pooled_; }  // through a pooler or another proxy of that kind
  // False in the midst of a statement, and once it is lost.
  bool is_idle() const;
  const SourceServer &server() const { return server_; }
  // Host, port and database as reached, for messages.
  const std::string &where() const { return where_; }

 private:
  void send(const std::string &sql, const std::vector<Value> &parameters);
  void flush();
  Result next_result();
  [[noreturn]] void fail(const pg_result *result);
  void end_copy();
  void wait_for(int events, int64_t &since_ms);
  void close();

  SourceServer server_;
  pg_conn *connection_ = nullptr;
  std::unique_ptr<InputWait> input_;  // of its socket
  std::string where_;
  Reached reached_;
  int version_ = 0;
  bool is_pooled_ = false;
  uint64_t rows_copied_ = 0;
  int64_t connect_until_ms_ = 0;  // 0 once the session is set up
};

// The rows of a COPY as a stream.
class CopiedRows : public ByteSource {
 public:
  CopiedRows(Connection &connection, const std::string &copy_statement) : connection_(connection) {
    connection_.begin_copy(copy_statement);
  }
  size_t read(char *buffer, size_t size) override { return connection_.read_copy(buffer, size); }
  uint64_t rows() const { return connection_.rows_copied(); }

 private:
  Connection &connection_;
};

}  // namespace pagila_repl
