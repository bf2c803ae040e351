// Looks at the volume of the write-ahead log.

#include "target/disk_reserve.hpp"

#include <sys/statvfs.h>

#include <algorithm>
#include <string>

#include "core/error.hpp"
#include "settings.hpp"

namespace pagila_repl {

void check_disk_reserve() {
  int setting = disk_reserve_setting();
  if (setting == 0) return;
  struct statvfs volume;
  // The server's working directory is its data directory.
  if (statvfs("pg_wal", &volume) != 0) return;
  uint64_t free = uint64_t{volume.f_bavail} * volume.f_frsize, size = uint64_t{volume.f_blocks} * volume.f_frsize;
  uint64_t reserve = setting > 0 ? uint64_t(setting) << 20 : std::max(uint64_t{1} << 30, size / 20);
  if (free >= reserve) return;
  throw Error("53100", "the volume of the write-ahead log is nearly full",
              std::to_string(free >> 20) + " MB are free, " + std::to_string(reserve >> 20) +
                  " MB are kept so that the server can go on.",
              "Make room, or lower pagila_repl.disk_reserve.");
}

}  // namespace pagila_repl
