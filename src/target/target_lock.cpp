// Session locks under tags that SQL functions cannot reach: pg_advisory_lock uses locktag_field4 1 and 2.
//
// Each lock is taken twice, by both lock methods of the server. One of the default method is lost when a transaction
// aborts (ProcReleaseLocks), one of the user method when code of the dump calls pg_advisory_unlock_all
// (LockReleaseSession). A run that holds either is alive.

#include "target/target_lock.hpp"

#include <algorithm>

#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "catalog/pg_extension.h"
#include "common/hashfn.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
}

namespace pagila_repl {

namespace {

constexpr uint16 kRunLock = 7001, kSchemaLock = 7002, kJobLock = 7003;

constexpr int kTries = 3;  // at the lock of a job

constexpr uint16 kMethods[] = {USER_LOCKMETHOD, DEFAULT_LOCKMETHOD};

LOCKTAG tag(uint32 first, uint32 second, uint16 kind) {
  LOCKTAG lock;
  SET_LOCKTAG_ADVISORY(lock, MyDatabaseId, first, second, kind);
  return lock;
}

LOCKTAG with_method(LOCKTAG lock, uint16 method) {
  lock.locktag_lockmethodid = static_cast<uint8>(method);
  return lock;
}

LOCKTAG run_tag(int64 run_id) {
  return tag(static_cast<uint32>(static_cast<uint64>(run_id) >> 32), static_cast<uint32>(run_id), kRunLock);
}

LOCKTAG job_tag(int64 job) {
  return tag(static_cast<uint32>(static_cast<uint64>(job) >> 32), static_cast<uint32>(job), kJobLock);
}

LOCKTAG schema_tag(const std::string &schema) {
  uint64 hash =
      hash_bytes_extended(reinterpret_cast<const unsigned char *>(schema.data()), static_cast<int>(schema.size()), 0);
  return tag(static_cast<uint32>(hash >> 32), static_cast<uint32>(hash), kSchemaLock);
}

bool try_session_lock(LOCKTAG lock, LOCKMODE mode) {
  return guarded([lock, mode] {
    for (uint16 method : kMethods) {
      LOCKTAG tag = with_method(lock, method);
      if (LockAcquire(&tag, mode, true, true) == LOCKACQUIRE_NOT_AVAIL) return false;
    }
    return true;
  });
}

bool is_free(LOCKTAG held) {
  return guarded([held] {
    for (uint16 method : kMethods) {
      LOCKTAG lock = with_method(held, method);
      if (LockAcquire(&lock, ShareLock, false, true) == LOCKACQUIRE_NOT_AVAIL) return false;
      (void)LockRelease(&lock, ShareLock, false);
    }
    return true;
  });
}

void release_session_locks(int, Datum) { LockReleaseAll(DEFAULT_LOCKMETHOD, true); }

[[noreturn]] void throw_already_running(const std::string &schema) {
  // The holder's row may not say yet which schemas it has; then only the fact is known.
  std::vector<Row> holder = as_extension_owner([&] {
    return query(
        R"(SELECT run_id, owner, started_at, leader_pid FROM pagila_repl.run
            WHERE status = 'running' AND $1 = ANY (schemas) AND leader_pid <> pg_catalog.pg_backend_pid()
            ORDER BY run_id LIMIT 1)",
        {schema});
  });
  std::string detail = "Another run holds schema \"" + schema + "\".";
  if (!holder.empty())
    detail = "Run " + *holder[0][0] + " of role \"" + *holder[0][1] + "\" has held schema \"" + schema + "\" since " +
             *holder[0][2] + " (process " + *holder[0][3] + ").";
  throw Error("55P03", "another run has the same target", detail,
              "Wait for it with pagila_wait, or stop it with pagila_cancel.");
}

}  // namespace

void release_locks_at_exit() { on_shmem_exit(release_session_locks, 0); }

void lock_run(int64_t run_id) {
  if (!try_session_lock(run_tag(run_id), ExclusiveLock)) throw Error("XX000", "the lock of the run is taken");
}

void wait_for_run(int64 run_id) {
  for (uint16 method : kMethods) {
    LOCKTAG lock = with_method(run_tag(run_id), method);
    (void)LockAcquire(&lock, ShareLock, false, false);
    (void)LockRelease(&lock, ShareLock, false);
  }
}

bool is_leader_gone(int64_t run_id) { return is_free(run_tag(run_id)); }

void lock_job(int64_t job) {
  for (int tries = 1; !try_session_lock(job_tag(job), ExclusiveLock); tries++) {
    // Whoever only looks whether it is free holds it for some microseconds.
    if (tries == kTries) throw Error("55P03", "a run of the job is under way");
    pg_usleep(10000);
  }
}

bool is_job_running(int64_t job) { return !is_free(job_tag(job)); }

void lock_schemas(const std::vector<std::string> &schemas) {
  std::vector<std::string> sorted = schemas;
  std::sort(sorted.begin(), sorted.end());
  for (const std::string &schema : sorted)
    if (!try_session_lock(schema_tag(schema), ExclusiveLock)) throw_already_running(schema);
}

void lock_extension() {
  Oid extension = extension_oid();
  guarded([extension] {
    LOCKTAG lock;
    SET_LOCKTAG_OBJECT(lock, MyDatabaseId, ExtensionRelationId, extension, 0);
    (void)LockAcquire(&lock, AccessShareLock, true, false);
  });
  // It may have been dropped while we waited.
  if (extension_oid() != extension) throw Error("42704", "extension \"pagila_repl\" was dropped");
}

}  // namespace pagila_repl
