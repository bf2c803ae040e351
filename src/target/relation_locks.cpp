// Takes exclusive locks on everything that is to be replaced or dropped.

#include "target/relation_locks.hpp"

#include <algorithm>

#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "catalog/pg_namespace.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/inval.h"
#include "utils/wait_event.h"
}

namespace pagila_repl {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// In the order in which statements lock them: views before what they are made of, partitions after their table.
std::vector<Oid> relations_of(const std::vector<std::string> &schema_oids) {
  std::vector<Oid> relations;
  for (const Row &row : query(
           R"(SELECT oid FROM pg_catalog.pg_class
               WHERE relnamespace = ANY ($1::oid[]) AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
               ORDER BY CASE WHEN relkind = 'v' THEN 0 WHEN relispartition THEN 2 WHEN relkind = 'S' THEN 3 ELSE 1 END,
                        CASE WHEN relkind = 'v' THEN oid END DESC, oid)",
           {array_literal(schema_oids)}))
    relations.push_back(static_cast<Oid>(std::stoul(*row[0])));
  return relations;
}

void wait_until(Clock::time_point deadline) {
  auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
  if (left <= 0) throw Error("55P03", "no time is left for the locks");
  set_local("lock_timeout", std::to_string(left) + "ms");
}

void lock_by(Oid relation, Clock::time_point deadline) {
  if (guarded([relation] { return ConditionalLockRelationOid(relation, AccessExclusiveLock); })) return;
  wait_until(deadline);
  guarded([relation] { LockRelationOid(relation, AccessExclusiveLock); });
}

// CREATE locks the schema that an object is made in (of every kind in newer minor releases, of relations in all).
void lock_schemas_by(const std::vector<std::string> &schema_oids, Clock::time_point deadline) {
  for (const std::string &oid : schema_oids) {
    Oid schema = static_cast<Oid>(std::stoul(oid));
    wait_until(deadline);
    guarded([schema] { LockDatabaseObject(NamespaceRelationId, schema, 0, AccessExclusiveLock); });
  }
  wait_until(deadline);
  lock_schema_rows(schema_oids);
}

}  // namespace

RelationLocks::RelationLocks()
    : longest_try_(std::min(200, std::max(1, DeadlockTimeout / 2))), random_(std::random_device{}()) {}

void RelationLocks::limit_waits() const {
  // Should a reader hold what we wait for and wait for what we hold, we find out soon and let go.
  as_extension_owner([] { set_local("deadlock_timeout", "10ms"); });
  set_local("lock_timeout", std::to_string(longest_try_.count()) + "ms");
}

void RelationLocks::lift_limit() const { set_local("lock_timeout", longest_lock_wait()); }

void lock_schema_rows(const std::vector<std::string> &schema_oids) {
  as_extension_owner([&] {
    (void)query("SELECT FROM pg_catalog.pg_namespace WHERE oid = ANY ($1::oid[]) ORDER BY oid FOR UPDATE",
                {array_literal(schema_oids)});
  });
}

void RelationLocks::take(const std::vector<std::string> &schema_oids) {
  limit_waits();
  Clock::time_point start = Clock::now();
  try {
    lock_schemas_by(schema_oids, start + longest_try_);
  } catch (const Error &) {
    last_try_ = std::chrono::duration_cast<milliseconds>(Clock::now() - start);
    throw;
  }
  // Listed once none can be added.
  std::vector<Oid> relations = relations_of(schema_oids);
  auto rank = [this](Oid relation) { return std::find(contested_.begin(), contested_.end(), relation); };
  std::stable_sort(relations.begin(), relations.end(), [&](Oid a, Oid b) { return rank(a) < rank(b); });

  for (Oid relation : relations) {
    try {
      lock_by(relation, start + longest_try_);
    } catch (const Error &) {
      contested_.erase(std::remove(contested_.begin(), contested_.end(), relation), contested_.end());
      contested_.insert(contested_.begin(), relation);
      last_try_ = std::chrono::duration_cast<milliseconds>(Clock::now() - start);
      throw;
    }
  }
  last_try_ = longest_try_;
  limit_waits();
}

void RelationLocks::let_readers_pass() {
  auto least = std::max<milliseconds::rep>(last_try_.count(), 20);
  auto time = std::uniform_int_distribution<milliseconds::rep>(least, 3 * least)(random_);
  guarded([time] {
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, time, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
    // The next try is to see what has been committed meanwhile, whatever locks this transaction still has.
    AcceptInvalidationMessages();
  });
}

bool is_lock_failure(const std::string &sqlstate) { return sqlstate == "55P03" || sqlstate == "40P01"; }

}  // namespace pagila_repl
