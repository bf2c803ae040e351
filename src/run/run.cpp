// The frame around every run.

#include "run/run.hpp"

#include <malloc.h>

#include <algorithm>

#include "pg/boundary.hpp"
#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "run/channel.hpp"
#include "settings.hpp"
#include "source/connect.hpp"
#include "target/concurrent_changes.hpp"
#include "target/decoding.hpp"
#include "target/leftovers.hpp"
#include "target/manifest.hpp"
#include "target/skipped_objects.hpp"
#include "target/target_lock.hpp"

extern "C" {
#include "pgstat.h"
#include "utils/backend_status.h"
}

namespace pagila_repl {

namespace {

bool begun = false;

// It is of no use any more. If this fails the launcher or the next run does it. A cancel may end it, but nothing else.
void drop_what_it_built(const RunRecord &record) {
  accept_cancel();
  try {
    for (const std::string &remark : drop_own_leftovers(record.id())) warn(remark);
    forget_replaced_copies();
  } catch (...) {
    ignore_cancel();
    warn("what the run built is left for the launcher or the next run to remove: " + current_error().message);
  }
  ignore_cancel();
}

void record_end(RunRecord &record, RunStatus status, const Error &error) {
  PR_FAULT("record");
  record.ended(status, error);
}

// Who holds a lock that the server has waited for in vain, as far as it can still be seen.
void name_holders(Error &error) {
  if (error.sqlstate != "55P03" || error.origin != Error::Origin::local || !error.detail.empty()) return;
  try {
    error.detail = in_transaction([] { return who_is_in_the_way({}); });
    if (error.hint.empty()) error.hint = "End these transactions, or raise pagila_repl.swap_budget.";
  } catch (...) {
    // The error itself matters more.
  }
}

// Memory and locks run out on either side, and what is being done is about both. What the preflight finds says of which side it is.
void name_side(Error &error, const RunRecord &record) {
  if (error.sqlstate == "53200" && error.origin == Error::Origin::local && error.detail.empty() &&
      record.kind() == "replicate" && record.phase() != Phase::connect)
    error.detail = "This happened on this server, not on the source.";
}

// Server text may name the stage or the file's bytes; what is recorded has been cleaned where it was thrown.
void end(RunRecord &record, const Error &error) {
  ignore_cancel();
  PR_FAULT("end");
  auto [status, recorded] = how_it_ended(error);
  name_holders(recorded);
  name_side(recorded, record);
  try {
    record_end(record, status, recorded);
  } catch (...) {
    // On a full disk there is room for the record only once the stage is gone.
    drop_what_it_built(record);
    return record_end(record, status, recorded);
  }
  drop_what_it_built(record);
}

}  // namespace

void do_run(const RunIntent &intent, const RunOptions &options, const std::function<void(RunRecord &)> &course) {
  limit_lock_waits(longest_lock_wait_ms(options));
  in_transaction([] {
    lock_extension();
    stay_small();
    hide_own_tables_from_decoding();
  });
  use_pg_dump(options.pg_dump);
  use_disk_reserve(options.disk_reserve_mb);
  use_old_libpq(options.refuse_old_libpq);
  if (options.job != 0) in_transaction([&] { lock_job(options.job); });
  RunIntent recorded = intent;
  recorded.job = options.job;
  recorded.run_id = options.run_id;
  begun = true;
  RunRecord record(recorded);
  int64 run_id = record.id();
  try {
    limit_run(options.run_timeout_ms);
    guarded([run_id] { send_recorded(run_id); });
    in_transaction([] { check_version(); });
    PR_FAULT("connect");
    course(record);
  } catch (...) {
    end(record, current_error());
  }
}

int longest_lock_wait_ms(const RunOptions &options) { return std::max(options.swap_budget_ms, 200); }

bool has_begun_run() { return begun; }

RunIntent intent_of(const Job &job) {
  RunIntent intent;
  intent.kind = job.kind;
  intent.schema_file = job.schema_file;
  intent.data_file = job.data_file;
  intent.source_server = job.source_server;
  intent.options = job.options;
  intent.first_phase = job.kind == "load" ? Phase::fingerprint : Phase::connect;
  intent.job = job.id;
  return intent;
}

void fail_run(const Job &job, int64_t run_id, const Error &error) {
  RunOptions options;
  options.job = job.id;
  options.run_id = run_id;
  do_run(intent_of(job), options, [&](RunRecord &) { throw error; });
}

std::pair<RunStatus, Error> how_it_ended(const Error &error) {
  if (!is_cancel(error)) return {RunStatus::failed, error};
  if (is_termination_requested())
    return {RunStatus::aborted,
            Error("57P01", "the run was aborted, its leader was told to terminate", error.detail, error.hint)};
  if (is_timed_out())
    return {RunStatus::failed, Error("57014", "the run took longer than it may", error.detail,
                                     "Raise pagila_repl.run_timeout, or find out what it waited for.")};
  return {RunStatus::cancelled, Error("57014", "the run was cancelled", error.detail, error.hint)};
}

bool is_cancel(const Error &error) { return error.sqlstate == "57014" && error.origin == Error::Origin::local; }

void tell(const std::string &text) {
  const char *message = text.c_str();
  guarded([message] { ereport(NOTICE, (errmsg_internal("%s", message))); });
}

void warn(const std::string &text) {
  const char *message = text.c_str();
  guarded([message] { ereport(WARNING, (errmsg_internal("%s", message))); });
}

void warn_of_libpq() {
  static bool told = false;
  if (told) return;
  told = true;
  for (const std::string &remark : libpq_remarks()) warn(remark);
}

std::string nothing_changed_since(int64_t run_id) {
  std::string skipped = in_transaction([&] { return remark_on_skipped(run_id); });
  return "nothing changed since run " + std::to_string(run_id) + (skipped.empty() ? "" : ", by which " + skipped);
}

std::string joined(const std::vector<std::string> &remarks) {
  std::string text;
  for (const std::string &remark : remarks) text += "; " + remark;
  return text;
}

void enter(RunRecord &record, Phase phase) {
  malloc_trim(0);  // the last phase has freed memory between pieces that are still in use
  record.enter(phase);
  std::string activity = "pagila_" + record.kind() + ", run " + std::to_string(record.id()) + ": " + name_of(phase);
  const char *text = activity.c_str();
  guarded([text] { pgstat_report_activity(STATE_RUNNING, text); });
}

void clean(RunRecord &record) {
  try {
    for (const std::string &remark : drop_own_leftovers(record.id())) record.append_message(remark);
    forget_replaced_copies();
  } catch (...) {
    warn("the replaced copy is left for the launcher or the next run to remove: " + current_error().message);
  }
}

namespace {

std::string words_as_json(const DatabaseObjectKinds &kinds) {
  std::string json;
  for (const std::string &word : words_of(kinds)) json += (json.empty() ? "\"" : ", \"") + word + "\"";
  return "[" + json + "]";
}

}  // namespace

std::string json_members(const RunOptions &options) {
  auto choice = [](bool first, const char *yes, const char *no) { return std::string(first ? yes : no); };
  return std::string("\"force\": ") + (options.force ? "true" : "false") + ", \"verify\": \"" +
         choice(options.verify_content, "content", "counts") + "\", \"on_modified\": \"" +
         choice(options.overwrite_modified, "overwrite", "refuse") + "\", \"on_unmanaged\": \"" +
         choice(options.drop_unmanaged, "drop", "refuse") + "\", \"on_dependents\": \"" +
         choice(options.drop_dependents, "drop", "refuse") + "\", \"owners\": \"" +
         choice(options.keep_owners, "keep", "skip") + "\", \"on_other_source\": \"" +
         choice(options.replace_others, "replace", "refuse") + "\", \"on_object_error\": \"" +
         choice(options.skip_objects, "skip", "fail") + "\", \"large_objects\": " +
         (options.large_objects ? choice(*options.large_objects, "true", "false") : "null") +
         ", \"database_objects\": " + words_as_json(options.database_objects);
}

void stay_small() {
  if (query_value("SELECT source FROM pg_catalog.pg_settings WHERE name = 'maintenance_work_mem'") == "default")
    execute("SELECT pg_catalog.set_config('maintenance_work_mem', '16MB', false)");
}

}  // namespace pagila_repl
