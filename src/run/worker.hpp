// A worker: a background worker that takes work items of a run, and what it does with each.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/work_item.hpp"
#include "run/crew.hpp"
#include "run/shared_work.hpp"

namespace pagila_repl {

// Does single items, in a worker or in the leader.
class ItemDoer {
 public:
  ItemDoer(const PullJob &job, const WorkSegment &shared, RunStep run = run_alone)
      : job_(job), shared_(shared), run_(std::move(run)) {}

  // As `run` runs steps; its step is recorded with it. `source` may be null for items that do not need it.
  // Errors tell the table and the server.
  void perform(const WorkItem &item, int number, Connection *source);
  // When the step under way began.
  const std::string &step_started() const { return step_started_; }

 private:
  Error with_column(const Error &error, const WorkItem &item) const;
  void dispatch(const WorkItem &item, int number, Connection *source);
  void build_item(const WorkItem &item, int number);
  void build_or_skip(const WorkItem &item, int number);
  void copy(const WorkItem &item, int number, Connection &source);
  void verify(const WorkItem &item, int number, Connection &source);
  void record(const WorkItem &item, int number, std::optional<uint64_t> rows, std::optional<uint64_t> bytes);

  const PullJob &job_;
  const WorkSegment &shared_;
  RunStep run_;
  std::string step_started_;
};

Step step_of(const WorkItem &item);
std::string encode(const PullJob &job);
PullJob decode_pull_job(std::string_view bytes);

// The next item this process may begin; waits for one. kNothing: none is left for it, or all shall stop. Interruptible.
int next_item(const WorkSegment &shared, bool may_use_source);
void finish_item(const WorkSegment &shared, int item);
// Server code: who exits, or gives up waiting by an error, still counts as waiting in the segment, which by then is gone.
void leave_queue(int code, Datum argument);

}  // namespace pagila_repl

extern "C" PGDLLEXPORT void pagila_repl_worker_main(Datum segment_handle);
