// Whether tables of a stage hold what they held when they were verified. Once a stage has foreign keys to tables elsewhere, what is done
// there with CASCADE reaches into it.
#pragma once

#include "target/stage.hpp"

namespace pagila_repl {

// Before the first such key is made. Needs a transaction.
void note_staged_rows(Stage &stage);
// Throws 55000 if rows have been changed since, or a table was emptied. Nobody else may change them meanwhile.
void check_staged_rows(const Stage &stage);

}  // namespace pagila_repl
