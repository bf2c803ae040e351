// Whether the definitions in a stage refer to what they refer to on the source, and still do once they have been built again.
#pragma once

#include "core/load_plan.hpp"
#include "target/resolved_names.hpp"
#include "target/stage.hpp"

namespace pagila_repl {

// Thrown to have the shape made once more, with what the hints have learned.
struct NamesDiffer {};

// While the shape is whole and has its real names: notes in the stage what its definitions refer to. Where that differs from what the
// plan says, throws NamesDiffer if another try may help; else 0A000.
void compare_names(Stage &stage, const LoadPlan &plan, NameHints &hints);

// Gives what was stripped the search_path that it was made with.
void use_search_paths(Stage &stage, const NameHints &hints);

// Once all is built again: throws 0A000 if a definition refers to something else than it did when the shape was made. Needs a
// transaction.
void check_names_again(const Stage &stage);

}  // namespace pagila_repl
