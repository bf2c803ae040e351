// Which work item may be begun next. Lives in memory that several processes map, so it holds no pointers; whoever calls
// it holds the lock that guards that memory.
//
//   waiting --(all before it done)--> ready --take--> taken --finish--> done
//                                     |   ^---give_back---'
//                                     '-(a lock is held)-> parked --(the lock is let go)--> ready
//
// Each move costs about the logarithm of the number of items, however many there are. A gate is done as soon as all before it are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/work_item.hpp"

namespace pagila_repl {

class WorkQueue {
 public:
  // Bytes needed for the items.
  static size_t size(const std::vector<WorkItem> &items);
  // Sets up a queue of the items in that much memory, aligned to 8 bytes.
  static void create(void *memory, const std::vector<WorkItem> &items);
  // The queue that was set up there, by whichever process.
  explicit WorkQueue(void *memory) : head_(static_cast<Head *>(memory)) {}

  static constexpr int kNothing = -1;
  // The ready item of the highest priority whose locks are free, marked as taken; kNothing if there is none now.
  int take(bool may_use_source);
  // The taken item was not begun.
  void give_back(int item);
  void finish(int item);
  // How many items are not done; of those, how many need the source.
  int unfinished() const { return head_->unfinished; }
  int unfinished_with_source() const { return head_->unfinished_with_source; }

 private:
  static constexpr int32_t kNone = -1;
  enum State : int32_t { waiting, ready, parked, taken, done };
  struct Item {
    State state;
    int32_t needs_source, is_gate;
    int32_t rank;       // by priority, the heaviest first
    int32_t waits_for;  // items before it that are not done
    int32_t first_dependent, dependents;
    int32_t first_lock, locks;
    int32_t next_parked;  // at the same table
    int32_t woken_at;     // table that it was parked at, until it is looked at again
  };
  struct Lock {
    int32_t table, exclusive;
  };
  struct Table {
    int32_t shared, exclusive;  // holders
    int32_t first_parked, last_parked;
  };
  // Ranks of ready items, the least first.
  struct Heap {
    int32_t at, size;  // offset in words
  };
  struct Head {
    int32_t items, tables, unfinished, unfinished_with_source;
    int32_t order, dependents, locks, table_states;  // offsets in 4-byte words from the end of the items
    Heap with_source, without_source;
  };
  Item *items() const { return reinterpret_cast<Item *>(head_ + 1); }
  int32_t *words() const { return reinterpret_cast<int32_t *>(items() + head_->items); }
  Lock *lock(int at) const { return reinterpret_cast<Lock *>(words() + head_->locks) + at; }
  Table *table(int at) const { return reinterpret_cast<Table *>(words() + head_->table_states) + at; }
  Heap &heap_of(const Item &item) const { return item.needs_source ? head_->with_source : head_->without_source; }
  int peek(const Heap &heap) const;
  void push(int number) const;
  void pop(Heap &heap) const;
  void become_ready(int number) const;
  void tell_dependents(int number) const;
  int first_held(const Item &item) const;
  bool take_or_park(int number) const;
  void park(int number, int at) const;
  void wake_one(int at) const;
  void hold(const Item &item) const;
  void let_go(const Item &item) const;

  Head *head_;
};

}  // namespace pagila_repl
