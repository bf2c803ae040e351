// The extension's settings.
#pragma once

#include <string>

namespace pagila_repl {

void define_settings();
// pagila_repl.swap_budget, in milliseconds.
int swap_budget_setting();
// Throws 42501 unless the file lies in one of pagila_repl.load_directories (if any are set).
void check_load_directories(const std::string &file);
// The same for a file that really lies elsewhere than its name says.
void check_load_directories(const std::string &file, const std::string &name);

}  // namespace pagila_repl
