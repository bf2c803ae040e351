// Runs the statements of a plan, each as its kind and the options want it.

#include "target/shape_maker.hpp"

#include <algorithm>

#include "core/counted.hpp"
#include "pg/boundary.hpp"
#include "pg/extension_names.hpp"
#include "pg/label_providers.hpp"
#include "pg/lock_relief.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/decoding.hpp"
#include "target/member_statements.hpp"
#include "target/permitted.hpp"
#include "target/relation_locks.hpp"

namespace pagila_repl {

namespace {}  // namespace

Error placed(const Error &error, const ShapeStatement &statement) {
  // The server's context quotes the statement; its place says as much.
  Error placed = error;
  placed.context = statement.place.text();
  // The schemas are new, so it is of those that can be but once in a database, such as a default operator class.
  if (error.sqlstate == "42710" && error.hint.empty())
    placed.hint = "There can be only one in a database: drop the one in place, then run again.";
  return placed;
}

ShapeMaker::ShapeMaker(const LoadPlan &plan, const RunOptions &options, const Stage &stage, NameHints &hints,
                       ObjectErrors errors)
    : plan_(plan),
      options_(options),
      keys_(stage.stage_oids()),
      skips_(errors),
      replaced_(stage.live_oids()),
      named_(plan, hints),
      early_(plan, [this](const ShapeStatement &statement) { named_.run(statement); }) {
  for (const CarriedType &type : stage.carried) carried_.insert({type.schema, type.name});
  session_role_ = *query_value("SELECT session_user");
}

void ShapeMaker::make() {
  for (const ShapeStatement &statement : plan_.shape) {
    try {
      early_.before(statement);
      skips_.run(statement, [&] { make(statement); });
      early_.after(statement);
      LockRelief::after_statement();
    } catch (const ObjectFailure &) {
      throw;
    } catch (const Error &error) {
      Error told = placed(error, statement);
      if (error.sqlstate.compare(0, 2, "42") == 0 && !missing_extensions_.empty()) told.hint = hint_at_missing();
      throw told;
    }
  }
  named_.make_views_again();
  make_owned_later();
  skips_.check_names(plan_, replaced_);
}

std::vector<std::string> ShapeMaker::remarks() const {
  std::vector<std::string> remarks = remarks_;
  for (const auto &[what, times] : skipped_) remarks.push_back(counted(times, what));
  return remarks;
}

std::string ShapeMaker::hint_at_missing() const {
  size_t more = missing_extensions_.size() - 1;
  return "It may need what is not here: " + remarks_[0] +
         (more == 0 ? "." : "; there are " + std::to_string(more) + " more such.");
}

void ShapeMaker::make(const ShapeStatement &statement) {
  using Kind = Statement::Kind;
  const Statement &what = statement.what;
  if (what.about_type && carried_.count({what.schema, what.name}) > 0) return;
  if (early_.have_made(statement)) return;
  if (statement.may_be_member && is_done_about_member(statement)) return;
  switch (what.kind) {
    case Kind::setting:
      if (what.setting == "search_path") search_path_ = what.setting_value;
      return named_.set(what.setting, what.setting_value);
    case Kind::create_schema: return;  // all schemas of the plan are there already
    case Kind::owner: return make_owned(statement);
    case Kind::grant: return make_grant(statement);
    case Kind::extension: return make_extension(what, statement.text);
    case Kind::comment_on_extension: return comment_on_extension(statement);
    case Kind::global: return check_global(what);
    default: return make_unless_held_back(statement);
  }
}

void ShapeMaker::make_unless_held_back(const ShapeStatement &statement) {
  if (is_label_of_nobody(statement.text)) return;
  if (keys_.holds_back(statement)) return;
  for (const HeldBackKeys::Held &before : keys_.release_before(statement)) execute_restricted(before.statement->text);
  named_.run(statement);
}

// Without its provider a label means nothing here.
bool ShapeMaker::is_label_of_nobody(const std::string &text) {
  if (!is_security_label(text) || has_label_provider(text)) return false;
  skipped_["{security label|security labels} left out, {its provider is|their providers are} not loaded here"]++;
  return true;
}

void ShapeMaker::make_grant(const ShapeStatement &statement) {
  if (std::string why = pagila_repl::make_grant(statement); !why.empty()) skipped_[why]++;
}

// Objects of extensions stay. Who may use them is set when the copy is published; nothing else about them is changed.
bool ShapeMaker::is_done_about_member(const ShapeStatement &statement) {
  const Statement &what = statement.what;
  switch (about_what(statement.text, made_extensions_)) {
    case About::others: return false;
    case About::staying_member:
      if (what.kind == Statement::Kind::grant)
        later_.push_back({statement, search_path_});
      else
        skipped_[kAboutMembers]++;
      return true;
    case About::made_member:
      if (what.kind == Statement::Kind::grant || what.kind == Statement::Kind::owner) return false;
      try {
        // The extension's script may have made the same.
        if (!run_if_permitted(statement.text)) skipped_[kAboutMembers]++;
      } catch (const Error &error) {
        if (error.sqlstate != "42710") throw;
      }
      return true;
    case About::nothing:
      if (!is_schema_with_extension(what.schema) && missing_extensions_.empty()) return false;
      skipped_["{statement|statements} about what the extensions here do not have left out"]++;
      return true;
  }
  return false;
}

// Its control file has given it one, but somebody may have written another.
void ShapeMaker::comment_on_extension(const ShapeStatement &statement) {
  std::vector<Row> found = query(
      R"(SELECT oid, pg_catalog.obj_description(oid, 'pg_extension') FROM pg_catalog.pg_extension WHERE extname = $1)",
      {statement.what.name});
  if (found.empty() || found[0][1].value_or("") == comment_in(statement.text)) return;
  Oid extension = to_oid(found[0][0]);
  if (std::find(made_extensions_.begin(), made_extensions_.end(), extension) == made_extensions_.end())
    later_.push_back({statement, search_path_});
  else if (!run_if_permitted(statement.text))
    skipped_["{comment|comments} on extensions skipped, the caller may not set {it|them}"]++;
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
  // Outside of the stage it would stay if the run failed.
  if (std::find(plan_.schemas.begin(), plan_.schemas.end(), what.schema) == plan_.schemas.end())
    return leave_out_extension(what, "create it with CREATE EXTENSION " + quote(what.name) +
                                         (what.schema.empty() ? "" : " SCHEMA " + quote(what.schema)));
  if (!query_value("SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = $1", {what.name}))
    return leave_out_extension(what, "its files are not installed");
  try {
    in_subtransaction([&] {
      execute_hidden(text + version_clause(what.name),
                     {*query_value("SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1", {what.schema})});
      made_extensions_.push_back(
          to_oid(query_value("SELECT oid FROM pg_catalog.pg_extension WHERE extname = $1", {what.name})));
    });
  } catch (const Error &error) {
    static const std::set<std::string> about_the_extension = {"0A", "22", "2F", "38", "42", "55", "58"};
    if (about_the_extension.count(error.sqlstate.substr(0, 2)) == 0 || is_lock_failure(error.sqlstate)) throw;
    return leave_out_extension(what, error.message);
  }
  auto functions = plan_.immutable_functions.find(what.name);
  if (functions == plan_.immutable_functions.end()) return;
  for (const FunctionAddress &function : functions->second) make_immutable(function);
}

// The source gives the address, so no text of it becomes part of a statement.
void ShapeMaker::make_immutable(const FunctionAddress &function) {
  Value signature;
  try {
    in_subtransaction([&] {
      signature = query_value(
          R"(SELECT p.oid::pg_catalog.regprocedure
               FROM pg_catalog.pg_get_object_address('function', $1::text[], $2::text[]) a
                    JOIN pg_catalog.pg_proc p ON p.tableoid = a.classid AND p.oid = a.objid
                    JOIN pg_catalog.pg_depend d ON d.classid = a.classid AND d.objid = a.objid AND d.deptype = 'e'
              WHERE d.refobjid = $3::oid)",
          {function.name, function.arguments, std::to_string(made_extensions_.back())});
    });
  } catch (const Error &error) {
    if (error.sqlstate.compare(0, 2, "22") != 0 && error.sqlstate.compare(0, 2, "42") != 0) throw;
  }
  if (signature && !run_if_permitted("ALTER FUNCTION " + *signature + " IMMUTABLE"))
    skipped_["{change|changes} of functions of extensions that the caller may not make skipped"]++;
}

// The version that the source has, if it is to be had.
std::string ShapeMaker::version_clause(const std::string &extension) const {
  auto version = plan_.extension_versions.find(extension);
  if (version == plan_.extension_versions.end() ||
      !query_value("SELECT 1 FROM pg_catalog.pg_available_extension_versions WHERE name = $1 AND version = $2",
                   {extension, version->second}))
    return {};
  return " VERSION " + quote_literal(version->second);
}

// Nothing may need it. What does fails, with a hint.
void ShapeMaker::leave_out_extension(const Statement &what, const std::string &why) {
  missing_extensions_.push_back(what.name);
  remarks_.push_back("extension \"" + what.name + "\" left out: " + why);
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
