// Leaves out statements of a dump that cannot be run, as far as on_object_error => 'skip' allows: none that protects, or without
// which rows would be other ones.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/load_plan.hpp"
#include "target/skipped_objects.hpp"

namespace pagila_repl {

// What becomes of a statement that fails.
enum class ObjectErrors {
  end_the_run,
  make_again,  // ObjectFailure, if it might be skipped: the shape is made again, so that none needs a subtransaction if all work
  skip  // left out, if it may be
};

struct ObjectFailure : Error {
  explicit ObjectFailure(const Error &error) : Error(error) {}
};

class ShapeSkips {
 public:
  explicit ShapeSkips(ObjectErrors errors) : errors_(errors) {}

  // Does the work that the statement asks for. Needs a transaction with the search_path of the dump.
  void run(const ShapeStatement &statement, const std::function<void()> &work);

  // Once all statements have run: throws the error of an object if others would be taken for it by its name, which is one in
  // none of the schemas `elsewhere` (OIDs).
  void check_names(const LoadPlan &plan, const std::vector<std::string> &elsewhere) const;

  const std::vector<SkippedObject> &skipped() const { return skipped_; }

 private:
  bool skip(const ShapeStatement &statement, const Error &error);
  bool is_skipped(const std::string &schema, const std::string &name) const { return names_.count({schema, name}) > 0; }
  bool is_about_skipped(const ShapeStatement &statement) const;

  ObjectErrors errors_;
  std::vector<SkippedObject> skipped_;
  std::vector<const ShapeStatement *> statements_;  // of these
  std::set<std::pair<std::string, std::string>> names_;
};

}  // namespace pagila_repl
