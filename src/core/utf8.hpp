// Says how far a piece of text is well-formed UTF-8 without NUL, as the server would judge it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pagila_repl {

struct Utf8Prefix {
  size_t length = 0;    // bytes of whole, valid characters
  bool broken = false;  // what follows is wrong whatever comes next; otherwise it is unfinished or there is nothing
};

// To check a stream: keep the bytes after `length`, append what comes next, call again.
Utf8Prefix valid_utf8_prefix(std::string_view text);

// The longest part of `text` of at most `limit` bytes that does not end inside a character.
std::string_view clip_utf8(std::string_view text, size_t limit);

// `code_point` must be a Unicode scalar value.
void append_utf8(std::string &text, unsigned code_point);

// The text in ASCII, other characters as in U&"...": \+0000e9. For readers whose encoding may lack them. What is not UTF-8
// becomes question marks.
std::string ascii_of_utf8(std::string_view text);

}  // namespace pagila_repl
