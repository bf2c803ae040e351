// How many locks a run is said to need, and what is said about it.

#include "core/lock_need.hpp"

#include <gtest/gtest.h>

namespace pagila_repl {

namespace {

LockedObjects objects(int64_t tables, int64_t sequences = 0, int64_t largest_tree = 0, bool trees_have_keys = false) {
  LockedObjects objects;
  objects.tables = tables;
  objects.sequences = sequences;
  objects.largest_tree = largest_tree;
  objects.trees_have_keys = trees_have_keys;
  return objects;
}

}  // namespace

TEST(LockNeed, CountsEveryRelationOnTheSource) {
  LockedObjects wanted = objects(1500, 1500);
  wanted.indexes = 1700;
  EXPECT_GE(locks_on_source(wanted, false), 3000);
  EXPECT_EQ(locks_on_source(wanted, true) - locks_on_source(wanted, false), 1700);
}

TEST(LockNeed, IsThatOfWhatIsReplacedIfThereIsMoreOfIt) {
  LockedObjects few = objects(1000), many = objects(4000, 4000);
  EXPECT_EQ(locks_here(few, many) - locks_here(few, few), 8000 - 1000);
  EXPECT_LT(locks_here(many, few), locks_here(many, many));
}

TEST(LockNeed, CountsWhatStaysLockedThoughItIsDropped) {
  LockedObjects plain = objects(1000), full = objects(1000);
  full.toast_tables = 900;
  full.indexes = full.other_indexes = 50;
  EXPECT_GE(locks_here({}, full) - locks_here({}, plain), 950);
}

TEST(LockNeed, CountsAllExclusiveLocksForStandbys) {
  LockedObjects full = objects(1000, 500);
  full.indexes = 2000;
  full.toast_tables = 900;
  EXPECT_EQ(exclusive_locks(full, {}), 1000 + 500 + 2000 + 900);
  EXPECT_EQ(exclusive_locks({}, full), 1000 + 500 + 2000 + 2 * 900);
}

TEST(LockNeed, IsSmallForWhatIsSmall) { EXPECT_LT(locks_here(objects(7, 3), objects(7, 3)), 200); }

TEST(LockNeed, KnowsThatOneStatementMayLockAWholeTree) {
  EXPECT_GT(locks_here(objects(5001, 0, 5000), {}), locks_here(objects(5001), {}));
  EXPECT_GT(locks_here(objects(5001, 0, 5000, true), {}), locks_here(objects(5001, 0, 5000), {}));
}

TEST(LockNeed, ComparesWithWhatTheServerHasRoomFor) {
  LockTable table{64, 100, 22};
  EXPECT_EQ(room_for(6400, table), LockRoom::enough);
  EXPECT_EQ(room_for(6401, table), LockRoom::scarce);
  EXPECT_EQ(room_for(64 * 122, table), LockRoom::scarce);
  EXPECT_EQ(room_for(64 * 122 + 1, table), LockRoom::lacking);
}

TEST(LockNeed, NamesTheValueThatIsEnough) {
  LockTable table{64, 60, 22};
  for (int64_t locks : {1, 60, 61, 9000}) {
    LockTable raised = table;
    raised.per_transaction = table.setting_for(locks);
    EXPECT_EQ(room_for(locks, raised), LockRoom::enough);
    raised.per_transaction--;
    EXPECT_NE(room_for(locks, raised), LockRoom::enough);
  }
  EXPECT_NE(lock_hint(9000, table, "on the source").find("at least 150 on the source"), std::string::npos);
  EXPECT_NE(lock_hint_for_standbys(9000, table).find("at least 150 on the standbys"), std::string::npos);
  EXPECT_NE(lock_message(9000, table, "here", "where the").find("room for 3840"), std::string::npos);
}

}  // namespace pagila_repl
