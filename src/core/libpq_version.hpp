// Whether the libpq that was found at run time may be used.
#pragma once

namespace pagila_repl {

// The first of each major version that has all fixes a connection to an untrusted server relies on.
constexpr int kOldestLibpq[] = {150020, 160016, 170012, 180007};

// `version` as PQlibVersion gives it. Newer major versions than those listed have the fixes.
constexpr bool is_libpq_too_old(int version) {
  for (int oldest : kOldestLibpq)
    if (version / 10000 <= oldest / 10000) return version < oldest;
  return false;
}

}  // namespace pagila_repl
