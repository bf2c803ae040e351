// What the caller of pagila_load asked for, and how it travels to the leader.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/run_options.hpp"

namespace pagila_repl {

struct LoadRequest : RunOptions {
  std::string schema_file;
  std::optional<std::string> data_file;
  bool strict = true;  // refuse a pg_dump file without its closing comment
};

std::string encode(const LoadRequest &request);
// The inverse of encode; both run on the same build, so the text is trusted.
LoadRequest decode_load_request(std::string_view text);

}  // namespace pagila_repl
