// A job: what is to be done again and again, and how it stands. Times are seconds since 1970, UTC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/run_status.hpp"

namespace pagila_repl {

struct JobState {
  std::optional<int64_t> next_run_at;            // never due without
  std::optional<int64_t> last_due_at;            // the time that its last run was for
  int failures = 0;                              // runs that failed since the last one that did not
  int login_failures = 0;                        // how many of the last runs the source did not let in
  std::optional<std::string> suspended_because;  // it does not run until it is enabled again
};

struct Job {
  int64_t id = 0;
  std::string name;
  uint32_t owner = 0, database = 0;  // OIDs
  std::string kind;                  // replicate, load
  std::optional<std::string> source_server, schema_file, data_file;
  std::string options = "{}";  // a JSON object: arguments by name
  std::string schedule;
  std::optional<std::string> time_zone;  // none: that of the setting
  bool enabled = true;
  JobState state;
  std::optional<int64_t> current_run;  // started, and its end not taken note of yet
};

// How a run of a job ended.
struct RunEnd {
  RunStatus status = RunStatus::failed;
  std::string sqlstate;  // empty if it ended well
  std::string message;
};

struct RetryPolicy {
  int64_t delay = 10, most = 900;  // seconds before the first retry, and at most
};

// Failures to log in, one after the other, after which a job is suspended, lest the source locks the role out.
constexpr int kMostLoginFailures = 5;

// How the job stands after a run: `regular` is when its schedule says it is due next, `chance` between 0 and 1 spreads
// retries of many jobs.
//   ended well, skipped   at its regular time
//   cancelled             at its regular time; no failure
//   aborted               at once: the server shuts down, and it is to be done when it is back
//   failed, crashed       what may pass by itself (a connection, resources, a lock) is tried again after a delay that
//                         doubles up to the most; anything else at its regular time, not before that delay
//   failed to log in      so too, and suspended after kMostLoginFailures of them
JobState after_run(const JobState &before, const RunEnd &end, std::optional<int64_t> regular, int64_t now,
                   const RetryPolicy &policy, double chance);

// When a job of that interval, last due at `due`, is due next: later than now, on the grid of its earlier times, so that
// what was missed is not made up for. Never more than one interval ahead, if the clock was set back.
int64_t next_of_interval(int64_t due, int64_t interval, int64_t now);
// The last time on that grid up to `at`; `at` if that is before `due`, as after the clock was set back.
int64_t last_of_interval(int64_t due, int64_t interval, int64_t at);

}  // namespace pagila_repl
