// The bytes of a dump through one buffer of fixed size: checked for encoding, counted by byte and line. What is seen
// does not depend on how the source cuts its reads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/dump_reader.hpp"
#include "core/error.hpp"

namespace pagila_repl {

class DumpInput {
 public:
  static constexpr int kEnd = -1;
  static constexpr size_t kMaxAhead = 64;

  // `buffer` is at least kMaxAhead. `offset` and `line` say where in the file the source stands. The source must
  // outlive the input.
  DumpInput(ByteSource &source, size_t buffer, bool utf8, uint64_t offset = 0, uint64_t line = 1);

  // The byte `ahead` (below kMaxAhead - 4) of the current one, as 0..255, or kEnd. Throws 22021 if it or one before is
  // bad.
  int peek(size_t ahead = 0) {
    size_t at = pos_ + ahead;
    return at < checked_ ? static_cast<unsigned char>(buffer_[at]) : peek_further(ahead);
  }
  // Goes past a byte that peek() returned.
  void skip() {
    last_ = buffer_[pos_++];
    line_ += last_ == '\n';
  }
  // All bytes at hand, at least one unless at the end of the file. Valid until the next call that may read.
  std::string_view window();
  void advance(size_t size);
  void advance(size_t size, uint64_t newlines);

  void skip_byte_order_mark();
  // From the current byte on.
  void check_utf8(bool check);
  bool checks_utf8() const { return utf8_; }

  uint64_t offset() const { return base_ + pos_; }
  uint64_t line() const { return line_; }
  bool at_line_start() const { return last_ == '\n'; }
  // Lines gone past so far, the last one also if it has no newline.
  uint64_t lines_passed() const { return line_ - (at_line_start() ? 1 : 0); }

  // An error seen at the current line.
  Error error(std::string sqlstate, std::string message, std::string detail = {}, std::string hint = {}) const;

 private:
  int peek_further(size_t ahead);
  bool have(size_t size);
  void read_more();
  void check();
  Error bad_byte() const;

  ByteSource &source_;
  std::vector<char> buffer_;
  size_t pos_ = 0;      // the current byte
  size_t checked_ = 0;  // end of what is known to be good
  size_t filled_ = 0;   // end of what was read
  uint64_t base_;       // offset in the file of buffer_[0]
  uint64_t line_;
  char last_ = '\n';
  bool utf8_;
  bool broken_ = false;  // buffer_[checked_] is bad
  bool ended_ = false;
};

std::string line_number(uint64_t line);

}  // namespace pagila_repl
