// The launcher: knows when each database is to be looked at, and starts a scheduler there, which does the looking.
//
//   launcher    one, static; connected to no database, so that none is kept from being dropped
//     `- scheduler   one per look, for some milliseconds: takes note of runs that have ended, starts leaders of due jobs,
//          |         removes what dead runs left, says when it is to be started again
//          `- leader of a job, as its owner: a run like any other; wakes the launcher when it ends, however it ends
//
// It sleeps until the next job is due, someone wakes it, or a minute has passed (ten if there are no jobs); then it looks
// whether the clock was set, and every ten minutes for new databases. An error ends it; the server starts it anew, and it begins
// from nothing: all that counts is in tables and in the state that the processes share.

#include "run/launcher.hpp"

#include <algorithm>
#include <ctime>
#include <map>
#include <tuple>
#include <vector>

#include "pg/background_worker.hpp"
#include "pg/boundary.hpp"
#include "pg/fault.hpp"
#include "run/job_table.hpp"
#include "run/launcher_state.hpp"
#include "run/scheduler.hpp"

extern "C" {
#include <signal.h>

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "storage/sinval.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
}

namespace pagila_repl {

namespace {

constexpr int64_t kScanSeconds = 600;       // between looks for new databases, if there are no jobs
constexpr int64_t kCheckClockSeconds = 60;  // between looks at the clock, if there are
constexpr int64_t kRetrySeconds = 5;        // after a scheduler could not be started, or failed
constexpr int64_t kClockTolerance = 2;      // seconds by which two clocks may differ

int64_t boot_seconds() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
#ifdef PR_FAULTS
  now.tv_sec += fault_time_passed();
#endif
  return now.tv_sec;
}

struct Database {
  bool look = true;             // something may have changed there
  bool waits_for_turn = false;  // so may it when any run of a job ends
  bool clock_noted = false;     // by a scheduler of this launcher
  int64_t next_due = 0;         // 0: not before something changes
  int64_t last_turn = 0;        // which of all looks that started a run was the last one there
  int64_t clock_moved = 0;      // seconds by which the clock was set since its scheduler last took note
  int failures = 0;             // of its schedulers, one after the other
};

struct Looking {
  Oid database = InvalidOid;  // none: free
  BackgroundWorkerHandle *worker = nullptr;
  int64_t clock_moved = 0;
  bool turn_is_free = false;  // since it looks, it may be
};

// Those that can be connected to. Needs no database.
std::vector<Oid> list_databases() {
  struct Found {
    Oid *oids;
    int count;
  };
  Found found = guarded([] {
    StartTransactionCommand();
    (void)GetTransactionSnapshot();
    Relation catalog = table_open(DatabaseRelationId, AccessShareLock);
    TableScanDesc scan = table_beginscan_catalog(catalog, 0, nullptr);
    int room = 64;
    Found list{(Oid *)MemoryContextAlloc(TopMemoryContext, sizeof(Oid) * room), 0};
    for (HeapTuple row; (row = heap_getnext(scan, ForwardScanDirection)) != nullptr;) {
      auto *database = (Form_pg_database)GETSTRUCT(row);
      if (!database->datallowconn || database->datconnlimit == -2) continue;
      if (list.count == room) list.oids = (Oid *)repalloc(list.oids, sizeof(Oid) * (room *= 2));
      list.oids[list.count++] = database->oid;
    }
    table_endscan(scan);
    table_close(catalog, AccessShareLock);
    CommitTransactionCommand();
    return list;
  });
  std::vector<Oid> databases(found.oids, found.oids + found.count);
  pfree(found.oids);
  return databases;
}

class Launcher {
 public:
  void run() {
    for (;;) {
      notice_clock();
      take_wakes();
      if (job_clock() >= scan_at_ || scan_at_ > job_clock() + kScanSeconds) scan();
      collect_reports();
      start_schedulers();
      sleep();
    }
  }

 private:
  // If it was set, jobs that run by interval are to wait as long as they would have waited.
  void notice_clock() {
    int64_t wall = job_clock(), boot = boot_seconds();
    int64_t moved = (wall - wall_) - (boot - boot_);
    bool first = boot_ == 0;
    if (!first && moved > -kClockTolerance && moved < kClockTolerance) return;
    wall_ = wall;
    boot_ = boot;
    if (first) return;
    for (auto &entry : databases_) {
      entry.second.clock_moved += moved;
      entry.second.look = true;
    }
  }

  void take_wakes() {
    Oid woken[kMostWoken];
    int count = 0;
    bool all = take_woken(woken, &count);
    for (int i = 0; i < count; i++) databases_[woken[i]].look = true;
    if (count > 0) offer_turns();
    if (!all) return;
    for (auto &entry : databases_) entry.second.look = true;
    scan_at_ = 0;
  }

  void offer_turns() {
    for (auto &entry : databases_)
      if (entry.second.waits_for_turn) entry.second.look = true;
    for (Looking &looking : looking_) looking.turn_is_free = true;
  }

  void scan() {
    std::vector<Oid> there = list_databases();
    std::sort(there.begin(), there.end());
    for (auto entry = databases_.begin(); entry != databases_.end();)
      entry = std::binary_search(there.begin(), there.end(), entry->first) ? std::next(entry) : databases_.erase(entry);
    for (Oid oid : there) databases_.try_emplace(oid);
    scan_at_ = job_clock() + kScanSeconds;
  }

  void collect_reports() {
    for (int i = 0; i < kSchedulers; i++) {
      Looking &looking = looking_[i];
      if (looking.database == InvalidOid) continue;
      pid_t pid;
      BgwHandleStatus status = GetBackgroundWorkerPid(looking.worker, &pid);
      if (status != BGWH_STOPPED && status != BGWH_POSTMASTER_DIED) continue;
      take_report(looking, read_report(i));
      pfree(looking.worker);
      looking = Looking{};
    }
  }

  void take_report(const Looking &looking, SchedulerReport report) {
    auto entry = databases_.find(looking.database);
    if (entry == databases_.end()) return;
    Database &database = entry->second;
    if (!report.done) {
      // It may be gone. What the scheduler could not do it is to do once more.
      scan_at_ = 0;
      if (report.clock_noted)
        database.clock_noted = true;
      else
        database.clock_moved += looking.clock_moved;
      database.next_due = job_clock() + std::min(kRetrySeconds << std::min(database.failures++, 10), kScanSeconds);
      return;
    }
    database.failures = 0;
    database.clock_noted = true;
    database.waits_for_turn = report.waits_for_turn;
    if (report.waits_for_turn && looking.turn_is_free) database.look = true;
    database.next_due = report.next_due;
    // A run that could not be started leaves room without telling.
    int64_t again = job_clock() + kCheckClockSeconds;
    if (report.waits_for_turn && (database.next_due == 0 || database.next_due > again)) database.next_due = again;
    if (report.had_turn) database.last_turn = ++turns_;
  }

  // The ones whose last turn was longest ago first, so that none keeps others from theirs.
  void start_schedulers() {
    int64_t now = job_clock();
    std::vector<std::tuple<int64_t, int64_t, Oid>> due;
    for (const auto &[oid, database] : databases_)
      if (database.look || (database.next_due != 0 && database.next_due <= now))
        due.emplace_back(database.last_turn, database.next_due, oid);
    std::sort(due.begin(), due.end());
    retry_ = false;
    for (const auto &next : due) {
      Oid oid = std::get<Oid>(next);
      if (is_looked_at(oid)) continue;
      int scheduler = free_scheduler();
      if (scheduler < 0) return;
      if (start(scheduler, oid)) {
        lacks_slot_ = false;
        continue;
      }
      if (!lacks_slot_) complain();
      lacks_slot_ = retry_ = true;
      return;
    }
  }

  // Once, and again only after there was one.
  void complain() {
    guarded([] {
      ereport(LOG, (errmsg("pagila_repl launcher: no background worker slot is free to look at jobs"),
                    errhint("Raise \"max_worker_processes\".")));
    });
  }

  bool is_looked_at(Oid database) const {
    return std::any_of(std::begin(looking_), std::end(looking_),
                       [&](const Looking &looking) { return looking.database == database; });
  }

  int free_scheduler() const {
    for (int i = 0; i < kSchedulers; i++)
      if (looking_[i].database == InvalidOid) return i;
    return -1;
  }

  bool start(int scheduler, Oid oid) {
    Database &database = databases_[oid];
    clear_report(scheduler);
    SchedulerOrder order{oid, MyProcPid, !database.clock_noted, database.clock_moved};
    BackgroundWorkerHandle *worker = guarded([=] {
      MemoryContextSwitchTo(TopMemoryContext);
      return start_scheduler(scheduler, order);
    });
    if (worker == nullptr) return false;
    looking_[scheduler] = Looking{oid, worker, database.clock_moved, false};
    database.look = false;
    database.next_due = 0;
    database.clock_moved = 0;
    return true;
  }

  void sleep() {
    int64_t now = job_clock();
    int64_t until = std::min(scan_at_, now + kScanSeconds);
    bool all_busy = free_scheduler() < 0;
    for (const auto &entry : databases_) {
      const Database &database = entry.second;
      if (database.next_due != 0)
        until = std::min({until, now + kCheckClockSeconds, all_busy ? until : database.next_due});
    }
    if (retry_) until = now + kRetrySeconds;
    long milliseconds = static_cast<long>(std::clamp<int64_t>(until - now, 0, kScanSeconds)) * 1000;
    // Of the present second some has passed.
    if (milliseconds > 0) milliseconds -= static_cast<long>(GetCurrentTimestamp() / 1000 % 1000);
    bool is_reloaded = guarded([milliseconds] {
      (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds, PG_WAIT_EXTENSION);
      ResetLatch(MyLatch);
      CHECK_FOR_INTERRUPTS();
      if (catchupInterruptPending) ProcessCatchupInterrupt();
      if (!ConfigReloadPending) return false;
      ConfigReloadPending = false;
      ProcessConfigFile(PGC_SIGHUP);
      return true;
    });
    // More runs may be allowed now.
    if (is_reloaded) offer_turns();
  }

  std::map<Oid, Database> databases_;
  Looking looking_[kSchedulers];
  int64_t scan_at_ = 0;
  int64_t wall_ = 0, boot_ = 0;  // two clocks, as last compared
  int64_t turns_ = 0;            // looks that started a run
  bool retry_ = false;           // no worker slot was free
  bool lacks_slot_ = false;      // nor has one been since
};

}  // namespace

void register_launcher() {
  BackgroundWorker worker = background_worker("pagila_repl_launcher_main", "pagila_repl launcher");
  worker.bgw_restart_time = 1;
  RegisterBackgroundWorker(&worker);
}

}  // namespace pagila_repl

using namespace pagila_repl;

void pagila_repl_launcher_main(Datum) {
  pqsignal(SIGHUP, SignalHandlerForConfigReload);
  pqsignal(SIGTERM, die);
  // A cancel is for a query; here it must not end anything.
  pqsignal(SIGINT, SIG_IGN);
  BackgroundWorkerUnblockSignals();
  attach_launcher();
  BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
  pgstat_report_activity(STATE_IDLE, nullptr);
  entry([] { Launcher().run(); });
}
