// A number and what it counts, in the singular or the plural.
#include "core/counted.hpp"

namespace pagila_repl {

std::string counted(uint64_t count, std::string_view words) {
  std::string text = std::to_string(count) + " ";
  while (!words.empty()) {
    size_t open = words.find('{'), bar = words.find('|', open), close = words.find('}', bar);
    if (open == std::string_view::npos || close == std::string_view::npos) return text.append(words);
    text.append(words.substr(0, open));
    text.append(count == 1 ? words.substr(open + 1, bar - open - 1) : words.substr(bar + 1, close - bar - 1));
    words.remove_prefix(close + 1);
  }
  return text;
}

}  // namespace pagila_repl
