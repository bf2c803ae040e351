// What can become of a run, and which steps it goes through.
//
//              +--> succeeded   the new copy is visible (recorded in the same transaction)
//              +--> skipped     nothing to do
//   running ---+--> failed      an error
//              +--> cancelled   pagila_cancel, or the caller was cancelled or is gone
//              +--> aborted     the leader was told to terminate, or the server shut down
//              +--> crashed     the leader died; recorded by the next run that looks
#pragma once

#include <optional>
#include <string_view>

namespace pagila_repl {

enum class RunStatus { running, succeeded, skipped, failed, cancelled, aborted, crashed };
enum class Phase {
  connect,
  fingerprint,
  lock,
  plan,
  shape,
  rows,
  indexes,
  constraints,
  sequences,
  verify,
  publish,
  clean,
  done
};

constexpr const char *name_of(RunStatus status) {
  switch (status) {
    case RunStatus::running: return "running";
    case RunStatus::succeeded: return "succeeded";
    case RunStatus::skipped: return "skipped";
    case RunStatus::failed: return "failed";
    case RunStatus::cancelled: return "cancelled";
    case RunStatus::aborted: return "aborted";
    case RunStatus::crashed: return "crashed";
  }
  return "";
}

constexpr const char *name_of(Phase phase) {
  switch (phase) {
    case Phase::connect: return "connect";
    case Phase::fingerprint: return "fingerprint";
    case Phase::lock: return "lock";
    case Phase::plan: return "plan";
    case Phase::shape: return "shape";
    case Phase::rows: return "rows";
    case Phase::indexes: return "indexes";
    case Phase::constraints: return "constraints";
    case Phase::sequences: return "sequences";
    case Phase::verify: return "verify";
    case Phase::publish: return "publish";
    case Phase::clean: return "clean";
    case Phase::done: return "done";
  }
  return "";
}

// The inverse; none if there is no such status or phase.
constexpr std::optional<RunStatus> status_named(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(RunStatus::crashed); i++)
    if (name == name_of(static_cast<RunStatus>(i))) return static_cast<RunStatus>(i);
  return {};
}
constexpr std::optional<Phase> phase_named(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Phase::done); i++)
    if (name == name_of(static_cast<Phase>(i))) return static_cast<Phase>(i);
  return {};
}

}  // namespace pagila_repl
