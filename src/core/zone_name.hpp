// Names of time zones that would be read other than they are meant.
#pragma once

#include <string_view>

namespace pagila_repl {

// True of an offset such as "3", "+03:00", "GMT+3" or "UTC-3:30", which POSIX takes for hours west of Greenwich, and nearly
// everybody else for hours east. An offset of nothing is none.
bool is_ambiguous_offset(std::string_view zone);

}  // namespace pagila_repl
