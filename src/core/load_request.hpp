// What the caller of pagila_load asked for, and how it travels to the leader.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pagila_repl {

struct LoadRequest {
  std::string schema_file;
  std::optional<std::string> data_file;
  bool force = false;               // load even if nothing changed
  bool verify_content = true;       // hash every row, not only count
  bool overwrite_modified = false;  // the target was changed by hand since: go on
  bool drop_unmanaged = false;      // objects in the target that no run created: drop them
  bool drop_dependents = false;     // objects elsewhere that depend on the target: drop them
  bool keep_owners = true;          // apply the dump's owners where that is possible
  bool strict = true;               // refuse a pg_dump file without its closing comment
  int swap_budget_ms = 60000;       // how long publishing may try to get its locks
};

std::string encode(const LoadRequest &request);
// The inverse of encode; both run on the same build, so the text is trusted.
LoadRequest decode_load_request(std::string_view text);

}  // namespace pagila_repl
