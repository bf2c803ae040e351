// Minor releases of PostgreSQL before which we take another way, for want of fixes.
#pragma once

namespace pagila_repl {

// The first of each major version that is as new as 15.20.
constexpr int kAsNewAs15_20[] = {150020, 160016, 170012, 180007};

// Of a server or of libpq, as server_version_num. Newer major versions than those listed have the fixes.
constexpr bool is_older_than_15_20(int version) {
  for (int first : kAsNewAs15_20)
    if (version / 10000 <= first / 10000) return version < first;
  return false;
}

}  // namespace pagila_repl
