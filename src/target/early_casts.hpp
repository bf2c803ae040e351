// Makes the casts and transforms of a shape as soon as their types and functions are there. No object depends on a cast, so
// pg_dump may put a view that needs one before it.
#pragma once

#include <set>
#include <vector>

#include "core/load_plan.hpp"

namespace pagila_repl {

class EarlyCasts {
 public:
  // The plan must outlive it.
  explicit EarlyCasts(const LoadPlan &plan) : plan_(plan) {}

  // Before the first statement: those whose types and functions are in no schema of the plan.
  void make_first();
  // After a statement: those that may have waited for what it has created.
  void make_after(const ShapeStatement &statement);
  bool have_made(const ShapeStatement &statement) const { return made_.count(&statement) > 0; }

 private:
  bool needs_nothing_of_plan(const Statement &cast) const;
  // False, and undone, if it cannot be made yet.
  bool make(const ShapeStatement &statement);

  const LoadPlan &plan_;
  std::vector<const ShapeStatement *> waiting_;
  std::set<const ShapeStatement *> made_;
};

}  // namespace pagila_repl
