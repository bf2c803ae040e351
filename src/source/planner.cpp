// Turns the items of a dump into a load plan.

#include "source/planner.hpp"

#include <algorithm>

#include "core/counted.hpp"
#include "core/hidden_names.hpp"
#include "core/utf8.hpp"
#include "pg/boundary.hpp"
#include "pg/extension_names.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "source/statement.hpp"

extern "C" {
#include "commands/dbcommands.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/scansup.h"
}

namespace pagila_repl {

namespace {

bool is_reserved(const std::string &schema) {
  return schema.compare(0, 3, "pg_") == 0 || schema == "information_schema" || schema == "pagila_repl" ||
         is_hidden_name(schema);
}

// The line of the file, where an error names one of its statement.
Place placed(Place place, const Error &error) {
  if (error.line > 1) place.line += error.line - 1;
  return place;
}

std::string described(const std::string &schema, const std::string &kind, const std::string &name) {
  if (!kind.empty()) return kind + " \"" + name + "\"";
  return name.empty() ? "schema \"" + schema + "\"" : "\"" + schema + "." + name + "\"";
}

std::vector<QualifiedName> targets_of(const Statement &what) {
  std::vector<QualifiedName> targets = what.more_targets;
  if (what.has_target) targets.push_back({what.schema, what.name});
  return targets;
}

}  // namespace

Planner::Planner(LoadPlan &plan, ShapeScope *scope, const DatabaseObjectKinds &kinds)
    : plan_(plan), scope_(scope), database_objects_(kinds) {
  memory_ = AllocSetContextCreate(CurrentMemoryContext, "pagila_repl planner", ALLOCSET_DEFAULT_SIZES);
  // Empty schemas are part of a copy too.
  if (scope != nullptr) plan_.schemas.assign(scope->schemas().begin(), scope->schemas().end());
}

void Planner::begin(const DumpFile &file) {
  file_ = &file;
  begin(file.path());
}

void Planner::begin(const std::string &origin) {
  origin_ = origin;
  items_ = 0;
  is_dump_ = scope_ != nullptr;
  DumpSession::Settings settings = session_.begin();
  set_local("standard_conforming_strings", "on");
  // A server's pg_dump says all that it needs itself.
  if (scope_ == nullptr) apply(settings, {origin_, 1, {}});
}

void Planner::end() { session_.end(); }

void Planner::take(DumpItem &item) {
  Place place{origin_, item.line, {}};
  if (scope_ != nullptr && item.kind != DumpItem::Kind::statement)
    throw Error("XX000", "pg_dump has printed rows, though only the shape was asked for").within(place.text());
  // Parse trees and converted texts live as long as their statement.
  MemoryContextReset(memory_);
  MemoryContext before = MemoryContextSwitchTo(memory_);
  try {
    items_++;
    if (scope_ != nullptr) place.object = object_of(item);
    switch (item.kind) {
      case DumpItem::Kind::insert: take_rows(item, place); break;
      case DumpItem::Kind::connect: take_connect(item, place); break;
      default: take_statement(item, place);
    }
    MemoryContextSwitchTo(before);
  } catch (const Error &error) {
    if (!error.context.empty()) throw;
    // What a character is missing for is seen best by the object's name.
    if (error.sqlstate == "22P05" && place.object.empty()) place.object = object_of(item);
    throw error.within(placed(place, error).in_file());
  }
}

// What pg_dump's comment says is made here.
std::string Planner::object_of(const DumpItem &item) const {
  try {
    return to_server_encoding(item.object);
  } catch (const Error &) {
    return session_.encoding() == PG_UTF8 ? ascii_of_utf8(item.object) : std::string();
  }
}

std::string Planner::to_server_encoding(const std::string &text) const {
  const char *bytes = text.c_str();
  int length = static_cast<int>(text.size()), encoding = session_.encoding();
  return guarded([=]() -> const char * {
    const char *converted = pg_any_to_server(bytes, length, encoding);
    return converted;
  });
}

// Conversion may make a name too long, which the server cuts.
std::string Planner::to_server_name(const std::string &name) const {
  std::string converted = to_server_encoding(name);
  const char *bytes = converted.c_str();
  return guarded([bytes]() -> const char * {
    char *cut = pstrdup(bytes);
    truncate_identifier(cut, static_cast<int>(strlen(cut)), false);
    return cut;
  });
}

void Planner::use_schema(const std::string &schema) {
  if (is_reserved(schema))
    throw Error("42501", "a dump may not create objects in schema \"" + schema + "\"", {},
                "Leave this schema out of the dump: it belongs to the server or to an extension.");
  if (is_replaced(schema)) return;
  bool is_new = scope_ == nullptr && !exists(schema);
  plan_.schemas.push_back(schema);
  if (is_new) hide_until_here(schema);
}

// All schemas are there while the shape is made, but a name of the dump that comes before one is made was not meant for it.
void Planner::hide_until_here(const std::string &schema) {
  bool is_in_path = false;
  for (ShapeStatement &statement : plan_.shape) {
    if (statement.what.kind != Statement::Kind::setting || statement.what.setting != "search_path") continue;
    std::string path = session_.path_without(statement.what.setting_value, schema);
    is_in_path = path != statement.what.setting_value;
    statement.what.setting_value = path;
  }
  if (is_in_path) apply({{"search_path", session_.search_path()}}, {origin_, 1, {}});
}

bool Planner::exists(const std::string &schema) const {
  // In pg_temp nothing is made, and nothing of a dump is there.
  if (schema.compare(0, 7, "pg_temp") == 0) return false;
  return is_replaced(schema) || query_value(R"(SELECT 1 FROM pg_catalog.pg_namespace
                         WHERE nspname = $1 AND pg_catalog.has_schema_privilege(session_user, oid, 'USAGE'))",
                                            {schema})
                                    .has_value();
}

std::string Planner::creation_schema(const std::string &name) const {
  std::vector<std::string> path =
      session_.schemas_in_path([this](const std::string &schema) { return exists(schema); });
  if (path.empty())
    throw Error(
        "3F000", "no schema is given for \"" + name + "\"",
        session_.search_path().empty() ? "The dump's search_path is empty there."
                                       : "None of the schemas in the dump's search_path exists there.",
        "Create the schema before the load, or make the dump with pg_dump, which names the schema of each object.");
  return path[0];
}

// Where CREATE EXTENSION makes one that the dump gives no schema; empty if it is there, or no schema is.
std::string Planner::schema_of_extension(const std::string &name) const {
  if (is_extension(name)) return {};
  if (Value fixed = query_value(
          R"(SELECT v.schema FROM pg_catalog.pg_available_extensions e
                    JOIN pg_catalog.pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version
              WHERE e.name = $1)",
          {name}))
    return *fixed;
  std::vector<std::string> path =
      session_.schemas_in_path([this](const std::string &schema) { return exists(schema); });
  return path.empty() ? std::string() : path[0];
}

void Planner::resolve(QualifiedName &name) const {
  if (!name.schema.empty()) return;
  for (const std::string &schema :
       session_.schemas_in_path([this](const std::string &candidate) { return exists(candidate); }))
    if (is_replaced(schema) ? is_made({schema, name.name}) || is_of_extension(schema, name.name)
                            : is_there(schema, name.name)) {
      name.schema = schema;
      return;
    }
  name.schema = creation_schema(name.name);
}

// Anything of this name, in a schema that is no part of the copy so far. The server would take it, as psql does.
bool Planner::is_there(const std::string &schema, const std::string &name) {
  return query_value(R"(SELECT 1 FROM pg_catalog.pg_namespace n
                         WHERE n.nspname = $1
                           AND EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = n.oid AND relname = $2
                             UNION ALL SELECT FROM pg_catalog.pg_type WHERE typnamespace = n.oid AND typname = $2
                             UNION ALL SELECT FROM pg_catalog.pg_proc WHERE pronamespace = n.oid AND proname = $2
                             UNION ALL SELECT FROM pg_catalog.pg_operator WHERE oprnamespace = n.oid AND oprname = $2
                             UNION ALL SELECT FROM pg_catalog.pg_opclass WHERE opcnamespace = n.oid AND opcname = $2
                             UNION ALL SELECT FROM pg_catalog.pg_opfamily WHERE opfnamespace = n.oid AND opfname = $2
                             UNION ALL SELECT FROM pg_catalog.pg_collation WHERE collnamespace = n.oid AND collname = $2
                             UNION ALL SELECT FROM pg_catalog.pg_conversion WHERE connamespace = n.oid AND conname = $2
                             UNION ALL SELECT FROM pg_catalog.pg_statistic_ext WHERE stxnamespace = n.oid AND stxname = $2
                             UNION ALL SELECT FROM pg_catalog.pg_ts_config WHERE cfgnamespace = n.oid AND cfgname = $2
                             UNION ALL SELECT FROM pg_catalog.pg_ts_dict WHERE dictnamespace = n.oid AND dictname = $2
                             UNION ALL SELECT FROM pg_catalog.pg_ts_parser WHERE prsnamespace = n.oid AND prsname = $2
                             UNION ALL SELECT FROM pg_catalog.pg_ts_template WHERE tmplnamespace = n.oid AND tmplname = $2))",
                     {schema, name})
      .has_value();
}

void Planner::take_connect(const DumpItem &item, const Place &place) {
  session_.end();
  check_database(to_server_encoding(item.text));
  apply(session_.begin(), place);
}

void Planner::check_database(const std::string &name) const {
  const char *own = guarded([] { return (const char *)get_database_name(MyDatabaseId); });
  if (own == nullptr || name == own) return;
  throw Error("0A000", "the dump is of database \"" + name + "\", and this is database \"" + own + "\"",
              "It was made with --create and names the database that it would create and connect to.",
              "Load it in database \"" + name + "\", or make the dump without --create.");
}

void Planner::apply(const DumpSession::Settings &settings, const Place &place) {
  for (const auto &[name, value] : settings) {
    // The parser must read string constants as the dump means them.
    if (name == "standard_conforming_strings") set_local(name, value);
    Statement what;
    what.kind = Statement::Kind::setting;
    what.setting = name;
    what.setting_value = value;
    plan_.shape.push_back({what, "SET " + name + " = " + value, place, {}, false});
  }
}

void Planner::take_statement(DumpItem &item, Place place) {
  using Kind = Statement::Kind;
  std::string text = to_server_encoding(item.text);
  Statement what = classify(text, is_dump_);
  is_dump_ = is_dump_ || what.has_target;
  if (what.large_object.function != LargeObjectCall::Function::none) return take_large_object(what, text, item, place);
  if (what.has_target && what.schema.empty()) {
    QualifiedName name{what.schema, what.name};
    if (what.creates && !what.on_table)
      name.schema = creation_schema(name.name);
    else
      resolve(name);
    what.schema = name.schema;
  }
  for (QualifiedName &name : what.more_targets) resolve(name);
  if (what.kind == Kind::extension && what.schema.empty()) what.schema = schema_of_extension(what.name);
  if (take_database_object(what, text, place) || is_left_out(what)) return;

  switch (what.kind) {
    case Kind::copy:
      item.text = text;
      item.block.table = {what.schema, what.name};
      item.block.columns = what.columns;
      copy_encoding_ = what.copy_encoding;
      return take_rows(item, place);
    case Kind::set_sequence: return set_sequence(what, place);
    case Kind::refresh:
      unpopulated_.erase({what.schema, what.name});
      plan_.refreshes.push_back({what.schema, what.name});
      return;
    case Kind::setting: return apply(session_.set(what), place);
    case Kind::reset_all: return apply(session_.reset_all(), place);
    case Kind::commit: return apply(session_.commit(), place);
    case Kind::begin: return session_.begin_block(place.line);
    case Kind::role: return apply(session_.set_role(what), place);
    case Kind::ignored: return;
    case Kind::passed_over: return count(what.remark);
    case Kind::statistics: return count("{statement|statements} about statistics passed over");
    case Kind::database:
      check_database(what.name);
      return count("{statement|statements} about this database passed over");
    case Kind::unknown_setting: {
      const char *name = what.setting.c_str();
      guarded([name] { ereport(NOTICE, (errmsg("setting \"%s\" of a newer server is passed over", name))); });
      return;
    }
    default:
      // As statements of the shape run before all rows, those before it would begin there, too.
      if (what.restarts && !plan_.rows.empty()) return set_sequence(what, place);
      take_shape(std::move(what), text, place);
  }
}

void Planner::set_sequence(const Statement &what, const Place &place) {
  plan_.sequences.push_back(
      {{what.schema, what.name}, what.sequence_value, what.sequence_called, place, plan_.rows.size(), false});
}

void Planner::take_large_object(const Statement &what, const std::string &text, const DumpItem &item,
                                const Place &place) {
  if (scope_ != nullptr) throw Error("XX000", "pg_dump tells of large objects, though only the shape was asked for");
  bool is_call = what.kind == Statement::Kind::large_object;
  if (is_call && !session_.standard_strings())
    throw Error("0A000", "a dump may not contain large objects while standard_conforming_strings is off", {},
                "Make the dump from a session or server where it is on.");
  large_objects_.take({what, is_call ? std::string() : text, place, session_.role(), false}, plan_.files.size() - 1,
                      item.begin, item.end);
}

bool Planner::take_database_object(const Statement &what, const std::string &text, const Place &place) {
  using Part = DatabaseObjectCall::Part;
  if (!database_objects_.wants(what)) return false;
  using Of = DatabaseObjectCall::Kind;
  if (what.database_object.kind == Of::setting || what.database_object.kind == Of::comment) check_database(what.name);
  if (what.database_object.part == Part::drop)
    count("{statement|statements} that {takes|take} away what the run replaces passed over");
  else
    database_objects_.take({what, text, place, session_.role(), false},
                           session_.present_path([this](const std::string &schema) { return exists(schema); }));
  return true;
}

// What others have made would be published, or psql would have failed.
void Planner::check_published() const {
  for (const PlannedDatabaseObject &object : plan_.database_objects) {
    // Its function may be an extension's, which is known only when it is made.
    if (object.kind == DatabaseObjectCall::Kind::event_trigger) continue;
    for (const PlannedDatabaseObject::Part &part : object.parts)
      for (const QualifiedName &name : targets_of(part.statement.what))
        if (name.name.empty() ? !is_replaced(name.schema) : !is_made(name))
          throw Error("2BP01",
                      "publication \"" + object.name + "\" is about " + described(name.schema, "", name.name) +
                          ", which the dump does not create",
                      {}, "Take it out of the file, or leave publications out of database_objects.")
              .within(part.statement.place.text());
  }
}

void Planner::take_shape(Statement what, const std::string &text, const Place &place) {
  using Kind = Statement::Kind;
  if ((what.removes || what.kind == Kind::drop) && take_removal(what, place)) return;
  check_rows_before(what);
  if (what.kind == Kind::create_schema) note_owner_of_schema(what, place);
  if (what.kind == Kind::extension) extension_schemas_.insert(what.schema);
  bool may_be_member = false;
  if (!what.creates || what.on_table)
    for (const QualifiedName &name : targets_of(what))
      may_be_member = may_be_member || (!name.name.empty() && !is_made(name));
  // What belongs to a table is made where the table is.
  if ((what.creates && !what.on_table) || what.kind == Kind::create_schema) use_schema(what.schema);
  note_made(what);
  if (what.creates && !session_.role().empty())
    count("{object|objects} made under another session authorization or role, owned by the caller");
  plan_.shape.push_back({what, text, place, session_.role(), may_be_member});
}

void Planner::note_made(const Statement &what) {
  if (what.creates && !what.on_table) made_.insert({what.schema, what.name});
  if (!what.makes_index.empty()) made_.insert({what.schema, what.makes_index});
  if (what.creates_table && tables_.insert({what.schema, what.name}).second)
    columns_[{what.schema, what.name}] = what.columns;
  if (!what.added_columns.empty())
    if (auto known = columns_.find({what.schema, what.name}); known != columns_.end() && !known->second.empty())
      known->second.insert(known->second.end(), what.added_columns.begin(), what.added_columns.end());
  if (what.refreshes) plan_.refreshes.push_back({what.schema, what.name});
  if (what.is_unpopulated) unpopulated_.insert({what.schema, what.name});
}

// CREATE SCHEMA ... AUTHORIZATION, where psql would make it.
void Planner::note_owner_of_schema(const Statement &what, const Place &place) {
  bool is_there = is_replaced(what.schema) || what.schema == "public";
  if (what.roles.empty() || (what.unless_there && is_there)) return;
  use_schema(what.schema);
  Statement owner;
  owner.kind = Statement::Kind::owner;
  owner.has_target = true;
  owner.schema = what.schema;
  owner.roles = what.roles;
  plan_.shape.push_back({owner, "ALTER SCHEMA " + quote(what.schema) + " OWNER TO " + quote(what.roles[0]), place,
                         session_.role(), false});
}

// True if there is nothing to run: what the dump has not made, the run replaces as a whole.
bool Planner::take_removal(const Statement &what, const Place &place) {
  std::vector<QualifiedName> targets = targets_of(what);
  size_t made = 0;
  for (const QualifiedName &name : targets) made += name.name.empty() ? is_replaced(name.schema) : is_made(name);
  bool whole = what.kind == Statement::Kind::drop;
  if (made > 0 && whole &&
      (made < targets.size() || what.about_type ||
       std::any_of(targets.begin(), targets.end(), [this](const QualifiedName &name) { return is_filled(name); })))
    throw Error("0A000",
                "a dump may not drop " + described(targets.back().schema, "", targets.back().name) +
                    " after it has made or filled it",
                {}, "Take both out of the file.");
  if (made > 0 && whole)
    for (const QualifiedName &name : targets) {
      made_.erase({name.schema, name.name});
      tables_.erase({name.schema, name.name});
      unpopulated_.erase({name.schema, name.name});
    }
  if (made > 0) return false;
  for (const QualifiedName &name : targets) dropped_.push_back({name.schema, {}, name.name, place});
  if (!what.global_kind.empty()) dropped_.push_back({{}, what.global_kind, what.name, place});
  count("{statement|statements} that {takes|take} away what the run replaces passed over");
  return true;
}

// Something of the plan refers to it by name: it has rows, or is a sequence with a value. Or it is a schema.
bool Planner::is_filled(const QualifiedName &name) const {
  auto is_it = [&](const QualifiedName &other) { return other.schema == name.schema && other.name == name.name; };
  return name.name.empty() ||
         std::any_of(plan_.rows.begin(), plan_.rows.end(),
                     [&](const PlannedRows &rows) { return is_it(rows.table); }) ||
         std::any_of(plan_.sequences.begin(), plan_.sequences.end(),
                     [&](const SequenceState &state) { return is_it(state.sequence); }) ||
         std::any_of(plan_.refreshes.begin(), plan_.refreshes.end(), is_it);
}

// A drop of what the run does not replace would be left out, and psql would have done it.
void Planner::check_dropped() const {
  auto makes = [&](const Dropped &dropped) {
    return std::any_of(plan_.shape.begin(), plan_.shape.end(), [&](const ShapeStatement &statement) {
      const Statement &what = statement.what;
      bool extension = what.kind == Statement::Kind::extension;
      std::string kind = extension ? "extension" : what.kind == Statement::Kind::global ? what.global_kind : "";
      // CREATE LANGUAGE without a handler is to the parser CREATE EXTENSION.
      return what.name == dropped.name &&
             (kind == dropped.global_kind || (extension && dropped.global_kind == "language"));
    });
  };
  for (const Dropped &dropped : dropped_) {
    bool fine = dropped.global_kind.empty()
                    ? is_replaced(dropped.schema) || is_of_member({dropped.schema, dropped.name})
                    : makes(dropped);
    if (!fine)
      throw Error("0A000",
                  "the dump drops " + described(dropped.schema, dropped.global_kind, dropped.name) +
                      ", which the run does not replace",
                  "A load changes only the schemas in which the dump creates something.",
                  "Take the statement out of the file, or run it by hand before the load.")
          .within(dropped.place.text());
  }
}

bool Planner::is_left_out(const Statement &what) {
  using Kind = Statement::Kind;
  if (scope_ != nullptr) {
    std::optional<std::string> why = scope_->left_out(what);
    if (why && !why->empty()) count(*why);
    return why.has_value();
  }
  bool of_database = what.kind == Kind::left_out || (what.kind == Kind::grant && !what.global_kind.empty());
  bool of_server = what.kind == Kind::grant && (what.schema == "pg_catalog" || what.schema == "information_schema");
  if (of_database) count("{statement|statements} about objects of the database, not of a schema, left out");
  if (of_server) count("{grant|grants} on the server's own objects left out");
  return of_database || of_server;
}

// Each run of statements whose rows have the same values and defaults in the same places is a block of its own.
void Planner::take_evaluated_rows(const DumpItem &item, const Place &place) {
  PlannedRows rows = rows_of(item, place);
  auto bytes = file_->bytes(item.block.begin, item.block.end);
  InsertTexts texts(*bytes, item.block);
  rows.block.rows = 0;
  while (std::optional<InsertTexts::Text> text = texts.next()) {
    MemoryContextReset(memory_);
    Place there = place;
    there.line = text->line;
    try {
      InsertForm form = look_at_insert(to_server_encoding(text->text));
      if (rows.block.rows > 0 && form.is_default != rows.block.is_default) {
        PlannedRows before = rows;
        before.block.end = text->begin;
        before.block.bytes = before.block.end - before.block.begin;
        add_rows(std::move(before));
        rows.block.begin = text->begin;
        rows.block.first_line = rows.place.line = text->line;
        rows.block.bytes = rows.block.end - rows.block.begin;
        rows.block.rows = 0;
      }
      rows.block.is_default = form.is_default;
      rows.block.rows += form.rows;
    } catch (const Error &error) {
      throw error.within(placed(there, error).in_file());
    }
  }
  add_rows(std::move(rows));
}

// What the dump has not created is a table of an extension that is here, or that the dump creates.
void Planner::check_member_table(const PlannedRows &rows) const {
  const QualifiedName &table = rows.table;
  if (is_reserved(table.schema) ||
      (!wants_missing_extension() && !is_relation_of_extension(table.schema, table.name, "rp")))
    throw Error("42P01", "relation \"" + table.schema + "." + table.name + "\" does not exist",
                "The dump holds rows for it, but has not created it before them.",
                "Give the schema file first and the data file second.");
}

bool Planner::wants_missing_extension() const {
  return std::any_of(plan_.shape.begin(), plan_.shape.end(), [](const ShapeStatement &statement) {
    return statement.what.kind == Statement::Kind::extension && !is_extension(statement.what.name);
  });
}

// Sequences of extensions that are here stay, as their tables do.
void Planner::separate_member_sequences() {
  bool may_come = wants_missing_extension();
  auto is_member = [&](const SequenceState &state) {
    const QualifiedName &name = state.sequence;
    if (is_made(name) || is_reserved(name.schema)) return false;
    return is_relation_of_extension(name.schema, name.name, "S") || (may_come && !is_replaced(name.schema));
  };
  auto first = std::stable_partition(plan_.sequences.begin(), plan_.sequences.end(),
                                     [&](const SequenceState &state) { return !is_member(state); });
  plan_.member_sequences.assign(first, plan_.sequences.end());
  plan_.sequences.erase(first, plan_.sequences.end());
}

// Whether an object elsewhere is one of an extension, or of one that lacks it here.
bool Planner::is_of_member(const QualifiedName &name) const {
  if (name.name.empty()) return false;
  if (is_of_extension(name.schema, name.name)) return true;
  return (extension_schemas_.count(name.schema) > 0 || is_schema_with_extension(name.schema)) &&
         !is_anything(name.schema, name.name);
}

bool Planner::is_about_members_elsewhere(const ShapeStatement &statement) const {
  std::vector<QualifiedName> targets = targets_of(statement.what);
  return statement.may_be_member && std::all_of(targets.begin(), targets.end(), [this](const QualifiedName &name) {
           return !is_replaced(name.schema) && is_of_member(name);
         });
}

void Planner::plan_types() {
  std::map<std::pair<std::string, std::string>, std::string> texts;
  for (const ShapeStatement &statement : plan_.shape)
    if (statement.what.about_type) texts[{statement.what.schema, statement.what.name}] += statement.text + ";";
  for (const ShapeStatement &statement : plan_.shape) {
    const Statement &what = statement.what;
    if (!what.about_type || !what.creates) continue;
    const std::string &text = texts[{what.schema, what.name}];
    Sha256 hash;
    hash.add(text.data(), text.size());
    plan_.types.push_back({{what.schema, what.name}, hash.hex()});
  }
}

bool Planner::is_replaced(const std::string &schema) const {
  return std::find(plan_.schemas.begin(), plan_.schemas.end(), schema) != plan_.schemas.end();
}

void Planner::finish() {
  plan_types();
  if (plan_.schemas.empty()) throw Error("22023", "the dump creates nothing", "No schema would be replaced by it.");
  // pg_dump tells owner, privileges and comment of "public" also when nothing is in it.
  auto about_other_schema = [&](const ShapeStatement &statement) {
    const Statement &what = statement.what;
    bool about_it = what.has_target && what.name.empty() && !is_replaced(what.schema);
    if (about_it) count("{statement|statements} about a schema that the dump creates nothing in passed over");
    return about_it;
  };
  plan_.shape.erase(std::remove_if(plan_.shape.begin(), plan_.shape.end(), about_other_schema), plan_.shape.end());
  auto about_member_elsewhere = [&](const ShapeStatement &statement) {
    bool about_it = is_about_members_elsewhere(statement);
    if (about_it) count(kAboutMembers);
    return about_it;
  };
  plan_.shape.erase(std::remove_if(plan_.shape.begin(), plan_.shape.end(), about_member_elsewhere), plan_.shape.end());
  separate_member_sequences();
  for (const ShapeStatement &statement : plan_.shape) {
    for (const QualifiedName &target : targets_of(statement.what))
      if (!is_replaced(target.schema))
        throw Error(
            "0A000",
            "a statement of the dump is about schema \"" + target.schema + "\", in which the dump creates nothing",
            "A load may change only the schemas it replaces.",
            "Take the statement out of the file, or run it by hand before or after the load.")
            .within(statement.place.text());
  }
  check_dropped();
  if (scope_ == nullptr) plan_.large_objects = large_objects_.finish();
  plan_.database_objects = database_objects_.finish();
  check_published();
  for (const auto &[what, times] : passed_over_) plan_.remarks.push_back(counted(times, what));
  // Of a server's copy the source says which have rows.
  if (scope_ == nullptr && !unpopulated_.empty())
    plan_.remarks.push_back(counted(unpopulated_.size(), "materialized {view is|views are} not populated"));
}

}  // namespace pagila_repl
