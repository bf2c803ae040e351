// Which statements about a server's shape belong to a copy of its schemas.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/load_plan.hpp"

namespace pagila_repl {

class ShapeScope {
 public:
  // Only these schemas are wanted. `whole_database`: every extension too, else only those in these schemas.
  ShapeScope(const std::vector<std::string> &schemas, bool whole_database);

  const std::set<std::string> &schemas() const { return schemas_; }
  // Why the statement is left out, for the run's message: empty if it goes without saying or is said by name
  // (left_out_of_any_run), nothing if it belongs to the copy. To be asked in the dump's order. Throws 55000 if it creates
  // something in a schema that is not wanted.
  std::optional<std::string> left_out(const Statement &what);

 private:
  bool wants(const std::string &schema) const { return schemas_.count(schema) > 0; }
  bool is_ours(const Statement &what);
  bool is_named(const Statement &what);

  std::set<std::string> schemas_;
  bool whole_database_;
  std::set<std::string> our_servers_;
  std::set<std::pair<std::string, std::string>> named_;  // kind and name of objects of the database
};

}  // namespace pagila_repl
