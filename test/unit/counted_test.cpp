#include "core/counted.hpp"

#include <gtest/gtest.h>

namespace pagila_repl {
namespace {

TEST(Counted, ChoosesSingularOrPlural) {
  EXPECT_EQ(counted(1, "{row|rows}"), "1 row");
  EXPECT_EQ(counted(0, "{row|rows}"), "0 rows");
  EXPECT_EQ(counted(2, "{row|rows}"), "2 rows");
  EXPECT_EQ(counted(1, "{owner|owners} skipped, {its role does|their roles do} not exist"),
            "1 owner skipped, its role does not exist");
  EXPECT_EQ(counted(7, "{owner|owners} skipped, {its role does|their roles do} not exist"),
            "7 owners skipped, their roles do not exist");
}

TEST(Counted, LeavesOtherWordsAlone) {
  EXPECT_EQ(counted(3, "MB"), "3 MB");
  EXPECT_EQ(counted(3, ""), "3 ");
  EXPECT_EQ(counted(1, "{broken"), "1 {broken");
}

}  // namespace
}  // namespace pagila_repl
