// Reads the real Pagila dump, when PR_PAGILA_DIR says where it is.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "dump_fixture.hpp"

namespace pagila_repl {
namespace {

class PagilaFiles : public testing::Test {
 protected:
  static std::string file(const std::string &name) {
    std::ifstream in(std::string(getenv("PR_PAGILA_DIR")) + "/" + name, std::ios::binary);
    std::stringstream all;
    all << in.rdbuf();
    return all.str();
  }
  void SetUp() override {
    if (getenv("PR_PAGILA_DIR") == nullptr) GTEST_SKIP() << "PR_PAGILA_DIR is not set";
  }
};

// Data lines between COPY and "\.", counted without the reader.
struct Counted {
  size_t blocks = 0, rows = 0, lines = 0;
};

Counted count_rows(const std::string &dump) {
  Counted counted;
  std::istringstream lines(dump);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    ++counted.lines;
    if (inside && line == "\\.")
      inside = false;
    else if (inside)
      ++counted.rows;
    else if (line.rfind("COPY ", 0) == 0) {
      inside = true;
      ++counted.blocks;
    }
  }
  return counted;
}

TEST_F(PagilaFiles, DataHasEveryRow) {
  std::string dump = file("data.sql");
  Counted expected = count_rows(dump);
  Pass pass = read_all(dump);
  ASSERT_FALSE(pass.error) << pass.error->message << " " << pass.error->context;
  Counted found;
  for (const Pass::Item &item : pass.items) {
    if (item.kind != DumpItem::Kind::copy) continue;
    ++found.blocks;
    found.rows += item.block.rows;
    EXPECT_EQ(item.rows, dump.substr(item.block.begin, item.block.end - item.block.begin));
  }
  EXPECT_EQ(found.blocks, expected.blocks);
  EXPECT_EQ(found.rows, expected.rows);
  EXPECT_GT(found.rows, 40000u);
  EXPECT_EQ(pass.lines, expected.lines);
  EXPECT_TRUE(pass.header);
  EXPECT_TRUE(pass.trailer);
}

TEST_F(PagilaFiles, SchemaIsStatementsOnly) {
  Pass pass = read_all(file("schema.sql"));
  ASSERT_FALSE(pass.error) << pass.error->message << " " << pass.error->context;
  EXPECT_GT(pass.items.size(), 200u);
  for (const Pass::Item &item : pass.items) EXPECT_EQ(item.kind, DumpItem::Kind::statement);
  EXPECT_TRUE(pass.header);
  EXPECT_TRUE(pass.trailer);
}

TEST_F(PagilaFiles, CutFilesAreNeverWhole) {
  for (const char *name : {"schema.sql", "data.sql"}) {
    std::string dump = file(name);
    size_t end = dump.rfind("dump complete\n--\n") + strlen("dump complete\n--\n");
    for (size_t size = end - 1; size > 0; size = size * 9 / 10) {
      Pass pass = read_all(std::string_view(dump).substr(0, size));
      EXPECT_TRUE(pass.error || !pass.trailer) << name << " cut at " << size;
    }
  }
}

}  // namespace
}  // namespace pagila_repl
