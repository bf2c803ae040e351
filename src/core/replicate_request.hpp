// What the caller of pagila_replicate_from asked for, and how it travels to the leader.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/run_options.hpp"

namespace pagila_repl {

// Which part of the source database is wanted. Patterns are those of psql's \d commands; empty lists mean everything.
struct Selection {
  std::vector<std::string> schemas;  // patterns of schema names
  std::vector<std::string> include;  // patterns of relations: of all relations only these
  std::vector<std::string> exclude;  // patterns of relations: not these
  bool everything() const { return schemas.empty() && include.empty() && exclude.empty(); }
};

constexpr int kMostWorkers = 64;

struct ReplicateRequest : RunOptions {
  std::string server;               // name of the foreign server
  int workers = 1;                  // processes that do steps at the same time, at least 1
  bool check_foreign_keys = false;  // read the rows once more instead of trusting that they hold as on the source
  int connect_timeout_ms = 10000, stall_timeout_ms = 60000;  // the caller's settings
  Selection selection;
};

std::string encode(const ReplicateRequest &request);
// The inverse of encode; both run on the same build, so the text is trusted.
ReplicateRequest decode_replicate_request(std::string_view text);

}  // namespace pagila_repl
