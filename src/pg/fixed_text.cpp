// Finds where text may be cut.

#include "pg/fixed_text.hpp"

#include <algorithm>

#include "pg/server.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace pagila_repl {

size_t whole_characters(const std::string &text, size_t limit) {
  auto length = static_cast<int>(std::min(text.size(), limit + MAX_MULTIBYTE_CHAR_LEN));
  // A last character that lacks bytes counts as if it had them.
  return std::min(text.size(), static_cast<size_t>(pg_mbcliplen(text.c_str(), length, static_cast<int>(limit))));
}

}  // namespace pagila_repl
