// Named places where tests can make a run fail. A release build contains none of them.
#pragma once

#ifdef PR_FAULTS
namespace pagila_repl {
void define_fault_setting();
// Acts if the setting pagila_repl.fault ("site:nth:action") names this site and this is its nth passing.
void fault_point(const char *site);
}  // namespace pagila_repl
#define PR_FAULT(site) ::pagila_repl::fault_point(site)
#else
#define PR_FAULT(site) static_cast<void>(0)
#endif
