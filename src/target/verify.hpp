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

}  // namespace pagila_repl
