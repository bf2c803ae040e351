// The character classes of the server's scanner (scan.l), and ASCII-only comparison of key words.
#pragma once

#include <cstddef>
#include <string_view>

namespace pagila_repl {

// Each takes a byte as 0..255, or anything negative for "no byte".
inline bool is_space(int c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
inline bool is_blank(int c) { return c == ' ' || c == '\t' || c == '\f' || c == '\r'; }
inline bool is_digit(int c) { return c >= '0' && c <= '9'; }
inline bool is_letter(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline bool is_hex_digit(int c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
inline bool is_name_start(int c) { return is_letter(c) || c == '_' || c >= 0x80; }
inline bool is_tag_part(int c) { return is_name_start(c) || is_digit(c); }
inline bool is_name_part(int c) { return is_tag_part(c) || c == '$'; }

inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// `key_word` is in lower case.
inline bool is_word(std::string_view text, std::string_view key_word) {
  if (text.size() != key_word.size()) return false;
  for (size_t i = 0; i < text.size(); ++i)
    if (lower(text[i]) != key_word[i]) return false;
  return true;
}

}  // namespace pagila_repl
