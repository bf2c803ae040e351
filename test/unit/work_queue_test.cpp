// The order in which processes get the steps of a run.

#include "core/work_queue.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>

namespace pagila_repl {

namespace {

struct Memory {
  explicit Memory(std::vector<WorkItem> items) : words(WorkQueue::size(items) / sizeof(uint64_t) + 1) {
    set_priorities(items);
    WorkQueue::create(words.data(), items);
  }
  WorkQueue queue() { return WorkQueue(words.data()); }
  std::vector<uint64_t> words;
};

WorkItem item(WorkItem::Kind kind, uint64_t cost, std::vector<uint32_t> after = {},
              std::vector<WorkItem::Lock> locks = {}) {
  WorkItem item;
  item.kind = kind;
  item.cost = cost;
  item.after = std::move(after);
  item.locks = std::move(locks);
  return item;
}

constexpr auto kCopy = WorkItem::Kind::copy;
constexpr auto kBuild = WorkItem::Kind::build;

}  // namespace

TEST(WorkQueue, GivesTheHeaviestFirst) {
  Memory memory({item(kCopy, 1), item(kCopy, 3), item(kCopy, 2)});
  WorkQueue queue = memory.queue();
  EXPECT_EQ(queue.take(true), 1);
  EXPECT_EQ(queue.take(true), 2);
  EXPECT_EQ(queue.take(true), 0);
  EXPECT_EQ(queue.take(true), WorkQueue::kNothing);
  EXPECT_EQ(queue.unfinished(), 3);
}

TEST(WorkQueue, CountsWhatAnItemHoldsUp) {
  Memory memory({item(kCopy, 5), item(kCopy, 1), item(kBuild, 9, {1})});
  EXPECT_EQ(memory.queue().take(true), 1);
}

TEST(WorkQueue, HoldsBackWhatIsNotReady) {
  Memory memory({item(kCopy, 1), item(kBuild, 9, {0}), item(kBuild, 1, {0, 1})});
  WorkQueue queue = memory.queue();
  ASSERT_EQ(queue.take(true), 0);
  EXPECT_EQ(queue.take(true), WorkQueue::kNothing);
  queue.finish(0);
  ASSERT_EQ(queue.take(true), 1);
  EXPECT_EQ(queue.take(true), WorkQueue::kNothing);
  queue.finish(1);
  ASSERT_EQ(queue.take(true), 2);
  queue.finish(2);
  EXPECT_EQ(queue.unfinished(), 0);
}

TEST(WorkQueue, GivesNothingOfTheSourceToWhoCannotReachIt) {
  Memory memory({item(kCopy, 9), item(kBuild, 1)});
  WorkQueue queue = memory.queue();
  EXPECT_EQ(queue.unfinished_with_source(), 1);
  EXPECT_EQ(queue.take(false), 1);
  EXPECT_EQ(queue.take(false), WorkQueue::kNothing);
  EXPECT_EQ(queue.take(true), 0);
  queue.finish(0);
  EXPECT_EQ(queue.unfinished_with_source(), 0);
}

TEST(WorkQueue, GivesAnItemAgainThatWasGivenBack) {
  Memory memory({item(kCopy, 1, {}, {{7, true}})});
  WorkQueue queue = memory.queue();
  ASSERT_EQ(queue.take(true), 0);
  queue.give_back(0);
  EXPECT_EQ(queue.take(true), 0);
}

TEST(WorkQueue, KeepsItemsWithConflictingLocksApart) {
  Memory memory({item(kBuild, 9, {}, {{7, false}}), item(kBuild, 8, {}, {{7, true}, {8, true}}),
                 item(kBuild, 7, {}, {{7, false}}), item(kBuild, 6, {}, {{8, false}})});
  WorkQueue queue = memory.queue();
  ASSERT_EQ(queue.take(true), 0);
  ASSERT_EQ(queue.take(true), 2);  // shared with item 0
  ASSERT_EQ(queue.take(true), 3);
  EXPECT_EQ(queue.take(true), WorkQueue::kNothing);
  queue.finish(0);
  queue.finish(2);
  EXPECT_EQ(queue.take(true), WorkQueue::kNothing);
  queue.finish(3);
  ASSERT_EQ(queue.take(true), 1);
}

TEST(WorkQueue, WakesWhoWaitsForALockThatOthersShareToo) {
  Memory memory({item(kBuild, 9, {}, {{7, true}}), item(kBuild, 8, {}, {{7, false}}), item(kBuild, 7, {}, {{7, false}}),
                 item(kBuild, 6, {}, {{7, true}}), item(kBuild, 5, {}, {{7, false}})});
  WorkQueue queue = memory.queue();
  ASSERT_EQ(queue.take(true), 0);
  ASSERT_EQ(queue.take(true), WorkQueue::kNothing);
  queue.finish(0);
  ASSERT_EQ(queue.take(true), 1);
  ASSERT_EQ(queue.take(true), 2);
  ASSERT_EQ(queue.take(true), WorkQueue::kNothing);
  queue.finish(1);
  queue.finish(2);
  int fourth = queue.take(true);
  ASSERT_TRUE(fourth == 3 || fourth == 4);
  queue.finish(fourth);
  ASSERT_EQ(queue.take(true), 7 - fourth);
  queue.finish(7 - fourth);
  EXPECT_EQ(queue.unfinished(), 0);
}

TEST(WorkQueue, PassesThroughGates) {
  constexpr auto kGate = WorkItem::Kind::gate;
  Memory memory({item(kGate, 0), item(kCopy, 1), item(kCopy, 1), item(kGate, 0, {1, 2}), item(kGate, 0, {0, 3}),
                 item(kBuild, 1, {4})});
  WorkQueue queue = memory.queue();
  EXPECT_EQ(queue.unfinished(), 3);
  int first = queue.take(true), second = queue.take(true);
  EXPECT_EQ(first + second, 3);
  EXPECT_EQ(queue.take(true), WorkQueue::kNothing);
  queue.finish(1);
  EXPECT_EQ(queue.take(true), WorkQueue::kNothing);
  queue.finish(2);
  ASSERT_EQ(queue.take(true), 5);
  queue.finish(5);
  EXPECT_EQ(queue.unfinished(), 0);
}

// Whatever the order: nobody is forgotten, and never do two hold what only one may.
TEST(WorkQueue, GetsEverythingDoneWithAnyNumberOfWorkers) {
  for (unsigned seed = 1; seed <= 300; seed++) {
    std::mt19937 random(seed);
    auto pick = [&](unsigned n) { return static_cast<uint32_t>(random() % n); };
    std::vector<WorkItem> items;
    for (uint32_t i = 0; i < 60; i++) {
      auto kind = pick(6) == 0 ? WorkItem::Kind::gate : pick(3) == 0 ? kCopy : kBuild;
      std::set<uint32_t> after, locks;
      for (uint32_t n = pick(3); n > 0 && i > 0; n--) after.insert(pick(i));
      items.push_back(item(kind, pick(100), {after.begin(), after.end()}));
      if (kind == WorkItem::Kind::gate) continue;
      for (uint32_t n = pick(3); n > 0; n--) locks.insert(pick(5));
      for (uint32_t table : locks) items.back().locks.push_back({table, pick(2) == 0});
    }
    Memory memory(items);
    WorkQueue queue = memory.queue();
    std::vector<int> at_work;
    std::set<int> done;
    while (queue.unfinished() > 0) {
      int taken = pick(2) == 0 && at_work.size() < 4 ? queue.take(true) : WorkQueue::kNothing;
      if (taken != WorkQueue::kNothing && pick(8) == 0) {
        queue.give_back(taken);
        taken = WorkQueue::kNothing;
      }
      if (taken != WorkQueue::kNothing) {
        for (uint32_t before : items[static_cast<size_t>(taken)].after)
          ASSERT_TRUE(done.count(static_cast<int>(before)) > 0 || items[before].kind == WorkItem::Kind::gate);
        for (const WorkItem::Lock &own : items[static_cast<size_t>(taken)].locks)
          for (int other : at_work)
            for (const WorkItem::Lock &held : items[static_cast<size_t>(other)].locks)
              ASSERT_FALSE(own.table == held.table && (own.exclusive || held.exclusive));
        at_work.push_back(taken);
      } else if (!at_work.empty()) {
        size_t which = pick(static_cast<unsigned>(at_work.size()));
        queue.finish(at_work[which]);
        ASSERT_TRUE(done.insert(at_work[which]).second);
        at_work.erase(at_work.begin() + static_cast<long>(which));
      } else {
        int next = queue.take(true);
        ASSERT_NE(next, WorkQueue::kNothing) << "seed " << seed;
        at_work.push_back(next);
      }
    }
  }
}

TEST(WorkItem, SurvivesPacking) {
  WorkItem item;
  item.kind = WorkItem::Kind::copy;
  item.step_kind = "table";
  item.schema = "a \"b\"";
  item.object = std::string("nul\0", 4);
  item.table = 4294967295u;
  item.routed = true;
  item.copy_statement = "COPY x TO STDOUT";
  item.columns = {"a", "", "ü"};
  item.binary = true;
  item.bytes = uint64_t{1} << 62;
  item.source_query = "SELECT";
  item.source_table = 4294967294u;
  item.statements = {"one", "two"};
  item.tablespace = "t";
  item.search_path = "\"s\", t";
  item.declare_valid = "k";
  item.domain = 4294967293u;
  std::string packed = encode({item, WorkItem()});
  WorkItem unpacked = decode_work_item(packed, 0);
  EXPECT_EQ(encode({unpacked, WorkItem()}), packed);
  EXPECT_EQ(unpacked.object, item.object);
  EXPECT_EQ(unpacked.columns, item.columns);
  EXPECT_EQ(unpacked.search_path, item.search_path);
  EXPECT_EQ(unpacked.bytes, item.bytes);
  EXPECT_EQ(unpacked.source_table, item.source_table);
  EXPECT_EQ(unpacked.declare_valid, item.declare_valid);
  EXPECT_EQ(unpacked.domain, item.domain);
  EXPECT_EQ(decode_work_item(packed, 1).object, "");
}

}  // namespace pagila_repl
