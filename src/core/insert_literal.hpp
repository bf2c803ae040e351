// Turns the literals that pg_dump writes in INSERT into COPY text, piece by piece, so that a value may be of any size.
#pragma once

#include <cstdint>
#include <string>

#include "core/dump_input.hpp"

namespace pagila_repl {

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

 private:
  void read_escape(DumpInput &in, std::string &out);
  unsigned read_code_point(DumpInput &in);
  void take_digit(DumpInput &in, std::string &out);

  Kind kind_;
  uint64_t line_;
};

// Appends the number that begins at the input. Throws 0A000 if there is none, but not when the file ends there.
void read_number(DumpInput &in, std::string &out);

// The error for an INSERT that is anything else than pg_dump would have written.
Error insert_form_error(const DumpInput &in);

}  // namespace pagila_repl
