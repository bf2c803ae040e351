// Makes casts, transforms, operators and operator classes of a shape, with the functions that they are made of, as soon as all that
// these need is there. What looks them up by type or by name, such as a view that groups by a type's own operator class, does
// not depend on them, so pg_dump may put it before them.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/load_plan.hpp"

namespace pagila_repl {

class EarlyStatements {
 public:
  using Make = std::function<void(const ShapeStatement &)>;
  // The plan must outlive it. `make` runs a statement; if it throws, what it did is undone.
  EarlyStatements(const LoadPlan &plan, Make make);

  // To be called before and after each statement of the plan, in their order; in between unless have_made says that it was made.
  void before(const ShapeStatement &statement);
  void after(const ShapeStatement &statement);
  bool have_made(const ShapeStatement &statement) const { return made_.count(&statement) > 0; }

 private:
  // Types that the plan creates and has not created yet: how many statements do, by schema and name, and by name alone.
  class ComingTypes {
   public:
    void add(const Statement &what);
    // Whether nothing more of that name will come.
    bool arrived(const Statement &what);
    bool includes(const QualifiedName &name) const;

   private:
    std::map<std::pair<std::string, std::string>, int> count_;
    std::map<std::string, int> count_by_name_;
  };

  bool can_be_made(const ShapeStatement &statement) const;
  void try_to_make(const ShapeStatement &statement);
  void arrived(const ShapeStatement &statement);

  const Make make_;
  // What may come early, with the search_path where the dump has it.
  std::map<const ShapeStatement *, std::string> path_of_;
  std::vector<const ShapeStatement *> early_;                       // the same in the order of the plan
  std::multimap<std::string, const ShapeStatement *> waiting_for_;  // by the name of a part
  ComingTypes types_;
  std::set<const ShapeStatement *> made_;
  std::string path_;
  int extensions_to_come_ = 0;
  bool is_begun_ = false;  // with this search_path
};

}  // namespace pagila_repl
