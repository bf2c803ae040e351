// Follows the calls of lo_create, lo_open, lowrite and lo_close that pg_dump writes.

#include "source/planned_large_objects.hpp"

#include "core/dump_reader.hpp"
#include "pg/boundary.hpp"
#include "source/statement.hpp"

extern "C" {
#include "utils/memutils.h"
}

namespace pagila_repl {

namespace {

using Function = LargeObjectCall::Function;

std::string named(uint32_t oid) { return "large object " + std::to_string(oid); }

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Another order means something else to psql, or nothing.
Error in_strange_order() {
  return Error("0A000", "a dump may not contain large objects in this form", {},
               "Write it as pg_dump does: lo_create, lo_open, lowrite and lo_close, one large object after the other.");
}

}  // namespace

std::string bytes_of_constant(const std::string &constant) {
  std::string bytes;
  bytes.reserve(constant.size() / 2);
  for (size_t i = 2; i + 1 < constant.size(); i += 2) {
    int high = digit(constant[i]), low = digit(constant[i + 1]);
    if (high < 0 || low < 0) throw Error("22P02", "invalid hexadecimal data of a large object");
    bytes += static_cast<char>(high << 4 | low);
  }
  if (constant.size() % 2 != 0) throw Error("22P02", "invalid hexadecimal data of a large object");
  return bytes;
}

void LargeObjectPlanner::take(const ShapeStatement &statement, size_t file, uint64_t begin, uint64_t end) {
  const LargeObjectCall &call = statement.what.large_object;
  switch (call.function) {
    case Function::create: return create(call.oid);
    case Function::open: return open(call.oid);
    case Function::create_and_open: create(call.oid); return open(call.oid);
    case Function::write: return write(statement, file, begin, end);
    case Function::close: return close();
    case Function::property: find(call.oid).properties.push_back(statement); return;
    case Function::none: return;
  }
}

PlannedLargeObject &LargeObjectPlanner::find(uint32_t oid) {
  auto found = objects_.find(oid);
  if (found == objects_.end())
    throw Error("42704", named(oid) + " does not exist", "The dump has not created it before.");
  return found->second;
}

void LargeObjectPlanner::create(uint32_t oid) {
  if (oid == 0) throw in_strange_order();
  if (objects_.count(oid) > 0) throw Error("42710", named(oid) + " is created twice by the dump");
  objects_[oid].oid = oid;
}

void LargeObjectPlanner::open(uint32_t oid) {
  // A descriptor, of which each session has its own numbers, begins at the first byte.
  if (open_ != nullptr || !find(oid).parts.empty()) throw in_strange_order();
  open_ = &find(oid);
  hash_.emplace();
}

void LargeObjectPlanner::write(const ShapeStatement &statement, size_t file, uint64_t begin, uint64_t end) {
  if (open_ == nullptr || statement.what.large_object.oid != 0) throw in_strange_order();
  std::string bytes = bytes_of_constant(statement.what.large_object.data);
  hash_->add(bytes.data(), bytes.size());
  open_->bytes += bytes.size();
  if (open_->parts.empty() || open_->parts.back().file != file)
    open_->parts.push_back({file, begin, end, statement.place});
  else
    open_->parts.back().end = end;
}

void LargeObjectPlanner::close() {
  if (open_ == nullptr) throw in_strange_order();
  open_->sha256 = hash_->hex();
  hash_.reset();
  open_ = nullptr;
}

std::vector<PlannedLargeObject> LargeObjectPlanner::finish() {
  if (open_ != nullptr) throw in_strange_order();
  std::vector<PlannedLargeObject> objects;
  for (auto &[oid, object] : objects_) objects.push_back(std::move(object));
  objects_.clear();
  return objects;
}

void read_large_object(const std::vector<std::unique_ptr<DumpFile>> &files, const PlannedLargeObject &object,
                       const TakeBytes &take) {
  auto changed = [&](const PlannedLargeObject::Part &part) {
    return Error("55000", "dump file \"" + files[part.file]->path() + "\" changed during the run",
                 "The bytes of " + named(object.oid) + " from line " + std::to_string(part.place.line) +
                     " on are not those first read.",
                 "Write the file whole before loading it.");
  };
  MemoryContext memory = guarded(
      [] { return AllocSetContextCreate(CurrentMemoryContext, "pagila_repl large object", ALLOCSET_DEFAULT_SIZES); });
  Sha256 hash;
  for (const PlannedLargeObject::Part &part : object.parts) {
    auto bytes = files[part.file]->bytes(part.begin, part.end);
    DumpReader reader(*bytes);
    while (auto item = reader.next()) {
      // Parse trees live as long as their statement.
      MemoryContextReset(memory);
      MemoryContext before = MemoryContextSwitchTo(memory);
      Statement what = classify(item->text, true);
      MemoryContextSwitchTo(before);
      if (what.large_object.function != Function::write) throw changed(part);
      std::string piece = bytes_of_constant(what.large_object.data);
      hash.add(piece.data(), piece.size());
      take(piece);
    }
  }
  if (!object.parts.empty()) {
    files[object.parts[0].file]->check_unchanged();
    if (hash.hex() != object.sha256) throw changed(object.parts[0]);
  }
  MemoryContextDelete(memory);
}

}  // namespace pagila_repl
