// Takes the locks on everything that is to be replaced or dropped.
//
// ShareRowExclusiveLock keeps out whoever writes to a relation or alters it, nextval among them, but neither SELECT nor SELECT FOR
// UPDATE. So all that takes time can be looked at and done under it, and readers wait only from the first exclusive lock on.

#include "target/relation_locks.hpp"

#include <algorithm>
#include <set>

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

void pass_time(milliseconds time) {
  long left = static_cast<long>(time.count());
  guarded([left] {
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  });
}

// Server code: the place of the first relation whose lock is not free.
int lock_free_ones(const Oid *relations, int count, LOCKMODE mode) {
  for (int i = 0; i < count; i++) {
    CHECK_FOR_INTERRUPTS();
    if (!ConditionalLockRelationOid(relations[i], mode)) return i;
  }
  return count;
}

LOCKTAG tag_of(Oid relation) {
  LOCKTAG tag;
  SET_LOCKTAG_RELATION(tag, MyDatabaseId, relation);
  return tag;
}

// Not in the lock's queue: who has waited for us for as long as deadlock_timeout looks once whether he is in a deadlock, and would be
// its victim if we were waiting for him at that moment. Those who only wait for the lock we go before.
void pass_time_until_free(Oid relation, LOCKMODE mode, Clock::time_point deadline) {
  LOCKTAG tag = tag_of(relation);
  auto is_held = [&] {
    return guarded([&] {
      int holders;
      (void)GetLockConflicts(&tag, mode, &holders);
      return holders > 0;
    });
  };
  while (is_held()) {
    if (Clock::now() >= deadline)
      throw Error("55P03", "others hold a relation, and wait for those that are held still");
    pass_time(milliseconds(1));
  }
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

template <class Locks>
void RelationLocks::try_once(Locks locks) {
  limit_waits();
  Clock::time_point start = Clock::now();
  try {
    locks(start + longest_try_);
  } catch (const Error &) {
    last_try_ = std::chrono::duration_cast<milliseconds>(Clock::now() - start);
    throw;
  }
  last_try_ = longest_try_;
  limit_waits();
}

// Once none can be added.
void RelationLocks::list_relations(const std::vector<std::string> &schema_oids) {
  std::vector<Oid> all = relations_of(schema_oids);
  std::set<Oid> there(all.begin(), all.end());
  relations_.clear();
  for (Oid relation : contested_)
    if (there.erase(relation) > 0) relations_.push_back(relation);
  for (Oid relation : all)
    if (there.count(relation) > 0) relations_.push_back(relation);
}

bool RelationLocks::is_anyone_waiting_for_us() const {
  const Oid *relations = relations_.data();
  size_t count = relations_.size();
  return guarded([=] {
    for (size_t i = 0; i < count; i++)
      if (LOCKTAG tag = tag_of(relations[i]); LockHasWaiters(&tag, ShareRowExclusiveLock, false)) return true;
    return false;
  });
}

void RelationLocks::lock_one(Oid relation, LOCKMODE mode, Clock::time_point deadline) {
  try {
    if (are_held_still_ && is_anyone_waiting_for_us()) pass_time_until_free(relation, mode, deadline);
    wait_until(deadline);
    guarded([=] { LockRelationOid(relation, mode); });
  } catch (const Error &) {
    contested_.erase(std::remove(contested_.begin(), contested_.end(), relation), contested_.end());
    contested_.insert(contested_.begin(), relation);
    throw;
  }
}

void RelationLocks::lock_relations(LOCKMODE mode, Clock::time_point deadline) {
  for (size_t done = 0; done < relations_.size(); done++) {
    const Oid *rest = relations_.data() + done;
    int count = static_cast<int>(relations_.size() - done);
    done += static_cast<size_t>(guarded([=] { return lock_free_ones(rest, count, mode); }));
    if (done < relations_.size()) lock_one(relations_[done], mode, deadline);
  }
}

void RelationLocks::hold_still(const std::vector<std::string> &schema_oids) {
  are_held_still_ = false;
  try_once([&](Clock::time_point deadline) {
    lock_schemas_by(schema_oids, deadline);
    list_relations(schema_oids);
    lock_relations(ShareRowExclusiveLock, deadline);
  });
  are_held_still_ = true;
}

void RelationLocks::shut_out_readers() {
  try_once([&](Clock::time_point deadline) { lock_relations(AccessExclusiveLock, deadline); });
}

void RelationLocks::take(const std::vector<std::string> &schema_oids) {
  are_held_still_ = false;
  try_once([&](Clock::time_point deadline) {
    lock_schemas_by(schema_oids, deadline);
    list_relations(schema_oids);
    lock_relations(AccessExclusiveLock, deadline);
  });
}

void RelationLocks::let_readers_pass() {
  auto least = std::max<milliseconds::rep>(last_try_.count(), 20);
  auto time = std::uniform_int_distribution<milliseconds::rep>(least, 3 * least)(random_);
  pass_time(milliseconds(time));
  // The next try is to see what has been committed meanwhile, whatever locks this transaction still has.
  guarded([] { AcceptInvalidationMessages(); });
}

bool is_lock_failure(const std::string &sqlstate) { return sqlstate == "55P03" || sqlstate == "40P01"; }

}  // namespace pagila_repl
