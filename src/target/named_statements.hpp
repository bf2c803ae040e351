// Runs statements of a shape so that names without a schema become what they are on the source.
#pragma once

#include <string>

#include "core/load_plan.hpp"
#include "target/resolved_names.hpp"

namespace pagila_repl {

class NamedStatements {
 public:
  // Both must outlive it. Hints are added as statements turn out to need them.
  NamedStatements(const LoadPlan &plan, NameHints &hints);

  // A setting of the dump. What is made under a search_path of the dump keeps it when it is built again.
  void set(const std::string &setting, const std::string &value);
  // As it is written. If it fails and is about something that the source says refers to operators or functions outside of
  // pg_catalog, again with their schemas in the search_path, for operators are not always written with theirs.
  void run(const ShapeStatement &statement);
  // Views of the hints; call it when all else is there.
  void make_views_again();

 private:
  void run_under(const std::vector<std::string> &path, const std::string &text);

  const LoadPlan &plan_;
  NameHints &hints_;
  std::map<Home, std::vector<std::string>> needed_;  // search_path by what has such references
  std::map<Home, const ShapeStatement *> views_;     // the last statement that makes each view
  std::vector<std::string> path_of_dump_;
};

}  // namespace pagila_repl
