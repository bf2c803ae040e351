// Turns dump files into a load plan.

#include "source/read_dump.hpp"

#include <optional>

#include "pg/boundary.hpp"
#include "source/planner.hpp"

namespace pagila_repl {

namespace {

void check_complete(const DumpReader &reader, const Planner &planner, const DumpFile &file, bool strict) {
  if (planner.items() == 0)
    throw Error("22023", "dump file \"" + file.path() + "\" holds no statement", "The file is empty or only comments.");
  if (!reader.has_header() || reader.has_trailer()) return;
  Error error("42601", "dump file \"" + file.path() + "\" is not complete",
              "Its header is pg_dump's, but the comment \"PostgreSQL database dump complete\" at its end is missing.",
              "Make the dump again, or load it as it is with strict => false.");
  if (strict) throw error;
  std::string message = error.message, detail = error.detail;
  const char *text = message.c_str(), *more = detail.c_str();
  guarded([=] { ereport(WARNING, (errmsg("%s", text), errdetail("%s", more))); });
}

void read_file(const DumpFile &file, bool strict, Planner &planner, LoadPlan &plan) {
  plan.files.push_back({file.path(), {}, file.size()});
  planner.begin(file);
  try {
    Sha256 hash;
    auto bytes = file.bytes(0, file.size(), &hash);
    DumpReader reader(*bytes);
    while (auto item = reader.next(planner.rows())) planner.take(*item);
    planner.end();
    check_complete(reader, planner, file, strict);
    plan.files.back().sha256 = hash.hex();
    file.check_unchanged();
  } catch (const Error &error) {
    throw error.within("file \"" + file.path() + "\"");
  }
}

// Delivers a block again and checks that it is what the first pass saw.
class CheckedRows : public ByteSource {
 public:
  CheckedRows(const DumpFile &file, const PlannedRows &rows)
      : file_(file), rows_(rows), bytes_(file.bytes(rows.block.begin, rows.block.end)) {
    if (rows.block.form == RowBlock::Form::insert) inserts_.emplace(*bytes_, rows.block);
  }

  size_t read(char *buffer, size_t size) override {
    size_t got = inserts_ ? read_inserts(buffer, size) : bytes_->read(buffer, size);
    if (got > 0)
      hash_.add(buffer, got);
    else if (!checked_)
      check();
    return got;
  }

 private:
  size_t read_inserts(char *buffer, size_t size) {
    try {
      return inserts_->read(buffer, size);
    } catch (const Error &) {
      check();
      throw;
    }
  }

  void check() {
    checked_ = true;
    file_.check_unchanged();
    if (hash_.hex() != rows_.sha256)
      throw Error("55000", "dump file \"" + file_.path() + "\" changed during the run",
                  "The rows from line " + std::to_string(rows_.place.line) + " on are not those first read.",
                  "Write the file whole before loading it.");
  }

  const DumpFile &file_;
  const PlannedRows &rows_;
  std::unique_ptr<ByteSource> bytes_;
  std::optional<InsertRows> inserts_;
  Sha256 hash_;
  bool checked_ = false;
};

// The bytes of a block of INSERTs as they are; how many rows they give is checked by who evaluates them.
class CheckedStatements : public ByteSource {
 public:
  CheckedStatements(const DumpFile &file, const PlannedRows &rows)
      : file_(file), bytes_(file.bytes(rows.block.begin, rows.block.end)) {}
  size_t read(char *buffer, size_t size) override {
    size_t got = bytes_->read(buffer, size);
    if (got == 0) file_.check_unchanged();
    return got;
  }

 private:
  const DumpFile &file_;
  std::unique_ptr<ByteSource> bytes_;
};

}  // namespace

Dump read_dump(const std::vector<std::string> &paths, bool strict, const DatabaseObjectKinds &kinds) {
  Dump dump;
  for (const std::string &path : paths) dump.files.push_back(std::make_unique<DumpFile>(path));
  if (dump.files.size() == 2 && dump.files[0]->is_same_file_as(*dump.files[1]))
    throw Error("22023", "schema_file and data_file are the same file",
                "\"" + paths[0] + "\" and \"" + paths[1] + "\" lead to the same file.",
                "Give a combined dump as schema_file alone.");
  Planner planner(dump.plan, nullptr, kinds);
  for (const auto &file : dump.files) read_file(*file, strict, planner, dump.plan);
  planner.finish();
  return dump;
}

std::unique_ptr<ByteSource> open_rows(const Dump &dump, const PlannedRows &rows, RowsAs form) {
  if (form == RowsAs::statements) return std::make_unique<CheckedStatements>(*dump.files[rows.file], rows);
  return std::make_unique<CheckedRows>(*dump.files[rows.file], rows);
}

}  // namespace pagila_repl
