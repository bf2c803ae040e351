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

// How many rows each staged table must hold: by table, or by the root of the partition tree they were routed through.
using ExpectedRows = std::map<Oid, uint64_t>;

// What the values of INSERTs are for.
struct InsertColumns {
  std::vector<std::string> names;  // those listed, else all of the table's, less those that are DEFAULT in every row
  std::vector<bool> left_out;      // which values are none of theirs
  bool are_evaluated = false;      // by the server: the values are not what COPY would make of them
};
InsertColumns insert_columns(const PlannedRows &rows, Oid table);

// One transaction per table, or per partition tree where rows go through a root. Errors name the file, line and table.
ExpectedRows fill_tables(LoadPlan &plan, const Stage &stage, const OpenRows &open_rows, RunRecord &record);

}  // namespace pagila_repl
