// Lets go of locks that a transaction has no need of.

#include "pg/lock_relief.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <set>
#include <vector>

#include "core/lock_need.hpp"
#include "pg/boundary.hpp"
#include "pg/lock_table.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "storage/lock.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace pagila_repl {

namespace {

constexpr int kStatements = 50;  // between two times

// Parts of relations, which are made and dropped under their relation's lock. (DROP ... CASCADE of what one refers to locks the part
// first, but waits for the relation before it changes anything.)
constexpr Oid kParts[] = {AttrDefaultRelationId, ConstraintRelationId, PolicyRelationId,
                          RewriteRelationId,     TriggerRelationId,    StatisticExtRelationId};

struct Kept {
  std::vector<LOCKTAG> tags;  // sorted
  int statements = 0;
  // What standbys hold to the end, and how many may be.
  std::set<Oid> exclusive;
  int64_t max_exclusive = 0;
};
std::unique_ptr<Kept> kept;

bool is_less(const LOCKTAG &a, const LOCKTAG &b) { return memcmp(&a, &b, sizeof a) < 0; }

// Plain data: what this process has locked, as the shared table of locks says.
struct Own {
  LockInstanceData *locks;
  int count;
  LockInstanceData *gone = nullptr;  // what has been let go
  int gone_count = 0;
};

// Server code.
Own own_locks() {
  LockData *all = GetLockStatusData();
  Own own{(LockInstanceData *)palloc(sizeof(LockInstanceData) * static_cast<Size>(all->nelements + 1)), 0};
  for (int i = 0; i < all->nelements; i++)
    if (all->locks[i].pid == MyProcPid && all->locks[i].holdMask != 0) own.locks[own.count++] = all->locks[i];
  pfree(all->locks);
  pfree(all);
  return own;
}

// Server code: whether an index, which only its table's users come to. A GIN index can be cleaned by whoever knows its OID.
bool is_part_of_table(Form_pg_class row) {
  return row->relkind == RELKIND_PARTITIONED_INDEX || (row->relkind == RELKIND_INDEX && row->relam == BTREE_AM_OID);
}

// Server code: of a relation that the transaction has dropped, whether nobody else comes to it before the commit: the transaction has
// made it, too, or it is an index. Others go to a TOAST table by itself, as autovacuum does. All versions of the row tell of it.
bool is_dropped_unseen(Oid relation) {
  Relation catalog = table_open(RelationRelationId, AccessShareLock);
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
  SysScanDesc scan = systable_beginscan(catalog, ClassOidIndexId, true, SnapshotAny, 1, &key);
  bool is_made = true, is_part = true;
  for (HeapTuple row; HeapTupleIsValid(row = systable_getnext(scan));) {
    is_made = is_made && TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row->t_data));
    is_part = is_part && is_part_of_table((Form_pg_class)GETSTRUCT(row));
  }
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
  return is_made || is_part;
}

// Server code.
bool is_needless_relation(Oid relation) {
  Relation opened = RelationIdGetRelation(relation);
  if (opened == nullptr) return is_dropped_unseen(relation);
  bool is_made = opened->rd_createSubid != InvalidSubTransactionId;
  RelationClose(opened);
  return is_made;
}

// Server code.
bool is_needless(const LOCKTAG &tag) {
  if (tag.locktag_lockmethodid != DEFAULT_LOCKMETHOD || tag.locktag_field1 != MyDatabaseId) return false;
  if (tag.locktag_type == LOCKTAG_RELATION)
    return tag.locktag_field2 >= FirstNormalObjectId && is_needless_relation(tag.locktag_field2);
  if (tag.locktag_type != LOCKTAG_OBJECT) return false;
  // A type may be of someone else.
  if (tag.locktag_field2 == TypeRelationId)
    return !SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(tag.locktag_field3));
  return std::find(std::begin(kParts), std::end(kParts), tag.locktag_field2) != std::end(kParts);
}

// Server code. A sequence is locked for its values by the transaction as a whole, whatever subtransaction it is in.
bool is_of_whole_transaction(const LOCKTAG &tag, LOCKMODE mode) {
  return mode == RowExclusiveLock && tag.locktag_type == LOCKTAG_RELATION &&
         get_rel_relkind(tag.locktag_field2) == RELKIND_SEQUENCE;
}

// Server code.
void release(const LockInstanceData &lock) {
  ResourceOwner own = CurrentResourceOwner;
  for (LOCKMODE mode = AccessShareLock; mode <= AccessExclusiveLock; mode++) {
    if ((lock.holdMask & LOCKBIT_ON(mode)) == 0) continue;
    if (is_of_whole_transaction(lock.locktag, mode)) CurrentResourceOwner = TopTransactionResourceOwner;
    while (LockHeldByMe(&lock.locktag, mode))
      if (!LockRelease(&lock.locktag, mode, false)) break;
    CurrentResourceOwner = own;
  }
}

// Server code. Returns what is kept, and what is gone.
Own release_needless(const LOCKTAG *tags, size_t count) {
  Own own = own_locks();
  own.gone = (LockInstanceData *)palloc(sizeof(LockInstanceData) * static_cast<Size>(own.count + 1));
  int left = 0;
  for (int i = 0; i < own.count; i++) {
    LockInstanceData lock = own.locks[i];
    if (!std::binary_search(tags, tags + count, lock.locktag, is_less) && is_needless(lock.locktag)) {
      release(lock);
      own.gone[own.gone_count++] = lock;
    } else {
      own.locks[left++] = lock;
    }
  }
  own.count = left;
  return own;
}

void count_exclusive(const LockInstanceData *locks, int count) {
  if (kept->max_exclusive == 0) return;
  for (int i = 0; i < count; i++)
    if (locks[i].locktag.locktag_type == LOCKTAG_RELATION && (locks[i].holdMask & LOCKBIT_ON(AccessExclusiveLock)) != 0)
      kept->exclusive.insert(locks[i].locktag.locktag_field2);
}

// What is kept once is kept for good, so that it need not be looked at each time.
void keep(const Own &own) {
  kept->tags.clear();
  for (int i = 0; i < own.count; i++) kept->tags.push_back(own.locks[i].locktag);
  std::sort(kept->tags.begin(), kept->tags.end(), is_less);
  count_exclusive(own.locks, own.count);
  count_exclusive(own.gone, own.gone_count);
  guarded([own] {
    pfree(own.locks);
    if (own.gone != nullptr) pfree(own.gone);
  });
}

void check_room_of_standbys() {
  auto locks = static_cast<int64_t>(kept->exclusive.size());
  if (locks <= kept->max_exclusive) return;
  throw Error("53200",
              "the standbys of this server have no room for more than " + std::to_string(kept->max_exclusive) +
                  " exclusive locks of one transaction",
              {}, lock_hint_for_standbys(2 * locks, own_lock_table()));
}

}  // namespace

LockRelief::LockRelief() {
  Own own = guarded([] { return own_locks(); });
  int64_t max_exclusive = standbys() == Standbys::connected ? own_lock_table().room() : 0;
  kept = std::make_unique<Kept>();
  kept->max_exclusive = max_exclusive;
  keep(own);
}

LockRelief::~LockRelief() { kept.reset(); }

void LockRelief::after_statement() {
  if (kept != nullptr && ++kept->statements % kStatements == 0) let_go();
}

void LockRelief::let_go() {
  if (kept == nullptr) return;
  const LOCKTAG *tags = kept->tags.data();
  size_t count = kept->tags.size();
  keep(guarded([=] { return release_needless(tags, count); }));
  check_room_of_standbys();
}

}  // namespace pagila_repl
