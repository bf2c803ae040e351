// Patterns of names as psql's \d commands take them: case is folded, * and ? stand for any characters and any one, double
// quotes keep what is in them as it is, other characters of regular expressions mean what they mean there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pagila_repl {

// Regular expressions of the server, anchored at both ends.
struct NamePattern {
  std::optional<std::string> schema;  // not there: any
  std::string name;
};

// "name". Throws 42601 for what is no pattern.
NamePattern schema_pattern(std::string_view text);
// "name" or "schema.name".
NamePattern relation_pattern(std::string_view text);

}  // namespace pagila_repl
