#include <gtest/gtest.h>

#include "dump_fixture.hpp"

namespace pagila_repl {
namespace {

struct Block {
  const char *behaviour;
  std::string statement, after, data, marker;
  uint64_t rows;
};

class CopyBlocks : public testing::TestWithParam<Block> {};

TEST_P(CopyBlocks, AreDeliveredAsTheyAre) {
  const Block &block = GetParam();
  std::string dump = "SELECT 1;\n" + block.statement + ";" + block.after + block.data + block.marker + "SELECT 2;";
  for (size_t piece : {SIZE_MAX, size_t{1}, size_t{2}, size_t{3}, size_t{5}, size_t{7}}) {
    DumpReaderOptions options;
    options.buffer = 64;
    Pass pass = read_all(dump, piece, options);
    ASSERT_FALSE(pass.error) << pass.error->message;
    ASSERT_EQ(pass.items.size(), 3u);
    const Pass::Item &item = pass.items[1];
    EXPECT_EQ(item.kind, DumpItem::Kind::copy);
    EXPECT_EQ(item.text, block.statement);
    EXPECT_EQ(item.rows, block.data);
    EXPECT_EQ(item.block.form, RowBlock::Form::copy);
    EXPECT_EQ(item.block.rows, block.rows);
    EXPECT_EQ(item.block.bytes, block.data.size());
    EXPECT_EQ(dump.substr(item.block.begin, item.block.end - item.block.begin), block.data);
    EXPECT_EQ(item.block.first_line, 3u);
    EXPECT_EQ(pass.items[2].text, "SELECT 2");
  }
}

const Block kBlocks[] = {
    {"Plain", "COPY public.t (a, b) FROM stdin", "\n", "1\tone\n2\t\\N\n", "\\.\n", 2},
    {"Empty", "COPY t FROM stdin", "\n", "", "\\.\n", 0},
    {"EmptyLines", "COPY t FROM stdin", "\n", "\n\n", "\\.\n", 2},
    {"KeyWordsInAnyCase", "copy T\tfrom /* x */ StdIn", "\n", "1\n", "\\.\n", 1},
    {"StdoutMeansStdinHere", "COPY t FROM stdout", "\n", "1\n", "\\.\n", 1},
    {"EvilNames", "COPY \"a;b\".\"from stdin\" (\"(\") FROM stdin", "\n", "1\n", "\\.\n", 1},
    {"BlanksBehindTheSemicolon", "COPY t FROM stdin", " \t\r\n", "1\n", "\\.\n", 1},
    {"Crlf", "COPY t FROM stdin", "\r\n", "1\r\n2\r\n", "\\.\r\n", 2},
    {"LoneCarriageReturnIsData", "COPY t FROM stdin", "\n", "1\r2\n", "\\.\n", 1},
    {"EscapedBackslashBeforeADot", "COPY t FROM stdin", "\n", "\\\\.\n\\\\.\r\n\\N\n\\\n", "\\.\n", 4},
    {"MarkerInsideALine", "COPY t FROM stdin", "\n", "a\\.\n", "\\.\n", 1},
    {"StatementsAndCommentsAsData", "COPY t FROM stdin", "\n", "-- a\n/* b\n'c\n$$\nSELECT 1;\n\\restrict a\n", "\\.\n",
     6},
    {"TrailerAsData", "COPY t FROM stdin", "\n", "--\n-- PostgreSQL database dump complete\n--\n", "\\.\n", 3},
    {"Csv", "COPY t FROM stdin WITH (HEADER, FORMAT csv)", "\n", "a\n\"x\n\\.y\n\\. \n\"\n", "\\.\n", 5},
    {"CsvInTheOldSyntax", "COPY t FROM stdin DELIMITER '|' CSV", "\n", "\\.x\n", "\\.\n", 1},
    {"CsvInQuotes", "COPY t FROM stdin (\"format\" 'csv')", "\n", "\\.x\n", "\\.\n", 1},
    {"TextSaidSo", "COPY t FROM stdin (FORMAT text, NULL 'csv') WHERE a IN (format, binary)", "\n", "1\n", "\\.\n", 1},
    {"NonAscii", "COPY t FROM stdin", "\n", "\xC3\xA9\t\xF0\x9F\x98\x80\n", "\\.\n", 1},
};

INSTANTIATE_TEST_SUITE_P(Dump, CopyBlocks, testing::ValuesIn(kBlocks),
                         [](const auto &test) { return std::string(test.param.behaviour); });

TEST(CopyBlock, KeepsLinesThatSpanManyBuffers) {
  std::string data;
  for (size_t size = 0; size < 300; ++size) data += std::string(size, 'x') + (size % 3 == 0 ? "\\.\n" : "\n");
  for (size_t buffer : {size_t{64}, size_t{100}, size_t{4096}}) {
    DumpReaderOptions options;
    options.buffer = buffer;
    std::string dump = "COPY t FROM stdin;\n" + data.substr(3) + "\\.\n";
    Pass pass = read_all(dump, SIZE_MAX, options);
    ASSERT_EQ(pass.items.size(), 1u);
    EXPECT_EQ(pass.items[0].rows, data.substr(3));
    EXPECT_EQ(pass.items[0].block.rows, 299u);
  }
}

TEST(CopyBlock, MayGoWithoutASink) {
  TextSource source("COPY t FROM stdin;\n1\n2\n\\.\n");
  DumpReader reader(source);
  std::optional<DumpItem> item = reader.next();
  ASSERT_TRUE(item);
  EXPECT_EQ(item->block.rows, 2u);
  EXPECT_EQ(item->block.bytes, 4u);
}

TEST(CopyBlock, SaysWhetherALineIsARow) {
  EXPECT_TRUE(read_all("COPY t FROM stdin;\n1\n\\.\n").items.at(0).block.rows_are_lines);
  EXPECT_FALSE(read_all("COPY t FROM stdin CSV;\n1\n\\.\n").items.at(0).block.rows_are_lines);
  EXPECT_FALSE(read_all("COPY t FROM stdin (HEADER);\n1\n\\.\n").items.at(0).block.rows_are_lines);
  EXPECT_FALSE(read_all("COPY t FROM stdin (FREEZE, \"header\" 1);\n1\n\\.\n").items.at(0).block.rows_are_lines);
  EXPECT_FALSE(read_all("COPY t FROM stdin HEADER;\n1\n\\.\n").items.at(0).block.rows_are_lines);
}

TEST(CopyBlock, RemembersHowStringsAreReadThere) {
  Pass pass = read_all("SET standard_conforming_strings = off;\nCOPY t FROM stdin;\n\\.\n");
  ASSERT_EQ(pass.items.size(), 2u);
  EXPECT_FALSE(pass.items[1].block.standard_conforming_strings);
}

struct Fault {
  const char *behaviour;
  std::string dump;
  const char *sqlstate;
  const char *message;
  const char *context;
};

class CopyFaults : public testing::TestWithParam<Fault> {};

TEST_P(CopyFaults, AreRefused) {
  for (size_t piece : {SIZE_MAX, size_t{1}}) {
    Pass pass = read_all(GetParam().dump, piece);
    ASSERT_TRUE(pass.error);
    EXPECT_EQ(pass.error->sqlstate, GetParam().sqlstate);
    EXPECT_EQ(pass.error->message, GetParam().message);
    EXPECT_EQ(pass.error->context, GetParam().context);
  }
}

const char *const kOpen = "unterminated COPY data";
const char *const kCorrupt = "end-of-copy marker corrupt";
const char *const kFormat = "COPY in a format other than text or csv cannot be loaded from a dump";

const Fault kFaults[] = {
    {"NoMarker", "COPY t FROM stdin;\n1\n", "22P04", kOpen, "line 3"},
    {"NoData", "COPY t FROM stdin;\n", "22P04", kOpen, "line 2"},
    {"NoLine", "COPY t FROM stdin;", "22P04", kOpen, "line 1"},
    {"CutInsideALine", "COPY t FROM stdin;\n1\n2", "22P04", kOpen, "line 3"},
    {"CutInsideTheMarker", "COPY t FROM stdin;\n1\n\\", "22P04", kOpen, "line 3"},
    {"CutBehindTheMarker", "COPY t FROM stdin;\n1\n\\.", "22P04", kOpen, "line 3"},
    {"CutInsideTheMarkersNewline", "COPY t FROM stdin;\r\n1\r\n\\.\r", "22P04", kOpen, "line 3"},
    {"BlanksBehindTheMarker", "COPY t FROM stdin;\n1\n\\. \n", "22P04", kCorrupt, "line 3"},
    {"TextBehindTheMarker", "COPY t FROM stdin;\n1\n\\.x\n", "22P04", kCorrupt, "line 3"},
    {"TwoCarriageReturnsBehindTheMarker", "COPY t FROM stdin;\n1\n\\.\r\r\n", "22P04", kCorrupt, "line 3"},
    {"TextBehindTheSemicolon", "COPY t FROM stdin; SELECT 1;\n\\.\n", "42601", "text after COPY on the same line",
     "line 1"},
    {"DataBehindTheMarker", "COPY t FROM stdin;\n1\n\\.\n2\t\\N\n", "42601",
     "psql meta-command \\N is not allowed in a dump", "line 4"},
    {"BinaryOption", "COPY t FROM stdin WITH (FORMAT binary);\n\\.\n", "0A000", kFormat, "line 1"},
    {"BinaryOptionInQuotes", "COPY t FROM stdin (FORMAT 'binary');\n\\.\n", "0A000", kFormat, "line 1"},
    {"BinaryOptionInDisguise", "COPY t FROM stdin (FORMAT E'bin\\x61ry');\n\\.\n", "0A000", kFormat, "line 1"},
    {"BinaryBehindStdin", "COPY t FROM stdin WITH BINARY;\n\\.\n", "0A000", kFormat, "line 1"},
    {"BinaryBeforeTheTable", "COPY BINARY t FROM stdin;\n\\.\n", "0A000", kFormat, "line 1"},
};

INSTANTIATE_TEST_SUITE_P(Dump, CopyFaults, testing::ValuesIn(kFaults),
                         [](const auto &test) { return std::string(test.param.behaviour); });

TEST(CopyBlock, NamesTheLineItBeginsOn) {
  EXPECT_NE(read_all("\nCOPY t FROM stdin;\n1\n2\n").error->detail.find("line 3"), std::string::npos);
}

TEST(CopyBlock, LinesMayBeAsLongAsAllowed) {
  DumpReaderOptions options;
  options.max_line = 10;
  for (size_t piece : {SIZE_MAX, size_t{1}, size_t{7}}) {
    EXPECT_EQ(sqlstate(read_all("COPY t FROM stdin;\n0123456789\n\\.\n", piece, options)), "00000");
    Pass pass = read_all("COPY t FROM stdin;\n1\n0123456789a\n\\.\n", piece, options);
    ASSERT_TRUE(pass.error);
    EXPECT_EQ(pass.error->sqlstate, "54000");
    EXPECT_EQ(pass.error->context, "line 3");
  }
}

}  // namespace
}  // namespace pagila_repl
