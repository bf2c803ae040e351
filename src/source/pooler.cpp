// Looks for connection poolers by what they do, not by what they are called.

#include "source/pooler.hpp"

#include <deque>
#include <memory>

#include "core/dump_command.hpp"
#include "core/error.hpp"
#include "source/connection.hpp"
#include "source/remote_error.hpp"

namespace pagila_repl {

namespace {

constexpr const char *kHint = "Point the foreign server to the database server itself, or to a pooler in session mode.";
constexpr const char *kEnough = "The connection pooler must have a connection for each worker of a run and three more.";

std::string backend_of(Connection &connection) {
  return connection.query_value("SELECT pg_catalog.pg_backend_pid()").value_or("");
}

Error shared(const SourceServer &server) {
  return Error("0A000",
               std::string("the ") + name_of(server.peer) +
                   " is reached through a connection pooler that shares server connections between statements or "
                   "transactions",
               "A run needs sessions of its own: their settings would be seen by other clients, and theirs by the run.",
               kHint)
      .within("server \"" + server.name + "\"")
      .from(origin_of(server.peer));
}

// Throws if two clients, or one client twice, get what only a pooler that shares would give them: it gives a client either the
// connection that another has given back last, or the one that was given back first.
void check_pair(Connection &one, const std::string &backend, Connection &other, const std::string &other_backend) {
  if (other_backend == backend || backend_of(one) != backend || backend_of(one) != backend ||
      backend_of(other) != other_backend)
    throw shared(one.server());
}

// Several poolers may stand behind one address: clients come and go until one of them has got to where another is.
void check_not_shared(Connection &one, const std::string &purpose, int tries) {
  constexpr size_t kAtOnce = 3;
  struct Other {
    std::unique_ptr<Connection> connection;
    std::string backend;
  };
  std::string backend = backend_of(one);
  std::deque<Other> others;
  for (int i = 0; i < tries; i++) {
    if (others.size() == kAtOnce) others.pop_front();
    auto other = std::make_unique<Connection>(one.server(), purpose, Connection::Session::untouched);
    std::string other_backend = backend_of(*other);
    for (const Other &before : others)
      if (before.backend == other_backend) throw shared(one.server());
    check_pair(one, backend, *other, other_backend);
    others.push_back({std::move(other), other_backend});
  }
}

}  // namespace

bool is_behind_pooler(Connection &connection, const std::string &purpose, int tries) {
  // A pooler gives its clients keys of its own to cancel by.
  if (backend_of(connection) == std::to_string(connection.told_backend())) return false;
  try {
    check_not_shared(connection, purpose, tries);
  } catch (Error &error) {
    // One that has no second connection lets its clients wait.
    if (error.sqlstate == "08001") error.hint = kEnough;
    throw;
  }
  return true;
}

void look_at_pooler(const Connection &source, Findings &found) {
  if (!source.is_pooled()) return;
  SourceServer server = source.server();
  server.parameters.emplace_back("options", kDumpOptions);
  try {
    Connection as_pg_dump(server, "pagila_check", Connection::Session::untouched);
  } catch (const Error &error) {
    if (error.origin == Error::Origin::local) throw;
    found.error(
        "pooler", error.sqlstate, "the connection pooler does not let pg_dump set parameters: " + error.message,
        "Point the foreign server to the database server itself, or let the pooler accept them: in PgBouncer with "
        "ignore_startup_parameters = options.");
    return;
  }
  found.warning("pooler", "the source is reached through a connection pooler, which keeps sessions apart", kEnough);
}

}  // namespace pagila_repl
