// Makes casts and transforms early.

#include "target/early_casts.hpp"

#include <algorithm>

#include "pg/spi.hpp"
#include "pg/transaction.hpp"

namespace pagila_repl {

void EarlyCasts::make_first() {
  for (const ShapeStatement &statement : plan_.shape)
    if (statement.what.creates_cast && !(needs_nothing_of_plan(statement.what) && make(statement)))
      waiting_.push_back(&statement);
}

void EarlyCasts::make_after(const ShapeStatement &statement) {
  const Statement &created = statement.what;
  if (created.creates_cast) waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), &statement), waiting_.end());
  if (!created.creates || waiting_.empty()) return;
  auto may_have_waited = [&](const ShapeStatement *cast) {
    const std::vector<QualifiedName> &parts = cast->what.made_of;
    return std::any_of(parts.begin(), parts.end(),
                       [&](const QualifiedName &part) { return part.name == created.name; });
  };
  waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(),
                                [&](const ShapeStatement *cast) { return may_have_waited(cast) && make(*cast); }),
                 waiting_.end());
}

bool EarlyCasts::needs_nothing_of_plan(const Statement &cast) const {
  return std::all_of(cast.made_of.begin(), cast.made_of.end(), [&](const QualifiedName &part) {
    return std::find(plan_.schemas.begin(), plan_.schemas.end(), part.schema) == plan_.schemas.end();
  });
}

bool EarlyCasts::make(const ShapeStatement &statement) {
  try {
    in_subtransaction([&] { execute_restricted(statement.text); });
    made_.insert(&statement);
    return true;
  } catch (const Error &error) {
    // Something is not there yet, or will be an error where the dump has it.
    if (error.sqlstate.compare(0, 2, "42") != 0 && error.sqlstate != "3F000") throw;
    return false;
  }
}

}  // namespace pagila_repl
