#include <gtest/gtest.h>

#include "dump_fixture.hpp"

namespace pagila_repl {
namespace {

std::optional<Error> refusal(std::string_view head) {
  try {
    check_dump_signature(head);
  } catch (const Error &error) {
    return error;
  }
  return std::nullopt;
}

TEST(DumpSignature, IsKnownForOtherFormats) {
  struct {
    std::string head;
    const char *sqlstate, *hint;
  } cases[] = {
      {"PGDMP\x01\x0e", "0A000", "pg_restore"},
      {std::string(257, '\0') + "ustar\0"
                                "00",
       "0A000", "pg_restore"},
      {"\x1f\x8b\x08", "0A000", "gunzip"},
      {"\x28\xb5\x2f\xfd", "0A000", "unzstd"},
      {std::string("\xfd"
                   "7zXZ\0",
                   6),
       "0A000", "unxz"},
      {"BZh91AY", "0A000", "bunzip2"},
      {"\x04\x22\x4d\x18", "0A000", "unlz4"},
      {"PK\x03\x04", "0A000", "unzip"},
      {std::string("\xff\xfe-\0-\0", 6), "22021", "iconv"},
      {std::string("\xfe\xff\0-\0-", 6), "22021", "iconv"},
      {std::string("-\0-\0", 4), "22021", "iconv"},
      {std::string("\0-\0-", 4), "22021", "iconv"},
      {"--\n-- PostgreSQL database cluster dump\n--\n", "0A000", "pg_dump"},
      {"\xEF\xBB\xBF--\r\n-- PostgreSQL database cluster dump\r\n", "0A000", "pg_dump"},
  };
  for (auto &each : cases) {
    std::optional<Error> error = refusal(each.head);
    ASSERT_TRUE(error) << each.head;
    EXPECT_EQ(error->sqlstate, each.sqlstate) << each.head;
    EXPECT_NE(error->hint.find(each.hint), std::string::npos) << error->hint;
  }
}

TEST(DumpSignature, LetsPlainDumpsPass) {
  for (const std::string &head :
       {std::string(), std::string("P"), std::string("--\n-- PostgreSQL database dump\n--\n"),
        std::string("\xEF\xBB\xBF-- x"), std::string("SELECT 1;\n-- PostgreSQL database cluster dump\n"),
        std::string(300, ' '), std::string("--\0-", 4), std::string(4, '\0')})
    EXPECT_FALSE(refusal(head)) << head;
}

}  // namespace
}  // namespace pagila_repl
