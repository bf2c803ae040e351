// Names of time zones that would be read other than they are meant.
#include "core/zone_name.hpp"

#include "core/characters.hpp"

namespace pagila_repl {

bool is_ambiguous_offset(std::string_view zone) {
  // The longer ones first. An abbreviation of another zone, as in CET-1, says that POSIX is meant.
  for (std::string_view greenwich : {"gmt", "utc", "ut", "z"})
    if (is_word(zone.substr(0, greenwich.size()), greenwich)) {
      zone.remove_prefix(greenwich.size());
      break;
    }
  if (!zone.empty() && (zone[0] == '+' || zone[0] == '-')) zone.remove_prefix(1);
  bool has_digit = false, is_zero = true;
  for (char c : zone) {
    if (c != ':' && !is_digit(c)) return false;
    has_digit = has_digit || c != ':';
    is_zero = is_zero && (c == ':' || c == '0');
  }
  return has_digit && !is_zero;
}

}  // namespace pagila_repl
