// The session in which psql would be at a place in a dump: its settings, role and transaction block.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/load_plan.hpp"

namespace pagila_repl {

class DumpSession {
 public:
  using Setting = std::pair<std::string, std::string>;  // name and value
  using Settings = std::vector<Setting>;

  // A new session. Each gives the settings whose values change by it, of those that hold while the shape is made.
  Settings begin();
  Settings set(const Statement &what);
  Settings reset_all();
  Settings commit();

  void begin_block(uint64_t line);
  // At the end of a file, or where another session begins. Throws 0A000, with the line, if a transaction block is open: psql
  // would undo it.
  void end() const;

  // Another role is another "$user" too.
  Settings set_role(const Statement &what);
  // As whom it acts; empty: the caller.
  const std::string &role() const { return role_.empty() ? session_user_ : role_; }

  int encoding() const { return encoding_; }
  const std::string &search_path() const { return values_.at("search_path"); }
  bool standard_strings() const;

  using Exists = std::function<bool(const std::string &schema)>;
  // The schemas that names without one are looked for in, in order, of those that exist.
  std::vector<std::string> schemas_in_path(const Exists &exists) const;
  // The same as a value of search_path.
  std::string present_path(const Exists &exists) const;
  // A value of search_path without a schema; as it is, if the schema is not in it.
  std::string path_without(const std::string &path, const std::string &schema) const;

 private:
  Settings change(const std::string &name, const std::string &value);
  Setting path_setting() const;
  std::string named_by(const std::string &element) const;

  std::map<std::string, std::string> values_;       // by name in lower case
  std::map<std::string, std::string> after_block_;  // of those that were set for this block
  std::vector<std::string> path_;                   // the elements of search_path
  std::string role_, session_user_;
  int encoding_ = 0;
  std::optional<uint64_t> block_line_;
};

}  // namespace pagila_repl
