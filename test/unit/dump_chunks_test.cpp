#include <gtest/gtest.h>

#include "dump_fixture.hpp"

namespace pagila_repl {
namespace {

// Everything a pass found, to be compared as text.
std::string told(const Pass &pass) {
  std::string text;
  for (const Pass::Item &item : pass.items) {
    const RowBlock &block = item.block;
    text += std::to_string(static_cast<int>(item.kind)) + " " + std::to_string(item.line) + " [" + item.text + "] [" +
            item.rows + "] ";
    for (uint64_t number : {block.begin, block.end, block.first_line, block.rows, block.bytes})
      text += std::to_string(number) + " ";
    text += "\n";
  }
  if (pass.error) text += pass.error->sqlstate + pass.error->message + pass.error->detail + pass.error->context;
  return text + (pass.header ? " header" : "") + (pass.trailer ? " trailer" : "") + std::to_string(pass.lines);
}

const std::string kDump =
    "\xEF\xBB\xBF--\r\n-- PostgreSQL database dump\r\n--\r\n\\restrict x\r\n/* a /* b */ \xE2\x82\xAC */\r\n"
    "SET client_encoding = 'UTF8';\nSELECT U&'a', u&\"b\", E'\\'\xF0\x9F\x98\x80\\\\', $a\xC3\xA9$;$a$;$a\xC3\xA9$, "
    "1e-5;\n"
    "SELECT E'a'\n --c\n'\\';';\nCREATE OR REPLACE FUNCTION f() BEGIN ATOMIC SELECT 1; END;\n"
    "COPY t FROM stdin;\n\\N\t\xC3\xA9\n\\\\.\n\\\n\n\\.\n"
    "COPY t FROM stdin CSV;\r\n\\.x\r\n\\.\r\n"
    "INSERT INTO t (a, \"b\"\"\") VALUES (1, E'\\u00e9\\x41\\101\\uD83D\\uDE00'), (-2.5e+3, 'it''s\t');\n"
    "INSERT INTO t (a, \"b\"\"\") VALUES (3, B'01'); -- x\nINSERT INTO t (a, \"b\"\"\") VALUES (DEFAULT, X'0F') ON "
    "CONFLICT DO NOTHING;\n"
    "SET standard_conforming_strings = off;\nSELECT 'a\\';';\nSET client_encoding TO latin1;\nSELECT '\xE9';\n"
    "SET client_encoding TO utf8;\n--\n-- PostgreSQL database dump complete\n--\n\\unrestrict x\n";

TEST(DumpChunks, OfAnySizeGiveTheSame) {
  std::string expected = told(read_all(kDump));
  EXPECT_EQ(expected.find("line "), std::string::npos) << expected;
  EXPECT_NE(expected.find(" header trailer"), std::string::npos);
  for (size_t piece = 1; piece <= 100; ++piece)
    for (size_t buffer : {size_t{64}, size_t{67}, size_t{4096}}) {
      DumpReaderOptions options;
      options.buffer = buffer;
      EXPECT_EQ(told(read_all(kDump, piece, options)), expected) << piece << " " << buffer;
    }
}

TEST(DumpChunks, OfAnySizeGiveTheSameErrorWhereverTheFileIsCutOrSpoiled) {
  for (size_t at = 0; at < kDump.size(); ++at)
    for (const char *bytes : {"", "\xFF", "\\", "'", ";", "("}) {
      std::string spoiled = kDump.substr(0, at) + bytes;
      if (*bytes != 0) spoiled += kDump.substr(at);
      std::string expected = told(read_all(spoiled));
      for (size_t piece : {size_t{1}, size_t{7}}) {
        DumpReaderOptions options;
        options.buffer = 64;
        EXPECT_EQ(told(read_all(spoiled, piece, options)), expected) << at << " " << bytes;
      }
    }
}

TEST(DumpChunks, OfAnySizeGiveInsertRowsTheSame) {
  for (const Pass::Item &item : read_all(kDump).items)
    for (size_t piece = 1; piece <= 20 && item.kind == DumpItem::Kind::insert; ++piece)
      EXPECT_EQ(read_again(kDump, item.block, piece, 64), item.rows) << piece;
}

}  // namespace
}  // namespace pagila_repl
