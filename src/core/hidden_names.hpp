// Names of the schemas that nobody is to see: what a run stages and what it has replaced.
#pragma once

#include <cstdint>
#include <string>

namespace pagila_repl {

// What such names match, as a regular expression of the server, and of pg_dump, which has no "?". Earlier versions had no random
// digits.
constexpr const char *kHiddenNames = "pagila_repl_(stage|old)_[0-9]+_[0-9]+(_[0-9a-f]{16}|)";

// Of the schemas of one run, by number. Random digits, so that nobody can have taken the name.
std::string stage_name(int64_t run_id, size_t number, uint64_t random);
std::string old_name(int64_t run_id, size_t number, uint64_t random);

bool is_hidden_name(const std::string &schema);

}  // namespace pagila_repl
