// The leader's side of sharing work.

#include "run/crew.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "core/counted.hpp"
#include "core/replicate_request.hpp"
#include "pg/background_worker.hpp"
#include "pg/boundary.hpp"
#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "run/shared_work.hpp"
#include "run/worker.hpp"

extern "C" {
#include "access/xact.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/wait_event.h"
}

namespace pagila_repl {

namespace {

using Clock = std::chrono::steady_clock;

// Of all worker slots a run leaves so many to others, its leader among them: the launchers of jobs and of logical replication,
// and a scheduler, lest no other job is even looked at.
constexpr int kSlotsOfOthers = 4;

// Plain data: it is still needed when the process exits.
struct Crew {
  WorkSegment shared;
  BackgroundWorkerHandle *handles[kMostWorkers];
  int started;
};
Crew crew;

// Also when the leader exits: workers are nothing without it.
void dismiss(int, Datum) {
  leave_queue(0, 0);
  for (int i = 0; i < crew.started; i++) TerminateBackgroundWorker(crew.handles[i]);
}

dsm_segment *make_segment(const std::vector<WorkItem> &items, const std::string &packed_items,
                          const std::string &packed_job, int workers) {
  Size queue_size = WorkQueue::size(items), verified_size = sizeof(VerifiedSlot) * (items.size() + 1),
       slots_size = sizeof(WorkerSlot) * static_cast<size_t>(workers + 1), items_size = packed_items.size(),
       job_size = packed_job.size();
  const char *items_bytes = packed_items.data(), *job_bytes = packed_job.data();
  return guarded([=] {
    shm_toc_estimator estimator;
    shm_toc_initialize_estimator(&estimator);
    shm_toc_estimate_chunk(&estimator, sizeof(SharedWork));
    for (Size size : {queue_size, verified_size, slots_size, items_size, job_size})
      shm_toc_estimate_chunk(&estimator, size);
    shm_toc_estimate_keys(&estimator, 6);
    Size size = shm_toc_estimate(&estimator);
    // Not of the transaction under way: there is none.
    dsm_segment *segment = dsm_create(size, 0);
    dsm_pin_mapping(segment);
    shm_toc *toc = shm_toc_create(kWorkMagic, dsm_segment_address(segment), size);
    auto add = [toc](uint64 key, Size bytes) {
      void *part = shm_toc_allocate(toc, bytes);
      memset(part, 0, bytes);
      shm_toc_insert(toc, key, part);
      return part;
    };
    auto *work = (SharedWork *)add(kWorkKey, sizeof(SharedWork));
    work->database = MyDatabaseId;
    work->owner = GetSessionUserId();
    work->workers = workers;
    work->items_size = items_size;
    work->job_size = job_size;
    static int tranche = LWLockNewTrancheId();
    work->tranche = tranche;
    LWLockRegisterTranche(tranche, "pagila_repl");
    LWLockInitialize(&work->lock, tranche);
    ConditionVariableInit(&work->changed);
    pg_atomic_init_u64(&work->rows, 0);
    pg_atomic_init_u64(&work->bytes, 0);
    (void)add(kQueueKey, queue_size);
    (void)memcpy(add(kItemsKey, items_size), items_bytes, items_size);
    (void)memcpy(add(kJobKey, job_size), job_bytes, job_size);
    (void)add(kSlotsKey, slots_size);
    (void)add(kVerifiedKey, verified_size);
    return segment;
  });
}

// As many of the workers as there are slots for.
void start_workers(int wanted) {
  static bool dismissed_at_exit = false;
  guarded([wanted] {
    if (!dismissed_at_exit) before_shmem_exit(dismiss, 0);
    dismissed_at_exit = true;
    for (int i = 0; i < wanted; i++) {
      BackgroundWorker worker = background_worker("pagila_repl_worker_main", "pagila_repl worker");
      worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(crew.shared.segment));
      memcpy(worker.bgw_extra, &i, sizeof i);
      worker.bgw_notify_pid = MyProcPid;
      MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
      bool registered = RegisterDynamicBackgroundWorker(&worker, &crew.handles[i]);
      MemoryContextSwitchTo(before);
      if (!registered) break;
      crew.started++;
    }
  });
}

void stop_workers() {
  LWLockAcquire(&crew.shared.work->lock, LW_EXCLUSIVE);
  crew.shared.work->stopped = true;
  LWLockRelease(&crew.shared.work->lock);
  ConditionVariableBroadcast(&crew.shared.work->changed);
  dismiss(0, 0);
}

// The stage may only be dropped once nobody works on it.
void wait_until_gone() {
  guarded([] {
    HOLD_INTERRUPTS();
    for (int i = 0; i < crew.started; i++) (void)WaitForBackgroundWorkerShutdown(crew.handles[i]);
    RESUME_INTERRUPTS();
  });
}

// How the workers stand.
struct Standing {
  int alive = 0, with_source = 0, unfinished = 0, unfinished_with_source = 0;
  int failed = -1, vanished = -1;  // slots
};

Standing look() {
  Standing standing;
  bool gone[kMostWorkers] = {};
  // Before the slots are read: a worker says how it ended before it goes.
  for (int i = 0; i < crew.started; i++) {
    pid_t pid;
    BgwHandleStatus status = GetBackgroundWorkerPid(crew.handles[i], &pid);
    gone[i] = status == BGWH_STOPPED || status == BGWH_POSTMASTER_DIED;
  }
  LWLockAcquire(&crew.shared.work->lock, LW_SHARED);
  WorkQueue queue(crew.shared.queue);
  standing.unfinished = queue.unfinished();
  standing.unfinished_with_source = queue.unfinished_with_source();
  for (int i = 0; i < crew.started; i++) {
    WorkerSlot::State state = crew.shared.slots[i].state;
    if (state == WorkerSlot::failed && standing.failed < 0) standing.failed = i;
    if (state == WorkerSlot::failed || state == WorkerSlot::ended) continue;
    if (gone[i]) {
      standing.vanished = i;
      continue;
    }
    standing.alive++;
    if (state != WorkerSlot::without_source) standing.with_source++;
  }
  LWLockRelease(&crew.shared.work->lock);
  return standing;
}

Error error_of(const WorkerSlot &slot) {
  Error error(slot.sqlstate, slot.message, slot.detail, slot.hint);
  error.context = slot.context;
  error.origin = slot.origin;
  return error;
}

void throw_failure(const Standing &standing, const std::vector<WorkItem> &items, RunRecord &record) {
  int number = standing.failed >= 0 ? standing.failed : standing.vanished;
  const WorkerSlot &slot = crew.shared.slots[number];
  if (slot.item >= 0 && *slot.step_started != '\0')
    record.failed_in(step_of(items[static_cast<size_t>(slot.item)]), slot.step_started);
  if (standing.failed >= 0) throw error_of(slot);
  throw Error("57P01", "a worker of the run was terminated");
}

// Tells the waiting caller how far the rows are, at most once a second.
class Telltale {
 public:
  explicit Telltale(const std::vector<WorkItem> &items) {
    for (const WorkItem &item : items)
      if (item.kind == WorkItem::Kind::copy) total_ += item.bytes;
  }
  void look() {
    if (Clock::now() - last_ < std::chrono::seconds(1)) return;
    last_ = Clock::now();
    uint64_t rows = pg_atomic_read_u64(&crew.shared.work->rows), bytes = pg_atomic_read_u64(&crew.shared.work->bytes);
    if (bytes == told_) return;
    told_ = bytes;
    tell("copied " + counted(rows, "{row|rows}") + ", " + std::to_string(bytes >> 20) + " MB; about " +
         std::to_string(total_ >> 20) + " MB of tables on the source");
  }

 private:
  uint64_t total_ = 0, told_ = 0;
  Clock::time_point last_ = Clock::now();
};

// To be called before looking, so that no news is missed between looking and waiting.
void expect_news() {
  guarded([] { ConditionVariablePrepareToSleep(&crew.shared.work->changed); });
}

void wait_for_news() {
  guarded([] {
    CHECK_FOR_INTERRUPTS();
    (void)ConditionVariableTimedSleep(&crew.shared.work->changed, 200, PG_WAIT_EXTENSION);
  });
}

// One item in this process, if there is one that it may begin.
bool do_one_here(ItemDoer &doer, const std::vector<WorkItem> &items, bool only_source, Connection &holder,
                 RunRecord &record) {
  LWLockAcquire(&crew.shared.work->lock, LW_EXCLUSIVE);
  int number = WorkQueue(crew.shared.queue).take(true);
  if (number >= 0 && only_source && !items[static_cast<size_t>(number)].needs_source()) {
    WorkQueue(crew.shared.queue).give_back(number);
    number = WorkQueue::kNothing;
  }
  LWLockRelease(&crew.shared.work->lock);
  if (number == WorkQueue::kNothing) return false;
  const WorkItem &item = items[static_cast<size_t>(number)];
  try {
    doer.perform(item, number, &holder);
  } catch (...) {
    if (!doer.step_started().empty()) record.failed_in(step_of(item), doer.step_started());
    throw;
  }
  finish_item(crew.shared, number);
  return true;
}

// Without the holder its locks are gone, and what was truncated since reads as empty.
class HolderCheck {
 public:
  explicit HolderCheck(Connection &holder) : holder_(holder) {}
  void now() { (void)holder_.query_value("SELECT 1"); }
  // Who cannot join the snapshot only says so; why it is gone, its holder knows.
  void after_failure(const std::string &sqlstate) {
    if (sqlstate == "22023" || sqlstate == "42704") now();
  }
  void now_and_then() {
    if (Clock::now() - last_ < std::chrono::seconds(5)) return;
    now();
    last_ = Clock::now();
  }

 private:
  Connection &holder_;
  Clock::time_point last_ = Clock::now();
};

// Within one transaction for all items nobody would see it.
void tell_rows(RunRecord &record) {
  if (IsTransactionState() || !record.is_time_to_tell()) return;
  uint64_t rows = pg_atomic_read_u64(&crew.shared.work->rows), bytes = pg_atomic_read_u64(&crew.shared.work->bytes);
  in_transaction([&] { record.tell_rows(rows, bytes); });
}

void watch(const std::vector<WorkItem> &items, const PullJob &job, const RunStep &run, Connection &holder,
           RunRecord &record) {
  ItemDoer doer(job, crew.shared, run);
  Telltale telltale(items);
  HolderCheck check(holder);
  bool is_source_read = false;
  for (;;) {
    PR_FAULT("watch");
    expect_news();
    Standing standing = look();
    if (standing.failed >= 0) check.after_failure(crew.shared.slots[standing.failed].sqlstate);
    if (standing.failed >= 0 || standing.vanished >= 0) throw_failure(standing, items, record);
    if (!is_source_read && standing.unfinished_with_source == 0) check.now();
    is_source_read = standing.unfinished_with_source == 0;
    if (!is_source_read) check.now_and_then();
    if (standing.unfinished == 0) return leave_queue(0, 0);
    telltale.look();
    tell_rows(record);
    bool all_here = standing.alive == 0, source_here = standing.with_source == 0 && standing.unfinished_with_source > 0;
    if ((all_here || source_here) && do_one_here(doer, items, !all_here, holder, record)) continue;
    wait_for_news();
  }
}

std::vector<int> pids_of_workers() {
  std::vector<int> pids;
  for (int i = 0; i < crew.started; i++) {
    pid_t pid;
    if (guarded([i, &pid] { return WaitForBackgroundWorkerStartup(crew.handles[i], &pid); }) == BGWH_STARTED)
      pids.push_back(pid);
  }
  return pids;
}

Harvest harvest(size_t items, int asked, int wanted) {
  Harvest harvest;
  harvest.rows = pg_atomic_read_u64(&crew.shared.work->rows);
  harvest.bytes = pg_atomic_read_u64(&crew.shared.work->bytes);
  for (size_t i = 0; i < items; i++) {
    const VerifiedSlot &slot = crew.shared.verified[i];
    harvest.verified.push_back({slot.rows, slot.source_rows, slot.hash, slot.source_hash});
  }
  if (asked > 1 && wanted == 0)
    harvest.remarks.push_back(
        "done by one process, since constraints or indexes call functions of the copied schemas, columns hold names, or casts of other "
        "types come with the copy");
  if (crew.started < wanted)
    harvest.remarks.push_back(std::to_string(crew.started) + " of " + counted(asked, "{worker|workers}") +
                              " could be started");
  return harvest;
}

}  // namespace

Harvest do_items(const std::vector<WorkItem> &items, const PullJob &job, int asked, const Stage &stage,
                 Connection &holder, RunRecord &record) {
  // One process is the leader alone; and only one can give the stage its real names.
  int wanted = asked > 1 && !stage.runs_own_code ? std::min(asked, kMostWorkers) : 0;
  int workers = std::clamp(max_worker_processes - kSlotsOfOthers, 0, wanted);
  crew.started = 0;
  crew.shared.segment = make_segment(items, encode(items), encode(job), workers);
  WorkSegment &shared = crew.shared;
  guarded([&shared] { shared = parts_of(shared.segment); });
  WorkQueue::create(crew.shared.queue, items);
  try {
    start_workers(workers);
    record.has_workers(pids_of_workers());
    in_steps(stage, stage.runs_own_code, [&](const RunStep &run) { watch(items, job, run, holder, record); });
    wait_until_gone();
    Harvest result = harvest(items.size(), asked, wanted);
    int refused = 0;
    for (int i = 0; i < crew.started; i++) refused += crew.shared.slots[i].refused;
    if (refused > 0)
      result.remarks.push_back("the source had no connection for " + std::to_string(refused) + " of " +
                               counted(crew.started, "{worker|workers}"));
    crew.started = 0;
    dsm_detach(crew.shared.segment);
    return result;
  } catch (...) {
    // Whatever it is: the stage they work on is about to be dropped.
    stop_workers();
    wait_until_gone();
    crew.started = 0;
    dsm_detach(crew.shared.segment);
    throw in_seen_names(current_error(), stage);
  }
}

}  // namespace pagila_repl
