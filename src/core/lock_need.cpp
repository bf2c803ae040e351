// Counts the locks of a run.

#include "core/lock_need.hpp"

#include <algorithm>

namespace pagila_repl {

namespace {

// Catalogs, roles, schemas, and what other sessions hold meanwhile. pg_dump keeps what it has locked of nearly all catalogs.
constexpr int64_t kBesides = 100, kBesidesPgDump = 250;

// A statement about an index or foreign key of a partitioned table locks each partition's: an index and its constraint, or a
// constraint with four triggers.
int64_t of_largest_statement(const LockedObjects &of) { return of.largest_tree * (of.trees_have_keys ? 8 : 3); }

// What a few statements lock that make objects or drop them, before it is let go; no more than all of it: a table with its TOAST
// table, an index with its constraint, a foreign key with its triggers.
int64_t of_few_statements(const LockedObjects &of) {
  constexpr int64_t kMax = 800;
  return std::min(kMax, 3 * of.tables + 2 * of.indexes + 6 * of.foreign_keys + of.sequences + of.others) +
         of_largest_statement(of);
}

}  // namespace

int64_t LockTable::setting_for(int64_t locks) const {
  int64_t divisor = std::max<int64_t>(sessions, 1);
  return (locks + divisor - 1) / divisor;
}

int64_t locks_on_source(const LockedObjects &wanted, bool verify_content) {
  return wanted.relations() + (verify_content ? wanted.indexes : 0) + kBesidesPgDump;
}

// The shape is made, a few statements at a time; the new copy is recorded; the old one is shut off as a whole, and as a whole while
// it is dropped, a few relations at a time, of which TOAST tables and some indexes stay locked.
int64_t locks_here(const LockedObjects &wanted, const LockedObjects &live) {
  return std::max({of_few_statements(wanted), wanted.tables + wanted.sequences,
                   live.relations() + live.toast_tables + live.other_indexes + of_few_statements(live)}) +
         kBesides;
}

// Making the shape takes that of each relation and index but TOAST tables, dropping it of those, too.
int64_t exclusive_locks(const LockedObjects &wanted, const LockedObjects &live) {
  return std::max(wanted.relations() + wanted.indexes + wanted.toast_tables,
                  live.relations() + live.indexes + 2 * live.toast_tables);
}

LockRoom room_for(int64_t locks, const LockTable &table) {
  if (locks > table.room()) return LockRoom::lacking;
  return locks > table.documented_room() ? LockRoom::scarce : LockRoom::enough;
}

std::string lock_message(int64_t locks, const LockTable &table, const std::string &side, const std::string &whose) {
  return "a run holds about " + std::to_string(locks) + " locks at once " + side + ", " + whose +
         " lock table has room for " + std::to_string(table.documented_room());
}

std::string lock_hint(int64_t locks, const LockTable &table, const std::string &side) {
  return "Set max_locks_per_transaction to at least " + std::to_string(table.setting_for(locks)) + " " + side +
         " and restart that server; it is " + std::to_string(table.per_transaction) + ".";
}

std::string standby_message(int64_t locks, const LockTable &table) {
  return "one transaction of a run takes about " + std::to_string(locks) +
         " exclusive locks here, all of which a standby holds until its end; lock tables like that of this server have room for " +
         std::to_string(table.documented_room());
}

std::string lock_hint_for_standbys(int64_t locks, const LockTable &table) {
  return "Set max_locks_per_transaction to at least " + std::to_string(table.setting_for(locks)) +
         " on the standbys, then here, and restart them; it is " + std::to_string(table.per_transaction) + " here.";
}

}  // namespace pagila_repl
