#include <gtest/gtest.h>

#include "dump_fixture.hpp"

namespace pagila_repl {
namespace {

using Names = std::vector<std::string>;

// One pass, and the same rows again from each block, whatever the cuts.
Pass read_checked(const std::string &dump) {
  Pass pass = read_all(dump);
  for (const Pass::Item &item : pass.items) {
    if (item.kind != DumpItem::Kind::insert) continue;
    EXPECT_EQ(item.text, "");
    EXPECT_EQ(item.block.bytes, item.rows.size());
    EXPECT_EQ(item.block.rows, static_cast<uint64_t>(std::count(item.rows.begin(), item.rows.end(), '\n')));
    for (size_t piece : {SIZE_MAX, size_t{1}, size_t{5}}) EXPECT_EQ(read_again(dump, item.block, piece, 64), item.rows);
  }
  return pass;
}

struct Literal {
  const char *behaviour;
  std::string sql, copy;
};

class Literals : public testing::TestWithParam<Literal> {};

TEST_P(Literals, BecomeCopyText) {
  Pass pass = read_checked("INSERT INTO t VALUES (" + GetParam().sql + ");");
  ASSERT_FALSE(pass.error) << pass.error->message;
  ASSERT_EQ(pass.items.size(), 1u);
  EXPECT_EQ(pass.items[0].rows, GetParam().copy + "\n");
}

const Literal kLiterals[] = {
    {"Null", "NULL, null, Null", "\\N\t\\N\t\\N"},
    {"Booleans", "TRUE, false", "true\tfalse"},
    {"Numbers", "1, -2, +3, 0.5, .5, 5., -1e10, 2.5E-3, 1e+30", "1\t-2\t+3\t0.5\t.5\t5.\t-1e10\t2.5E-3\t1e+30"},
    {"LongNumber", std::string(5000, '9'), std::string(5000, '9')},
    {"Strings", "'', 'a', 'it''s', ''''", "\ta\tit's\t'"},
    {"StringThatLooksLikeNull", "'\\N', 'NULL'", "\\\\N\tNULL"},
    {"ControlCharacters", "'\t\n\r\b\f\v\\'", "\\t\\n\\r\\b\\f\\v\\\\"},
    {"OtherControlCharacters", "'\x01\x1f\x7f'", "\x01\x1f\x7f"},
    {"EndMarker", "'\\.'", "\\\\."},
    {"NonAscii", "'\xC3\xA9\xF0\x9F\x98\x80'", "\xC3\xA9\xF0\x9F\x98\x80"},
    {"EscapeLetters", R"(E'\b\f\n\r\t\\\'\"\v\q')", R"(\b\f\n\r\t\\'"vq)"},
    {"EscapeOctal", R"(E'\1\12\101\1019\377x')", "\x01\\nAA9\xFFx"},
    {"EscapeHex", R"(e'\x9\x41\x414\xgg')", "\\tAA4xgg"},
    {"EscapeUnicode", R"(E'\u00e9\U0001F600\uD83D\uDE00\u0041\u000a\u005c')",
     "\xC3\xA9\xF0\x9F\x98\x80\xF0\x9F\x98\x80"
     "A\\n\\\\"},
    {"EscapeDoubledQuote", R"(E'a''b\\''c')", R"(a'b\\'c)"},
    {"BitStrings", "B'', B'0101', b'1'", "\t0101\t1"},
    {"HexStrings", "X'1aF', x''", "x1aF\tx"},
    {"SpaceAndComments", "/* a */ 1 -- b\n , -- c\r\n\t'x' \f", "1\tx"},
    {"Defaults", "DEFAULT, 1, default, 2", "1\t2"},
    {"OnlyDefaults", "DEFAULT, DEFAULT", ""},
};

INSTANTIATE_TEST_SUITE_P(Insert, Literals, testing::ValuesIn(kLiterals),
                         [](const auto &test) { return std::string(test.param.behaviour); });

TEST(InsertLiterals, FollowStandardConformingStrings) {
  Pass pass = read_checked(
      "SET standard_conforming_strings = off;\nINSERT INTO t VALUES ('a\\'b\\n', E'\\t');\n"
      "SET standard_conforming_strings = on;\nINSERT INTO t VALUES ('a\\');\n");
  ASSERT_FALSE(pass.error) << pass.error->message;
  EXPECT_EQ(pass.items[1].rows, "a'b\\n\t\\t\n");
  EXPECT_FALSE(pass.items[1].block.standard_conforming_strings);
  EXPECT_EQ(pass.items[3].rows, "a\\\\\n");
  EXPECT_TRUE(pass.items[3].block.standard_conforming_strings);
}

TEST(InsertLiterals, MayBeOfAnySize) {
  std::string value(3000000, 'x');
  for (size_t at = 0; at < value.size(); at += 1000) value[at] = '\n';
  std::string dump = "INSERT INTO t VALUES (1, '" + value + "');\nINSERT INTO t VALUES (2, '" + value + "');\n";
  Pass pass = read_all(dump);
  ASSERT_FALSE(pass.error) << pass.error->message;
  ASSERT_EQ(pass.items.size(), 1u);
  EXPECT_EQ(pass.items[0].block.rows, 2u);
  EXPECT_EQ(pass.items[0].rows.size(), 2 * (value.size() + 3000 + 3));
  EXPECT_EQ(read_again(dump, pass.items[0].block), pass.items[0].rows);
}

struct Head {
  const char *behaviour;
  std::string sql;
  QualifiedName table;
  Names columns;
};

class Heads : public testing::TestWithParam<Head> {};

TEST_P(Heads, NameTableAndColumns) {
  Pass pass = read_checked(GetParam().sql);
  ASSERT_FALSE(pass.error) << pass.error->message;
  ASSERT_EQ(pass.items.size(), 1u);
  const RowBlock &block = pass.items[0].block;
  EXPECT_EQ(block.form, RowBlock::Form::insert);
  EXPECT_EQ(block.table.schema, GetParam().table.schema);
  EXPECT_EQ(block.table.name, GetParam().table.name);
  EXPECT_EQ(block.columns, GetParam().columns);
}

const std::string k63(63, 'x');

const Head kHeads[] = {
    {"TableOnly", "INSERT INTO t VALUES (1);", {"", "t"}, {}},
    {"SchemaAndTable", "insert into public . t values(1);", {"public", "t"}, {}},
    {"Columns", "INSERT INTO a.b (c, d ,e) VALUES (1,2,3);", {"a", "b"}, {"c", "d", "e"}},
    {"NoSpaces", "INSERT INTO\"a\".\"b\"(\"c\")VALUES(1);", {"a", "b"}, {"c"}},
    {"FoldedAndQuoted", "INSERT INTO Public.\"T\" (A, \"B\") VALUES (1, 2);", {"public", "T"}, {"a", "B"}},
    {"EvilNames",
     "INSERT INTO \"a\"\"b;--\".\"c\n.d\" (\"e\"\"\"\"f\", \"$$ /*'\") VALUES (1, 2);",
     {"a\"b;--", "c\n.d"},
     {"e\"\"f", "$$ /*'"}},
    {"NonAsciiNames", "INSERT INTO b\xC4\xB1G (\"\xC3\x89\") VALUES (1);", {"", "b\xC4\xB1g"}, {"\xC3\x89"}},
    {"LongNames",
     "INSERT INTO " + k63 + "y (\"" + k63.substr(1) + "\xC3\xA9\") VALUES (1);",
     {"", k63},
     {k63.substr(1)}},
    {"Comments", "INSERT /* a */ INTO t -- b\n (a) VALUES (1);", {"", "t"}, {"a"}},
};

INSTANTIATE_TEST_SUITE_P(Insert, Heads, testing::ValuesIn(kHeads),
                         [](const auto &test) { return std::string(test.param.behaviour); });

TEST(InsertHead, SaysOverridingAndOnConflict) {
  using Overriding = RowBlock::Overriding;
  struct {
    const char *sql;
    Overriding overriding;
    bool do_nothing;
  } cases[] = {
      {"INSERT INTO t VALUES (1);", Overriding::none, false},
      {"INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (1);", Overriding::system_value, false},
      {"INSERT INTO t (a) OVERRIDING USER VALUE VALUES (1) ON CONFLICT DO NOTHING;", Overriding::user_value, true},
      {"INSERT INTO t VALUES (1)\n on  conflict /**/ do nothing ;", Overriding::none, true},
      {"INSERT INTO t VALUES (1) ON CONFLICT (a, (b || ';')) WHERE a > 0 DO NOTHING;", Overriding::none, true},
      {"INSERT INTO t VALUES (1) ON CONFLICT ON CONSTRAINT \"do\" DO NOTHING RETURNING *;", Overriding::none, true},
      {"INSERT INTO t VALUES (1) RETURNING t.a, \"b\" AS c;", Overriding::none, false},
      {"INSERT INTO t DEFAULT VALUES ON CONFLICT DO NOTHING;", Overriding::none, true},
  };
  for (auto &each : cases) {
    Pass pass = read_checked(each.sql);
    ASSERT_EQ(pass.items.size(), 1u) << each.sql;
    EXPECT_EQ(pass.items[0].block.overriding, each.overriding) << each.sql;
    EXPECT_EQ(pass.items[0].block.on_conflict_do_nothing, each.do_nothing) << each.sql;
  }
}

TEST(InsertBlocks, CoverStatementsThatFollowOneAnother) {
  std::string dump =
      "SELECT 1;\n"
      "INSERT INTO t VALUES (1, 'a');\n"
      "-- between\n"
      "INSERT INTO t VALUES\n\t(2, 'b'),\n\t(3, NULL);\n"
      "/* and */ INSERT INTO \"t\" VALUES (4, 'd');\n\n-- after\nSELECT 2;\n";
  Pass pass = read_checked(dump);
  ASSERT_FALSE(pass.error) << pass.error->message;
  ASSERT_EQ(pass.items.size(), 3u);
  const Pass::Item &item = pass.items[1];
  EXPECT_EQ(item.kind, DumpItem::Kind::insert);
  EXPECT_EQ(item.line, 2u);
  EXPECT_EQ(item.rows, "1\ta\n2\tb\n3\t\\N\n4\td\n");
  EXPECT_EQ(item.block.rows, 4u);
  EXPECT_EQ(item.block.first_line, 2u);
  EXPECT_EQ(item.block.begin, dump.find("INSERT"));
  EXPECT_EQ(item.block.end, dump.find("'d');") + 5);
  EXPECT_EQ(pass.items[2].text, "SELECT 2");
  EXPECT_EQ(pass.items[2].line, 10u);
}

TEST(InsertBlocks, EndWhereTheKindOfStatementChanges) {
  struct {
    const char *behaviour, *first, *second;
  } cases[] = {
      {"another table", "INSERT INTO t VALUES (1);", "INSERT INTO u VALUES (2);"},
      {"another schema", "INSERT INTO t VALUES (1);", "INSERT INTO s.t VALUES (2);"},
      {"other columns", "INSERT INTO t (a, b) VALUES (1, 2);", "INSERT INTO t (b, a) VALUES (1, 2);"},
      {"no columns", "INSERT INTO t (a) VALUES (1);", "INSERT INTO t VALUES (1);"},
      {"overriding", "INSERT INTO t VALUES (1);", "INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (1);"},
      {"on conflict", "INSERT INTO t VALUES (1);", "INSERT INTO t VALUES (2) ON CONFLICT DO NOTHING;"},
      {"no on conflict", "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING;", "INSERT INTO t VALUES (2);"},
      {"default at the end", "INSERT INTO t VALUES (1, 2);", "INSERT INTO t VALUES (1, DEFAULT);"},
      {"default no more", "INSERT INTO t VALUES (DEFAULT, 2);", "INSERT INTO t VALUES (1, 2);"},
      {"more values", "INSERT INTO t VALUES (1);", "INSERT INTO t VALUES (1, 2), (3, 4);"},
      {"fewer values", "INSERT INTO t VALUES (1, 2);", "INSERT INTO t VALUES (1);"},
      {"default values", "INSERT INTO t VALUES (1);", "INSERT INTO t DEFAULT VALUES;"},
  };
  for (auto &each : cases) {
    std::string first = each.first, second = each.second;
    Pass pass = read_checked(first + second + first);
    ASSERT_FALSE(pass.error) << each.behaviour << ": " << pass.error->message;
    ASSERT_EQ(pass.items.size(), 3u) << each.behaviour;
    EXPECT_EQ(pass.items[0].block.end, first.size()) << each.behaviour;
    EXPECT_EQ(pass.items[1].block.begin, first.size()) << each.behaviour;
    EXPECT_EQ(pass.items[1].block.end, first.size() + second.size()) << each.behaviour;
    EXPECT_EQ(pass.items[0].rows, pass.items[2].rows) << each.behaviour;
    EXPECT_EQ(pass.items[1].rows, read_all(second).items[0].rows) << each.behaviour;
  }
}

TEST(InsertBlocks, EndAtSettingsAndMetaCommands) {
  Pass pass = read_checked("INSERT INTO t VALUES (1);\nSET a = 1;\nINSERT INTO t VALUES (2);\n");
  EXPECT_EQ(pass.items.size(), 3u);
  EXPECT_EQ(read_checked("\\restrict a\nINSERT INTO t VALUES (1);\n\\unrestrict a\n").items.size(), 1u);
}

TEST(InsertBlocks, SayWhichValuesAreDefault) {
  Pass pass = read_checked(
      "INSERT INTO t VALUES (1, DEFAULT, 'x'), (2, DEFAULT, 'y');\nINSERT INTO t VALUES (3, DEFAULT, 'z');");
  ASSERT_EQ(pass.items.size(), 1u);
  EXPECT_EQ(pass.items[0].block.is_default, (std::vector<bool>{false, true, false}));
  EXPECT_EQ(pass.items[0].rows, "1\tx\n2\ty\n3\tz\n");
}

TEST(InsertBlocks, HaveAnEmptyLineForARowWithoutValues) {
  Pass pass = read_checked("INSERT INTO t DEFAULT VALUES;\nINSERT INTO t DEFAULT VALUES;\n");
  ASSERT_EQ(pass.items.size(), 1u);
  EXPECT_EQ(pass.items[0].rows, "\n\n");
  EXPECT_EQ(pass.items[0].block.rows, 2u);
  EXPECT_TRUE(pass.items[0].block.columns.empty());
  EXPECT_TRUE(pass.items[0].block.is_default.empty());
}

// The statements of a block that only the server can evaluate, whatever the cuts.
std::vector<std::string> texts(std::string_view dump, const RowBlock &block) {
  std::vector<std::string> found;
  for (size_t piece : {SIZE_MAX, size_t{1}}) {
    TextSource source(dump.substr(block.begin, block.end - block.begin), piece);
    InsertTexts statements(source, block);
    std::vector<std::string> these;
    while (std::optional<InsertTexts::Text> text = statements.next()) {
      EXPECT_EQ(dump.substr(text->begin, text->text.size()), text->text);
      EXPECT_EQ(text->line, 1 + static_cast<uint64_t>(
                                    std::count(dump.begin(), dump.begin() + static_cast<long>(text->begin), '\n')));
      these.push_back(text->text);
    }
    EXPECT_TRUE(found.empty() || found == these);
    found = these;
  }
  return found;
}

struct Expressions {
  const char *behaviour;
  std::string sql;
};

class InsertExpressions : public testing::TestWithParam<Expressions> {};

TEST_P(InsertExpressions, AreLeftToTheServer) {
  std::string first = "INSERT INTO " + GetParam().sql,
              dump = "\n\n" + first + "\nINSERT INTO t\nVALUES ('a');\nSELECT 1;";
  for (size_t piece : {SIZE_MAX, size_t{1}}) {
    Pass pass = read_all(dump, piece);
    ASSERT_FALSE(pass.error) << pass.error->message;
    ASSERT_EQ(pass.items.size(), 2u);
    const RowBlock &block = pass.items[0].block;
    EXPECT_TRUE(block.has_expressions);
    EXPECT_EQ(pass.items[0].rows, "");
    EXPECT_EQ(block.rows, 0u);
    EXPECT_EQ(block.bytes, block.end - block.begin);
    EXPECT_EQ(texts(dump, block),
              (std::vector<std::string>{first.substr(0, first.size() - 1), "INSERT INTO t\nVALUES ('a')"}));
  }
}

const Expressions kExpressions[] = {
    {"ScalarSubselect", "t VALUES ((SELECT 1));"},
    {"FunctionCall", "t VALUES (now());"},
    {"FunctionWithADefaultName", "t VALUES (default());"},
    {"Cast", "t VALUES ('1'::int);"},
    {"CastFunction", "t VALUES (CAST('1' AS int));"},
    {"TypedLiteral", "t VALUES (date '2020-01-01');"},
    {"Expression", "t VALUES (1 + 1);"},
    {"Concatenation", "t VALUES ('a' || 'b');"},
    {"Array", "t VALUES (ARRAY[1]);"},
    {"Parameter", "t VALUES ($1);"},
    {"DollarQuote", "t VALUES ($$a$$);"},
    {"NationalString", "t VALUES (N'a');"},
    {"UnicodeString", "t VALUES (U&'a');"},
    {"StringOfTwoParts", "t VALUES ('a' 'b');"},
    {"SignWithoutNumber", "t VALUES (-);"},
    {"SignAndSpace", "t VALUES (- 1);"},
    {"NumberWithLetters", "t VALUES (1a);"},
    {"NumberWithoutExponent", "t VALUES (1e);"},
    {"NumberWithTwoDots", "t VALUES (1.2.3);"},
    {"HexNumber", "t VALUES (0x1F);"},
    {"NoValue", "t VALUES ();"},
    {"MissingValue", "t VALUES (1,);"},
    {"NoParentheses", "t VALUES 1;"},
    {"DefaultInOtherPlaces", "t VALUES (1, DEFAULT), (DEFAULT, 1);"},
    {"StringOfTwoLines", "t VALUES ('a'\n ';b');"},
    {"EscapedStringOfTwoLines", "t VALUES (E'a'\n '\\';b');"},
    {"Semicolons", "t VALUES (f(';') || $a$;$a$ || \";\");"},
    {"LaterInTheRow", "t VALUES (1, 'x', now());"},
    {"LaterRow", "t VALUES (1), (2), (now());"},
    {"TooManyClosed", "t VALUES (f(1))), (2;\n3);"},
    {"Brackets", "t VALUES ((1, (2)), ARRAY[(3)]);"},
};

INSTANTIATE_TEST_SUITE_P(Insert, InsertExpressions, testing::ValuesIn(kExpressions),
                         [](const auto &test) { return std::string(test.param.behaviour); });

TEST(InsertExpressions, ArePartOfNoBlockOfLiterals) {
  std::string first = "INSERT INTO t VALUES (1);", second = "INSERT INTO t VALUES (now());";
  Pass pass = read_all(first + second + first + "INSERT INTO u VALUES (3);");
  ASSERT_FALSE(pass.error);
  ASSERT_EQ(pass.items.size(), 3u);
  EXPECT_EQ(pass.items[0].rows, "1\n");
  EXPECT_TRUE(pass.items[1].block.has_expressions);
  EXPECT_EQ(pass.items[1].block.end, first.size() * 2 + second.size());
  EXPECT_EQ(pass.items[2].rows, "3\n");
}

TEST(InsertExpressions, TakeAHugeStatementWithThoseBeforeIt) {
  std::string huge(2 << 20, 'x');
  for (const std::string &last : {std::string("DEFAULT"), std::string("now()"), "DEFAULT), ('(;" + huge + "', DEFAULT",
                                  "DEFAULT), (E'(;" + huge + "'\n '\\';', DEFAULT"}) {
    std::string dump = "INSERT INTO t VALUES ('a', 1);\nINSERT INTO t VALUES ('" + huge + "', " + last + ");\n";
    Pass pass = read_all(dump);
    ASSERT_FALSE(pass.error) << pass.error->message;
    ASSERT_EQ(pass.items.size(), 1u);
    EXPECT_TRUE(pass.items[0].block.has_expressions);
    EXPECT_EQ(pass.items[0].rows, "");
    EXPECT_EQ(texts(dump, pass.items[0].block).size(), 2u);
  }
  EXPECT_EQ(sqlstate(read_all("INSERT INTO t VALUES ('a', 1);\nINSERT INTO t VALUES ('" + huge + "', 2);\n")), "00000");
}

TEST(InsertBlocks, SayWhichLiteralsThereAre) {
  Pass pass = read_checked(
      "INSERT INTO t VALUES (1, 'a', NULL, TRUE), (2.5, E'b', NULL, NULL);INSERT INTO t VALUES (1e3, NULL, NULL, X'1');");
  ASSERT_EQ(pass.items.size(), 1u);
  EXPECT_EQ(pass.items[0].block.literals,
            (std::vector<uint8_t>{RowBlock::kIntegers | RowBlock::kDecimals, RowBlock::kStrings, 0,
                                  RowBlock::kBooleans | RowBlock::kBits}));
}

struct Refusal {
  const char *behaviour;
  std::string sql;
  const char *sqlstate;
};

class InsertRefusals : public testing::TestWithParam<Refusal> {};

TEST_P(InsertRefusals, NameTheirLine) {
  for (size_t piece : {SIZE_MAX, size_t{1}}) {
    Pass pass = read_all("\n\nINSERT INTO " + GetParam().sql, piece);
    ASSERT_TRUE(pass.error);
    EXPECT_EQ(pass.error->sqlstate, GetParam().sqlstate) << pass.error->message;
    EXPECT_EQ(pass.error->context, "line 3");
    EXPECT_EQ(pass.error->hint.empty(), std::string(GetParam().sqlstate) != "0A000");
  }
}

const Refusal kRefusals[] = {
    {"Subselect", "t SELECT 1;", "0A000"},
    {"SubselectInParentheses", "t (SELECT 1);", "0A000"},
    {"BitStringWithOtherDigits", "t VALUES (B'012');", "42601"},
    {"HexStringWithOtherDigits", "t VALUES (X'xyz');", "42601"},
    {"ReturningACall", "t VALUES (1) RETURNING f(a);", "0A000"},
    {"ReturningANumber", "t VALUES (1) RETURNING a, 1;", "0A000"},
    {"OnConflictUpdate", "t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 1;", "0A000"},
    {"OnConflictTargetUpdate", "t VALUES (1) ON CONFLICT ON CONSTRAINT a DO UPDATE SET a = 1;", "0A000"},
    {"OnConflictWithoutEnd", "t VALUES (1) ON CONFLICT (a);", "0A000"},
    {"ReturningBeforeOnConflict", "t VALUES (1) RETURNING a ON CONFLICT (a) DO NOTHING;", "0A000"},
    {"ThreePartName", "a.b.c VALUES (1);", "0A000"},
    {"Alias", "t AS x VALUES (1);", "0A000"},
    {"UnicodeName", "U&\"t\" VALUES (1);", "0A000"},
    {"EmptyName", "\"\" VALUES (1);", "0A000"},
    {"EmptyColumnList", "t () VALUES (1);", "0A000"},
    {"ColumnWithSubscript", "t (a[1]) VALUES (1);", "0A000"},
    {"DefaultValuesWithColumns", "t (a) DEFAULT VALUES;", "0A000"},
    {"DefaultValuesTwice", "t DEFAULT VALUES, (1);", "0A000"},
    {"OverridingSomethingElse", "t OVERRIDING ALL VALUE VALUES (1);", "0A000"},
    {"RaggedShort", "t VALUES (1, 2), (3);", "42601"},
    {"RaggedLong", "t VALUES (1), (2, 3);", "42601"},
    {"FewerValuesThanColumns", "t (a, b) VALUES (1);", "42601"},
    {"MoreValuesThanColumns", "t (a) VALUES (1, 2);", "42601"},
    {"EscapeForHalfACharacter", "t VALUES (E'\\uD83D');", "42601"},
    {"EscapeForTheOtherHalf", "t VALUES (E'\\uDE00');", "42601"},
    {"EscapeForTwoFirstHalves", "t VALUES (E'\\uD83D\\uD83D');", "42601"},
    {"EscapeTooShort", "t VALUES (E'\\u12');", "42601"},
    {"EscapeTooBig", "t VALUES (E'\\U00110000');", "42601"},
    {"EscapeForNul", "t VALUES (E'\\000');", "22021"},
    {"EscapeForNulInHex", "t VALUES (E'\\x0');", "22021"},
    {"EndsInTheHead", "t (a", "42601"},
    {"EndsBehindTheName", "t", "42601"},
    {"EndsBehindValues", "t VALUES", "42601"},
    {"EndsInARow", "t VALUES (1", "42601"},
    {"EndsInANumber", "t VALUES (-", "42601"},
    {"EndsInAString", "t VALUES ('a''", "42601"},
    {"EndsInAnEscape", "t VALUES (E'a\\", "42601"},
    {"EndsBehindARow", "t VALUES (1)", "42601"},
    {"EndsBetweenRows", "t VALUES (1),", "42601"},
    {"EndsInOnConflict", "t VALUES (1) ON CONFLICT", "42601"},
};

INSTANTIATE_TEST_SUITE_P(Insert, InsertRefusals, testing::ValuesIn(kRefusals),
                         [](const auto &test) { return std::string(test.param.behaviour); });

TEST(InsertRefusal, ForUnicodeEscapesThatWouldNeedConversion) {
  EXPECT_EQ(sqlstate(read_all("SET client_encoding = 'LATIN1';\nINSERT INTO t VALUES (E'\\u00e9');")), "0A000");
  EXPECT_EQ(sqlstate(read_all("SET client_encoding = 'LATIN1';\nINSERT INTO t VALUES (E'\\u0041');")), "00000");
}

TEST(InsertRefusal, ForTooManyColumns) {
  std::string columns = "a", values = "1";
  for (int i = 0; i < 1600; ++i) {
    columns += ",a";
    values += ",1";
  }
  EXPECT_EQ(sqlstate(read_all("INSERT INTO t (" + columns + ") VALUES (1);")), "54011");
  EXPECT_EQ(sqlstate(read_all("INSERT INTO t VALUES (" + values + ");")), "42601");
}

TEST(InsertRefusal, ForARowThatIsTooLong) {
  DumpReaderOptions options;
  options.max_line = 10;
  for (size_t piece : {SIZE_MAX, size_t{1}}) {
    EXPECT_EQ(sqlstate(read_all("INSERT INTO t VALUES (1, '12345678'), (1, '12345678');", piece, options)), "00000");
    EXPECT_EQ(sqlstate(read_all("INSERT INTO t VALUES (1, '123456789');", piece, options)), "54000");
    EXPECT_EQ(sqlstate(read_all("INSERT INTO t VALUES (1, '1234\n\n\n');", piece, options)), "54000");
    EXPECT_EQ(sqlstate(read_all("INSERT INTO t VALUES (1, 2, 3, 4, 5, NULL);", piece, options)), "54000");
  }
}

TEST(InsertRows, NoticeThatTheFileHasChanged) {
  std::string dump = "INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\n";
  RowBlock block = read_all(dump).items.at(0).block;
  for (const char *changed : {"INSERT INTO t VALUES (1);\nINSERT INTO u VALUES (2);\n",
                              "INSERT INTO t VALUES (1);\nDELETE FROM t;           \n",
                              "INSERT INTO t VALUES (1);\n--                       \n",
                              "INSERT INTO t VALUES (1);\nINSERT INTO t VALUES(22);\n",
                              "INSERT INTO t VALUES (1),(2),(3);                   \n"}) {
    try {
      read_again(changed, block);
      FAIL() << changed;
    } catch (const Error &error) {
      EXPECT_EQ(error.sqlstate, "55000") << changed;
    }
  }
}

}  // namespace
}  // namespace pagila_repl
