// Compares names in a stage.

#include "target/stage_names.hpp"

#include "pg/spi.hpp"

namespace pagila_repl {

namespace {

// What the server prints of a definition needs the search_path that it was made with, too. Members of extensions are in the live
// schemas again.
std::string path_for_rebuild(const Stage &stage, const SearchPath &path) {
  std::vector<std::string> schemas;
  for (const std::string &schema : path) {
    for (const StagedSchema &staged : stage.schemas)
      if (staged.name == schema && !stage.runs_own_code) schemas.push_back(staged.stage);
    schemas.push_back(schema);
  }
  return search_path_text(schemas);
}

// Of its schemas: as they are called, and as they are seen.
std::vector<std::pair<std::string, std::string>> names_of(const Stage &stage) {
  std::vector<std::pair<std::string, std::string>> names;
  for (const StagedSchema &schema : stage.schemas) names.emplace_back(schema.stage, schema.name);
  return names;
}

}  // namespace

void compare_names(Stage &stage, const LoadPlan &plan, NameHints &hints) {
  std::vector<std::string> schemas;
  for (const StagedSchema &schema : stage.schemas) schemas.push_back(schema.name);
  stage.resolved = resolve_names(schemas, NamesCompared::all);
  if (plan.resolved.objects.empty()) return;
  std::vector<NameDifference> found =
      differences(plan.resolved.objects,
                  plan.resolved.is_same_version ? stage.resolved : resolve_names(schemas, NamesCompared::users));
  if (add_hints(found, plan.resolved.objects, hints)) throw NamesDiffer{};
  refuse_differences(
      found, "definitions would refer to something else here than on the source",
      "Leave them out, or create them on the source again with OPERATOR(schema.operator) in place of operators "
      "found by name.");
}

void use_search_paths(Stage &stage, const NameHints &hints) {
  std::map<Home, SearchPath> paths = hints.paths;
  paths.insert(hints.needed.begin(), hints.needed.end());
  paths.insert(hints.dumped.begin(), hints.dumped.end());
  std::map<std::pair<Oid, Oid>, std::string> path_of;
  for (const auto &[home, path] : paths)
    for (const Row &row :
         query("SELECT oid, 0 FROM pg_catalog.pg_class WHERE relnamespace = $1::oid AND relname = $2 UNION ALL"
               " SELECT 0, oid FROM pg_catalog.pg_type WHERE typnamespace = $1::oid AND typname = $2 AND typtype = 'd'",
               {std::to_string(stage.of(home.first).stage_oid), home.second}))
      path_of[{static_cast<Oid>(std::stoul(*row[0])), static_cast<Oid>(std::stoul(*row[1]))}] =
          path_for_rebuild(stage, path);
  for (Stripped &stripped : stage.stripped) {
    auto path = path_of.find({stripped.table, stripped.domain});
    if (path != path_of.end()) stripped.search_path = path->second;
  }
}

void check_names_again(const Stage &stage) {
  std::vector<std::string> schemas;
  for (const StagedSchema &schema : stage.schemas) schemas.push_back(schema.stage);
  refuse_differences(
      differences(stage.resolved, renamed(resolve_names(schemas, NamesCompared::all), names_of(stage))),
      "definitions refer to something else once they have been built again",
      "Leave them out, or create them again with OPERATOR(schema.operator) in place of operators found by name.");
}

}  // namespace pagila_repl
