// Follows what a dump does to its session.

#include "source/dump_session.hpp"

#include <algorithm>
#include <iterator>

#include "core/characters.hpp"
#include "core/dump_input.hpp"
#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "source/parsed_statement.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/varlena.h"
}

namespace pagila_repl {

namespace {

const char *const kSettings[] = {
    "client_encoding",    "standard_conforming_strings", "check_function_bodies",     "xmloption",
    "default_tablespace", "default_table_access_method", "default_toast_compression", "search_path"};

std::string in_lower_case(const std::string &name) {
  std::string lowered;
  std::transform(name.begin(), name.end(), std::back_inserter(lowered), lower);
  return lowered;
}

std::vector<std::string> elements_of(const std::string &list) {
  const char *text = list.c_str();
  List *names = guarded([text] {
    List *found = NIL;
    if (!SplitIdentifierString(pstrdup(text), ',', &found))
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid value for search_path")));
    return found;
  });
  std::vector<std::string> elements;
  for (int i = 0; i < list_length(names); i++) elements.emplace_back(static_cast<const char *>(list_nth(names, i)));
  return elements;
}

std::string as_path(const std::vector<std::string> &elements) {
  std::string path;
  for (const std::string &element : elements) path += (path.empty() ? "" : ", ") + quote(element);
  return path;
}

}  // namespace

DumpSession::Settings DumpSession::begin() {
  role_.clear();
  session_user_.clear();
  block_line_.reset();
  return reset_all();
}

DumpSession::Settings DumpSession::reset_all() {
  Settings all;
  after_block_.clear();
  for (const char *name : kSettings)
    for (const auto &changed : change(name, default_of_session(name))) all.push_back(changed);
  return all;
}

DumpSession::Settings DumpSession::set(const Statement &what) {
  std::string name = in_lower_case(what.setting);
  // Outside of a block it would end with the statement.
  if (what.setting_is_local && !block_line_) return {};
  if (what.setting_is_local)
    after_block_.emplace(name, values_[name]);
  else
    after_block_.erase(name);
  return change(name, what.setting_value);
}

DumpSession::Settings DumpSession::commit() {
  Settings all;
  for (const auto &[name, value] : after_block_)
    for (const auto &changed : change(name, value)) all.push_back(changed);
  after_block_.clear();
  block_line_.reset();
  return all;
}

DumpSession::Settings DumpSession::change(const std::string &name, const std::string &value) {
  values_[name] = value;
  if (name == "client_encoding") {
    encoding_ = pg_char_to_encoding(value.c_str());
    if (encoding_ < 0) throw Error("22023", "unknown client_encoding \"" + value + "\"");
    return {};
  }
  if (name == "search_path") {
    path_ = elements_of(value);
    return {path_setting()};
  }
  return {{name, value}};
}

// The shape is made as the caller, to whom "$user" is somebody else than to another role.
DumpSession::Setting DumpSession::path_setting() const {
  if (role().empty()) return {"search_path", search_path()};
  std::vector<std::string> named;
  for (const std::string &element : path_) named.push_back(named_by(element));
  return {"search_path", as_path(named)};
}

void DumpSession::begin_block(uint64_t line) {
  if (!block_line_) block_line_ = line;
}

void DumpSession::end() const {
  if (!block_line_) return;
  throw Error("0A000", "a dump may not contain BEGIN without COMMIT",
              "Without it psql would undo everything from there on.", "Make the dump again: it may have been cut off.")
      .within(line_number(*block_line_));
}

DumpSession::Settings DumpSession::set_role(const Statement &what) {
  std::string role = what.roles.empty() ? "" : what.roles[0];
  if (in_lower_case(what.setting) == "session_authorization") {
    session_user_ = role;
    role_.clear();
  } else {
    role_ = role;
  }
  return {path_setting()};
}

bool DumpSession::standard_strings() const {
  bool on = true;
  const char *value = values_.at("standard_conforming_strings").c_str();
  return !parse_bool(value, &on) || on;
}

std::string DumpSession::named_by(const std::string &element) const {
  if (element != "$user") return element;
  if (!role().empty()) return role();
  return guarded([] { return (const char *)GetUserNameFromId(GetSessionUserId(), false); });
}

std::vector<std::string> DumpSession::schemas_in_path(const Exists &exists) const {
  std::vector<std::string> schemas;
  for (const std::string &element : path_)
    if (exists(named_by(element))) schemas.push_back(named_by(element));
  return schemas;
}

std::string DumpSession::present_path(const Exists &exists) const { return as_path(schemas_in_path(exists)); }

std::string DumpSession::path_without(const std::string &path, const std::string &schema) const {
  std::vector<std::string> elements = elements_of(path), kept;
  for (const std::string &element : elements)
    if (named_by(element) != schema) kept.push_back(element);
  return kept.size() == elements.size() ? path : as_path(kept);
}

}  // namespace pagila_repl
