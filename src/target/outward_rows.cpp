// Compares the rows of the stage with tables elsewhere, and tells whether rows have gone from these.

#include "target/outward_rows.hpp"

#include <set>

#include "pg/boundary.hpp"
#include "pg/catalog_row.hpp"
#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/outward_keys.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/relation.h"
#include "access/transam.h"
#include "access/visibilitymap.h"
#include "catalog/pg_am.h"
#include "catalog/pg_constraint.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"
}

namespace pagila_repl {

namespace {

//
// Rows that have gone
//

// A row that was deleted, or whose key was changed, by a transaction that the moment does not show and that has committed. Of other
// changes, such as locks and those of other columns, the server says in the row that the key is untouched.
bool is_lost(HeapTupleHeader row, Snapshot moment) {
  if ((row->t_infomask & HEAP_XMAX_INVALID) != 0 || HEAP_XMAX_IS_LOCKED_ONLY(row->t_infomask)) return false;
  if ((row->t_infomask2 & HEAP_KEYS_UPDATED) == 0) return false;
  TransactionId changer = HeapTupleHeaderGetUpdateXid(row);
  return TransactionIdIsNormal(changer) && XidInMVCCSnapshot(changer, moment) && TransactionIdDidCommit(changer);
}

bool has_page_lost(Page page, Snapshot moment) {
  OffsetNumber last = PageGetMaxOffsetNumber(page);
  for (OffsetNumber i = FirstOffsetNumber; i <= last; i = OffsetNumberNext(i)) {
    ItemId item = PageGetItemId(page, i);
    if (ItemIdIsNormal(item) && is_lost((HeapTupleHeader)PageGetItem(page, item), moment)) return true;
  }
  return false;
}

// Server code. The moment is a registered snapshot: what was deleted after it is on its page still, and that page is not all-visible.
bool has_heap_lost(Relation relation, Snapshot moment) {
  BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
  Buffer map_page = InvalidBuffer;
  bool is_found = false;
  BlockNumber blocks = RelationGetNumberOfBlocks(relation);
  for (BlockNumber block = 0; block < blocks && !is_found; block++) {
    CHECK_FOR_INTERRUPTS();
    if (VM_ALL_VISIBLE(relation, block, &map_page)) continue;
    Buffer buffer = ReadBufferExtended(relation, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    is_found = has_page_lost(BufferGetPage(buffer), moment);
    UnlockReleaseBuffer(buffer);
  }
  if (BufferIsValid(map_page)) ReleaseBuffer(map_page);
  FreeAccessStrategy(strategy);
  return is_found;
}

// Server code. True also if it cannot be told.
bool has_table_lost(Oid table, Snapshot moment) {
  Relation relation = try_relation_open(table, AccessShareLock);
  if (relation == nullptr) return true;
  // With old_snapshot_threshold a snapshot keeps nothing.
  bool is_lost = relation->rd_rel->relkind != RELKIND_RELATION || relation->rd_rel->relam != HEAP_TABLE_AM_OID ||
                 OldSnapshotThresholdActive() || has_heap_lost(relation, moment);
  relation_close(relation, NoLock);
  return is_lost;
}

// Snapshots of the whole transaction, whatever becomes of a try.
Snapshot keep_moment() {
  return guarded([] { return RegisterSnapshotOnOwner(GetLatestSnapshot(), TopTransactionResourceOwner); });
}

void forget_moment(Snapshot moment) {
  if (moment != nullptr) guarded([moment] { UnregisterSnapshotFromOwner(moment, TopTransactionResourceOwner); });
}

//
// Comparing
//

// Those of tables with rows. Where the table that is referred to is partitioned there is one for each partition, too; the rows are
// compared with it as a whole.
constexpr const char *kKeysToCompare = R"(
WITH RECURSIVE key (oid) AS (
  SELECT pg_catalog.unnest($1::oid[])
  UNION
  SELECT k.oid FROM key JOIN pg_catalog.pg_constraint k ON k.conparentid = key.oid AND k.contype = 'f')
SELECT k.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), k.conname, n.nspname
  FROM key JOIN pg_catalog.pg_constraint k USING (oid) JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE k.convalidated AND c.relkind = 'r' AND k.confrelid = ANY ($2::oid[])
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint p WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid)
 ORDER BY 1)";

// Server code: it is to be checked again.
void declare_unchecked(Oid constraint) {
  change_catalog_row<Form_pg_constraint>(ConstraintRelationId, ConstraintOidIndexId, Anum_pg_constraint_oid, constraint,
                                         [](Form_pg_constraint row) { row->convalidated = false; });
}

void compare_keys(const Stage &stage, const std::vector<std::string> &keys, const std::vector<std::string> &referred) {
  PR_FAULT("compare");
  for (const Row &row : query(kKeysToCompare, {array_literal(keys), array_literal(referred)})) {
    Oid key = to_oid(row[0]);
    guarded([key] { declare_unchecked(key); });
    try {
      execute_restricted("ALTER TABLE " + *row[1] + " VALIDATE CONSTRAINT " + quote(*row[2]));
    } catch (const Error &error) {
      Error told = in_seen_names(error, stage);
      told.context = "constraint \"" + *row[2] + "\" in schema \"" + seen_as(stage, *row[3]) + "\"";
      if (told.sqlstate == "23503" && told.hint.empty())
        told.hint = "That table is not copied. If the row was deleted there during the run, run it again.";
      throw told;
    }
  }
}

}  // namespace

OutwardRows::Files OutwardRows::find_files(const std::vector<std::string> &keys) const {
  Files files;
  for (const Row &row : query(
           R"(SELECT DISTINCT k.confrelid, l.oid, l.relfilenode
                FROM pg_catalog.pg_constraint k
                     CROSS JOIN LATERAL (SELECT k.confrelid UNION SELECT relid FROM pg_catalog.pg_partition_tree(k.confrelid)) t (oid)
                     JOIN pg_catalog.pg_class l ON l.oid = t.oid AND l.relkind <> 'p'
               WHERE k.oid = ANY ($1::oid[]))",
           {array_literal(keys)}))
    files[to_oid(row[0])][to_oid(row[1])] = to_oid(row[2]);
  return files;
}

bool OutwardRows::has_lost_rows(Oid table, const std::map<Oid, Oid> &files) const {
  auto before = files_.find(table);
  // At first nothing is known; a table may have been rewritten, a partition have come or gone.
  if (before == files_.end() || before->second != files) return true;
  Snapshot moment = moment_;
  for (const auto &[part, file] : files) {
    Oid oid = part;
    if (guarded([=] { return has_table_lost(oid, moment); })) return true;
  }
  return false;
}

void OutwardRows::compare() {
  std::vector<std::string> keys = outward_keys(stage_);
  if (keys.empty()) return;
  Files files;
  Snapshot moment = nullptr;
  // Undone in any case: it is to leave nothing behind, not even locks.
  Subtransaction outer = begin_subtransaction();
  try {
    // The files first: whatever is rewritten after that shows.
    files = find_files(keys);
    moment = keep_moment();
    std::vector<std::string> changed;
    for (const auto &[table, parts] : files)
      if (has_lost_rows(table, parts)) changed.push_back(std::to_string(table));
    if (!changed.empty()) compare_keys(stage_, keys, changed);
  } catch (...) {
    roll_back_subtransaction(outer);
    forget_moment(moment);
    throw;
  }
  roll_back_subtransaction(outer);
  forget_moment(moment_);
  moment_ = moment;
  files_ = files;
}

void OutwardRows::lock_tables(const std::vector<std::string> &keys) const {
  std::set<Oid> locked;
  // Once a table is locked no partition can come to it, but some may have come before.
  for (size_t before = locked.size() + 1; before != locked.size();) {
    before = locked.size();
    for (const Row &row : query(
             R"(SELECT DISTINCT t.oid
                  FROM pg_catalog.pg_constraint k
                       CROSS JOIN LATERAL (SELECT k.confrelid UNION SELECT relid FROM pg_catalog.pg_partition_tree(k.confrelid)) t (oid)
                 WHERE k.oid = ANY ($1::oid[]) ORDER BY 1)",
             {array_literal(keys)})) {
      Oid table = to_oid(row[0]);
      if (locked.insert(table).second) guarded([table] { LockRelationOid(table, ShareRowExclusiveLock); });
    }
  }
}

void OutwardRows::hold() {
  std::vector<std::string> keys = outward_keys(stage_);
  if (keys.empty()) return;
  compare();
  // Only who writes there waits.
  set_local("lock_timeout", "1s");
  lock_tables(keys);
  compare();
}

void OutwardRows::end() {
  forget_moment(moment_);
  moment_ = nullptr;
}

}  // namespace pagila_repl
