// The bytes of a dump through one buffer of fixed size: checked for encoding, counted by byte and line.
#include "core/dump_input.hpp"

#include <algorithm>
#include <cstring>

#include "core/utf8.hpp"

namespace pagila_repl {
namespace {

uint64_t count_newlines(std::string_view text) {
  uint64_t count = 0;
  for (size_t at = 0; (at = text.find('\n', at)) != std::string_view::npos; ++at) ++count;
  return count;
}

}  // namespace

std::string line_number(uint64_t line) { return "line " + std::to_string(line); }

DumpInput::DumpInput(ByteSource &source, size_t buffer, bool utf8, uint64_t offset, uint64_t line)
    : source_(source), buffer_(std::max(buffer, kMaxAhead)), base_(offset), line_(line), utf8_(utf8) {}

std::string_view DumpInput::window() {
  have(1);
  return {buffer_.data() + pos_, checked_ - pos_};
}

void DumpInput::advance(size_t size) { advance(size, count_newlines({buffer_.data() + pos_, size})); }

void DumpInput::advance(size_t size, uint64_t newlines) {
  if (size == 0) return;
  pos_ += size;
  line_ += newlines;
  last_ = buffer_[pos_ - 1];
}

int DumpInput::peek_further(size_t ahead) {
  return have(ahead + 1) ? static_cast<unsigned char>(buffer_[pos_ + ahead]) : kEnd;
}

bool DumpInput::have(size_t size) {
  while (checked_ - pos_ < size) {
    if (broken_ || (ended_ && checked_ < filled_)) throw bad_byte();
    if (ended_) return false;
    read_more();
  }
  return true;
}

void DumpInput::read_more() {
  if (filled_ == buffer_.size() || pos_ == filled_) {
    memmove(buffer_.data(), buffer_.data() + pos_, filled_ - pos_);
    base_ += pos_;
    filled_ -= pos_;
    checked_ -= pos_;
    pos_ = 0;
  }
  size_t size = source_.read(buffer_.data() + filled_, buffer_.size() - filled_);
  if (size == 0) ended_ = true;
  filled_ += size;
  check();
}

void DumpInput::check() {
  std::string_view fresh(buffer_.data() + checked_, filled_ - checked_);
  if (utf8_) {
    Utf8Prefix prefix = valid_utf8_prefix(fresh);
    checked_ += prefix.length;
    broken_ = prefix.broken;
  } else {
    size_t nul = fresh.find('\0');
    broken_ = nul != std::string_view::npos;
    checked_ += broken_ ? nul : fresh.size();
  }
}

void DumpInput::skip_byte_order_mark() {
  if (peek() != 0xEF || peek(1) != 0xBB || peek(2) != 0xBF) return;
  advance(3);
  last_ = '\n';
}

void DumpInput::check_utf8(bool check_it) {
  if (check_it == utf8_) return;
  utf8_ = check_it;
  checked_ = pos_;
  check();
}

Error DumpInput::error(std::string sqlstate, std::string message, std::string detail, std::string hint) const {
  return Error(std::move(sqlstate), std::move(message), std::move(detail), std::move(hint)).within(line_number(line_));
}

Error DumpInput::bad_byte() const {
  uint64_t line = line_ + count_newlines({buffer_.data() + pos_, checked_ - pos_});
  std::string where = "at byte " + std::to_string(base_ + checked_) + " of the file.";
  if (buffer_[checked_] == '\0')
    return Error("22021", "invalid byte sequence for encoding \"UTF8\": 0x00", "There is a NUL " + where)
        .within(line_number(line));
  return Error("22021", "invalid byte sequence for encoding \"UTF8\"", "The bad sequence begins " + where,
               "If the dump is in another encoding, it must say so with SET client_encoding, or be made with pg_dump "
               "--encoding=UTF8.")
      .within(line_number(line));
}

}  // namespace pagila_repl
