// What a statement of a dump is, told by the server's own parser, and whether a load may run it.
#pragma once

#include <string>
#include <vector>

#include "core/load_plan.hpp"

namespace pagila_repl {

// Parses one statement (in the server's encoding) and classifies it. Throws Error: 42601 if it cannot be parsed, 0A000
// or 42501 if a dump may not contain it. Messages quote nothing of the statement but the token that is wrong, and that only if
// it is a word of SQL or the file is known to be a dump.
Statement classify(const std::string &text, bool is_dump);

// An INSERT with expressions, as far as it can be known before they are evaluated.
struct InsertForm {
  uint64_t rows = 0;
  std::vector<bool> is_default;  // per value: the keyword DEFAULT in every row
};

// Throws Error as classify does, unless it is INSERT of VALUES that refer to no table.
InsertForm look_at_insert(const std::string &text);

}  // namespace pagila_repl
