#include "core/utf8.hpp"

#include <gtest/gtest.h>

namespace pagila_repl {
namespace {

std::string encoded(unsigned code_point) {
  std::string text;
  append_utf8(text, code_point);
  return text;
}

// The definition, without any of the reader's tricks.
bool is_shortest_form_of_a_scalar_value(const std::string &bytes) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  static const unsigned char kMarks[] = {0, 0, 0xC0, 0xE0, 0xF0};
  static const unsigned char kMasks[] = {0, 0x7F, 0xE0, 0xF0, 0xF8};
  static const unsigned kFirst[] = {0, 1, 0x80, 0x800, 0x10000};
  size_t size = bytes.size();
  if ((byte(0) & (size == 1 ? 0x80 : kMasks[size])) != kMarks[size]) return false;
  unsigned value = size == 1 ? byte(0) : byte(0) & static_cast<unsigned char>(~kMasks[size]);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return false;
    value = value << 6 | (byte(i) & 0x3F);
  }
  return value >= kFirst[size] && value <= 0x10FFFF && !(value >= 0xD800 && value <= 0xDFFF);
}

TEST(Utf8, AcceptsEveryScalarValue) {
  for (unsigned c = 1; c <= 0x10FFFF; ++c) {
    if (c == 0xD800) c = 0xE000;
    std::string text = encoded(c);
    Utf8Prefix prefix = valid_utf8_prefix(text);
    ASSERT_EQ(prefix.length, text.size()) << std::hex << c;
    ASSERT_FALSE(prefix.broken) << std::hex << c;
  }
}

TEST(Utf8, AgreesWithTheDefinitionOnAllOneTwoAndThreeBytes) {
  for (unsigned bytes = 0; bytes < 0x1000000; ++bytes) {
    char text[] = {static_cast<char>(bytes >> 16), static_cast<char>(bytes >> 8), static_cast<char>(bytes)};
    size_t size = (text[0] & 0x80) == 0 ? 1 : (static_cast<unsigned char>(text[0]) < 0xE0) ? 2 : 3;
    if (size < 3 && (bytes & 0xFF) != 0) continue;
    if (size < 2 && (bytes & 0xFFFF) != 0) continue;
    std::string one(text, size);
    Utf8Prefix prefix = valid_utf8_prefix(one);
    bool good = is_shortest_form_of_a_scalar_value(one);
    ASSERT_EQ(prefix.length, good ? size : 0) << std::hex << bytes;
  }
}

TEST(Utf8, AgreesWithTheDefinitionOnFourBytes) {
  for (unsigned lead = 0xF0; lead <= 0xFF; ++lead)
    for (unsigned second = 0; second <= 0xFF; ++second)
      for (unsigned last : {0x00u, 0x7Fu, 0x80u, 0xBFu, 0xC0u, 0xFFu})
        for (unsigned third : {0x00u, 0x7Fu, 0x80u, 0xBFu, 0xC0u, 0xFFu}) {
          std::string text{static_cast<char>(lead), static_cast<char>(second), static_cast<char>(third),
                           static_cast<char>(last)};
          bool good = lead < 0xF8 && is_shortest_form_of_a_scalar_value(text);
          ASSERT_EQ(valid_utf8_prefix(text).length, good ? 4u : 0u) << std::hex << lead << " " << second;
        }
}

TEST(Utf8, TellsUnfinishedFromBroken) {
  struct {
    std::string text;
    size_t length;
    bool broken;
  } cases[] = {
      {"", 0, false},
      {"abc", 3, false},
      {"abc\xC3", 3, false},
      {"abc\xE2\x82", 3, false},
      {"abc\xF0\x9F\x98", 3, false},
      {"abc\xE0\x80", 3, true},
      {"abc\xED\xA0", 3, true},
      {"abc\xF4\x90", 3, true},
      {"abc\xC3(", 3, true},
      {"abc\x80", 3, true},
      {"abc\xC0\xAF", 3, true},
      {"abc\xFE", 3, true},
      {std::string("abc\0def", 7), 3, true},
      {std::string("0123456789abcde\0f", 17), 15, true},
  };
  for (auto &each : cases) {
    Utf8Prefix prefix = valid_utf8_prefix(each.text);
    EXPECT_EQ(prefix.length, each.length) << each.text;
    EXPECT_EQ(prefix.broken, each.broken) << each.text;
  }
}

TEST(Utf8, FindsABadByteAtEveryPlaceInAWord) {
  for (char bad : {'\0', '\x80', '\xFF'})
    for (size_t at = 0; at < 40; ++at) {
      std::string text(40, 'x');
      text[at] = bad;
      Utf8Prefix prefix = valid_utf8_prefix(text);
      EXPECT_EQ(prefix.length, at);
      EXPECT_TRUE(prefix.broken);
    }
}

TEST(Utf8, ClipsOnlyBetweenCharacters) {
  EXPECT_EQ(clip_utf8("abc", 3), "abc");
  EXPECT_EQ(clip_utf8("abcd", 3), "abc");
  EXPECT_EQ(clip_utf8("ab\xC3\xA9", 3), "ab");
  EXPECT_EQ(clip_utf8("a\xF0\x9F\x98\x80", 4), "a");
  EXPECT_EQ(clip_utf8("\xE2\x82\xAC\xE2\x82\xAC", 5), "\xE2\x82\xAC");
}

TEST(Utf8, IsWrittenInAscii) {
  EXPECT_EQ(ascii_of_utf8("plain \"x\""), "plain \"x\"");
  EXPECT_EQ(ascii_of_utf8("b\xC4\xB1g \xE2\x82\xAC \xF0\x9F\x98\x80"), "b\\+000131g \\+0020ac \\+01f600");
  EXPECT_EQ(ascii_of_utf8("\x80\xC4"), "??");
}

}  // namespace
}  // namespace pagila_repl
