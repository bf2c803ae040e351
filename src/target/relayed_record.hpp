// What is recorded here of a run that another server does. Each commits by itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/run_status.hpp"

namespace pagila_repl {

struct RelayedProgress {
  std::optional<std::vector<std::string>> schemas;
  int64_t rows = 0, bytes = 0;
  std::optional<int64_t> total_rows, total_bytes;
};

// Host, port and database of the target.
void record_target(int64_t run_id, const std::string &target);
void record_remote_run(int64_t run_id, int64_t remote_run_id);
void record_progress(int64_t run_id, const RelayedProgress &progress);
// It succeeded or was skipped there.
void record_done(int64_t run_id, RunStatus status, const std::string &message);

}  // namespace pagila_repl
