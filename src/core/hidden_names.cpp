// Names of the schemas that nobody is to see.

#include "core/hidden_names.hpp"

#include <algorithm>
#include <cstdio>

namespace pagila_repl {

namespace {

std::string name(const char *prefix, int64_t run_id, size_t number, uint64_t random) {
  char digits[17];
  snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(random));
  return prefix + std::to_string(run_id) + "_" + std::to_string(number) + "_" + digits;
}

// Past the characters of a set that begin there.
size_t past(const std::string &text, size_t at, const char *set) {
  return std::min(text.find_first_not_of(set, at), text.size());
}

}  // namespace

std::string stage_name(int64_t run_id, size_t number, uint64_t random) {
  return name("pagila_repl_stage_", run_id, number, random);
}

std::string old_name(int64_t run_id, size_t number, uint64_t random) {
  return name("pagila_repl_old_", run_id, number, random);
}

bool is_hidden_name(const std::string &schema) {
  static constexpr const char *kDigits = "0123456789";
  for (const std::string start : {"pagila_repl_stage_", "pagila_repl_old_"}) {
    if (schema.compare(0, start.size(), start) != 0) continue;
    size_t run = past(schema, start.size(), kDigits);
    if (run == start.size() || run == schema.size() || schema[run] != '_') return false;
    size_t number = past(schema, run + 1, kDigits);
    if (number == run + 1 || number == schema.size()) return number > run + 1;
    return schema[number] == '_' && schema.size() == number + 17 &&
           past(schema, number + 1, "0123456789abcdef") == schema.size();
  }
  return false;
}

}  // namespace pagila_repl
