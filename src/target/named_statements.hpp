// Runs statements of a shape so that names without a schema become what they are on the source.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/error.hpp"
#include "core/load_plan.hpp"
#include "target/resolved_names.hpp"

namespace pagila_repl {

class NamedStatements {
 public:
  // Both must outlive it. Hints are added as statements turn out to need them.
  NamedStatements(const LoadPlan &plan, NameHints &hints);

  // A setting of the dump. What is made under a search_path of the dump keeps it when it is built again.
  void set(const std::string &setting, const std::string &value);
  // With the search_path of the hints or, where these say nothing or it fails so, as it is written. If that fails, too, and it is about
  // something that the source says refers to operators or functions outside of pg_catalog, with their schemas in the
  // search_path, for operators are not always written with theirs. Without a source: with all that there are.
  void run(const ShapeStatement &statement);
  // Views of the hints; call it when all else is there.
  void make_views_again();

 private:
  // False, and undone, if names in it cannot be resolved; of the first such error a copy is kept.
  bool can_run_under(const SearchPath &path, const std::string &text, std::optional<Error> &failure);
  void run_under(const SearchPath &path, const std::string &text);
  std::optional<SearchPath> needed_for(const Home &home, const std::string &text) const;

  NameHints &hints_;
  std::map<Home, SearchPath> needed_;             // by what has such references
  std::map<Home, const ShapeStatement *> views_;  // the last statement that makes each view
  const bool has_source_;
  const SearchPath path_of_all_;
  std::string path_in_force_ = "pg_catalog, pg_temp";
  SearchPath path_of_dump_;
};

}  // namespace pagila_repl
