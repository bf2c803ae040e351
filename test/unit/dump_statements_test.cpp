#include <gtest/gtest.h>

#include "dump_fixture.hpp"

namespace pagila_repl {
namespace {

using Texts = std::vector<std::string>;

struct Split {
  const char *behaviour;
  std::string dump;
  Texts texts;
};

class Splits : public testing::TestWithParam<Split> {};

TEST_P(Splits, AtTheRightSemicolons) {
  for (size_t piece : {SIZE_MAX, size_t{1}, size_t{3}}) {
    DumpReaderOptions options;
    options.buffer = piece == 1 ? 64 : 4096;
    Pass pass = read_all(GetParam().dump, piece, options);
    ASSERT_FALSE(pass.error) << pass.error->message << " " << pass.error->context;
    EXPECT_EQ(statements(pass), GetParam().texts);
  }
}

const Split kSplits[] = {
    {"PlainStatements", "SELECT 1; SELECT 2;\nSELECT 3\n;", {"SELECT 1", "SELECT 2", "SELECT 3\n"}},
    {"EmptyStatements", ";; ;\n;SELECT 1;;", {"SELECT 1"}},
    {"NothingAtAll", "", {}},
    {"CommentsOnly", "-- a;\n/* b; */ -- c", {}},
    {"CommentsAroundAStatement",
     "/* a */ -- b\nSELECT /* c; */ 1 -- d;\n + 2; -- e",
     {"SELECT /* c; */ 1 -- d;\n + 2"}},
    {"NestedComments", "/* a /* b; */ c; */ SELECT 1;", {"SELECT 1"}},
    {"CommentsWithStarsAndSlashes", "/***/SELECT/*/**/*/1/*//**/*/;/**//* **/", {"SELECT/*/**/*/1/*//**/*/"}},
    {"CommentEndedByACarriageReturn", "SELECT 1 -- a\r;SELECT 2;", {"SELECT 1 -- a\r", "SELECT 2"}},
    {"CommentInsideAnOperator",
     "SELECT 1 +/* ; */ 2; SELECT 1 *-- ;\n2;",
     {"SELECT 1 +/* ; */ 2", "SELECT 1 *-- ;\n2"}},
    {"SingleMinusAndSlash", "SELECT 4 / 2 - 1; SELECT 1;", {"SELECT 4 / 2 - 1", "SELECT 1"}},
    {"DoubledQuotes", "SELECT 'a;''b;'; SELECT '''';", {"SELECT 'a;''b;'", "SELECT ''''"}},
    {"BackslashInAStandardString", R"(SELECT '\'; SELECT 1;)", {R"(SELECT '\')", "SELECT 1"}},
    {"BackslashInAnEscapeString",
     R"(SELECT E'\';\\'; SELECT e'\\\''';';)",
     {R"(SELECT E'\';\\')", R"(SELECT e'\\\''';')"}},
    {"EAtTheEndOfAWord", R"(SELECT note'\'; SELECT 1;)", {R"(SELECT note'\')", "SELECT 1"}},
    {"BitHexNationalAndUnicodeStrings",
     R"(SELECT B'0;', x'F;', N'\', U&'\;', u&"\;"; SELECT 1;)",
     {R"(SELECT B'0;', x'F;', N'\', U&'\;', u&"\;")", "SELECT 1"}},
    {"UFollowedByAnOperator", "SELECT u&1; SELECT u & ';';", {"SELECT u&1", "SELECT u & ';'"}},
    {"EscapeStringContinuedOnTheNextLine",
     "SELECT E'a' -- b\n  '\\';'; SELECT 1;",
     {"SELECT E'a' -- b\n  '\\';'", "SELECT 1"}},
    {"StandardStringContinuedOnTheNextLine", "SELECT 'a'\n'\\'; SELECT 1;", {"SELECT 'a'\n'\\'", "SELECT 1"}},
    {"EscapeStringNotContinuedOnTheSameLine", "SELECT E'a' '\\'; SELECT 1;", {"SELECT E'a' '\\'", "SELECT 1"}},
    {"EscapeStringNotContinuedBehindAComment",
     "SELECT E'a' /**/\n '\\'; SELECT 1;",
     {"SELECT E'a' /**/\n '\\'", "SELECT 1"}},
    {"QuotedNames",
     R"(SELECT "a;""b;", "\", "--", "/*"; SELECT 1;)",
     {R"(SELECT "a;""b;", "\", "--", "/*")", "SELECT 1"}},
    {"EvilNames",
     "CREATE TABLE \"a\n;'b\" (\"$$\" int, \"%s\xC3\xA9\" int); SELECT 1;",
     {"CREATE TABLE \"a\n;'b\" (\"$$\" int, \"%s\xC3\xA9\" int)", "SELECT 1"}},
    {"NonAsciiNames",
     "SELECT b\xC4\xB1g\xC4\xB1nt$$ FROM t; SELECT 1;",
     {"SELECT b\xC4\xB1g\xC4\xB1nt$$ FROM t", "SELECT 1"}},
    {"DollarQuotes",
     "SELECT $$a;'b$$; SELECT $x$;$$;$x$; SELECT 1;",
     {"SELECT $$a;'b$$", "SELECT $x$;$$;$x$", "SELECT 1"}},
    {"DollarTagsThatNearlyMatch",
     "SELECT $a$ $b$a$; SELECT $a$ $ab$ $a $a$; SELECT $a$$$a$;",
     {"SELECT $a$ $b$a$", "SELECT $a$ $ab$ $a $a$", "SELECT $a$$$a$"}},
    {"DollarTagsWithUnusualLetters",
     "SELECT $\xC3\xA9_9$;$e$;$\xC3\xA9_9$; SELECT $_$;$_$;",
     {"SELECT $\xC3\xA9_9$;$e$;$\xC3\xA9_9$", "SELECT $_$;$_$"}},
    {"DollarTagsMindCase", "SELECT $a$;$A$;$a$;", {"SELECT $a$;$A$;$a$"}},
    {"DollarInsideAName", "SELECT a$b$; SELECT 1 AS c$$;", {"SELECT a$b$", "SELECT 1 AS c$$"}},
    {"DollarBehindANumber",
     "SELECT 1$$;$$; SELECT 1e+5$$;$$; SELECT 1a$$;",
     {"SELECT 1$$;$$", "SELECT 1e+5$$;$$", "SELECT 1a$$"}},
    {"Parameters",
     "PREPARE p AS SELECT $1; SELECT $1a$b; SELECT $2$$;$$;",
     {"PREPARE p AS SELECT $1", "SELECT $1a$b", "SELECT $2$$;$$"}},
    {"BackslashLineInsideADollarBody", "DO $$\n\\! x\n$$;", {"DO $$\n\\! x\n$$"}},
    {"SemicolonsInParentheses",
     "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT (2); ); SELECT 3;",
     {"CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT (2); )", "SELECT 3"}},
    {"ClosingParenthesisTooMany", "SELECT 1); SELECT (2);", {"SELECT 1)", "SELECT (2)"}},
    {"AtomicBody",
     "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3;",
     {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END", "SELECT 3"}},
    {"AtomicBodyWithCase",
     "CREATE OR REPLACE PROCEDURE p()\nbegin /* c */ atomic\nSELECT CASE WHEN a THEN (CASE WHEN b THEN 1 END) END; "
     "END; SELECT 3;",
     {"CREATE OR REPLACE PROCEDURE p()\nbegin /* c */ atomic\nSELECT CASE WHEN a THEN (CASE WHEN b THEN 1 END) END; "
      "END",
      "SELECT 3"}},
    {"FunctionNamedBegin",
     "CREATE FUNCTION begin() RETURNS int AS 'x'; SELECT 1;",
     {"CREATE FUNCTION begin() RETURNS int AS 'x'", "SELECT 1"}},
    {"BeginOutsideOfRoutines",
     "BEGIN; CREATE TABLE begin (atomic int); END;",
     {"BEGIN", "CREATE TABLE begin (atomic int)", "END"}},
    {"StandardConformingStringsOff",
     "SET standard_conforming_strings = off; SELECT '\\';', U&'\\', \"\\\"; SET standard_conforming_strings TO 'ON'; "
     "SELECT '\\';",
     {"SET standard_conforming_strings = off", "SELECT '\\';', U&'\\', \"\\\"",
      "SET standard_conforming_strings TO 'ON'", "SELECT '\\'"}},
    {"StandardConformingStringsOffForTheSession",
     "set session Standard_Conforming_Strings to False; SELECT '\\';';",
     {"set session Standard_Conforming_Strings to False", "SELECT '\\';'"}},
    {"ByteOrderMark", "\xEF\xBB\xBFSELECT 1;", {"SELECT 1"}},
    {"CopyToAndFromFiles",
     "COPY t TO stdout; COPY t FROM 'stdin'; COPY t FROM PROGRAM 'x'; COPY (SELECT 1 FROM stdin) TO 'f';",
     {"COPY t TO stdout", "COPY t FROM 'stdin'", "COPY t FROM PROGRAM 'x'", "COPY (SELECT 1 FROM stdin) TO 'f'"}},
    {"InsertInsideOtherStatements",
     "WITH a AS (SELECT 1) INSERT INTO t SELECT 1; EXPLAIN INSERT INTO t VALUES (1); insert_x;",
     {"WITH a AS (SELECT 1) INSERT INTO t SELECT 1", "EXPLAIN INSERT INTO t VALUES (1)", "insert_x"}},
};

INSTANTIATE_TEST_SUITE_P(Dump, Splits, testing::ValuesIn(kSplits),
                         [](const auto &test) { return std::string(test.param.behaviour); });

TEST(DumpStatements, HaveTheLineOfTheirFirstCharacter) {
  for (const char *newline : {"\n", "\r\n"}) {
    std::string dump = "-- a@/* b@*/ SELECT@1;@@SELECT 2; SELECT 3;@COPY t FROM stdin;@1@\\.@SELECT '@';@SELECT 4;@";
    for (size_t at; (at = dump.find('@')) != std::string::npos;) dump.replace(at, 1, newline);
    Pass pass = read_all(dump);
    ASSERT_FALSE(pass.error);
    std::vector<uint64_t> lines;
    for (auto &item : pass.items) lines.push_back(item.line);
    EXPECT_EQ(lines, (std::vector<uint64_t>{3, 6, 6, 7, 10, 12}));
    EXPECT_EQ(pass.items[3].block.first_line, 8u);
    EXPECT_EQ(pass.lines, 12u);
  }
}

TEST(DumpStatements, AreCountedByLineAlsoWithoutALastNewline) {
  EXPECT_EQ(read_all("").lines, 0u);
  EXPECT_EQ(read_all("SELECT 1;").lines, 1u);
  EXPECT_EQ(read_all("SELECT 1;\n").lines, 1u);
  EXPECT_EQ(read_all("SELECT 1;\n\nSELECT 2;").lines, 3u);
}

struct Refusal {
  const char *behaviour;
  std::string dump;
  const char *sqlstate;
  const char *message;
  const char *detail;
  const char *context;
};

class Refusals : public testing::TestWithParam<Refusal> {};

TEST_P(Refusals, NameTheirLine) {
  Pass pass = read_all(GetParam().dump);
  ASSERT_TRUE(pass.error);
  EXPECT_EQ(pass.error->sqlstate, GetParam().sqlstate);
  EXPECT_EQ(pass.error->message, GetParam().message);
  EXPECT_NE(pass.error->detail.find(GetParam().detail), std::string::npos) << pass.error->detail;
  EXPECT_EQ(pass.error->context, GetParam().context);
}

const Refusal kRefusals[] = {
    {"NoSemicolon", "SELECT 1;\nSELECT\n2", "42601", "statement is not terminated", "line 2", "line 3"},
    {"OpenParenthesis", "SELECT (1;\n", "42601", "statement is not terminated", "line 1", "line 2"},
    {"OpenAtomicBody", "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;\n", "42601", "statement is not terminated", "line 1",
     "line 2"},
    {"OpenString", "SELECT 1,\n 'a\n", "42601", "unterminated quoted string", "line 2", "line 3"},
    {"OpenEscapeStringAtABackslash", "SELECT E'a\\", "42601", "unterminated quoted string", "line 1", "line 1"},
    {"OpenName", "SELECT \"a;\n", "42601", "unterminated quoted identifier", "line 1", "line 2"},
    {"OpenDollarQuote", "\nDO $a$ ; $b$ \n\n;", "42601", "unterminated dollar-quoted string", "line 2", "line 4"},
    {"OpenComment", "SELECT 1;\n/* /* */\n", "42601", "unterminated comment", "line 2", "line 3"},
    {"OpenCommentInAStatement", "SELECT /*", "42601", "unterminated comment", "line 1", "line 1"},
    {"MetaCommand", "SELECT 1;\n\\echo x\n", "42601", "psql meta-command \\echo is not allowed in a dump", "",
     "line 2"},
    {"MetaCommandShell", "\\! rm x\n", "42601", "psql meta-command \\! is not allowed in a dump", "", "line 1"},
    {"MetaCommandWithoutAWord", "\\;", "42601", "psql meta-command is not allowed in a dump", "", "line 1"},
    {"MetaCommandIsCutShort", "\\aaaaaaaaaabbbbbbbbbbccccccccccddddd 1\n", "42601",
     "psql meta-command \\aaaaaaaaaabbbbbbbbbbccccccccccdd is not allowed in a dump", "", "line 1"},
    {"MetaCommandIsPrintable", "\\ab\x1b[0m\xC3\xA9\n", "42601", "psql meta-command \\ab is not allowed in a dump", "",
     "line 1"},
    {"BackslashInAStatement", "SELECT 1\n\\gexec\n", "42601", "psql meta-command \\gexec is not allowed in a dump", "",
     "line 2"},
    {"RestrictInAStatement", "SELECT\n\\restrict a\n;", "42601",
     "psql meta-command \\restrict is not allowed in a dump", "", "line 2"},
    {"BackslashInAnInsert", "INSERT INTO t VALUES (1\n\\gexec\n", "42601",
     "psql meta-command \\gexec is not allowed in a dump", "", "line 2"},
    {"BackslashInTheHeadOfAnInsert", "INSERT INTO \\i\n", "42601", "psql meta-command \\i is not allowed in a dump", "",
     "line 1"},
    {"UnclearStandardConformingStrings", "SET standard_conforming_strings = o;\n", "22023",
     "standard_conforming_strings is set to something that is not on or off", "", "line 1"},
    {"InputCopyOfBinary", "COPY t FROM stdin BINARY;\n", "0A000",
     "COPY in a format other than text or csv cannot be loaded from a dump", "line 1", "line 1"},
};

INSTANTIATE_TEST_SUITE_P(Dump, Refusals, testing::ValuesIn(kRefusals),
                         [](const auto &test) { return std::string(test.param.behaviour); });

TEST(DumpStatements, MayBeAsLongAsAllowed) {
  DumpReaderOptions options;
  options.max_statement = 20;
  EXPECT_EQ(sqlstate(read_all("SELECT '0123456789'; SELECT 1;", 3, options)), "00000");
  for (const char *dump :
       {"SELECT '0123456789ab';", "SELECT $$0123456789ab$$;", "SELECT a0123456789abcdef;", "/* 0123456789abcdef */",
        "-- 0123456789abcdefghi\n", "SELECT 1;\n  SELECT 1 + 2 + 3 + 4;"}) {
    Pass pass = read_all(dump, 3, options);
    ASSERT_TRUE(pass.error) << dump;
    EXPECT_EQ(pass.error->sqlstate, "54000");
    EXPECT_EQ(pass.error->context, dump[0] == 'S' && dump[7] == '1' ? "line 2" : "line 1");
  }
}

}  // namespace
}  // namespace pagila_repl
