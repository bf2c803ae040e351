// First pass over the dump files of a load: hash, split, parse and check everything, touch nothing.
#pragma once

#include <memory>
#include <vector>

#include "core/database_object_kinds.hpp"
#include "core/load_plan.hpp"
#include "source/dump_file.hpp"

namespace pagila_repl {

struct Dump {
  std::vector<std::unique_ptr<DumpFile>> files;
  LoadPlan plan;
};

// Opens the files (one or two) and reads them to the end. `strict`: a pg_dump file without its closing comment is an
// error, else a warning. `kinds`: of what belongs to the database that is planned. Needs a transaction. Throws Error with the file and line in its context.
Dump read_dump(const std::vector<std::string> &paths, bool strict, const DatabaseObjectKinds &kinds);

// The rows of a planned block for the second pass, or the INSERT statements as they are; throws 55000 at the end if they are
// not what the first pass saw. The dump must outlive the source.
std::unique_ptr<ByteSource> open_rows(const Dump &dump, const PlannedRows &rows, RowsAs form);

}  // namespace pagila_repl
