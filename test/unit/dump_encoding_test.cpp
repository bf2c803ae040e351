#include <gtest/gtest.h>

#include "dump_fixture.hpp"

namespace pagila_repl {
namespace {

const std::string kBad[] = {"\xC3(", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xFF", "\xE2\x82"};

TEST(DumpEncoding, RefusesBytesThatAreNotUtf8Everywhere) {
  const char *places[] = {"SELECT 1;\n-- @\n",
                          "SELECT 1;\n/* @ */\n",
                          "SELECT 1;\nSELECT '@';\n",
                          "SELECT 1;\nSELECT \"@\";\n",
                          "SELECT 1;\nSELECT a@;\n",
                          "SELECT 1;\nDO $a$@$a$;\n",
                          "COPY t FROM stdin;\n@\n\\.\n",
                          "SELECT 1;\nINSERT INTO t VALUES ('@');\n",
                          "SELECT 1;\nINSERT INTO t (\"@\") VALUES (1);\n",
                          "SELECT 1;\n@"};
  for (const std::string &bad : kBad)
    for (std::string dump : places) {
      size_t at = dump.find('@');
      dump.replace(at, 1, bad);
      for (size_t piece : {SIZE_MAX, size_t{1}}) {
        Pass pass = read_all(dump, piece);
        ASSERT_TRUE(pass.error) << dump;
        EXPECT_EQ(pass.error->sqlstate, "22021");
        EXPECT_EQ(pass.error->message, "invalid byte sequence for encoding \"UTF8\"");
        EXPECT_NE(pass.error->detail.find("byte " + std::to_string(at) + " "), std::string::npos) << pass.error->detail;
        EXPECT_EQ(pass.error->context, "line 2");
      }
    }
}

TEST(DumpEncoding, RefusesNulInAnyEncoding) {
  for (const char *setting : {"", "SET client_encoding = 'LATIN1';"})
    for (const char *place :
         {"SELECT '@';", "-- @\n", "COPY t FROM stdin;\n@\n\\.\n", "INSERT INTO t VALUES ('@');", "@"}) {
      std::string dump = std::string(setting) + place;
      size_t at = dump.find('@');
      dump[at] = '\0';
      Pass pass = read_all(dump, 3);
      ASSERT_TRUE(pass.error) << dump;
      EXPECT_EQ(pass.error->sqlstate, "22021");
      EXPECT_NE(pass.error->detail.find("byte " + std::to_string(at) + " "), std::string::npos);
    }
}

TEST(DumpEncoding, IsCheckedFromTheSettingOn) {
  struct {
    const char *setting;
    bool checks;
  } cases[] = {
      {"SET client_encoding = 'UTF8';", true},
      {"set CLIENT_ENCODING to utf8;", true},
      {"SET SESSION client_encoding = \"utf-8\";", true},
      {"SET LOCAL client_encoding TO 'Unicode';", true},
      {"SET NAMES 'UTF8';", true},
      {"SET /* a */ client_encoding -- b\n= UTF8;", true},
      {"SET client_encoding = 'LATIN1';", false},
      {"SET client_encoding TO latin9;", false},
      {"SET \"Client_Encoding\" = SQL_ASCII;", false},
      {"SET NAMES WIN1252;", false},
  };
  for (auto &each : cases)
    for (bool before : {false, true})
      for (size_t piece : {SIZE_MAX, size_t{1}}) {
        DumpReaderOptions options;
        options.utf8 = before;
        std::string dump = std::string(before ? "" : "SELECT '\xE9';") + each.setting + "SELECT '\xE9';";
        EXPECT_EQ(sqlstate(read_all(dump, piece, options)), each.checks ? "22021" : "00000") << dump;
      }
}

TEST(DumpEncoding, OfOtherStatementsDoesNotCount) {
  for (const char *statement :
       {"SET a.client_encoding = 'LATIN1';", "SELECT 'SET client_encoding = LATIN1';",
        "ALTER ROLE a SET client_encoding = 'LATIN1';", "SET search_path = client_encoding, latin1;"})
    EXPECT_EQ(sqlstate(read_all(std::string(statement) + "SELECT '\xE9';")), "22021") << statement;
}

TEST(DumpEncoding, IsRefusedWhereABackslashMayBePartOfACharacter) {
  for (const char *name :
       {"SJIS", "'shift_jis'", "'SHIFT_JIS_2004'", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "'win-932'", "windows949",
        "E'SJ\\x49S'", "''", "$$SJIS$$", "'SJ'\n'IS'", "U&'SJ\\0049S'", "'SJ'\n''\n''\n''\n''\n''\n'IS'"})
    EXPECT_EQ(sqlstate(read_all("SET client_encoding = " + std::string(name) + ";")), "0A000") << name;
}

TEST(DumpEncoding, IsRefusedUnderANameWithEscapes) {
  for (const char *name : {R"(U&"client\005fencoding")", R"(SESSION u&"standard_conforming_string!0073" UESCAPE '!')"})
    EXPECT_EQ(sqlstate(read_all("SET " + std::string(name) + " = off;")), "0A000") << name;
}

TEST(DumpEncoding, LosesAByteOrderMarkOnlyAtTheStart) {
  Pass pass = read_all("\xEF\xBB\xBF\xEF\xBB\xBFSELECT 1;");
  EXPECT_EQ(statements(pass), std::vector<std::string>{"\xEF\xBB\xBFSELECT 1"});
}

TEST(DumpEncoding, ErrorsNeverHoldBytesOfTheFile) {
  for (const char *dump :
       {"secret", "'secret", "INSERT INTO secret VALUES (secret", "COPY secret FROM stdin;\nsecret",
        "SELECT 'secret\xFF';", "$secret$", "SET client_encoding = 'sjis' secret", "COPY t FROM stdin; secret\n",
        "\\restrict secret!\n", "COPY t FROM stdin;\n\\.secret\n", "INSERT INTO t VALUES (E'\\uD83Dsecret');"}) {
    Pass pass = read_all(dump);
    ASSERT_TRUE(pass.error) << dump;
    const Error &error = *pass.error;
    EXPECT_EQ((error.message + error.detail + error.hint + error.context).find("secret"), std::string::npos) << dump;
  }
}

}  // namespace
}  // namespace pagila_repl
