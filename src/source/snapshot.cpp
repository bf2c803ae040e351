// Takes the snapshot of a run.
//
// LOCK TABLE takes no snapshot, so the locks are there before it: what is truncated or rewritten by others is so either
// before we look, or after we are done. Tables made, dropped or altered while we waited for the locks are seen by reading
// the catalog again.

#include "source/snapshot.hpp"

#include "core/releases.hpp"
#include "pg/fault.hpp"
#include "pg/transaction.hpp"
#include "source/preflight.hpp"
#include "source/read_catalog.hpp"
#include "source/remote_error.hpp"
#include "source/unconvertible.hpp"

namespace pagila_repl {

namespace {

constexpr const char *kBegin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

// Servers before these can export a snapshot on a standby that others cannot use safely.
bool can_export_snapshot(const SourceCatalog &catalog) {
  return !catalog.in_recovery || !is_older_than_15_20(catalog.version);
}

SourceCatalog look(Connection &source, const Selection &selection, const RunOptions &options) {
  source.execute(kBegin);
  SourceCatalog catalog = read_catalog(source, selection, options.database_objects);
  in_transaction([&] { check_findings(preflight(source, catalog, options)); });
  source.execute("ROLLBACK");
  return catalog;
}

// False if one of the tables is gone.
bool lock_what_was_seen(Connection &source, const SourceCatalog &catalog) {
  try {
    lock_tables(source, catalog);
    return true;
  } catch (const Error &error) {
    if (error.sqlstate != "42P01" && error.sqlstate != "3F000") throw;
    return false;
  }
}

}  // namespace

bool is_snapshot_id(const std::string &id) {
  return !id.empty() && id.size() < 64 && id.find_first_not_of("0123456789ABCDEF-") == std::string::npos;
}

namespace {

Snapshot snapshot_of(const SourceServer &server, const Selection &selection, const RunOptions &options,
                     const std::string &purpose) {
  Snapshot snapshot;
  snapshot.holder = std::make_unique<Connection>(server, purpose);
  Connection &source = *snapshot.holder;
  constexpr int kTries = 2;
  for (int i = 0; i < kTries; i++) {
    SourceCatalog before = look(source, selection, options);
    PR_FAULT("snapshot");
    source.execute(kBegin);
    bool are_all_there = lock_what_was_seen(source, before);
    if (are_all_there) snapshot.catalog = read_catalog(source, selection, options.database_objects);
    if (are_all_there && snapshot.catalog.signature == before.signature) {
      if (!can_export_snapshot(snapshot.catalog)) return snapshot;
      snapshot.id = source.query_value("SELECT pg_catalog.pg_export_snapshot()").value_or("");
      if (!is_snapshot_id(snapshot.id)) throw senseless(server, "it gave no snapshot");
      return snapshot;
    }
    source.execute("ROLLBACK");
  }
  throw Error("55000", "the tables of the source were changed while they were being locked",
              "Between reading and locking them others created, dropped or altered some, " + std::to_string(kTries) +
                  " times in a row.",
              "Run it again when nobody creates, drops or alters tables there.")
      .from(Error::Origin::source);
}

}  // namespace

Snapshot take_snapshot(const SourceServer &server, const Selection &selection, const RunOptions &options,
                       const std::string &purpose) {
  try {
    return snapshot_of(server, selection, options, purpose);
  } catch (const Error &error) {
    throw with_unconvertible_names(error, server);
  }
}

std::unique_ptr<Connection> join_snapshot(const SourceServer &server, const std::string &id,
                                          const std::string &purpose) {
  auto connection = std::make_unique<Connection>(server, purpose, Connection::Session::one_more);
  connection->execute(kBegin);
  connection->execute("SET TRANSACTION SNAPSHOT '" + id + "'");
  // The holder has all locks that are needed: who waits for one here, waits for someone who waits for the holder.
  connection->execute("SET LOCAL lock_timeout = '1s'");
  return connection;
}

}  // namespace pagila_repl
