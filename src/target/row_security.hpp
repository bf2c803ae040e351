// Row-level security of the staged copy: off while the copy is made, as pg_dump has it on only once all rows are in.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/load_plan.hpp"
#include "target/stage.hpp"

namespace pagila_repl {

// Notes in the stage which tables have row-level security and which materialized views their owners would fill through it, of a dump
// those that have the owner that it gives them, and turns it off. For the transaction that makes the shape, while the stage has the names it is to be seen with.
void lift_row_security(const LoadPlan &plan, Stage &stage);
// Turns it on again, before the definitions are recorded. Needs a transaction.
void put_back_row_security(const Stage &stage);
// Adds tables of the stage on which it is not on again. Needs a transaction.
void find_unsecured(const Stage &stage, std::vector<std::string> &mismatches);

// Fills a materialized view with what it holds on the source, in the transaction of the caller: with what its owner sees through
// policies where that is so there, else with everything. `refresh` is called at least once. Throws 42501 if the policies cannot be
// asked as the same role here.
void fill_as_on_source(const LoadPlan &plan, const Stage &stage, const QualifiedName &view,
                       const std::function<void()> &refresh);

}  // namespace pagila_repl
