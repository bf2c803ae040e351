// What the releases of PostgreSQL since 15.0 have fixed in libpq.

#include "core/libpq_version.hpp"

namespace pagila_repl {

namespace {

struct LibpqFix {
  int first[4];  // of 15, 16, 17 and 18 that has it
  const char *fault;
};

// None is named by the release notes of 15.20. Fixes of the server and of its programs are not those of libpq.
constexpr LibpqFix kFixes[] = {
    {{150002, 160000, 170000, 180000}, "CVE-2022-41862 (memory is sent to a hostile server with Kerberos)"},
    {{150009, 160005, 170001, 180000}, "CVE-2024-10977 (errors from before encryption are believed)"},
    {{150011, 160007, 170003, 180000}, "CVE-2025-1094 (quoting of invalid text)"},
    {{150013, 160009, 170005, 180000}, "CVE-2025-4207 (reading past the end of GB18030 text)"},
    {{150015, 160011, 170007, 180001}, "CVE-2025-12818 (overflow in the size of allocations)"},
    {{150018, 160014, 170010, 180004}, "CVE-2026-6477 (a hostile server overwrites memory through large objects)"},
    {{150019, 160015, 170011, 180005}, "waiting for encrypted data that has already arrived"},
};

int oldest_of_major(int version) {
  for (int oldest : kAsNewAs15_20)
    if (version / 10000 == oldest / 10000) return oldest;
  return 0;
}

}  // namespace

std::string libpq_version_text(int version) {
  return std::to_string(version / 10000) + "." + std::to_string(version % 10000);
}

std::string complaint_about_libpq(int version) {
  if (!is_libpq_too_old(version)) return {};
  std::string text = "libpq " + libpq_version_text(version);
  int oldest = oldest_of_major(version);
  if (oldest == 0) return text + " is of a major version that gets no more fixes";
  std::string faults;
  for (const LibpqFix &fix : kFixes)
    if (version < fix.first[version / 10000 - 15]) faults += (faults.empty() ? "" : ", ") + std::string(fix.fault);
  return text + " is older than " + libpq_version_text(oldest) + ", " +
         (faults.empty() ? "what is not fixed in it is not known" : "not fixed in it: " + faults);
}

}  // namespace pagila_repl
