// The processes that share the work items of a run: the leader and its workers.
//
// The leader makes a segment of shared memory with the items, their queue and one slot for each worker, starts as many
// workers as it can get, and watches. Each worker takes the heaviest item it may begin, does it in a transaction of its
// own, and says so. The first error stops all. With no worker at all, or none that reaches the source, the leader does
// what is left itself.
#pragma once

#include <string>
#include <vector>

#include "core/work_item.hpp"
#include "run/run.hpp"
#include "source/connection.hpp"
#include "target/stage.hpp"

namespace pagila_repl {

// What a worker must know besides the items.
struct PullJob {
  int64_t run_id = 0;
  int first_step = 0;    // number of the first item's step
  std::string server;    // foreign server
  Reached reached;       // where the snapshot is
  std::string snapshot;  // to join; empty: only the leader can read it
  std::string encoding;  // of what the source sends
  // The caller's settings.
  int connect_timeout_ms = 10000, stall_timeout_ms = 60000, disk_reserve_mb = -1, swap_budget_ms = 60000;
  bool in_utf8 = false;           // text is compared in UTF-8
  std::string toast_compression;  // default_toast_compression of the source, if this server knows it
};

// What became of a verification; empty hashes where only rows were counted.
struct Verified {
  uint64_t rows = 0, source_rows = 0;
  std::string hash, source_hash;
};

struct Harvest {
  std::vector<Verified> verified;    // by item
  uint64_t rows = 0, bytes = 0;      // copied
  std::vector<std::string> remarks;  // fewer workers or connections than asked for
};

// Does all items with up to `workers` processes at a time (1: the leader alone). Throws the first error of any of them,
// once all have stopped. Outside a transaction.
Harvest do_items(const std::vector<WorkItem> &items, const PullJob &job, int workers, const Stage &stage,
                 Connection &holder, RunRecord &record);

}  // namespace pagila_repl
