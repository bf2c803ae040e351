// Runs the statements of a plan, each as its kind and the options want it.

#include "target/shape_maker.hpp"

#include <algorithm>

#include "core/counted.hpp"
#include "pg/lock_relief.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/decoding.hpp"
#include "target/permitted.hpp"

namespace pagila_repl {

Error placed(const Error &error, const ShapeStatement &statement) {
  // The server's context quotes the statement; its place says as much.
  Error placed = error;
  placed.context = statement.place.text();
  // The schemas are new, so it is of those that can be but once in a database, such as a default operator class.
  if (error.sqlstate == "42710" && error.hint.empty())
    placed.hint = "There can be only one in a database: drop the one in place, then run again.";
  return placed;
}

ShapeMaker::ShapeMaker(const LoadPlan &plan, const RunOptions &options, const Stage &stage)
    : plan_(plan), options_(options), keys_(stage.stage_oids()) {
  for (const CarriedType &type : stage.carried) carried_.insert({type.schema, type.name});
  session_role_ = *query_value("SELECT session_user");
}

void ShapeMaker::make() {
  for (const ShapeStatement &statement : plan_.shape) {
    try {
      make(statement);
      LockRelief::after_statement();
    } catch (const Error &error) {
      throw placed(error, statement);
    }
  }
  make_owned_later();
}

std::vector<std::string> ShapeMaker::remarks() const {
  std::vector<std::string> remarks;
  for (const auto &[what, times] : skipped_) remarks.push_back(counted(times, what));
  return remarks;
}

void ShapeMaker::make(const ShapeStatement &statement) {
  using Kind = Statement::Kind;
  const Statement &what = statement.what;
  if (what.about_type && carried_.count({what.schema, what.name}) > 0) return;
  switch (what.kind) {
    case Kind::setting:
      if (what.setting == "search_path") search_path_ = what.setting_value;
      return set_local(what.setting, what.setting_value);
    case Kind::create_schema: return;  // all schemas of the plan are there already
    case Kind::owner: return make_owned(statement);
    case Kind::grant: return make_grant(statement);
    case Kind::extension: return make_extension(what, statement.text);
    case Kind::comment_on_extension: return;  // its control file has given it one
    case Kind::global: return check_global(what);
    default: return make_unless_held_back(statement);
  }
}

void ShapeMaker::make_unless_held_back(const ShapeStatement &statement) {
  if (keys_.holds_back(statement)) return;
  for (const HeldBackKeys::Held &before : keys_.release_before(statement)) execute_restricted(before.statement->text);
  execute_restricted(statement.text);
}

void ShapeMaker::make_grant(const ShapeStatement &statement) {
  if (std::string why = pagila_repl::make_grant(statement); !why.empty()) skipped_[why]++;
}

void ShapeMaker::make_owned(const ShapeStatement &statement) {
  const std::vector<std::string> &roles = statement.what.roles;
  if (!options_.keep_owners) {
    skipped_["{owner|owners} skipped as asked"]++;
  } else if (!roles.empty() && !role_exists(roles[0])) {
    skipped_["{owner|owners} skipped, {its role does|their roles do} not exist"]++;
  } else if (is_owner_already(statement)) {
    // There may be one such statement for each object, and what may fail needs a subtransaction, whose end costs the more the
    // more tables the transaction has made.
  } else if (!roles.empty() && !is_own_role(roles[0])) {
    skipped_["{owner|owners} skipped, the caller may not set {it|them}"]++;
  } else {
    given_away_.insert({statement.what.schema, statement.what.name});
    if (!run_if_permitted(statement.text)) owners_.push_back({&statement, search_path_});
  }
}

// The session's role has made all that is in the stage, but not the schemas, whose owners are carried over.
bool ShapeMaker::is_owner_already(const ShapeStatement &statement) const {
  const Statement &what = statement.what;
  return what.roles.size() == 1 && what.has_target && !what.name.empty() && statement.session_role.empty() &&
         what.roles[0] == session_role_ && given_away_.count({what.schema, what.name}) == 0;
}

// An owner must be allowed to create in the schema, which a dump grants after it has told the owners.
void ShapeMaker::make_owned_later() {
  for (const Owner &owner : owners_) {
    set_local("search_path", owner.search_path);
    bool is_set = false;
    try {
      is_set = run_if_permitted(owner.statement->text);
    } catch (const Error &error) {
      // Of a sequence by now linked to a table whose owner could not be set.
      if (error.sqlstate != "0A000") throw;
    }
    if (!is_set) skipped_["{owner|owners} skipped, the caller may not set {it|them}"]++;
  }
}

void ShapeMaker::make_extension(const Statement &what, const std::string &text) {
  // CREATE LANGUAGE without a handler, which pg_dump writes, is to the parser CREATE EXTENSION.
  if (query_value(R"(SELECT 1 FROM pg_catalog.pg_extension WHERE extname = $1
                     UNION ALL SELECT 1 FROM pg_catalog.pg_language WHERE lanname = $1)",
                  {what.name}))
    return;
  bool in_stage = false;
  for (const std::string &schema : plan_.schemas) in_stage = in_stage || schema == what.schema;
  // Anywhere else it would stay if the run failed.
  if (!in_stage)
    throw Error("42704", "extension \"" + what.name + "\" does not exist in this database", {},
                "Create it with CREATE EXTENSION " + quote(what.name) + ", then load again.");
  execute_hidden(text, {*query_value("SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1", {what.schema})});
}

void ShapeMaker::check_global(const Statement &what) const {
  static const std::map<std::string, std::string> catalogs = {
      {"foreign-data wrapper", "SELECT 1 FROM pg_catalog.pg_foreign_data_wrapper WHERE fdwname = $1"},
      {"server", "SELECT 1 FROM pg_catalog.pg_foreign_server WHERE srvname = $1"},
      {"user mapping", "SELECT 1 FROM pg_catalog.pg_user_mappings WHERE srvname = $1"},
      {"language", "SELECT 1 FROM pg_catalog.pg_language WHERE lanname = $1"},
      {"access method", "SELECT 1 FROM pg_catalog.pg_am WHERE amname = $1"}};
  if (query_value(catalogs.at(what.global_kind), {what.name})) return;
  throw Error("42704", what.global_kind + " \"" + what.name + "\" does not exist",
              "It belongs to the database, not to a schema, and a load changes only schemas.",
              "Create it first, then load again.");
}

}  // namespace pagila_repl
