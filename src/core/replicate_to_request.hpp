// What the caller of pagila_replicate_to asked for, and how it travels to the leader.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/replicate_request.hpp"

namespace pagila_repl {

// `server` is the one that leads to the target; 0 workers: as many as the target has it.
struct ReplicateToRequest : ReplicateRequest {
  std::optional<std::string> source;  // what the target calls this database; none: to be found out
  bool wait = true;                   // someone waits for the run
};

std::string encode(const ReplicateToRequest &request);
// The inverse of encode; both run on the same build, so the text is trusted.
ReplicateToRequest decode_replicate_to_request(std::string_view text);

}  // namespace pagila_repl
