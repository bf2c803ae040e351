// What all runs have in common: how they are recorded, what they tell, how they end.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/job.hpp"
#include "core/run_options.hpp"
#include "target/audit.hpp"

namespace pagila_repl {

// Runs in a leader, outside a transaction: records the run, does its course, records how it ended. Throws only if that
// could not be recorded at all.
void do_run(const RunIntent &intent, const RunOptions &options, const std::function<void(RunRecord &)> &course);

// What a run of the job is recorded with.
RunIntent intent_of(const Job &job);
// Records a run of a job that could not even begin, as its owner.
void fail_run(const Job &job, int64_t run_id, const Error &error);

// How long a process of the run waits for a lock in one go, where it does not try again: at least as long as one try.
int longest_lock_wait_ms(const RunOptions &options);

// Messages for the waiting caller.
void tell(const std::string &text);
void warn(const std::string &text);
// Once in a process, which is once in a run: what is not fixed in libpq.
void warn_of_libpq();
// The message of a run that is skipped, with what the one before it has skipped.
std::string nothing_changed_since(int64_t run_id);
// Remarks as they follow the message of a run.
std::string joined(const std::vector<std::string> &remarks);
// Records the phase and shows it in pg_stat_activity.
void enter(RunRecord &record, Phase phase);
// Removes the replaced copy. The success cannot be taken back any more, so this does not throw for what it cannot do.
void clean(RunRecord &record);
// The members that all requests have in pagila_repl.run.options.
std::string json_members(const RunOptions &options);
// Sorting for an index takes 16 MB, unless someone has decided otherwise. Needs a transaction.
void stay_small();

// Whether this process has come to record a run: there may be something to put right or to forget.
bool has_begun_run();

// From now on the run may take so long, 0: any time; then it is cancelled.
void limit_run(int milliseconds);
bool is_timed_out();

// Whether SIGTERM was the reason for the cancel error.
bool is_termination_requested();
// What is recorded of a run that this error has ended, the reason of the cancel error being known to this process.
std::pair<RunStatus, Error> how_it_ended(const Error &error);
// Whether an error is the cancel error of this process or a worker, and not one that another server says or that tells of
// its silence.
bool is_cancel(const Error &error);
// From ignore_cancel on the run is at its end. No cancel, no time limit and no first SIGTERM stops what is done then, which
// must be the recording of the end; what may be stopped stands between accept_cancel and ignore_cancel. While cancels are
// ignored lock_timeout has no effect, since the server delivers it the same way.
void ignore_cancel();
void accept_cancel();

}  // namespace pagila_repl
