// Finds out how runs of jobs ended, and writes down how the jobs stand then.

#include "run/job_end.hpp"

#include "pg/boundary.hpp"
#include "pg/compat.hpp"
#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "run/job_table.hpp"
#include "settings.hpp"

namespace pagila_repl {

namespace {

void log(const std::string &text) {
  const char *message = text.c_str();
  guarded([message] { ereport(LOG, (errmsg_internal("%s", message))); });
}

// A leader that was told to terminate, though the server was to go on, is not to come back at once.
bool is_from_before_restart(const std::string &finished_at) {
  return in_transaction([&] {
    return query_value("SELECT 1 WHERE $1::timestamptz < pg_catalog.pg_postmaster_start_time()", {finished_at})
        .has_value();
  });
}

}  // namespace

std::optional<RunEnd> end_of(const Job &job) {
  // What its leader still has to clean up is part of it. What it has recorded is certain once it is gone.
  if (is_job_run_alive(run_of(job))) return {};
  std::vector<Row> rows = in_transaction([&] {
    return as_extension_owner([&] {
      return query(
          "SELECT status, sqlstate, error_message, finished_at::text FROM pagila_repl.run WHERE run_id = $1::bigint",
          {std::to_string(*job.current_run)});
    });
  });
  if (rows.empty()) {
    // For want of memory, or of connections: that may pass.
    Error error("58000", "the leader of the run could not start", {}, "See the server's log.");
    decide([&] { record_failed_start(job, RunStatus::failed, error); });
    return RunEnd{RunStatus::failed, error.sqlstate, error.message};
  }
  RunEnd end{status_named(*rows[0][0]).value_or(RunStatus::running), rows[0][1].value_or(""), rows[0][2].value_or("")};
  if (end.status == RunStatus::running) return {};
  if (end.status == RunStatus::aborted && !is_from_before_restart(*rows[0][3])) end.status = RunStatus::cancelled;
  return end;
}

void settle(const Job &job, const RunEnd &end) {
  int64_t now = job_clock();
  RetryPolicy policy{retry_delay_setting(), max_retry_delay_setting()};
  std::optional<int64_t> regular;
  std::optional<std::string> bad_schedule;
  try {
    regular = in_transaction([&] { return schedule_of(job).next(job.state.last_due_at.value_or(now), now); });
  } catch (const Error &error) {
    if (error.sqlstate != "22023") throw;
    bad_schedule = error.message;
  }
  JobState state = after_run(job.state, end, regular, now, policy, random_fraction());
  if (bad_schedule) state.suspended_because = bad_schedule;
  PR_FAULT("settle");
  decide([&] { check_written(end_run_of(job, state)); });
  if (state.suspended_because && !job.state.suspended_because)
    log("pagila_repl job \"" + job.name + "\" is suspended: " + *state.suspended_because);
}

void suspend(const Job &job, const std::string &why) {
  JobState state = job.state;
  state.suspended_because = why;
  decide([&] { check_written(write_state(job, state)); });
  log("pagila_repl job \"" + job.name + "\" is suspended: " + why);
}

JobSchedule schedule_of(const Job &job) { return JobSchedule(job.schedule, job.time_zone); }

JobRun run_of(const Job &job) { return JobRun{MyDatabaseId, job.owner, *job.current_run}; }

void check_written(bool written) {
  if (!written) throw Error("55P03", "someone is changing the job");
}

}  // namespace pagila_repl
