// Orders work items and packs them for shared memory.

#include "core/work_item.hpp"

#include <algorithm>
#include <cstring>

#include "core/packed_text.hpp"

namespace pagila_repl {

void set_priorities(std::vector<WorkItem> &items) {
  for (WorkItem &item : items) item.priority = item.cost;
  for (size_t i = items.size(); i-- > 0;)
    for (uint32_t before : items[i].after)
      items[before].priority = std::max(items[before].priority, items[before].cost + items[i].priority);
}

namespace {

std::string encode(const WorkItem &item) {
  Packer out;
  out.put_number(static_cast<int>(item.kind)).put(item.step_kind).put(item.schema).put(item.object);
  out.put_number(item.table).put(item.routed).put(item.copy_statement).put(item.columns).put(item.binary);
  out.put_number(static_cast<int64_t>(item.bytes)).put(item.source_query).put_number(item.source_table);
  out.put(item.statements).put(item.tablespace).put(item.search_path).put(item.declare_valid);
  out.put_number(item.domain).put(item.analyzes_parts).put(item.may_be_skipped);
  return out.bytes();
}

uint64_t offset_at(std::string_view bytes, size_t number) {
  uint64_t offset;
  memcpy(&offset, bytes.data() + number * sizeof offset, sizeof offset);
  return offset;
}

}  // namespace

// First where each begins, and where the last one ends.
std::string encode(const std::vector<WorkItem> &items) {
  std::string offsets, all;
  uint64_t begin = (items.size() + 1) * sizeof begin;
  auto add_offset = [&](uint64_t offset) { offsets.append(reinterpret_cast<const char *>(&offset), sizeof offset); };
  for (const WorkItem &item : items) {
    add_offset(begin + all.size());
    all += encode(item);
  }
  add_offset(begin + all.size());
  return offsets + all;
}

WorkItem decode_work_item(std::string_view bytes, size_t number) {
  uint64_t begin = offset_at(bytes, number);
  Unpacker in(bytes.substr(begin, offset_at(bytes, number + 1) - begin));
  WorkItem item;
  item.kind = static_cast<WorkItem::Kind>(in.number());
  item.step_kind = in.text();
  item.schema = in.text();
  item.object = in.text();
  item.table = static_cast<uint32_t>(in.number());
  item.routed = in.flag();
  item.copy_statement = in.text();
  item.columns = in.texts();
  item.binary = in.flag();
  item.bytes = static_cast<uint64_t>(in.number());
  item.source_query = in.text();
  item.source_table = static_cast<uint32_t>(in.number());
  item.statements = in.texts();
  item.tablespace = in.text();
  item.search_path = in.text();
  item.declare_valid = in.text();
  item.domain = static_cast<uint32_t>(in.number());
  item.analyzes_parts = in.flag();
  item.may_be_skipped = in.flag();
  return item;
}

}  // namespace pagila_repl
