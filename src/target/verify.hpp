// Reads the staged copy back and compares it with what was to be loaded.
#pragma once

#include "target/audit.hpp"
#include "target/fill.hpp"
#include "target/manifest.hpp"
#include "target/stage.hpp"

namespace pagila_repl {

// Throws XX001 with every mismatch: rows of a table, an invalid index, a constraint that did not come back valid.
// With content, returns the hash of every table and notes it in the run's steps.
ContentHashes verify(const Stage &stage, const ExpectedRows &expected, bool with_content, RunRecord &record);

// Throws XX001 with all of them if there are any.
void check_mismatches(const std::vector<std::string> &mismatches);
// Adds indexes of the stage that are not valid, and tables without the row-level security they are to have. Needs a transaction.
void find_invalid(const Stage &stage, std::vector<std::string> &mismatches);

}  // namespace pagila_repl
