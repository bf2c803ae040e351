// The jobs of this database, in pagila_repl.job. All of it needs a transaction and acts as the owner of the extension, so
// callers check rights first.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/job.hpp"

namespace pagila_repl {

std::optional<Job> find_job(const std::string &name);
std::optional<Job> find_job(int64_t id);
// The same, and nobody else changes it until the transaction ends. Waits for who does.
std::optional<Job> take_job(const std::string &name);
// In the order of their numbers. Throws 55000 if the table is not as the extension made it: another owner, no unique index
// on the number or the name, another policy, triggers, rules; or if a number or a name stands there twice.
std::vector<Job> read_jobs();
// Gives it its number. Throws 42710 if the name is taken, 54000 if its owner has as many as pagila_repl.max_jobs_per_role
// allows.
int64_t insert_job(const Job &job);
// All but number, owner, kind and current run.
void update_job(const Job &job);
void delete_job(int64_t id);

// A number for a run that is about to be recorded.
int64_t next_run_id();

// The scheduler's. They wait for nobody who is changing the job, and undo no change: if there is such a one, or the job is
// not as it was read (enabled, when it is due, its schedule, failures, current run), or is gone, then nothing is written and
// the job is to be read anew.

// Notes job.current_run and job.state.last_due_at: that run is about to be started. Throws 55P03 if it could not be written,
// or another run is noted.
void begin_run_of(const Job &job);
// The run that was the current one has ended, the job stands thus from now on. False if it could not be written.
bool end_run_of(const Job &job, const JobState &state);
bool write_state(const Job &job, const JobState &state);
// Records how job.current_run ended, if nobody has recorded it: its leader could not be started, or not begin.
void record_failed_start(const Job &job, RunStatus status, const Error &error);

// Now, as the server's clock says. Tests shift it.
int64_t job_clock();

}  // namespace pagila_repl
