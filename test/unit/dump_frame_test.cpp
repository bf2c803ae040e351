#include <gtest/gtest.h>

#include "dump_fixture.hpp"

namespace pagila_repl {
namespace {

const std::string kHeader = "--\n-- PostgreSQL database dump\n--\n\n";
const std::string kTrailer = "--\n-- PostgreSQL database dump complete\n--\n";

std::string with_newlines(std::string text, const std::string &newline) {
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += newline.size())
    text.replace(at, 1, newline);
  return text;
}

TEST(DumpFrame, KnowsHeaderAndTrailer) {
  struct {
    std::string dump;
    bool header, trailer;
  } cases[] = {
      {"", false, false},
      {"SELECT 1;\n", false, false},
      {kHeader + "SELECT 1;\n", true, false},
      {kHeader + "SELECT 1;\n" + kTrailer, true, true},
      {kHeader + kTrailer + "\n", true, true},
      {kHeader + kTrailer + "SELECT 1;\n", true, true},
      {kHeader + kTrailer + kHeader + "SELECT 1;\n", true, false},
      {kHeader + kTrailer + "COPY t FROM stdin;\n\\.\n", true, true},
      {kHeader + kTrailer + "INSERT INTO t VALUES (1);\n", true, true},
      {kHeader + kTrailer + "-- more\n/* words */", true, true},
      {kHeader + "INSERT INTO t VALUES (1);\n\n" + kTrailer, true, true},
      {kHeader + "COPY t FROM stdin;\n" + kTrailer + "\\.\n", true, false},
      {kHeader + "SELECT '\n" + kTrailer + "';", true, false},
      {"-- PostgreSQL database dump, really\n", false, false},
      {"  -- PostgreSQL database dump\n", false, false},
      {"/*\n-- PostgreSQL database dump\n*/", false, false},
      {"-- PostgreSQL database dump complete\n\n--\n", false, false},
      {"-- PostgreSQL database dump complete\n --\n", false, false},
      {"-- PostgreSQL database dump complete\n--", false, false},
      {"-- PostgreSQL database dump complete\n-- \n", false, false},
      {"\xEF\xBB\xBF-- PostgreSQL database dump\n", true, false},
  };
  for (auto &each : cases)
    for (const char *newline : {"\n", "\r\n"}) {
      Pass pass = read_all(with_newlines(each.dump, newline), 2);
      ASSERT_FALSE(pass.error) << each.dump;
      EXPECT_EQ(pass.header, each.header) << each.dump;
      EXPECT_EQ(pass.trailer, each.trailer) << each.dump;
    }
}

TEST(DumpFrame, TellsWhatEachStatementMakes) {
  Pass pass = read_all(
      "SET a = 1;\n--\n-- Name: titles; Type: VIEW; Schema: shop; Owner: alice\n--\n\nCREATE VIEW shop.titles;\n"
      "ALTER TABLE shop.titles OWNER TO alice;\n--\n-- Name: a; Type: b; Type: EVENT TRIGGER; Schema: -; Owner: -\n--\n"
      "CREATE EVENT TRIGGER \"a; Type: b\";\n-- Name: cut\nSELECT 1;\n -- Name: not; Type: ALONE; Schema: -; Owner: -\n"
      "SELECT 2;\n",
      1);
  ASSERT_FALSE(pass.error) << pass.error->message;
  std::vector<std::string> objects;
  for (const Pass::Item &item : pass.items) objects.push_back(item.object);
  EXPECT_EQ(objects, (std::vector<std::string>{"", "VIEW shop.titles", "VIEW shop.titles", "EVENT TRIGGER a; Type: b",
                                               "object cut", "object cut"}));
}

TEST(DumpFrame, PassesOverRestrictLines) {
  for (std::string dump :
       {"\\restrict a1B\nSELECT 1;\n\\unrestrict a1B\n", "  \\restrict\ta \r\nSELECT 1;\n\t\\unrestrict a",
        "\\restrict a\nSELECT 1;\n\\unrestrict a\n\\restrict b\n\\unrestrict b\n",
        "\\restrict a\nCOPY t FROM stdin;\n\\.\n\\unrestrict a\nSELECT 1;",
        "\\restrict a\n/*\n*/\nSELECT 1;\n-- x\n\\unrestrict a\n"}) {
    std::replace(dump.begin(), dump.end(), '\t', ' ');
    Pass pass = read_all(dump, 1);
    ASSERT_FALSE(pass.error) << dump << pass.error->message;
    EXPECT_EQ(pass.items.back().text, "SELECT 1");
  }
}

TEST(DumpFrame, RefusesOtherRestrictLines) {
  struct {
    const char *dump, *message;
  } cases[] = {
      {"\\restrict\n", "psql meta-command \\restrict is not allowed in a dump"},
      {"\\restrict \n", "malformed \\restrict line"},
      {"\\restrict a-b\n", "malformed \\restrict line"},
      {"\\restrict a b\n", "malformed \\restrict line"},
      {"\\restrict a; SELECT 1;\n", "malformed \\restrict line"},
      {"\\restrict a\\! x\n", "malformed \\restrict line"},
      {"\\restrict 'a'\n", "malformed \\restrict line"},
      {"\\restrict a\n\\restrict b\n", "\\restrict inside \\restrict"},
      {"\\unrestrict a\n", "\\unrestrict does not match \\restrict"},
      {"\\restrict a\n\\unrestrict ab\n", "\\unrestrict does not match \\restrict"},
      {"\\restrict a\n\\unrestrict A\n", "\\unrestrict does not match \\restrict"},
      {"\\restrict a\n\\unrestrict a\n\\unrestrict a\n", "\\unrestrict does not match \\restrict"},
      {"\\restricted a\n", "psql meta-command \\restricted is not allowed in a dump"},
      {"\\Restrict a\n", "psql meta-command \\Restrict is not allowed in a dump"},
      {"SELECT 1; \\restrict a\n", "psql meta-command \\restrict is not allowed in a dump"},
      {"; \\restrict a\n", "psql meta-command \\restrict is not allowed in a dump"},
      {"/* a */ \\restrict a\n", "psql meta-command \\restrict is not allowed in a dump"},
      {"/*\n*/ \\restrict a\n", "psql meta-command \\restrict is not allowed in a dump"},
  };
  for (auto &each : cases) {
    Pass pass = read_all(each.dump);
    ASSERT_TRUE(pass.error) << each.dump;
    EXPECT_EQ(pass.error->sqlstate, "42601") << each.dump;
    EXPECT_EQ(pass.error->message, each.message) << each.dump;
  }
  EXPECT_EQ(sqlstate(read_all("\\restrict " + std::string(2000, 'a') + "\n")), "42601");
}

TEST(DumpFrame, WantsUnrestrictBeforeTheEnd) {
  std::string dump = "\\restrict a\nSELECT 1;\n" + kTrailer;
  EXPECT_FALSE(read_all(dump).trailer);
  EXPECT_TRUE(read_all(dump + "\n\\unrestrict a\n").trailer);
}

TEST(DumpFrame, RefusesADumpOfACluster) {
  std::string line = "-- PostgreSQL database cluster dump\n";
  for (const char *newline : {"\n", "\r\n"}) {
    Pass pass = read_all(with_newlines("--\n" + line + "--\n\nSELECT 1;", newline));
    ASSERT_TRUE(pass.error);
    EXPECT_EQ(pass.error->sqlstate, "0A000");
    EXPECT_NE(pass.error->hint.find("pg_dump"), std::string::npos);
    EXPECT_EQ(pass.error->context, "line 2");
  }
  EXPECT_EQ(sqlstate(read_all("SELECT 1;\n" + line)), "00000");
}

TEST(DumpFrame, ShowsThatADumpWasCutAnywhere) {
  const std::string body =
      "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n"
      "CREATE TABLE public.t (a int DEFAULT 1, \"b;\" text); -- x\n/* y */\n"
      "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END;\n"
      "CREATE FUNCTION g() RETURNS text AS $_$ begin return '\xE2\x82\xAC;$$'; end $_$ LANGUAGE plpgsql;\n"
      "COPY public.t (a, \"b;\") FROM stdin;\n1\t\\N\n2\t\xC3\xA9\\\\.\n\\.\n\n"
      "INSERT INTO public.t VALUES (1, 'a''b');\nINSERT INTO public.t VALUES (2, E'\\u00e9'), (3, NULL) ON CONFLICT DO "
      "NOTHING;\n"
      "INSERT INTO z DEFAULT VALUES;\n"
      "SELECT pg_catalog.setval('public.s', 500, true);\n\n\n";
  for (bool restricts : {false, true})
    for (const char *newline : {"\n", "\r\n"}) {
      std::string dump = with_newlines(kHeader + (restricts ? "\\restrict Abc\n\n" : "") + body + kTrailer, newline);
      size_t whole = dump.size();
      if (restricts) dump += with_newlines("\n\\unrestrict Abc\n\n", newline);
      Pass all = read_all(dump);
      ASSERT_FALSE(all.error) << all.error->message << all.error->context;
      EXPECT_TRUE(all.header && all.trailer);
      for (size_t size = 0; size < whole; ++size) {
        Pass pass = read_all(std::string_view(dump).substr(0, size));
        EXPECT_TRUE(pass.error || !pass.trailer) << size;
      }
    }
}

TEST(DumpFrame, TellsWhichDatabaseConnectNames) {
  struct {
    const char *line, *database;
  } cases[] = {
      {"\\connect shop", "shop"},
      {"\\c shop  ", "shop"},
      {"\\c shop;", "shop"},
      {"\\c \"shop\" ; ", "shop"},
      {"\\connect \"my \"\"shop\"", "my \"shop"},
      {"\\connect -reuse-previous=on \"dbname='my shop'\"", "my shop"},
      {"\\connect -reuse-previous=on \"dbname='it\\'s \\\\ \"\"x\"\"'\"", "it's \\ \"x\""},
      {"\\connect -reuse-previous=on dbname=shop", "shop"},
  };
  for (auto &each : cases)
    for (const char *before :
         {"", "INSERT INTO t VALUES (1);\n", "SET client_encoding = 'LATIN1';\nSELECT '\xE9';\n"}) {
      std::string dump = std::string(before) + each.line + "\nSELECT 1;\n";
      Pass pass = read_all(dump, 1);
      ASSERT_FALSE(pass.error) << dump << pass.error->message;
      ASSERT_GE(pass.items.size(), 2u);
      const Pass::Item &item = pass.items[pass.items.size() - 2];
      EXPECT_EQ(item.kind, DumpItem::Kind::connect);
      EXPECT_EQ(item.text, each.database);
      EXPECT_EQ(pass.items.back().text, "SELECT 1");
    }
}

TEST(DumpFrame, BeginsASessionAtConnect) {
  EXPECT_EQ(sqlstate(read_all("SET client_encoding = 'LATIN1';\n\\connect a\nSELECT '\xE9';\n")), "22021");
  EXPECT_EQ(sqlstate(read_all("SET standard_conforming_strings = off;\n\\connect a\nSELECT 'a\\';\n")), "00000");
}

TEST(DumpFrame, RefusesConnectOfAnotherForm) {
  for (const char *line :
       {"\\connect", "\\connect ", "\\connect shop alice", "\\connect -", "\\connect \"shop", "\\connect \"a\"b",
        "\\connect ;", "\\connect dbname=shop", "\\connect postgres://host/shop", "\\connect :name", "\\connect `date`",
        "SELECT 1; \\connect shop", "\\restrict a\n\\connect shop\n\\unrestrict a",
        "\\connect -reuse-previous=on \"host=x dbname='shop'\"",
        "\\connect -reuse-previous=on \"dbname='shop' host=x\""})
    EXPECT_EQ(sqlstate(read_all(std::string(line) + "\nSELECT 1;\n")), "42601") << line;
}

TEST(DumpFrame, ResetsWhatDecidesHowToRead) {
  for (const char *reset :
       {"RESET ALL", "reset client_encoding", "SET client_encoding TO DEFAULT", "SET client_encoding = DEFAULT"}) {
    EXPECT_EQ(sqlstate(read_all(std::string("SET client_encoding = 'LATIN1';\nSELECT '\xE9';\n") + reset + ";\n")),
              "00000")
        << reset;
    EXPECT_EQ(sqlstate(read_all(std::string("SET client_encoding = 'LATIN1';\n") + reset + ";\nSELECT '\xE9';\n")),
              "22021")
        << reset;
  }
  for (const char *reset :
       {"RESET ALL", "RESET standard_conforming_strings", "SET standard_conforming_strings TO DEFAULT"})
    EXPECT_EQ(
        sqlstate(read_all(std::string("SET standard_conforming_strings = off;\n") + reset + ";\nSELECT 'a\\';\n")),
        "00000")
        << reset;
}

}  // namespace
}  // namespace pagila_repl
