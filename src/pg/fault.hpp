// Named places where tests can make a run fail. A release build contains none of them.
#pragma once

#ifdef PR_FAULTS
namespace pagila_repl {
void define_fault_setting();
// Acts if the setting pagila_repl.fault ("site:nth:action") names this site and this is its nth passing.
// Actions: error, throw, bad_alloc, enospc, sigkill, exit, stall, wait:<file> (goes on when the file is gone).
void fault_point(const char *site);
// The same before a system call; the action eio gives the errno that the call is to fail with, the others 0.
int fault_errno(const char *site);
// By how many seconds someone has set the clock that jobs go by, and how many seconds more have passed than really have.
int fault_clock_offset();
int fault_time_passed();
}  // namespace pagila_repl
#define PR_FAULT(site) ::pagila_repl::fault_point(site)
#define PR_FAULT_ERRNO(site) ::pagila_repl::fault_errno(site)
#else
#define PR_FAULT(site) static_cast<void>(0)
#define PR_FAULT_ERRNO(site) 0
#endif
