// Which of what belongs to a database as a whole is part of a copy: the option database_objects.
#pragma once

#include <string>
#include <vector>

namespace pagila_repl {

struct DatabaseObjectKinds {
  bool publications = false;
  bool settings = false;  // ALTER DATABASE ... SET, ALTER ROLE ... IN DATABASE ... SET, and the comment
  bool event_triggers = false;
  bool any() const { return publications || settings || event_triggers; }
};

// Throws 22023 for a word that is none.
DatabaseObjectKinds database_object_kinds(const std::vector<std::string> &words);
// The inverse.
std::vector<std::string> words_of(const DatabaseObjectKinds &kinds);

}  // namespace pagila_repl
