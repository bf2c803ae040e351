// The large objects of a dump: where their bytes are, and what is said of them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/load_plan.hpp"
#include "source/dump_file.hpp"

namespace pagila_repl {

// The bytes that a constant of lowrite stands for. Throws 22P02.
std::string bytes_of_constant(const std::string &constant);

class LargeObjectPlanner {
 public:
  // A statement about one, in the order of the dump; [begin, end) are its bytes in the file. Throws 42710, 42704 as psql would,
  // 0A000 for an order of calls that pg_dump does not write.
  void take(const ShapeStatement &statement, size_t file, uint64_t begin, uint64_t end);
  // After the last statement.
  std::vector<PlannedLargeObject> finish();

 private:
  PlannedLargeObject &find(uint32_t oid);
  void create(uint32_t oid);
  void open(uint32_t oid);
  void write(const ShapeStatement &statement, size_t file, uint64_t begin, uint64_t end);
  void close();

  std::map<uint32_t, PlannedLargeObject> objects_;
  PlannedLargeObject *open_ = nullptr;
  std::optional<Sha256> hash_;  // of what is open
};

// Reads the bytes again, piece by piece. Throws 55000 if they are not those of the first time.
using TakeBytes = std::function<void(const std::string &bytes)>;
void read_large_object(const std::vector<std::unique_ptr<DumpFile>> &files, const PlannedLargeObject &object,
                       const TakeBytes &take);

}  // namespace pagila_repl
