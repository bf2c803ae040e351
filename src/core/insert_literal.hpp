// Turns the literals that pg_dump writes in INSERT into COPY text, piece by piece, so that a value may be of any size.
#pragma once

#include <cstdint>
#include <string>

#include "core/dump_input.hpp"

namespace pagila_repl {

// The letter that stands for a byte behind a backslash in COPY text; 0 for a byte that stands for itself.
constexpr char copy_escape(char byte) {
  switch (byte) {
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '\v': return 'v';
    default: return 0;
  }
}

// Appends to `out` what `byte` is in COPY text.
void append_copy_escaped(std::string &out, char byte);

// A quoted string being read.
class StringLiteral {
 public:
  enum class Kind { plain, backslash, bits, hex_digits };

  // The input stands behind the opening quote, which is on `line`.
  explicit StringLiteral(Kind kind = Kind::plain, uint64_t line = 0) : kind_(kind), line_(line) {}
  // Appends COPY text until `out` has `enough` bytes or more; true when the closing quote has been read.
  bool read(DumpInput &in, std::string &out, size_t enough);
  Kind kind() const { return kind_; }

 private:
  void read_escape(DumpInput &in, std::string &out);
  unsigned read_code_point(DumpInput &in);
  void take_digit(DumpInput &in, std::string &out);

  Kind kind_;
  uint64_t line_;
};

enum class Number { none, integer, decimal };
// Appends the number that begins at the input; `none` if something else follows before it is one, or the file ends.
Number read_number(DumpInput &in, std::string &out);

}  // namespace pagila_repl
