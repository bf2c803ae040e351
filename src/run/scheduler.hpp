// The short-lived worker that looks at the jobs of one database.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "postmaster/bgworker.h"
}

namespace pagila_repl {

struct SchedulerOrder {
  Oid database;
  int launcher_pid;
  bool clock_unwatched;  // it may have been set before this launcher was there
  int64 clock_moved;     // seconds by which it was set since the last one looked
};

// Server code: starts it; null if no worker slot is free. Its report is the one of that number.
BackgroundWorkerHandle *start_scheduler(int number, SchedulerOrder order);

}  // namespace pagila_repl
