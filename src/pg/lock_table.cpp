// Asks how the table of locks is set up, here and elsewhere.

#include "pg/lock_table.hpp"

#include "pg/spi.hpp"
#include "pg/transaction.hpp"

namespace pagila_repl {

// As lock.c counts who may have locks; servers from 18 on have slots for autovacuum. No casts: users may have made one from text to
// bigint there.
const char *const kLockTable = R"(
SELECT s.locks, s.connections + s.prepared, 1 + s.autovacuum + s.workers + s.senders
  FROM (SELECT pg_catalog.int8in(pg_catalog.textout(pg_catalog.current_setting('max_locks_per_transaction'))) AS locks,
               pg_catalog.int8in(pg_catalog.textout(pg_catalog.current_setting('max_connections'))) AS connections,
               pg_catalog.int8in(pg_catalog.textout(pg_catalog.current_setting('max_prepared_transactions'))) AS prepared,
               pg_catalog.int8in(pg_catalog.textout(COALESCE(pg_catalog.current_setting('autovacuum_worker_slots', true),
                 pg_catalog.current_setting('autovacuum_max_workers')))) AS autovacuum,
               pg_catalog.int8in(pg_catalog.textout(pg_catalog.current_setting('max_worker_processes'))) AS workers,
               pg_catalog.int8in(pg_catalog.textout(pg_catalog.current_setting('max_wal_senders'))) AS senders) s)";

LockTable own_lock_table() {
  std::vector<Row> rows = query(kLockTable);
  const Row &row = rows.at(0);
  return {std::stoll(*row[0]), std::stoll(*row[1]), std::stoll(*row[2])};
}

Standbys standbys() {
  Value found = as_extension_owner([] {
    return query_value(
        R"(SELECT CASE
             WHEN EXISTS (SELECT FROM pg_catalog.pg_replication_slots WHERE slot_type = 'physical')
               OR EXISTS (SELECT FROM pg_catalog.pg_stat_replication r
                           WHERE r.state <> 'backup'
                             AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s
                                              WHERE s.active_pid = r.pid AND s.slot_type = 'logical')) THEN 'connected'
             WHEN pg_catalog.current_setting('archive_mode') <> 'off' THEN 'archive' END)");
  });
  if (!found) return Standbys::none;
  return *found == "connected" ? Standbys::connected : Standbys::from_archive;
}

}  // namespace pagila_repl
