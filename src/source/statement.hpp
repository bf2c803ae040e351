// What a statement of a dump is, told by the server's own parser, and whether a load may run it.
#pragma once

#include <string>

#include "core/load_plan.hpp"

namespace pagila_repl {

// Parses one statement (in the server's encoding) and classifies it. Throws Error: 42601 if it cannot be parsed, 0A000
// or 42501 if a dump may not contain it. Messages never quote the statement.
Statement classify(const std::string &text);

}  // namespace pagila_repl
