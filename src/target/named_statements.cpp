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

std::vector<std::string> schemas_in(const std::string &search_path) {
  const char *text = search_path.c_str();
  List *names = guarded([text]() -> List * {
    List *list;
    return SplitIdentifierString(pstrdup(text), ',', &list) ? list : NIL;
  });
  std::vector<std::string> schemas;
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

constexpr const char *kMakesView[] = {"CREATE VIEW ", "CREATE OR REPLACE VIEW "};

bool makes_view(const std::string &text) {
  return std::any_of(std::begin(kMakesView), std::end(kMakesView),
                     [&](const std::string &head) { return text.compare(0, head.size(), head) == 0; });
}

}  // namespace

NamedStatements::NamedStatements(const LoadPlan &plan, NameHints &hints) : plan_(plan), hints_(hints) {
  for (const ResolvedObject &object : plan.resolved.objects) {
    if (object.schemas.empty()) continue;
    std::vector<std::string> &path = needed_[{object.schema, object.name}];
    for (const std::string &schema : search_path_for(object))
      if (std::find(path.begin(), path.end(), schema) == path.end()) path.push_back(schema);
  }
}

void NamedStatements::set(const std::string &setting, const std::string &value) {
  set_local(setting, value);
  if (pg_strcasecmp(setting.c_str(), "search_path") == 0) path_of_dump_ = schemas_in(value);
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
  if (hint != hints_.paths.end()) return run_under(hint->second, statement.text);
  auto needed = needed_.find(home);
  if (needed == needed_.end()) {
    execute_restricted(statement.text);
    return;
  }
  try {
    in_subtransaction([&] { execute_restricted(statement.text); });
  } catch (const Error &error) {
    if (!is_named_wrong(error)) throw;
    try {
      in_subtransaction([&] { run_under(needed->second, statement.text); });
    } catch (const Error &second) {
      if (!is_named_wrong(second)) throw;
      throw error;
    }
    hints_.paths.insert(*needed);
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

void NamedStatements::run_under(const std::vector<std::string> &path, const std::string &text) {
  std::string before = query_value("SELECT pg_catalog.current_setting('search_path')").value_or("");
  set_local("search_path", search_path_text(path));
  execute_restricted(text);
  set_local("search_path", before);
}

}  // namespace pagila_repl
