// Brings the rows of a plan into the stage, table by table.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "core/load_plan.hpp"
#include "pg/server.hpp"
#include "target/audit.hpp"
#include "target/stage.hpp"

namespace pagila_repl {

// Opens the rows of a planned block.
using OpenRows = std::function<std::unique_ptr<ByteSource>(const PlannedRows &, RowsAs)>;

// How many rows each staged table must hold: by table, or by the root of the partition tree they were routed through.
using ExpectedRows = std::map<Oid, uint64_t>;

// One transaction per table, or per partition tree where rows go through a root. Errors name the file, line and table.
ExpectedRows fill_tables(const LoadPlan &plan, const Stage &stage, const OpenRows &open_rows, RunRecord &record);

}  // namespace pagila_repl
