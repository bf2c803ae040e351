// Puts settings into requests.

#include "run/request_settings.hpp"

#include "settings.hpp"

namespace pagila_repl {

void take_settings(RunOptions &options) {
  options.swap_budget_ms = swap_budget_setting();
  options.analyze = analyze_setting();
  options.extension_rows = extension_rows_setting();
  options.run_timeout_ms = run_timeout_setting();
  options.pg_dump = pg_dump_setting();
  options.disk_reserve_mb = disk_reserve_setting();
  options.refuse_old_libpq = is_old_libpq_refused();
}

void take_settings(ReplicateRequest &request) {
  take_settings(static_cast<RunOptions &>(request));
  request.workers = workers_setting();
  request.connect_timeout_ms = connect_timeout_setting();
  request.stall_timeout_ms = stall_timeout_setting();
}

}  // namespace pagila_repl
