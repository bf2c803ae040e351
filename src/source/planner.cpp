// Turns the items of a dump into a load plan.

#include "source/planner.hpp"

#include <algorithm>

#include "core/hidden_names.hpp"
#include "pg/boundary.hpp"
#include "pg/transaction.hpp"
#include "source/statement.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "parser/scansup.h"
#include "utils/varlena.h"
}

namespace pagila_repl {

namespace {

bool is_reserved(const std::string &schema) {
  return schema.compare(0, 3, "pg_") == 0 || schema == "information_schema" || schema == "pagila_repl" ||
         is_hidden_name(schema);
}

// The schema an unqualified name is created in under this search_path, empty if none.
std::string first_schema(const std::string &search_path) {
  const char *text = search_path.c_str();
  const char *first = guarded([text]() -> const char * {
    List *names;
    if (!SplitIdentifierString(pstrdup(text), ',', &names)) return nullptr;
    ListCell *cell;
    foreach (cell, names)
      if (strcmp((char *)lfirst(cell), "pg_catalog") != 0) return (char *)lfirst(cell);
    return nullptr;
  });
  return first == nullptr ? std::string() : std::string(first);
}

}  // namespace

Planner::Planner(LoadPlan &plan, ShapeScope *scope) : plan_(plan), scope_(scope) {
  memory_ = AllocSetContextCreate(CurrentMemoryContext, "pagila_repl planner", ALLOCSET_DEFAULT_SIZES);
  // Empty schemas are part of a copy too.
  if (scope != nullptr) plan_.schemas.assign(scope->schemas().begin(), scope->schemas().end());
}

void Planner::begin(const std::string &origin) {
  origin_ = origin;
  items_ = 0;
  encoding_ = PG_UTF8;
  session_role_.clear();
  set_local("standard_conforming_strings", "on");
}

void Planner::take(DumpItem &item) {
  Place place{origin_, item.line, {}};
  if (scope_ != nullptr && item.kind != DumpItem::Kind::statement)
    throw Error("XX000", "pg_dump has printed rows, though only the shape was asked for").within(place.text());
  // Parse trees and converted texts live as long as their statement.
  MemoryContextReset(memory_);
  MemoryContext before = MemoryContextSwitchTo(memory_);
  try {
    items_++;
    if (scope_ != nullptr) place.object = to_server_encoding(item.object);
    if (item.kind == DumpItem::Kind::insert)
      take_rows(item, place);
    else
      take_statement(item, place);
    MemoryContextSwitchTo(before);
  } catch (const Error &error) {
    if (!error.context.empty()) throw;
    throw error.within(place.in_file());
  }
}

std::string Planner::to_server_encoding(const std::string &text) const {
  const char *bytes = text.c_str();
  int length = static_cast<int>(text.size()), encoding = encoding_;
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
  if (is_reserved(schema)) throw Error("42501", "a dump may not create objects in schema \"" + schema + "\"");
  if (std::find(plan_.schemas.begin(), plan_.schemas.end(), schema) == plan_.schemas.end())
    plan_.schemas.push_back(schema);
}

void Planner::resolve(QualifiedName &name) const {
  if (!name.schema.empty()) return;
  if (default_schema_.empty())
    throw Error("3F000", "no schema is given for \"" + name.name + "\"", "The dump's search_path is empty there.");
  name.schema = default_schema_;
}

void Planner::take_statement(DumpItem &item, Place place) {
  using Kind = Statement::Kind;
  std::string text = to_server_encoding(item.text);
  Statement what = classify(text);
  if (what.has_target && what.schema.empty()) {
    QualifiedName name{what.schema, what.name};
    resolve(name);
    what.schema = name.schema;
  }
  if (is_left_out(what)) return;
  if (what.creates || what.kind == Kind::create_schema) use_schema(what.schema);
  if (what.creates_table) tables_.insert({what.schema, what.name});
  if (what.refreshes) plan_.refreshes.push_back({what.schema, what.name});

  switch (what.kind) {
    case Kind::copy:
      item.text = text;
      item.block.table = {what.schema, what.name};
      return take_rows(item, place);
    case Kind::set_sequence:
      plan_.sequences.push_back({{what.schema, what.name}, what.sequence_value, what.sequence_called, place});
      return;
    case Kind::refresh: plan_.refreshes.push_back({what.schema, what.name}); return;
    case Kind::setting:
      take_setting(what);
      if (pg_strcasecmp(what.setting.c_str(), "client_encoding") != 0) plan_.shape.push_back({what, text, place, {}});
      return;
    case Kind::ignored:
      if (pg_strcasecmp(what.setting.c_str(), "session_authorization") == 0) session_role_ = what.setting_value;
      return;
    case Kind::unknown_setting: {
      const char *name = what.setting.c_str();
      guarded([name] { ereport(NOTICE, (errmsg("setting \"%s\" of a newer server is passed over", name))); });
      return;
    }
    default:
      // A type without a schema may be in the first one of the search_path too.
      if (!what.type_schemas.empty() && !default_schema_.empty()) what.type_schemas.push_back(default_schema_);
      if (what.creates && !session_role_.empty())
        count("objects made under another session authorization, owned by the caller");
      plan_.shape.push_back({what, text, place, session_role_});
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
  if (of_database) count("statements about objects of the database, not of a schema, left out");
  if (of_server) count("grants on the server's own objects left out");
  return of_database || of_server;
}

void Planner::take_setting(const Statement &what) {
  const char *name = what.setting.c_str(), *value = what.setting_value.c_str();
  if (pg_strcasecmp(name, "client_encoding") == 0) {
    encoding_ = pg_char_to_encoding(value);
    if (encoding_ < 0) throw Error("22023", "unknown client_encoding \"" + what.setting_value + "\"");
  }
  // The parser must read string constants as the dump means them.
  if (pg_strcasecmp(name, "standard_conforming_strings") == 0) set_local(what.setting, what.setting_value);
  if (pg_strcasecmp(name, "search_path") == 0) default_schema_ = first_schema(what.setting_value);
}

void Planner::take_rows(const DumpItem &item, Place place) {
  // COPY keeps the values that an INSERT of this form would replace.
  if (item.block.overriding == RowBlock::Overriding::user_value)
    throw Error("0A000", "a dump may not contain INSERT ... OVERRIDING USER VALUE", {},
                "pg_dump writes OVERRIDING SYSTEM VALUE.");
  PlannedRows rows;
  rows.file = plan_.files.size() - 1;
  rows.place = place;
  rows.block = item.block;
  rows.table = item.block.table;
  if (item.kind == DumpItem::Kind::insert) {
    rows.table = {to_server_name(rows.table.schema), to_server_name(rows.table.name)};
    for (const std::string &column : item.block.columns) rows.columns.push_back(to_server_name(column));
  }
  resolve(rows.table);
  rows.copy_statement = item.text;
  rows.encoding = pg_encoding_to_char(encoding_);
  rows.sha256 = block_hash_.take();
  if (tables_.count({rows.table.schema, rows.table.name}) == 0)
    throw Error("42P01", "relation \"" + rows.table.schema + "." + rows.table.name + "\" does not exist",
                "The dump holds rows for it, but has not created it before them.",
                "Give the schema file first and the data file second.");
  plan_.total_rows += rows.block.rows;
  plan_.total_bytes += rows.block.bytes;
  plan_.rows.push_back(std::move(rows));
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
    if (about_it) count("statements about a schema that the dump creates nothing in passed over");
    return about_it;
  };
  plan_.shape.erase(std::remove_if(plan_.shape.begin(), plan_.shape.end(), about_other_schema), plan_.shape.end());
  // They would be of the database, and there could be no second one beside the live one.
  auto about_other_types = [&](const ShapeStatement &statement) {
    const std::vector<std::string> &schemas = statement.what.type_schemas;
    bool about_them = !schemas.empty() && std::none_of(schemas.begin(), schemas.end(),
                                                       [&](const std::string &schema) { return is_replaced(schema); });
    if (about_them) count("statements about casts and transforms of types that are not copied left out");
    return about_them;
  };
  plan_.shape.erase(std::remove_if(plan_.shape.begin(), plan_.shape.end(), about_other_types), plan_.shape.end());
  for (const ShapeStatement &statement : plan_.shape) {
    const Statement &what = statement.what;
    if (what.has_target && !is_replaced(what.schema))
      throw Error("0A000",
                  "a statement of the dump is about schema \"" + what.schema + "\", in which the dump creates nothing",
                  "A load may change only the schemas it replaces.")
          .within(statement.place.text());
  }
  for (const auto &[what, times] : passed_over_) plan_.remarks.push_back(std::to_string(times) + " " + what);
}

}  // namespace pagila_repl
