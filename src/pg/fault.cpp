// Fault points, in the test build only.

#include "pg/fault.hpp"

#ifdef PR_FAULTS

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <stdexcept>
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

// Longer than any field that it may have to go through, its characters of two bytes at odd and even places.
Error long_error(const char *site) {
  std::string text, site_name = site;
  while (text.size() < 6000) text += "\xc3\xa4";
  return Error("XX000", site_name + text, (site_name.size() % 2 == 0 ? "x" : "") + text, text).within("xy" + text);
}

void act(const std::string &action, const char *site) {
  if (action == "error") guarded([site] { elog(ERROR, "fault at %s", site); });
  if (action == "throw") throw Error("XX000", std::string("fault at ") + site);
  if (action == "bad_alloc") throw std::bad_alloc();
  if (action == "long_error") throw long_error(site);
  if (action == "exception") throw std::runtime_error(std::string("fault at ") + site);
  if (action == "enospc")
    guarded([site] { ereport(ERROR, (errcode(ERRCODE_DISK_FULL), errmsg("could not write at %s", site))); });
  if (action == "sigkill") kill(getpid(), SIGKILL);
  if (action == "exit") _exit(1);
  if (action == "stall") stall();
  if (action.compare(0, 5, "wait:") == 0) wait_while_exists(action.substr(5));
}

// The action if the setting names this site and its nth passing, else empty. It names several, separated by semicolons.
std::string due_action(const char *site) {
  static std::map<std::string, int> passings;
  if (fault_setting == nullptr || *fault_setting == '\0') return {};
  std::string rest = fault_setting, action;
  bool is_named = false;
  while (!rest.empty()) {
    size_t end = std::min(rest.find(';'), rest.size());
    std::string setting = rest.substr(0, end);
    rest.erase(0, end + 1);
    size_t first = setting.find(':'), second = setting.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos || setting.substr(0, first) != site) continue;
    if (!is_named) passings[site]++;
    is_named = true;
    if (passings[site] == atoi(setting.substr(first + 1).c_str())) action = setting.substr(second + 1);
  }
  return action;
}

}  // namespace

void define_fault_setting() {
  DefineCustomStringVariable("pagila_repl.fault",
                             "Where tests make a run fail: site:nth:action, several separated by semicolons.", nullptr,
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
