// What a definition refers to once its names are resolved: operators, functions, types and their like.
#pragma once

#include <string>
#include <vector>

namespace pagila_repl {

struct ResolvedObject {
  std::string kind;          // view, trigger, index, ...
  std::string schema, name;  // the relation, function, type or statistics object whose statements say the definition
  std::string part;          // trigger, rule, index, constraint, policy or column of it
  std::vector<std::string> refers_to;  // sorted
  std::vector<std::string> schemas;    // of the operators and functions among these, but pg_catalog

  std::string text() const { return kind + " " + (part.empty() ? "" : part + " of ") + schema + "." + name; }
};

}  // namespace pagila_repl
