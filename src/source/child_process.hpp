// A program run as a child of this process, by its path and a list of arguments: without a shell, and without this
// process's descriptors, signals or environment. However this process ends, the child is ended and reaped; only if it
// is killed, the child is left to find its output closed.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/complaint.hpp"
#include "core/dump_reader.hpp"

namespace pagila_repl {

struct Program {
  std::string path;
  std::vector<std::string> arguments;    // without the program's name
  std::vector<std::string> environment;  // name=value
};

class ChildProcess : public ByteSource {
 public:
  // There is one child at a time. It has stalled when it has neither printed nor done anything for `stall_ms`
  // (0: never). Throws 58P01, 42501, 54000 (its arguments are too long), 58030 (cannot be run).
  ChildProcess(const Program &program, int stall_ms);
  ~ChildProcess();
  ChildProcess(const ChildProcess &) = delete;
  ChildProcess &operator=(const ChildProcess &) = delete;

  // What it prints; 0 once it has closed its output. Waits by latch. Throws 57014, also with
  // "source stalled".
  size_t read(char *buffer, size_t size) override;
  // Waits for its end; its status as waitpid tells it.
  int wait();
  const Complaint &complaint() const { return complaint_; }

 private:
  void wait_for_output(int patience_ms);
  void check_stall();
  bool collect_complaint();

  std::string name_;
  int64_t stall_ms_;
  pid_t pid_ = 0;
  int output_ = -1, errors_ = -1;
  Complaint complaint_;
  int64_t active_at_ms_ = 0;
  std::string activity_;
};

}  // namespace pagila_repl
