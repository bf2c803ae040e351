// Which fixes the libpq that was found at run time lacks.
#pragma once

#include <string>

namespace pagila_repl {

// The first of each major version that has all fixes a connection to an untrusted server relies on.
constexpr int kOldestLibpq[] = {150020, 160016, 170012, 180007};

// `version` as PQlibVersion gives it. Newer major versions than those listed have the fixes.
constexpr bool is_libpq_too_old(int version) {
  for (int oldest : kOldestLibpq)
    if (version / 10000 <= oldest / 10000) return version < oldest;
  return false;
}

// As people write it: 15.18.
std::string libpq_version_text(int version);

// Says of one that is too old what is not fixed in it, as far as the release notes name it; empty for others.
std::string complaint_about_libpq(int version);

}  // namespace pagila_repl
