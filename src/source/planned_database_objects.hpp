// The publications, settings and comment of the database that a dump tells of.
#pragma once

#include <string>
#include <vector>

#include "core/database_object_kinds.hpp"
#include "core/load_plan.hpp"

namespace pagila_repl {

class DatabaseObjectPlanner {
 public:
  explicit DatabaseObjectPlanner(const DatabaseObjectKinds &kinds) : kinds_(kinds) {}

  bool wants(const Statement &what) const;
  // A statement about one that is wanted, in the order of the dump. Throws 42704 and 42710 as psql would.
  void take(const ShapeStatement &statement, const std::string &search_path);
  // After the last statement.
  std::vector<PlannedDatabaseObject> finish();

 private:
  PlannedDatabaseObject *find(const DatabaseObjectCall &call);

  DatabaseObjectKinds kinds_;
  std::vector<PlannedDatabaseObject> objects_;
};

}  // namespace pagila_repl
