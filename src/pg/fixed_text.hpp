// Text in fields of a fixed size, such as those in shared memory.
#pragma once

#include <cstring>
#include <string>

namespace pagila_repl {

// How many of the bytes are whole characters, in the encoding of this database, and at most `limit`.
size_t whole_characters(const std::string &text, size_t limit);

// Puts text into a field. What is too long for it is cut between two characters, and "..." says so.
template <size_t size>
void put_text(char (&field)[size], const std::string &text) {
  static const char cut[] = "...";
  static_assert(size > sizeof cut);
  bool fits = text.size() < size;
  size_t length = fits ? text.size() : whole_characters(text, size - sizeof cut);
  memcpy(field, text.data(), length);
  strcpy(field + length, fits ? "" : cut);
}

}  // namespace pagila_repl
