// Asks how the table of locks is set up, here and elsewhere.

#include "pg/lock_table.hpp"

#include "pg/spi.hpp"
#include "pg/transaction.hpp"

namespace pagila_repl {

// As lock.c counts who may have locks; servers from 18 on have slots for autovacuum.
const char *const kLockTable = R"(
SELECT pg_catalog.current_setting('max_locks_per_transaction')::bigint,
       pg_catalog.current_setting('max_connections')::bigint + pg_catalog.current_setting('max_prepared_transactions')::bigint,
       1 + COALESCE(pg_catalog.current_setting('autovacuum_worker_slots', true),
                    pg_catalog.current_setting('autovacuum_max_workers'))::bigint
         + pg_catalog.current_setting('max_worker_processes')::bigint
         + pg_catalog.current_setting('max_wal_senders')::bigint)";

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
