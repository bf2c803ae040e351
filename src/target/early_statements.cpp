// Decides which statements are made early, and when.

#include "target/early_statements.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "pg/transaction.hpp"

namespace pagila_repl {

namespace {

using Makes = Statement::Makes;

bool is_search_path(const Statement &what) {
  return what.kind == Statement::Kind::setting && what.setting == "search_path";
}

// Names of the functions that casts, operators and their like are made of. Functions of other types may have such names, too.
std::set<std::string> functions_of_them(const LoadPlan &plan) {
  std::set<std::string> names;
  for (const ShapeStatement &statement : plan.shape)
    if (statement.what.makes == Makes::found_by_type)
      for (const QualifiedName &function : statement.what.of_functions) names.insert(function.name);
  return names;
}

}  // namespace

EarlyStatements::EarlyStatements(const LoadPlan &plan, Make make) : make_(std::move(make)) {
  std::set<std::string> functions = functions_of_them(plan);
  std::string path;
  for (const ShapeStatement &statement : plan.shape) {
    const Statement &what = statement.what;
    if (is_search_path(what)) path = what.setting_value;
    if (what.kind == Statement::Kind::extension) extensions_to_come_++;
    if (what.makes == Makes::type) types_.add(what);
    if (what.makes != Makes::found_by_type && !(what.makes == Makes::function && functions.count(what.name) > 0))
      continue;
    path_of_[&statement] = path;
    early_.push_back(&statement);
    for (const auto *parts : {&what.of_types, &what.of_functions})
      for (const QualifiedName &part : *parts) waiting_for_.emplace(part.name, &statement);
  }
}

void EarlyStatements::before(const ShapeStatement &statement) {
  using Kind = Statement::Kind;
  const Statement &what = statement.what;
  if (is_search_path(what)) {
    path_ = what.setting_value;
    is_begun_ = false;
  }
  // What they need may be in an extension.
  if (is_begun_ || extensions_to_come_ > 0 || what.kind == Kind::setting || what.kind == Kind::create_schema) return;
  is_begun_ = true;
  for (const ShapeStatement *early : early_) try_to_make(*early);
}

void EarlyStatements::after(const ShapeStatement &statement) {
  if (statement.what.kind == Statement::Kind::extension) extensions_to_come_--;
  if (!have_made(statement)) arrived(statement);
}

void EarlyStatements::arrived(const ShapeStatement &statement) {
  const Statement &what = statement.what;
  path_of_.erase(&statement);
  if (what.makes == Makes::other || (what.makes == Makes::type && !types_.arrived(what))) return;
  for (auto [at, end] = waiting_for_.equal_range(what.name); at != end; ++at) try_to_make(*at->second);
}

void EarlyStatements::try_to_make(const ShapeStatement &statement) {
  if (!can_be_made(statement)) return;
  try {
    in_subtransaction([&] { make_(statement); });
  } catch (const Error &error) {
    // Something is not there yet, or will be an error where the dump has it.
    if (error.sqlstate.compare(0, 2, "42") != 0 && error.sqlstate != "3F000") throw;
    return;
  }
  made_.insert(&statement);
  arrived(statement);
}

bool EarlyStatements::can_be_made(const ShapeStatement &statement) const {
  auto path = path_of_.find(&statement);
  if (!is_begun_ || path == path_of_.end() || path->second != path_) return false;
  const std::vector<QualifiedName> &types = statement.what.of_types;
  // A function would make a shell of a type that is not there yet.
  return std::none_of(types.begin(), types.end(), [&](const QualifiedName &type) { return types_.includes(type); });
}

void EarlyStatements::ComingTypes::add(const Statement &what) {
  count_[{what.schema, what.name}]++;
  count_by_name_[what.name]++;
}

bool EarlyStatements::ComingTypes::arrived(const Statement &what) {
  count_by_name_[what.name]--;
  return --count_[{what.schema, what.name}] <= 0;
}

bool EarlyStatements::ComingTypes::includes(const QualifiedName &name) const {
  if (name.schema.empty()) {
    auto found = count_by_name_.find(name.name);
    return found != count_by_name_.end() && found->second > 0;
  }
  auto found = count_.find({name.schema, name.name});
  return found != count_.end() && found->second > 0;
}

}  // namespace pagila_repl
