// The queue of work items in shared memory.

#include "core/work_queue.hpp"

#include <algorithm>
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
         counts.locks * sizeof(Lock) + counts.tables * sizeof(Table);
}

void WorkQueue::create(void *memory, const std::vector<WorkItem> &items) {
  Counts counts = count(items);
  WorkQueue queue(memory);
  Head &head = *queue.head_;
  head = {};
  head.items = static_cast<int32_t>(items.size());
  head.tables = static_cast<int32_t>(counts.tables);
  head.unfinished = head.items;
  head.order = 0;
  head.dependents = head.items;
  head.locks = head.dependents + static_cast<int32_t>(counts.dependents);
  head.table_states = head.locks + static_cast<int32_t>(2 * counts.locks);

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
    head.unfinished_with_source += item.needs_source;
    item.waits_for = static_cast<int32_t>(items[i].after.size());
    item.state = item.waits_for == 0 ? ready : waiting;
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
  for (size_t i = 0; i < counts.tables; i++) *queue.table(static_cast<int>(i)) = {0, 0};
}

bool WorkQueue::are_locks_free(const Item &item) const {
  for (int i = 0; i < item.locks; i++) {
    const Lock &wanted = *lock(item.first_lock + i);
    const Table &held = *table(wanted.table);
    if (held.exclusive > 0 || (wanted.exclusive && held.shared > 0)) return false;
  }
  return true;
}

void WorkQueue::hold(const Item &item, int by) const {
  for (int i = 0; i < item.locks; i++) {
    const Lock &held = *lock(item.first_lock + i);
    (held.exclusive ? table(held.table)->exclusive : table(held.table)->shared) += by;
  }
}

int WorkQueue::take(bool may_use_source) {
  for (int i = 0; i < head_->items; i++) {
    int number = words()[head_->order + i];
    Item &item = items()[number];
    if (item.state != ready || (item.needs_source && !may_use_source) || !are_locks_free(item)) continue;
    item.state = taken;
    hold(item, 1);
    return number;
  }
  return kNothing;
}

void WorkQueue::give_back(int number) {
  Item &item = items()[number];
  item.state = ready;
  hold(item, -1);
}

void WorkQueue::finish(int number) {
  Item &item = items()[number];
  item.state = done;
  hold(item, -1);
  head_->unfinished--;
  head_->unfinished_with_source -= item.needs_source;
  for (int i = 0; i < item.dependents; i++) {
    Item &dependent = items()[words()[head_->dependents + item.first_dependent + i]];
    if (--dependent.waits_for == 0) dependent.state = ready;
  }
}

}  // namespace pagila_repl
