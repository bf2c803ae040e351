// What becomes of a job after a run, and when one of an interval is due.

#include "core/job.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

namespace pagila_repl {

namespace {

bool is_of_class(std::string_view sqlstate, std::string_view a_class) { return sqlstate.substr(0, 2) == a_class; }

bool is_login_failure(const RunEnd &end) {
  return end.status == RunStatus::failed && (end.sqlstate == "28P01" || end.sqlstate == "28000");
}

// The run got no answer about its login.
bool was_not_judged(const RunEnd &end) {
  return end.status == RunStatus::crashed || is_of_class(end.sqlstate, "08") || is_of_class(end.sqlstate, "53") ||
         end.sqlstate == "57P03";
}

// Connections, resources, a server that stops or a source that is silent, files, conflicts, inner errors, locks.
bool may_pass(const RunEnd &end) {
  if (end.status == RunStatus::crashed || end.sqlstate == "55P03" || end.sqlstate == "55006") return true;
  for (const char *a_class : {"08", "53", "57", "58", "40", "XX"})
    if (is_of_class(end.sqlstate, a_class)) return true;
  return false;
}

int one_more(int count) { return count < std::numeric_limits<int>::max() ? count + 1 : count; }

int64_t delay_after(int failures, const RetryPolicy &policy, double chance) {
  int64_t delay = std::min(policy.delay, policy.most);
  for (int i = 1; i < failures && delay < policy.most; ++i) delay = delay > policy.most / 2 ? policy.most : delay * 2;
  return static_cast<int64_t>(std::ceil(static_cast<double>(delay) * (0.5 + 0.5 * std::clamp(chance, 0.0, 1.0))));
}

JobState after_failure(const JobState &before, const RunEnd &end, std::optional<int64_t> regular, int64_t now,
                       const RetryPolicy &policy, double chance) {
  JobState state = before;
  state.failures = one_more(before.failures);
  int64_t retry = now + delay_after(state.failures, policy, chance);
  if (may_pass(end))
    state.next_run_at = retry;
  else
    state.next_run_at = regular ? std::optional(std::max(*regular, retry)) : std::nullopt;

  if (is_login_failure(end))
    state.login_failures = one_more(before.login_failures);
  else if (!was_not_judged(end))
    state.login_failures = 0;
  if (is_login_failure(end) && state.login_failures >= kMostLoginFailures)
    state.suspended_because =
        std::to_string(state.login_failures) + " failures to log in, one after the other; the last: " + end.message;
  return state;
}

}  // namespace

JobState after_run(const JobState &before, const RunEnd &end, std::optional<int64_t> regular, int64_t now,
                   const RetryPolicy &policy, double chance) {
  JobState state = before;
  state.next_run_at = regular;
  switch (end.status) {
    case RunStatus::succeeded:
    case RunStatus::skipped: state.failures = state.login_failures = 0; return state;
    case RunStatus::aborted: state.next_run_at = now; return state;
    case RunStatus::failed:
    case RunStatus::crashed: return after_failure(before, end, regular, now, policy, chance);
    case RunStatus::cancelled:
    case RunStatus::running: return state;
  }
  return state;
}

int64_t last_of_interval(int64_t due, int64_t interval, int64_t at) {
  return at < due ? at : due + (at - due) / interval * interval;
}

int64_t next_of_interval(int64_t due, int64_t interval, int64_t now) {
  if (due > now) return now + interval;
  return due + ((now - due) / interval + 1) * interval;
}

}  // namespace pagila_repl
