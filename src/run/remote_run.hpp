// A run on another server: it is started there, looked at, cancelled. The connection may be lost at any time, the run goes
// on without it.
#pragma once

#include <string>

#include "core/replicate_to_request.hpp"
#include "source/connection.hpp"
#include "target/relayed_record.hpp"

namespace pagila_repl {

struct RemoteRun {
  RunStatus status = RunStatus::running;
  Phase phase = Phase::connect;
  bool is_leader_alive = true;
  RelayedProgress progress;
  std::string message;
  Error error{"", ""};  // with the SQLSTATE it was recorded with, if it was
  bool is_over() const { return status != RunStatus::running && !is_leader_alive; }
};

// Asks the target to copy from its server `source` and returns the number of the run there. Its rights and settings are
// those of the role we are there.
int64_t start_there(Connection &target, const ReplicateToRequest &request, const std::string &source);
// The rest of it, after a cancel.
int64_t finish_start_there(Connection &target);
// Throws 55000 if it has no record any more.
RemoteRun look_there(Connection &target, int64_t remote_run_id);
void cancel_there(Connection &target, int64_t remote_run_id);

}  // namespace pagila_repl
