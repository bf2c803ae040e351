// The queue of work items in shared memory.

#include "core/work_queue.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

namespace pagila_repl {

namespace {

struct Counts {
  size_t dependents = 0, locks = 0, tables = 0;
};

Counts count(const std::vector<WorkItem> &items) {
  Counts counts;
  std::map<uint32_t, bool> tables;
  for (const WorkItem &item : items) {
    counts.dependents += item.after.size();
    counts.locks += item.locks.size();
    for (const WorkItem::Lock &lock : item.locks) tables[lock.table] = true;
  }
  counts.tables = tables.size();
  return counts;
}

}  // namespace

size_t WorkQueue::size(const std::vector<WorkItem> &items) {
  Counts counts = count(items);
  return sizeof(Head) + items.size() * (sizeof(Item) + sizeof(int32_t)) + counts.dependents * sizeof(int32_t) +
         counts.locks * sizeof(Lock) + counts.tables * sizeof(Table) + items.size() * sizeof(int32_t);
}

void WorkQueue::create(void *memory, const std::vector<WorkItem> &items) {
  Counts counts = count(items);
  WorkQueue queue(memory);
  Head &head = *queue.head_;
  head = {};
  head.items = static_cast<int32_t>(items.size());
  head.tables = static_cast<int32_t>(counts.tables);
  head.order = 0;
  head.dependents = head.items;
  head.locks = head.dependents + static_cast<int32_t>(counts.dependents);
  head.table_states = head.locks + static_cast<int32_t>(2 * counts.locks);
  auto with_source = static_cast<int32_t>(
      std::count_if(items.begin(), items.end(), [](const WorkItem &item) { return item.needs_source(); }));
  head.with_source.at = head.table_states + static_cast<int32_t>(counts.tables * (sizeof(Table) / sizeof(int32_t)));
  head.without_source.at = head.with_source.at + with_source;

  std::vector<int32_t> order(items.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return items[a].priority > items[b].priority; });
  std::copy(order.begin(), order.end(), queue.words() + head.order);

  std::vector<std::vector<int32_t>> dependents(items.size());
  for (size_t i = 0; i < items.size(); i++)
    for (uint32_t before : items[i].after) dependents[before].push_back(static_cast<int32_t>(i));

  std::map<uint32_t, int32_t> numbers;
  int32_t next_dependent = 0, next_lock = 0;
  for (size_t i = 0; i < items.size(); i++) {
    Item &item = queue.items()[i];
    item = {};
    item.needs_source = items[i].needs_source();
    item.is_gate = items[i].kind == WorkItem::Kind::gate;
    head.unfinished += !item.is_gate;
    head.unfinished_with_source += item.needs_source;
    item.waits_for = static_cast<int32_t>(items[i].after.size());
    item.state = waiting;
    item.next_parked = item.woken_at = kNone;
    item.first_dependent = next_dependent;
    item.dependents = static_cast<int32_t>(dependents[i].size());
    for (int32_t dependent : dependents[i]) queue.words()[head.dependents + next_dependent++] = dependent;
    item.first_lock = next_lock;
    item.locks = static_cast<int32_t>(items[i].locks.size());
    for (const WorkItem::Lock &lock : items[i].locks) {
      int32_t number = numbers.try_emplace(lock.table, static_cast<int32_t>(numbers.size())).first->second;
      *queue.lock(next_lock++) = {number, lock.exclusive};
    }
  }
  for (size_t i = 0; i < counts.tables; i++) *queue.table(static_cast<int>(i)) = {0, 0, kNone, kNone};
  for (int32_t rank = 0; rank < head.items; rank++) queue.items()[order[static_cast<size_t>(rank)]].rank = rank;
  for (int32_t i = 0; i < head.items; i++)
    if (items[static_cast<size_t>(i)].after.empty()) queue.become_ready(i);
}

//
// Ready items, as a binary heap
//

int WorkQueue::peek(const Heap &heap) const {
  return heap.size == 0 ? kNothing : words()[head_->order + words()[heap.at]];
}

void WorkQueue::push(int number) const {
  Heap &heap = heap_of(items()[number]);
  int32_t *ranks = words() + heap.at;
  ranks[heap.size++] = items()[number].rank;
  std::push_heap(ranks, ranks + heap.size, std::greater<>());
}

void WorkQueue::pop(Heap &heap) const {
  int32_t *ranks = words() + heap.at;
  std::pop_heap(ranks, ranks + heap.size--, std::greater<>());
}

void WorkQueue::become_ready(int number) const {
  Item &item = items()[number];
  if (item.is_gate) {
    item.state = done;
    return tell_dependents(number);
  }
  item.state = ready;
  push(number);
}

void WorkQueue::tell_dependents(int number) const {
  const Item &item = items()[number];
  for (int i = 0; i < item.dependents; i++) {
    int dependent = words()[head_->dependents + item.first_dependent + i];
    if (--items()[dependent].waits_for == 0) become_ready(dependent);
  }
}

//
// Locks, and who waits for them
//

// The table whose lock keeps an item from being taken, kNone if all are free.
int WorkQueue::first_held(const Item &item) const {
  for (int i = 0; i < item.locks; i++) {
    const Lock &wanted = *lock(item.first_lock + i);
    const Table &held = *table(wanted.table);
    if (held.exclusive > 0 || (wanted.exclusive && held.shared > 0)) return wanted.table;
  }
  return kNone;
}

void WorkQueue::hold(const Item &item) const {
  for (int i = 0; i < item.locks; i++) {
    const Lock &held = *lock(item.first_lock + i);
    (held.exclusive ? table(held.table)->exclusive : table(held.table)->shared)++;
  }
}

void WorkQueue::let_go(const Item &item) const {
  for (int i = 0; i < item.locks; i++) {
    const Lock &held = *lock(item.first_lock + i);
    (held.exclusive ? table(held.table)->exclusive : table(held.table)->shared)--;
    wake_one(held.table);
  }
}

// In the order in which they came, which is that of their priority.
void WorkQueue::park(int number, int at) const {
  Item &item = items()[number];
  Table &there = *table(at);
  item.state = parked;
  item.next_parked = kNone;
  (there.first_parked == kNone ? there.first_parked : items()[there.last_parked].next_parked) = number;
  there.last_parked = number;
}

void WorkQueue::wake_one(int at) const {
  Table &there = *table(at);
  if (there.first_parked == kNone || there.exclusive > 0) return;
  int number = there.first_parked;
  Item &item = items()[number];
  there.first_parked = item.next_parked;
  item.state = ready;
  item.woken_at = at;
  push(number);
}

// An item that is ready, and not in its heap any more. Who was woken at a table and leaves it free wakes the next one there.
bool WorkQueue::take_or_park(int number) const {
  Item &item = items()[number];
  int woken_at = item.woken_at, held = first_held(item);
  item.woken_at = kNone;
  if (held == kNone) {
    item.state = taken;
    hold(item);
  } else {
    park(number, held);
  }
  if (woken_at != kNone && woken_at != held) wake_one(woken_at);
  return held == kNone;
}

//
// What the processes do
//

int WorkQueue::take(bool may_use_source) {
  for (;;) {
    int with = may_use_source ? peek(head_->with_source) : kNothing, without = peek(head_->without_source);
    if (with == kNothing && without == kNothing) return kNothing;
    bool is_with = without == kNothing || (with != kNothing && items()[with].rank < items()[without].rank);
    int number = is_with ? with : without;
    pop(is_with ? head_->with_source : head_->without_source);
    if (take_or_park(number)) return number;
  }
}

void WorkQueue::give_back(int number) {
  Item &item = items()[number];
  let_go(item);
  item.state = ready;
  push(number);
}

void WorkQueue::finish(int number) {
  Item &item = items()[number];
  item.state = done;
  let_go(item);
  head_->unfinished--;
  head_->unfinished_with_source -= item.needs_source;
  tell_dependents(number);
}

}  // namespace pagila_repl
