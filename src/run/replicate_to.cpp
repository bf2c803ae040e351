// A replication to another database: asks the target for the run, then follows it.
//
// The run there depends neither on our connection nor on this process. Who cancels this one cancels that one; if the leader
// here is told to terminate, the run there is cancelled only if someone was waiting for it.

#include "run/replicate_to.hpp"

#include <algorithm>
#include <memory>

#include "core/remote_text.hpp"
#include "pg/boundary.hpp"
#include "pg/fault.hpp"
#include "pg/transaction.hpp"
#include "run/check_target.hpp"
#include "run/choose_source.hpp"
#include "run/remote_run.hpp"
#include "run/replicate.hpp"
#include "run/run.hpp"
#include "settings.hpp"
#include "source/connect.hpp"
#include "target/leftovers.hpp"
#include "target/relayed_record.hpp"

extern "C" {
#include "storage/latch.h"
#include "utils/wait_event.h"
}

namespace pagila_repl {

namespace {

constexpr int kLookEveryMs = 250;
constexpr int kRecordEveryMs = 1000;
// While no cancel is accepted the target may be silent only so long, and a cancelled run there may take so long to end.
constexpr int kSilentWhileHeldMs = 5000;
constexpr int kEndsWithinMs = 15000;

// While it lives a cancel waits, and so does SIGTERM; a second SIGTERM does not. Timeouts are short.
class CancelsHeld {
 public:
  explicit CancelsHeld(const ReplicateToRequest &request) : request_(request) {
    HOLD_CANCEL_INTERRUPTS();
    auto shorter = [](int ms) { return ms == 0 ? kSilentWhileHeldMs : std::min(ms, kSilentWhileHeldMs); };
    use_timeouts(shorter(request.connect_timeout_ms), shorter(request.stall_timeout_ms));
  }
  ~CancelsHeld() {
    // A server error has reset it.
    QueryCancelHoldoffCount = 0;
    use_timeouts(request_.connect_timeout_ms, request_.stall_timeout_ms);
  }
  CancelsHeld(const CancelsHeld &) = delete;
  CancelsHeld &operator=(const CancelsHeld &) = delete;

 private:
  const ReplicateToRequest &request_;
};

void nap(int ms) {
  guarded([ms] {
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  });
}

// The run there as this one follows it.
class Followed {
 public:
  Followed(const ReplicateToRequest &request, RunRecord &record) : request_(request), record_(record) {
    server_ = in_transaction([&] { return find_server(request_.server, Peer::target); });
    connect();
    warn_of_libpq();
    record_target(record_.id(), target_->where());
  }

  Connection &target() { return *target_; }

  void start(const std::string &source) {
    id_ = start_there(*target_, request_, source);
    CancelsHeld held(request_);
    record_remote_run(record_.id(), id_);
  }

  // Until it has ended, or is to: then the cancel is thrown.
  void follow() {
    PR_FAULT("follow");
    // A cancel may have come while it was started.
    for (nap(0); !run_.is_over(); nap(kLookEveryMs)) look();
  }

  // Throws the cancel if that is what has ended it.
  void stop(const Error &cancel) {
    if (id_ == 0) learn_number(cancel);
    if (is_termination_requested() && !request_.wait) {
      Error left = cancel;
      left.detail = "It goes on as " + name() + ".";
      throw left;
    }
    try {
      CancelsHeld held(request_);
      if (!target_->is_idle()) connect();
      cancel_there(*target_, id_);
      for (int64_t until = steady_ms() + kEndsWithinMs; !run_.is_over(); nap(kLookEveryMs / 10)) {
        if (steady_ms() > until) throw Error("57014", "it has not ended yet");
        look();
      }
    } catch (const Error &error) {
      Error left = cancel;
      left.detail = "Whether " + name() + " goes on is not known: " + error.message + ".";
      left.hint = "Look at pagila_repl.run there, and stop it with pagila_cancel.";
      throw left;
    }
    if (run_.status == RunStatus::cancelled) throw cancel;
  }

  // How it ended there is how it ends here.
  void record_end() {
    ignore_cancel();
    if (run_.status == RunStatus::succeeded || run_.status == RunStatus::skipped) {
      std::string message = name() + ": " + run_.message;
      for (const std::string &remark : libpq_remarks()) message += "; here " + remark;
      record_done(record_.id(), run_.status, message);
      return;
    }
    Error error = run_.error;
    if (error_state(error.sqlstate, "").empty()) error = Error("XX000", "the run there ended without saying why");
    record_.ended(run_.status, error.within(name()));
  }

 private:
  std::string name() const { return "run " + std::to_string(id_) + " on server \"" + request_.server + "\""; }

  // A cancel came in the midst of starting it: it must not be left behind without anybody knowing its number.
  void learn_number(const Error &cancel) {
    CancelsHeld held(request_);
    try {
      id_ = finish_start_there(*target_);
      record_remote_run(record_.id(), id_);
    } catch (const Error &error) {
      if (id_ != 0 || target_->is_idle()) throw cancel;
      Error left = cancel;
      left.detail =
          "Whether a run has begun on server \"" + request_.server + "\" is not known: " + error.message + ".";
      left.hint = "Look at pagila_repl.run there.";
      throw left;
    }
  }

  void connect() {
    target_.reset();
    target_ = std::make_unique<Connection>(server_, "leader of run " + std::to_string(record_.id()));
  }

  void look() {
    RemoteRun before = run_;
    run_ = ask();
    if (!run_.is_leader_alive && run_.status == RunStatus::running && !before.is_leader_alive)
      throw Error("57P02", "the leader of " + name() + " died", {},
                  "The target is unchanged or new as a whole; the next run there cleans up. See its log.");
    if (run_.phase != record_.phase() && run_.phase != Phase::done) {
      enter(record_, run_.phase);
      tell(name() + ": " + name_of(run_.phase));
    } else if (!run_.is_over() && steady_ms() < recorded_ms_ + kRecordEveryMs) {
      return;
    }
    record_progress(record_.id(), run_.progress);
    recorded_ms_ = steady_ms();
  }

  RemoteRun ask() {
    try {
      return look_there(*target_, id_);
    } catch (...) {
      Error lost = current_error();
      if (is_cancel(lost)) throw;
      if (!target_->is_idle()) lost.sqlstate = "08006";
      lost.detail += (lost.detail.empty() ? "" : "\n") + ("Whether " + name()) + " goes on is not known.";
      lost.hint = "Look at pagila_repl.run there.";
      throw lost;
    }
  }

  const ReplicateToRequest &request_;
  RunRecord &record_;
  SourceServer server_;
  std::unique_ptr<Connection> target_;
  int64_t id_ = 0;
  RemoteRun run_;
  int64_t recorded_ms_ = 0;
};

void replicate_to(const ReplicateToRequest &request, RunRecord &record) {
  sweep(record.id(), kSweepPatience);
  Followed run(request, record);
  check_target(run.target());
  std::string source = choose_source(run.target(), request.source);
  PR_FAULT("ask");
  try {
    run.start(source);
    run.follow();
  } catch (const Error &error) {
    if (!is_cancel(error)) throw;
    run.stop(error);
  }
  run.record_end();
}

}  // namespace

void run_replicate_to(const ReplicateToRequest &request) {
  RunIntent intent;
  intent.kind = "replicate_to";
  intent.target_server = request.server;
  intent.options = "{\"source\": " + (request.source ? json_text(*request.source) : "null") + ", " +
                   options_as_json(request).substr(1);
  intent.first_phase = Phase::connect;
  do_run(intent, request, [&](RunRecord &record) {
    use_timeouts(request.connect_timeout_ms, request.stall_timeout_ms);
    replicate_to(request, record);
  });
}

}  // namespace pagila_repl
