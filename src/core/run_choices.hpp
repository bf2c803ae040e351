// What arguments of runs may be, wherever they are said: to a function, or among the options of a job.
#pragma once

#include <array>
#include <string>

#include "core/replicate_request.hpp"

namespace pagila_repl {

// An argument that is one of two words.
struct Choice {
  const char *name, *yes, *no;
};

// One that all runs know; `yes` sets the member.
struct RunChoice {
  Choice choice;
  bool RunOptions::*member;
};

// In the order in which functions have them: side by side, but for the last ones, which are their last arguments.
constexpr size_t kChoicesAtEnd = 2;
constexpr std::array<RunChoice, 7> kRunChoices = {{
    {{"verify", "content", "counts"}, &RunOptions::verify_content},
    {{"on_modified", "overwrite", "refuse"}, &RunOptions::overwrite_modified},
    {{"on_unmanaged", "drop", "refuse"}, &RunOptions::drop_unmanaged},
    {{"on_dependents", "drop", "refuse"}, &RunOptions::drop_dependents},
    {{"owners", "keep", "skip"}, &RunOptions::keep_owners},
    {{"on_other_source", "replace", "refuse"}, &RunOptions::replace_others},
    {{"on_object_error", "skip", "fail"}, &RunOptions::skip_objects},
}};
constexpr Choice kForeignKeys = {"foreign_keys", "check", "trust"};

// True if the value is `yes`, false if it is `no`; throws 22023 if it is neither.
bool chosen(const Choice &choice, const std::string &value);
// The number of workers; throws 22023.
int workers_of(const std::string &value);

// 22023.
[[noreturn]] void refuse_value(const std::string &argument, const std::string &value, const std::string &hint);

}  // namespace pagila_repl
