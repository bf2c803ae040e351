// Fault points, in the test build only.

#include "pg/fault.hpp"

#ifdef PR_FAULTS

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <string>

#include "pg/boundary.hpp"

extern "C" {
#include <unistd.h>

#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/wait_event.h"
}

namespace pagila_repl {

namespace {

char *fault_setting;
int clock_offset, time_passed;

void stall() {
  guarded([] {
    for (;;) {
      CHECK_FOR_INTERRUPTS();
      (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 100, PG_WAIT_EXTENSION);
      ResetLatch(MyLatch);
    }
  });
}

// Holds the process while the file exists, so that a test can do something meanwhile and then let it go on. An empty file
// "<file>.<process id>" says that it is held.
void wait_while_exists(const std::string &file) {
  if (FILE *held = fopen((file + "." + std::to_string(getpid())).c_str(), "w")) fclose(held);
  const char *path = file.c_str();
  guarded([path] {
    while (access(path, F_OK) == 0) {
      CHECK_FOR_INTERRUPTS();
      (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 10, PG_WAIT_EXTENSION);
      ResetLatch(MyLatch);
    }
  });
}

void act(const std::string &action, const char *site) {
  if (action == "error") guarded([site] { elog(ERROR, "fault at %s", site); });
  if (action == "throw") throw Error("XX000", std::string("fault at ") + site);
  if (action == "bad_alloc") throw std::bad_alloc();
  if (action == "enospc")
    guarded([site] { ereport(ERROR, (errcode(ERRCODE_DISK_FULL), errmsg("could not write at %s", site))); });
  if (action == "sigkill") kill(getpid(), SIGKILL);
  if (action == "exit") _exit(1);
  if (action == "stall") stall();
  if (action.compare(0, 5, "wait:") == 0) wait_while_exists(action.substr(5));
}

// The action if the setting names this site and this is its nth passing, else empty.
std::string due_action(const char *site) {
  static std::map<std::string, int> passings;
  if (fault_setting == nullptr || *fault_setting == '\0') return {};
  std::string setting = fault_setting;
  size_t first = setting.find(':');
  size_t second = setting.find(':', first + 1);
  if (first == std::string::npos || second == std::string::npos || setting.substr(0, first) != site) return {};
  if (++passings[site] != atoi(setting.substr(first + 1).c_str())) return {};
  return setting.substr(second + 1);
}

}  // namespace

void define_fault_setting() {
  DefineCustomStringVariable("pagila_repl.fault", "Where tests make a run fail: site:nth:action.", nullptr,
                             &fault_setting, "", PGC_SUSET, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("pagila_repl.clock_offset", "How far the clock of jobs is ahead.", nullptr, &clock_offset, 0,
                          -INT_MAX, INT_MAX, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("pagila_repl.time_passed", "How much more time has passed than really has.", nullptr,
                          &time_passed, 0, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr, nullptr);
}

void fault_point(const char *site) { act(due_action(site), site); }

int fault_errno(const char *site) {
  std::string action = due_action(site);
  if (action == "eio") return EIO;
  act(action, site);
  return 0;
}

int fault_clock_offset() { return clock_offset; }
int fault_time_passed() { return time_passed; }

}  // namespace pagila_repl

#endif
