// Makes the staged copy the visible one, in one transaction with the success row of the run.
#pragma once

#include <string>

#include "core/run_options.hpp"
#include "target/audit.hpp"
#include "target/stage.hpp"

namespace pagila_repl {

// Between the plan and now the schemas may have been dropped, made, renamed or given other owners, privileges or comments by
// someone, or the stage dropped. Throws 55000, 42P01. Needs a transaction.
void check_same_schemas(const Stage &stage);

// Locks every relation that is replaced, checks once more that nothing came in between, renames. Tries again, in another
// order, while readers hold locks: each try holds up readers for at most 200 ms. Throws 55P03 when the options's budget
// is used up; 55000 or 2BP01 as check_drift.
void publish(const Stage &stage, const RunOptions &options, const std::string &message, RunRecord &record);

}  // namespace pagila_repl
