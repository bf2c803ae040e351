// Runs the statements of a dump that make the shape.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/load_plan.hpp"
#include "core/run_options.hpp"
#include "target/early_statements.hpp"
#include "target/held_back_keys.hpp"
#include "target/named_statements.hpp"
#include "target/shape_skips.hpp"
#include "target/stage.hpp"

namespace pagila_repl {

// An error of a statement with its place in the dump.
Error placed(const Error &error, const ShapeStatement &statement);

// Runs the statements of a plan as the session's role, by the policies of the options.
class ShapeMaker {
 public:
  // All must outlive it.
  ShapeMaker(const LoadPlan &plan, const RunOptions &options, const Stage &stage, NameHints &hints,
             ObjectErrors errors);

  void make();

  // What waits until the shape is made.
  const std::vector<HeldBackKeys::Held> &held_back() const { return keys_.held(); }

  // Objects that could not be made.
  const std::vector<SkippedObject> &skipped() const { return skips_.skipped(); }

  // What else was skipped, and how often.
  std::vector<std::string> remarks() const;

  // About objects that stay, so not before the copy is published.
  const std::vector<LaterStatement> &later() const { return later_; }
  const std::vector<Oid> &made_extensions() const { return made_extensions_; }
  const std::vector<std::string> &missing_extensions() const { return missing_extensions_; }

 private:
  void make(const ShapeStatement &statement);
  void make_unless_held_back(const ShapeStatement &statement);
  bool is_label_of_nobody(const std::string &text);
  void make_grant(const ShapeStatement &statement);
  void make_owned(const ShapeStatement &statement);
  void make_owned_later();
  bool is_owner_already(const ShapeStatement &statement) const;
  void make_extension(const Statement &what, const std::string &text);
  void make_immutable(const FunctionAddress &function);
  std::string hint_at_missing() const;
  void leave_out_extension(const Statement &what, const std::string &why);
  std::string version_clause(const std::string &extension) const;
  void comment_on_extension(const ShapeStatement &statement);
  bool is_done_about_member(const ShapeStatement &statement);
  void check_global(const Statement &what) const;

  const LoadPlan &plan_;
  const RunOptions &options_;
  std::set<std::pair<std::string, std::string>> carried_;
  std::string session_role_;
  std::set<std::pair<std::string, std::string>> given_away_;  // what has had its owner changed
  std::map<std::string, int> skipped_;
  HeldBackKeys keys_;
  ShapeSkips skips_;
  std::vector<std::string> replaced_;  // live schemas that the new ones stand for
  std::string search_path_ = "pg_catalog, pg_temp";
  struct Owner {
    const ShapeStatement *statement;
    std::string search_path;
  };
  std::vector<Owner> owners_;  // that could not be set yet
  std::vector<std::string> remarks_;
  std::vector<LaterStatement> later_;
  std::vector<Oid> made_extensions_;
  std::vector<std::string> missing_extensions_;
  NamedStatements named_;
  EarlyStatements early_;
};

}  // namespace pagila_repl
