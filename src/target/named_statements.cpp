// Runs statements under the search_path that they need.

#include "target/named_statements.hpp"

#include <algorithm>
#include <iterator>

#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "utils/varlena.h"
}

namespace pagila_repl {

namespace {

SearchPath schemas_in(const std::string &search_path) {
  const char *text = search_path.c_str();
  List *names = guarded([text]() -> List * {
    List *list;
    return SplitIdentifierString(pstrdup(text), ',', &list) ? list : NIL;
  });
  SearchPath schemas;
  for (int i = 0; i < list_length(names); i++) {
    std::string schema = static_cast<const char *>(list_nth(names, i));
    if (!schema.empty()) schemas.push_back(schema);
  }
  return schemas;
}

bool is_named_wrong(const Error &error) {
  // Syntax errors and violations of access rules: undefined, ambiguous or mismatched operators, functions and types among them.
  return error.sqlstate.compare(0, 2, "42") == 0 && error.sqlstate != "42501";
}

// Extensions and copied schemas: of what a dump file leaves unsaid, this is where it can only have been found.
SearchPath path_of_all(const LoadPlan &plan) {
  SearchPath path{"pg_catalog"};
  auto add = [&](const std::string &schema) {
    if (!schema.empty() && std::find(path.begin(), path.end(), schema) == path.end()) path.push_back(schema);
  };
  for (const ShapeStatement &statement : plan.shape)
    if (statement.what.kind == Statement::Kind::extension) add(statement.what.schema);
  for (const std::string &schema : plan.schemas) add(schema);
  return path;
}

// How the server prints what looks for operators by name, and no more than that is worth a second try.
constexpr const char *kFindsByName[] = {" USING (", "NULLIF(", "CASE ", "DISTINCT FROM "};

bool finds_by_name(const std::string &text) {
  return std::any_of(std::begin(kFindsByName), std::end(kFindsByName),
                     [&](const char *syntax) { return text.find(syntax) != std::string::npos; });
}

constexpr const char *kMakesView[] = {"CREATE VIEW ", "CREATE OR REPLACE VIEW "};

bool makes_view(const std::string &text) {
  return std::any_of(std::begin(kMakesView), std::end(kMakesView),
                     [&](const std::string &head) { return text.compare(0, head.size(), head) == 0; });
}

}  // namespace

NamedStatements::NamedStatements(const LoadPlan &plan, NameHints &hints)
    : hints_(hints),
      needed_(search_paths_for(plan.resolved.objects)),
      has_source_(!plan.resolved.objects.empty()),
      path_of_all_(path_of_all(plan)) {}

void NamedStatements::set(const std::string &setting, const std::string &value) {
  set_local(setting, value);
  if (pg_strcasecmp(setting.c_str(), "search_path") != 0) return;
  path_in_force_ = value;
  path_of_dump_ = schemas_in(value);
}

void NamedStatements::run(const ShapeStatement &statement) {
  const Statement &what = statement.what;
  if (!what.has_target) {
    execute_restricted(statement.text);
    return;
  }
  Home home{what.schema, what.name};
  if (makes_view(statement.text)) views_[home] = &statement;
  if (!path_of_dump_.empty()) hints_.dumped.emplace(home, path_of_dump_);
  auto hint = hints_.paths.find(home);
  std::optional<SearchPath> needed = needed_for(home, statement.text);
  if (hint == hints_.paths.end() && !needed) {
    execute_restricted(statement.text);
    return;
  }
  std::optional<Error> failure;
  if (hint != hints_.paths.end() && can_run_under(hint->second, statement.text, failure)) return;
  failure.reset();
  if (can_run_under({}, statement.text, failure)) return;
  if (!needed || !can_run_under(*needed, statement.text, failure)) throw *failure;
  hints_.needed.emplace(home, *needed);
}

std::optional<SearchPath> NamedStatements::needed_for(const Home &home, const std::string &text) const {
  auto needed = needed_.find(home);
  if (needed != needed_.end()) return needed->second;
  if (has_source_ || !finds_by_name(text)) return {};
  if (path_of_dump_.empty()) return path_of_all_;
  // What has no schema in the statement is made where it would be.
  SearchPath path = path_of_dump_;
  for (const std::string &schema : path_of_all_)
    if (schema != path_of_all_[0] && std::find(path.begin(), path.end(), schema) == path.end()) path.push_back(schema);
  return path;
}

bool NamedStatements::can_run_under(const SearchPath &path, const std::string &text, std::optional<Error> &failure) {
  try {
    in_subtransaction([&] { path.empty() ? execute_restricted(text) : run_under(path, text); });
    return true;
  } catch (const Error &error) {
    if (!is_named_wrong(error)) throw;
    if (!failure) failure = error;
    return false;
  }
}

void NamedStatements::make_views_again() {
  for (const Home &home : hints_.again) {
    auto view = views_.find(home);
    if (view == views_.end()) continue;
    const ShapeStatement &statement = *view->second;
    std::string text = statement.text, head = kMakesView[0];
    if (text.compare(0, head.size(), head) == 0) text = kMakesView[1] + text.substr(head.size());
    auto hint = hints_.paths.find(home);
    try {
      run_under(hint == hints_.paths.end() ? path_of_dump_ : hint->second, text);
    } catch (const Error &error) {
      throw error.within(statement.place.text());
    }
  }
}

void NamedStatements::run_under(const SearchPath &path, const std::string &text) {
  set_local("search_path", search_path_text(path));
  execute_restricted(text);
  set_local("search_path", path_in_force_);
}

}  // namespace pagila_repl
