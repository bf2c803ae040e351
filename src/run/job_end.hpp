// What a scheduler does with the end of a job's run, or of its running at all.
#pragma once

#include <optional>
#include <string>

#include "core/job.hpp"
#include "pg/transaction.hpp"
#include "run/job_schedule.hpp"
#include "run/launcher_state.hpp"

namespace pagila_repl {

// Outside a transaction; throw 55P03 if someone is changing the job.

// How the job's current run ended; none if it has not. Records it if nobody did.
std::optional<RunEnd> end_of(const Job &job);
// Notes that it ended so, and when the job is due next.
void settle(const Job &job, const RunEnd &end);
void suspend(const Job &job, const std::string &why);

JobSchedule schedule_of(const Job &job);  // throws 22023, needs a transaction
JobRun run_of(const Job &job);            // its current one
void check_written(bool written);

// What is decided about jobs is not taken back by a crash, and nobody's lock is waited for long.
template <class Body>
void decide(Body body) {
  in_durable_transaction([&] {
    set_local("lock_timeout", "5s");
    body();
  });
}

}  // namespace pagila_repl
