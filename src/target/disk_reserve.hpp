// Room that a run leaves on the volume of the write-ahead log: a server that cannot write it stops as a whole.
#pragma once

#include <cstdint>

namespace pagila_repl {

// Throws 53100 if less than pagila_repl.disk_reserve is free there.
void check_disk_reserve();

// Calls it once for every 64 MB written.
class DiskReserve {
 public:
  void wrote(uint64_t bytes_so_far) {
    if (bytes_so_far - checked_at_ < (uint64_t{64} << 20)) return;
    checked_at_ = bytes_so_far;
    check_disk_reserve();
  }

 private:
  uint64_t checked_at_ = 0;
};

}  // namespace pagila_repl
