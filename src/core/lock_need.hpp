// Whether the table of locks that all sessions of a server share has room for what a run locks at once.
#pragma once

#include <cstdint>
#include <string>

namespace pagila_repl {

// As a server is set up.
struct LockTable {
  int64_t per_transaction = 0;  // max_locks_per_transaction
  int64_t sessions = 0;         // max_connections + max_prepared_transactions
  int64_t other_processes = 0;  // that have room in the table beside those
  int64_t documented_room() const { return per_transaction * sessions; }
  int64_t room() const { return per_transaction * (sessions + other_processes); }
  // The least max_locks_per_transaction that makes room for so many locks by the documented formula.
  int64_t setting_for(int64_t locks) const;
};

// What a run counts.
struct LockedObjects {
  int64_t tables = 0;  // partitioned ones too
  int64_t sequences = 0;
  int64_t others = 0;  // views, materialized views, foreign tables
  int64_t indexes = 0, foreign_keys = 0;
  int64_t toast_tables = 0;
  int64_t other_indexes = 0;     // of these indexes, those that are no B-trees
  int64_t largest_tree = 0;      // partitions of the partitioned table that has most
  bool trees_have_keys = false;  // foreign keys from or to partitioned tables
  int64_t relations() const { return tables + sequences + others; }
};

// How many locks a run holds at once on the source.
int64_t locks_on_source(const LockedObjects &wanted, bool verify_content);
// How many here, where `live` is what is replaced.
int64_t locks_here(const LockedObjects &wanted, const LockedObjects &live);

// How many exclusive locks of relations one transaction takes, all of which a standby holds until its end.
int64_t exclusive_locks(const LockedObjects &wanted, const LockedObjects &live);

enum class LockRoom { enough, scarce, lacking };
LockRoom room_for(int64_t locks, const LockTable &table);

// "a run holds about 9000 locks at once on the source, whose lock table has room for 6400"
std::string lock_message(int64_t locks, const LockTable &table, const std::string &side, const std::string &whose);
// "Set max_locks_per_transaction to at least 90 on the source and restart it."
std::string lock_hint(int64_t locks, const LockTable &table, const std::string &side);
std::string standby_message(int64_t locks, const LockTable &table);
std::string lock_hint_for_standbys(int64_t locks, const LockTable &table);

}  // namespace pagila_repl
