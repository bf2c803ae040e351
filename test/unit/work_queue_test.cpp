// The order in which processes get the steps of a run.

#include "core/work_queue.hpp"

#include <gtest/gtest.h>

#include <memory>

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
  std::vector<WorkItem> items = decode_work_items(encode({item, WorkItem()}));
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(encode({items[0]}), encode({item}));
  EXPECT_EQ(items[0].object, item.object);
  EXPECT_EQ(items[0].columns, item.columns);
  EXPECT_EQ(items[0].bytes, item.bytes);
  EXPECT_EQ(items[0].source_table, item.source_table);
}

}  // namespace pagila_repl
