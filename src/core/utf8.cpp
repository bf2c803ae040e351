// Says how far a piece of text is well-formed UTF-8 without NUL, as the server would judge it.
#include "core/utf8.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace pagila_repl {
namespace {

// The well-formed sequences of the Unicode standard, table 3-7: their length, and the range of the second byte.
struct Sequence {
  unsigned char length = 0;  // 0: no sequence begins like this
  unsigned char second_from = 0x80, second_to = 0xBF;
};

constexpr std::array<Sequence, 256> make_sequences() {
  std::array<Sequence, 256> by_lead{};
  for (size_t lead = 0x01; lead <= 0x7F; ++lead) by_lead[lead].length = 1;
  for (size_t lead = 0xC2; lead <= 0xDF; ++lead) by_lead[lead].length = 2;
  for (size_t lead = 0xE0; lead <= 0xEF; ++lead) by_lead[lead].length = 3;
  for (size_t lead = 0xF0; lead <= 0xF4; ++lead) by_lead[lead].length = 4;
  by_lead[0xE0].second_from = 0xA0;
  by_lead[0xED].second_to = 0x9F;
  by_lead[0xF0].second_from = 0x90;
  by_lead[0xF4].second_to = 0x8F;
  return by_lead;
}
constexpr std::array<Sequence, 256> kSequences = make_sequences();

bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// As many whole words as are ASCII without NUL.
const unsigned char *skip_ascii(const unsigned char *at, const unsigned char *end) {
  constexpr uint64_t kHighBits = 0x8080808080808080u, kOnes = 0x0101010101010101u;
  while (end - at >= 8) {
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    // Subtracting one sets the high bit of a zero byte, and of no other ASCII byte unless a zero byte precedes it.
    if (((word | (word - kOnes)) & kHighBits) != 0) break;
    at += 8;
  }
  return at;
}

}  // namespace

Utf8Prefix valid_utf8_prefix(std::string_view text) {
  auto *begin = reinterpret_cast<const unsigned char *>(text.data());
  const unsigned char *end = begin + text.size();
  const unsigned char *at = skip_ascii(begin, end);
  while (at < end) {
    const Sequence sequence = kSequences[*at];
    auto length = static_cast<size_t>(at - begin);
    if (sequence.length == 0) return {length, true};
    for (int i = 1; i < sequence.length; ++i) {
      if (at + i == end) return {length, false};
      bool good = i == 1 ? at[1] >= sequence.second_from && at[1] <= sequence.second_to : is_continuation(at[i]);
      if (!good) return {length, true};
    }
    at += sequence.length;
    if (sequence.length == 1) at = skip_ascii(at, end);
  }
  return {text.size(), false};
}

std::string_view clip_utf8(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && is_continuation(static_cast<unsigned char>(text[limit]))) --limit;
  return text.substr(0, limit);
}

void append_utf8(std::string &text, unsigned code_point) {
  auto put = [&](unsigned byte) { text.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

std::string ascii_of_utf8(std::string_view text) {
  std::string ascii;
  for (size_t i = 0; i < text.size();) {
    auto byte = static_cast<unsigned char>(text[i]);
    size_t length = byte < 0x80 ? 1 : byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 0;
    if (length == 1) {
      ascii.push_back(text[i++]);
      continue;
    }
    if (length == 0 || i + length > text.size()) {
      ascii.push_back('?');
      ++i;
      continue;
    }
    unsigned value = byte & (0xFFu >> (length + 1));
    for (size_t j = 1; j < length; ++j) value = value << 6 | (static_cast<unsigned char>(text[i + j]) & 0x3Fu);
    char escape[16];
    snprintf(escape, sizeof escape, "\\+%06x", value);
    ascii += escape;
    i += length;
  }
  return ascii;
}

}  // namespace pagila_repl
