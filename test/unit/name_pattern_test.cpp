#include "core/name_pattern.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace pagila_repl {
namespace {

std::string name_of(std::string_view text) { return schema_pattern(text).name; }

std::string relation_of(std::string_view text) {
  NamePattern pattern = relation_pattern(text);
  return pattern.schema.value_or("any") + " " + pattern.name;
}

std::string refusal(NamePattern (*parse)(std::string_view), std::string_view text) {
  try {
    parse(text);
  } catch (const Error &error) {
    return error.sqlstate + " " + error.detail;
  }
  return "";
}

TEST(NamePattern, IsAnchoredAtBothEnds) { EXPECT_EQ(name_of("film"), "^(film)$"); }

TEST(NamePattern, FoldsCaseOutsideQuotes) {
  EXPECT_EQ(name_of("FiLM"), "^(film)$");
  EXPECT_EQ(name_of("\"FiLM\""), "^(FiLM)$");
  EXPECT_EQ(name_of("A\"B\"C"), "^(aBc)$");
}

TEST(NamePattern, LeavesOtherCharactersThanAsciiAlone) { EXPECT_EQ(name_of("Ünïcode*"), "^(Ünïcode.*)$"); }

TEST(NamePattern, TurnsStarAndQuestionMarkIntoRegex) {
  EXPECT_EQ(name_of("film*"), "^(film.*)$");
  EXPECT_EQ(name_of("fil?"), "^(fil.)$");
  EXPECT_EQ(name_of("*"), "^(.*)$");
}

TEST(NamePattern, KeepsRegexOutsideQuotes) {
  EXPECT_EQ(name_of("a|b+[0-9]"), "^(a|b+[0-9])$");
  EXPECT_EQ(name_of("(film|actor)_[a-z]"), "^((film|actor)_[a-z])$");
}

TEST(NamePattern, EscapesRegexInsideQuotes) {
  EXPECT_EQ(name_of("\"a*b?c.d|e\""), "^(a\\*b\\?c\\.d\\|e)$");
  EXPECT_EQ(name_of("\"a+(b)[c]{d}^e\\\""), "^(a\\+\\(b\\)\\[c\\]\\{d\\}\\^e\\\\)$");
}

TEST(NamePattern, TakesDollarAndEmptyBracketsAsCharacters) {
  EXPECT_EQ(name_of("a$b"), "^(a\\$b)$");
  EXPECT_EQ(name_of("\"a$b\""), "^(a\\$b)$");
  EXPECT_EQ(name_of("a[]"), "^(a\\[])$");
}

TEST(NamePattern, TakesDoubledQuotesAsOneQuote) {
  EXPECT_EQ(name_of("\"a\"\"b\""), "^(a\"b)$");
  EXPECT_EQ(name_of("\"\"\"\""), "^(\")$");
}

TEST(NamePattern, SplitsSchemaAndNameAtTheDot) {
  EXPECT_EQ(relation_of("film"), "any ^(film)$");
  EXPECT_EQ(relation_of("shop.film*"), "^(shop)$ ^(film.*)$");
  EXPECT_EQ(relation_of("\"a.b\".\"C\""), "^(a\\.b)$ ^(C)$");
  EXPECT_EQ(relation_of("*.*"), "^(.*)$ ^(.*)$");
}

TEST(NamePattern, RefusesWhatIsNoPattern) {
  EXPECT_EQ(refusal(schema_pattern, ""), "42601 A name in it is empty.");
  EXPECT_EQ(refusal(schema_pattern, "\"\""), "42601 A name in it is empty.");
  EXPECT_EQ(refusal(relation_pattern, ".film"), "42601 A name in it is empty.");
  EXPECT_EQ(refusal(relation_pattern, "shop."), "42601 A name in it is empty.");
  EXPECT_EQ(refusal(schema_pattern, "\"film"), "42601 A double quote in it is not closed.");
  EXPECT_EQ(refusal(schema_pattern, "a.b"), "42601 It has a dot, but is to match names of schemas.");
  EXPECT_EQ(refusal(relation_pattern, "a.b.c"),
            "42601 It has more than one dot: only a schema may come before the name.");
  EXPECT_EQ(refusal(relation_pattern, std::string_view("a\0b", 3)), "42601 It contains a zero byte.");
}

}  // namespace
}  // namespace pagila_repl
