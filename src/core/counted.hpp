// A number and what it counts, in the singular or the plural.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pagila_repl {

// "1 grant skipped" or "3 grants skipped" of "{grant|grants} skipped": each pair of braces holds the words for one and for
// any other number.
std::string counted(uint64_t count, std::string_view words);

}  // namespace pagila_repl
