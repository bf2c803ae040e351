// Delivers the data lines that follow COPY .. FROM STDIN in a dump.
#include "core/copy_lines.hpp"

#include <cstring>

#include "core/characters.hpp"

namespace pagila_repl {
namespace {

class CopyLines {
 public:
  CopyLines(DumpInput &in, CopyFormat format, uint64_t max_line, RowSink *sink)
      : in_(in), format_(format), max_line_(max_line), sink_(sink) {}

  RowBlock read() {
    block_.begin = in_.offset();
    block_.first_line = in_.line();
    for (;;) {
      std::string_view window = in_.window();
      if (window.empty()) throw unterminated();
      size_t size = lines_before_marker(window);
      if (size == 0 && at_marker()) break;
      // What begins like a marker and is none is data.
      if (size == 0) line_size_ = size = 1;
      deliver(window.substr(0, size));
    }
    return block_;
  }

 private:
  // How much of the window is data for certain. Stops before a line that may be the marker.
  size_t lines_before_marker(std::string_view window) {
    const char *begin = window.data(), *end = begin + window.size(), *at = begin;
    newlines_ = 0;
    while (at < end) {
      if (line_size_ == 0 && *at == '\\' && (at + 1 == end || at[1] == '.')) break;
      auto *newline = static_cast<const char *>(memchr(at, '\n', static_cast<size_t>(end - at)));
      line_size_ += static_cast<uint64_t>((newline != nullptr ? newline : end) - at);
      if (line_size_ > max_line_) throw too_long();
      if (newline == nullptr) return window.size();
      ++newlines_;
      line_size_ = 0;
      at = newline + 1;
    }
    return static_cast<size_t>(at - begin);
  }

  // Goes past the marker line if there is one.
  bool at_marker() {
    if (in_.peek(1) == DumpInput::kEnd) throw unterminated();
    if (in_.peek(1) != '.') return false;
    int after = in_.peek(2);
    if (after == DumpInput::kEnd) throw unterminated();
    size_t size = after == '\r' ? 4 : 3;
    if (in_.peek(size - 1) == '\n') {
      block_.end = in_.offset();
      in_.advance(size);
      return true;
    }
    if (in_.peek(size - 1) == DumpInput::kEnd) throw unterminated();
    // In CSV only the exact line is the marker; in text the server takes any such line for a broken one.
    if (format_ == CopyFormat::csv) return false;
    throw in_.error("22P04", "end-of-copy marker corrupt",
                    "The line begins with \"\\.\" and goes on; the marker stands on a line by itself.");
  }

  void deliver(std::string_view data) {
    if (sink_ != nullptr) sink_->rows(data);
    block_.bytes += data.size();
    block_.rows += newlines_;
    in_.advance(data.size(), newlines_);
  }

  Error unterminated() const {
    return in_.error("22P04", "unterminated COPY data",
                     "The block of data begins on " + line_number(block_.first_line) +
                         " and the file ends before the line \"\\.\".");
  }

  Error too_long() const {
    return Error("54000", "line of COPY data is too long",
                 "A line may have up to " + std::to_string(max_line_) + " bytes.")
        .within(line_number(in_.line() + newlines_));
  }

  DumpInput &in_;
  CopyFormat format_;
  uint64_t max_line_;
  RowSink *sink_;
  RowBlock block_;
  uint64_t line_size_ = 0;  // bytes gone past of the line that is begun
  uint64_t newlines_ = 0;   // in what is to be delivered next
};

void skip_rest_of_line(DumpInput &in, const StatementText &statement) {
  while (is_blank(in.peek())) in.skip();
  if (in.peek() == DumpInput::kEnd)
    throw in.error("22P04", "unterminated COPY data",
                   "The COPY statement of " + line_number(statement.line) + " is the end of the file.");
  if (in.peek() != '\n')
    throw in.error("42601", "text after COPY on the same line", "The data begins on the next line.");
  in.skip();
}

}  // namespace

RowBlock read_copy_lines(DumpInput &in, const StatementText &statement, uint64_t max_line, RowSink *sink) {
  if (statement.copy_format == CopyFormat::other)
    throw in.error("0A000", "COPY in a format other than text or csv cannot be loaded from a dump",
                   "The COPY statement is on " + line_number(statement.line) + ".");
  skip_rest_of_line(in, statement);
  return CopyLines(in, statement.copy_format, max_line, sink).read();
}

}  // namespace pagila_repl
