// What all processes of this extension are registered with.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "postmaster/bgworker.h"
}

namespace pagila_repl {

// A worker that runs that function of this library, connected to a database or at least to the catalog of the cluster, once,
// and never on a standby. `type` is shown in pg_stat_activity.
inline BackgroundWorker background_worker(const char *function, const char *type) {
  BackgroundWorker worker;
  memset(&worker, 0, sizeof worker);
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
  worker.bgw_restart_time = BGW_NEVER_RESTART;
  strlcpy(worker.bgw_library_name, "pagila_repl", sizeof worker.bgw_library_name);
  strlcpy(worker.bgw_function_name, function, sizeof worker.bgw_function_name);
  strlcpy(worker.bgw_name, type, sizeof worker.bgw_name);
  strlcpy(worker.bgw_type, type, sizeof worker.bgw_type);
  return worker;
}

}  // namespace pagila_repl
