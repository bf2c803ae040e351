// Connecting to a source or target.

#include "source/connect.hpp"

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstring>
#include <vector>

#include "core/libpq_version.hpp"
#include "libpq-fe.h"
#include "pg/boundary.hpp"
#include "pg/compat.hpp"
#include "settings.hpp"
#include "source/remote_error.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/wait_event.h"

extern char **environ;
}

namespace pagila_repl {

namespace {

// A process that ends by FATAL runs no destructors, so these are closed then.
std::vector<pg_conn *> open_connections;

// While it lives the process has no variable PG...: none of this server's decides where a connection goes or as whom.
class WithoutPgVariables {
 public:
  WithoutPgVariables() : before_(environ) {
    for (char **variable = environ; variable != nullptr && *variable != nullptr; ++variable)
      if (strncmp(*variable, "PG", 2) != 0) kept_.push_back(*variable);
    kept_.push_back(nullptr);
    environ = kept_.data();
  }
  ~WithoutPgVariables() { environ = before_; }
  WithoutPgVariables(const WithoutPgVariables &) = delete;
  WithoutPgVariables &operator=(const WithoutPgVariables &) = delete;

 private:
  char **before_;
  std::vector<char *> kept_;
};

void close_connections(int, Datum) {
  for (pg_conn *connection : open_connections) PQfinish(connection);
  open_connections.clear();
}

void close_at_exit() {
  static bool registered = false;
  if (registered) return;
  guarded([] { before_shmem_exit(close_connections, (Datum)0); });
  registered = true;
}

void check_libpq() {
  std::string complaint = complaint_about_libpq(PQlibVersion());
  if (!complaint.empty() && is_old_libpq_refused())
    throw Error("0A000", "libpq " + libpq_version_text(PQlibVersion()) + " is too old to connect with", complaint + ".",
                std::string(kUpdateLibpq) + " Or let a superuser set pagila_repl.old_libpq to warn.");
}

void acquire_descriptor() {
  if (!guarded([] { return AcquireExternalFD(); }))
    throw Error("53000", "too many open files for another connection", {},
                "Raise max_files_per_process or \"ulimit -n\".");
}

// In the end of a list the same keyword goes before earlier ones.
pg_conn *start(const SourceServer &server, const std::string &application_name) {
  std::vector<std::pair<std::string, std::string>> parameters = server.parameters;
  parameters.emplace_back("application_name", application_name);
  parameters.emplace_back("client_encoding", guarded([] { return GetDatabaseEncodingName(); }));
  if (!server.password.empty()) parameters.emplace_back("password", server.password);
  parameters.emplace_back("passfile", "/dev/null/none");
  std::vector<const char *> keywords, values;
  for (const auto &parameter : parameters) {
    if (parameter.first == "connect_timeout") continue;
    keywords.push_back(parameter.first.c_str());
    values.push_back(parameter.second.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  WithoutPgVariables scope;
  return PQconnectStartParams(keywords.data(), values.data(), 0);
}

PostgresPollingStatusType poll(pg_conn *connection) {
  WithoutPgVariables scope;
  return PQconnectPoll(connection);
}

void wait_until_connected(pg_conn *connection, const SourceServer &server, int64_t until_ms) {
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;
  while (PQstatus(connection) != CONNECTION_BAD && status != PGRES_POLLING_OK) {
    int events = status == PGRES_POLLING_READING ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE;
    if (!wait_on_socket(PQsocket(connection), events, until_ms)) throw connect_timed_out(server);
    status = poll(connection);
    if (status == PGRES_POLLING_FAILED) break;
  }
  if (PQstatus(connection) != CONNECTION_OK) throw connect_error(connection, server);
}

void check_connection(pg_conn *connection, const SourceServer &server) {
  if (server.must_use_password && PQconnectionUsedPassword(connection) == 0)
    throw Error("2F003", "password is required",
                "Server \"" + server.name + "\" has let us in without asking for the password.",
                "Change how it authenticates, or let a superuser set password_required to 'false' in the user "
                "mapping.");
  if (PQserverVersion(connection) < 140000)
    throw Error("0A000",
                std::string("the ") + name_of(server.peer) + " is too old: PostgreSQL " +
                    std::to_string(PQserverVersion(connection) / 10000),
                "It must be PostgreSQL 14 or newer.")
        .within("server \"" + server.name + "\"");
}

}  // namespace

int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool wait_on_socket(int socket, int events, int64_t until_ms) {
  if (socket < 0) return true;
  for (;;) {
    int64_t left = until_ms == INT64_MAX ? -1 : std::clamp<int64_t>(until_ms - steady_ms(), 0, INT_MAX);
    int happened = guarded([=] {
      int wanted = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | events | (left >= 0 ? WL_TIMEOUT : 0);
      int result = WaitLatchOrSocket(MyLatch, wanted, socket, (long)left, PG_WAIT_EXTENSION);
      if ((result & WL_LATCH_SET) != 0) {
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
      }
      return result;
    });
    if ((happened & events) != 0) return true;
    if ((happened & WL_TIMEOUT) != 0) return false;
  }
}

InputWait::InputWait(int socket) {
  events_ = guarded([socket] {
    WaitEventSet *events = make_wait_event_set(3);
    AddWaitEventToSet(events, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
    AddWaitEventToSet(events, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
    AddWaitEventToSet(events, WL_SOCKET_READABLE, socket, nullptr, nullptr);
    return events;
  });
}

InputWait::~InputWait() { FreeWaitEventSet(events_); }

bool InputWait::wait(int64_t until_ms) {
  for (;;) {
    int64_t left = until_ms == INT64_MAX ? -1 : std::clamp<int64_t>(until_ms - steady_ms(), 0, INT_MAX);
    WaitEventSet *events = events_;
    uint32 happened = guarded([=]() -> uint32 {
      WaitEvent event;
      if (WaitEventSetWait(events, (long)left, &event, 1, PG_WAIT_EXTENSION) == 0) return WL_TIMEOUT;
      if ((event.events & WL_LATCH_SET) != 0) {
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
      }
      return event.events;
    });
    if ((happened & WL_SOCKET_READABLE) != 0) return true;
    if ((happened & WL_TIMEOUT) != 0) return false;
  }
}

std::vector<std::string> libpq_remarks() {
  std::string complaint = complaint_about_libpq(PQlibVersion());
  if (complaint.empty() || is_old_libpq_refused()) return {};
  return {complaint};
}

pg_conn *connect(const SourceServer &server, const std::string &application_name, int64_t until_ms) {
  check_libpq();
  close_at_exit();
  acquire_descriptor();
  pg_conn *connection = start(server, application_name);
  if (connection == nullptr) {
    ReleaseExternalFD();
    throw Error("53200", "out of memory");
  }
  try {
    open_connections.push_back(connection);
    PQsetNoticeReceiver(
        connection, [](void *, const pg_result *) {}, nullptr);
    // Only in this form libpq tells the SQLSTATE of a refusal.
    PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
    wait_until_connected(connection, server, until_ms);
    PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
    check_connection(connection, server);
    if (PQsetnonblocking(connection, 1) != 0) throw connection_error(connection, server);
  } catch (...) {
    disconnect(connection);
    throw;
  }
  return connection;
}

void disconnect(pg_conn *connection) noexcept {
  if (connection == nullptr) return;
  open_connections.erase(std::remove(open_connections.begin(), open_connections.end(), connection),
                         open_connections.end());
  PQfinish(connection);
  ReleaseExternalFD();
}

}  // namespace pagila_repl
