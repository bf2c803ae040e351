// Does work items.

#include "run/worker.hpp"

#include "core/counted.hpp"
#include "core/packed_text.hpp"
#include "pg/boundary.hpp"
#include "pg/fault.hpp"
#include "pg/fixed_text.hpp"
#include "pg/function_guard.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "run/source_content.hpp"
#include "settings.hpp"
#include "source/snapshot.hpp"
#include "source/unconvertible_text.hpp"
#include "target/content.hpp"
#include "target/copy_table.hpp"
#include "target/differences.hpp"
#include "target/disk_reserve.hpp"
#include "target/leftovers.hpp"
#include "target/rebuild.hpp"
#include "target/row_checks.hpp"
#include "target/skipped_objects.hpp"
#include "target/still_event_triggers.hpp"

extern "C" {
#include <signal.h>

#include "access/xact.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/resowner.h"
#include "utils/wait_event.h"
}

namespace pagila_repl {

namespace {

void set_state(const WorkSegment &shared, int slot, WorkerSlot::State state, bool refused = false) {
  LWLockAcquire(&shared.work->lock, LW_EXCLUSIVE);
  shared.slots[slot].state = state;
  if (refused) shared.slots[slot].refused = true;
  LWLockRelease(&shared.work->lock);
  ConditionVariableBroadcast(&shared.work->changed);
}

void set_item(const WorkSegment &shared, int slot, int item) {
  LWLockAcquire(&shared.work->lock, LW_EXCLUSIVE);
  shared.slots[slot].item = item;
  LWLockRelease(&shared.work->lock);
}

void give_back(const WorkSegment &shared, int item) {
  LWLockAcquire(&shared.work->lock, LW_EXCLUSIVE);
  WorkQueue(shared.queue).give_back(item);
  LWLockRelease(&shared.work->lock);
  ConditionVariableBroadcast(&shared.work->changed);
}

void fail(const WorkSegment &shared, int slot, const Error &error, const std::string &step_started) {
  WorkerSlot &own = shared.slots[slot];
  LWLockAcquire(&shared.work->lock, LW_EXCLUSIVE);
  put_text(own.sqlstate, error.sqlstate);
  put_text(own.message, error.message);
  put_text(own.detail, error.detail);
  put_text(own.hint, error.hint);
  put_text(own.context, error.context);
  put_text(own.step_started, step_started);
  own.origin = error.origin;
  own.state = WorkerSlot::failed;
  shared.work->stopped = true;
  LWLockRelease(&shared.work->lock);
  ConditionVariableBroadcast(&shared.work->changed);
}

// The worker's own connection, made when it first needs one.
class SourceLink {
 public:
  explicit SourceLink(const PullJob &job) : job_(job), usable_(!job.snapshot.empty()) {}
  bool usable() const { return usable_; }
  // Null if the source has no connection to spare.
  Connection *get() {
    if (!connection_ && usable_) connect();
    return connection_.get();
  }

 private:
  void connect() {
    try {
      SourceServer server = in_transaction([&] { return find_server(job_.server); });
      pin(server, job_.reached);
      connection_ = join_snapshot(server, job_.snapshot, "worker of run " + std::to_string(job_.run_id));
    } catch (const Error &error) {
      // Too many connections: those there are will do.
      if (error.sqlstate != "53300") throw;
      usable_ = false;
    }
  }

  const PullJob &job_;
  bool usable_;
  std::unique_ptr<Connection> connection_;
};

void work(const WorkSegment &shared, int slot) {
  PR_FAULT("worker");
  PullJob job = decode_pull_job({shared.job, shared.work->job_size});
  std::string_view items(shared.items, shared.work->items_size);
  use_timeouts(job.connect_timeout_ms, job.stall_timeout_ms);
  use_disk_reserve(job.disk_reserve_mb);
  limit_lock_waits(job.swap_budget_ms);
  use_old_libpq(false);  // the leader has looked
  trust_functions_in(in_transaction([&] { return registered_schemas(job.run_id); }));
  ItemDoer doer(job, shared);
  SourceLink link(job);
  set_state(shared, slot, link.usable() ? WorkerSlot::working : WorkerSlot::without_source);
  for (;;) {
    int number = next_item(shared, link.usable());
    if (number == WorkQueue::kNothing) break;
    WorkItem item = decode_work_item(items, static_cast<size_t>(number));
    set_item(shared, slot, number);
    try {
      Connection *source = item.needs_source() ? link.get() : nullptr;
      if (item.needs_source() && source == nullptr) {
        give_back(shared, number);
        set_state(shared, slot, WorkerSlot::without_source, true);
        continue;
      }
      doer.perform(item, number, source);
    } catch (...) {
      return fail(shared, slot, current_error(), doer.step_started());
    }
    set_item(shared, slot, -1);
    finish_item(shared, number);
  }
  set_state(shared, slot, WorkerSlot::ended);
}

}  // namespace

Step step_of(const WorkItem &item) {
  Step step{item.step_kind, item.schema, item.object, {}};
  if (item.kind == WorkItem::Kind::copy) step.method = item.binary ? "binary copy" : "text copy";
  return step;
}

void ItemDoer::perform(const WorkItem &item, int number, Connection *source) {
  std::string activity = "pagila_replicate, run " + std::to_string(job_.run_id) + ": " + item.step_kind + " " +
                         item.schema + "." + item.object;
  const char *text = activity.c_str();
  guarded([text] { pgstat_report_activity(STATE_RUNNING, text); });
  try {
    run_([&] {
      step_started_ = step_clock();
      dispatch(item, number, source);
    });
  } catch (const Error &error) {
    throw with_hint_at_difference(with_column(error, item))
        .within(item.step_kind + " \"" + item.object + "\" in schema \"" + item.schema + "\"");
  }
  if (item.kind == WorkItem::Kind::copy) PR_FAULT("rows");
}

// The source says which character it cannot send, but not of which column. It may tell by another connection, unless the stage
// has its real names, for which this process is in a transaction.
Error ItemDoer::with_column(const Error &error, const WorkItem &item) const {
  if (error.sqlstate != "22P05" || error.origin != Error::Origin::source || item.kind != WorkItem::Kind::copy ||
      !error.detail.empty() || IsTransactionState())
    return error;
  Error named = error;
  try {
    in_transaction([&] {
      SourceServer server = find_server(job_.server);
      pin(server, job_.reached);
      Connection source(server, "text");
      source.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
      named.detail = unconvertible_column(source, item.source_table);
    });
  } catch (const Error &) {
    // The first error counts.
    return error;
  }
  return named;
}

void ItemDoer::dispatch(const WorkItem &item, int number, Connection *source) {
  // Whether a long value fits into an index depends on how it is compressed.
  if (!job_.toast_compression.empty()) set_local("default_toast_compression", job_.toast_compression);
  switch (item.kind) {
    case WorkItem::Kind::copy: return copy(item, number, *source);
    case WorkItem::Kind::verify: return verify(item, number, *source);
    case WorkItem::Kind::gate: return;  // nobody is given one
    case WorkItem::Kind::build:
      check_disk_reserve();
      if (item.may_be_skipped)
        build_or_skip(item, number);
      else
        build_item(item, number);
      if (item.step_kind == "index" || item.step_kind == "constraint") PR_FAULT("index");
  }
}

void ItemDoer::build_item(const WorkItem &item, int number) {
  build(item.statements, item.tablespace, item.search_path);
  if (item.analyzes_parts) analyze_partitioned(item.table);
  if (!item.declare_valid.empty()) declare_valid(item.table, item.domain, item.declare_valid.c_str());
  record(item, number, {}, {});
}

void ItemDoer::build_or_skip(const WorkItem &item, int number) {
  try {
    in_subtransaction([&] { build_item(item, number); });
  } catch (const Error &error) {
    if (!is_of_object(error)) throw;
    record_skipped_step(job_.run_id, job_.first_step + number, step_of(item), step_started_, error);
  }
}

void ItemDoer::copy(const WorkItem &item, int number, Connection &source) {
  empty_table(item.table);
  CopyOrder order{item.table, {}, item.columns, job_.encoding, item.routed, item.binary};
  // As the source writes money.
  set_local("lc_monetary", "C");
  CopiedRows rows(source, item.copy_statement);
  uint64_t told_rows = 0, told_bytes = 0;
  DiskReserve reserve;
  auto tell = [&](uint64_t copied, uint64_t bytes) {
    PR_FAULT("copy");
    pg_atomic_fetch_add_u64(&shared_.work->rows, static_cast<int64>(copied - told_rows));
    pg_atomic_fetch_add_u64(&shared_.work->bytes, static_cast<int64>(bytes - told_bytes));
    told_rows = copied;
    told_bytes = bytes;
    reserve.wrote(bytes);
  };
  uint64_t copied;
  try {
    copied = copy_table(order, rows, tell);
  } catch (const Error &error) {
    Error placed = error;
    if (error.context.compare(0, 5, "line ") == 0) placed.context = "row " + error.context.substr(5);
    throw placed;
  }
  tell(copied, told_bytes);
  if (rows.rows() != copied)
    throw Error("XX001", "rows were lost on the way",
                "The source sent " + counted(rows.rows(), "{row|rows}") + ", " + std::to_string(copied) + " arrived.");
  record(item, number, copied, told_bytes);
}

// Both servers read at the same time.
void ItemDoer::verify(const WorkItem &item, int number, Connection &source) {
  SourceContent asked(source, item.source_query, item.source_table, item.bytes);
  Content here = read_content(item.table, true, job_.in_utf8);
  Content there = asked.take();
  VerifiedSlot &slot = shared_.verified[number];
  slot.rows = here.rows;
  slot.source_rows = there.rows;
  put_text(slot.hash, here.hash);
  put_text(slot.source_hash, there.hash);
  record_content_hash(job_.run_id, item.schema, item.object, here.hash);
  record(item, number, here.rows, {});
  PR_FAULT("verify");
}

void ItemDoer::record(const WorkItem &item, int number, std::optional<uint64_t> rows, std::optional<uint64_t> bytes) {
  record_step(job_.run_id, job_.first_step + number, step_of(item), step_started_, rows, bytes);
}

std::string encode(const PullJob &job) {
  Packer out;
  out.put_number(job.run_id).put_number(job.first_step).put(job.server).put(job.snapshot).put(job.encoding);
  out.put(job.reached.host).put(job.reached.hostaddr).put(job.reached.port);
  out.put_number(job.connect_timeout_ms).put_number(job.stall_timeout_ms).put_number(job.disk_reserve_mb);
  out.put_number(job.swap_budget_ms);
  return out.put(job.in_utf8).put(job.toast_compression).bytes();
}

PullJob decode_pull_job(std::string_view bytes) {
  Unpacker in(bytes);
  PullJob job;
  job.run_id = in.number();
  job.first_step = static_cast<int>(in.number());
  job.server = in.text();
  job.snapshot = in.text();
  job.encoding = in.text();
  job.reached.host = in.text();
  job.reached.hostaddr = in.text();
  job.reached.port = in.text();
  job.connect_timeout_ms = static_cast<int>(in.number());
  job.stall_timeout_ms = static_cast<int>(in.number());
  job.disk_reserve_mb = static_cast<int>(in.number());
  job.swap_budget_ms = static_cast<int>(in.number());
  job.in_utf8 = in.flag();
  job.toast_compression = in.text();
  return job;
}

int next_item(const WorkSegment &shared, bool may_use_source) {
  return guarded([&shared, may_use_source] {
    WorkQueue queue(shared.queue);
    int item = WorkQueue::kNothing;
    ConditionVariablePrepareToSleep(&shared.work->changed);
    for (;;) {
      CHECK_FOR_INTERRUPTS();
      LWLockAcquire(&shared.work->lock, LW_EXCLUSIVE);
      bool over = shared.work->stopped || queue.unfinished() == 0;
      if (!over) item = queue.take(may_use_source);
      LWLockRelease(&shared.work->lock);
      if (over || item != WorkQueue::kNothing) break;
      (void)ConditionVariableTimedSleep(&shared.work->changed, 1000, PG_WAIT_EXTENSION);
    }
    ConditionVariableCancelSleep();
    return item;
  });
}

void finish_item(const WorkSegment &shared, int item) {
  LWLockAcquire(&shared.work->lock, LW_EXCLUSIVE);
  WorkQueue(shared.queue).finish(item);
  LWLockRelease(&shared.work->lock);
  ConditionVariableBroadcast(&shared.work->changed);
}

WorkSegment parts_of(dsm_segment *segment) {
  shm_toc *toc = shm_toc_attach(kWorkMagic, dsm_segment_address(segment));
  if (toc == nullptr) elog(ERROR, "unexpected contents of a shared memory segment");
  WorkSegment parts{};
  parts.segment = segment;
  parts.work = static_cast<SharedWork *>(shm_toc_lookup(toc, kWorkKey, false));
  parts.queue = shm_toc_lookup(toc, kQueueKey, false);
  parts.items = static_cast<const char *>(shm_toc_lookup(toc, kItemsKey, false));
  parts.job = static_cast<const char *>(shm_toc_lookup(toc, kJobKey, false));
  parts.slots = static_cast<WorkerSlot *>(shm_toc_lookup(toc, kSlotsKey, false));
  parts.verified = static_cast<VerifiedSlot *>(shm_toc_lookup(toc, kVerifiedKey, false));
  return parts;
}

void leave_queue(int, Datum) { (void)ConditionVariableCancelSleep(); }

}  // namespace pagila_repl

using namespace pagila_repl;

void pagila_repl_worker_main(Datum segment_handle) {
  int slot;
  memcpy(&slot, MyBgworkerEntry->bgw_extra, sizeof slot);
  // As other processes take it, at the next interrupt check; background workers by default die within the handler, which
  // takes the server down where memory is being changed.
  pqsignal(SIGTERM, die);
  BackgroundWorkerUnblockSignals();
  CurrentResourceOwner = ResourceOwnerCreate(nullptr, "pagila_repl worker");
  dsm_segment *segment = dsm_attach(DatumGetUInt32(segment_handle));
  // The leader is gone, and with it the run.
  if (segment == nullptr) return;
  dsm_pin_mapping(segment);
  static WorkSegment shared;
  shared = parts_of(segment);
  before_shmem_exit(leave_queue, 0);
  LWLockRegisterTranche(shared.work->tranche, "pagila_repl");
  BackgroundWorkerInitializeConnectionByOid(shared.work->database, shared.work->owner, 0);
  guard_functions();
  keep_event_triggers_of_runs_still();
  entry([slot] {
    try {
      in_transaction([] {
        stay_small();
        // The processes are shared out already.
        execute("SELECT pg_catalog.set_config('max_parallel_maintenance_workers', '0', false)");
      });
      work(shared, slot);
    } catch (...) {
      // Else the leader would only see it go.
      fail(shared, slot, current_error(), {});
      throw;
    }
  });
}
