#include "core/nearest_name.hpp"

#include <gtest/gtest.h>

namespace pagila_repl {
namespace {

const std::vector<std::string> kNames = {"verify", "workers", "on_modified", "on_unmanaged"};

TEST(NearestName, FindsWhatWasMeant) {
  EXPECT_EQ(nearest_name("verify", kNames), "verify");
  EXPECT_EQ(nearest_name("VERIFY", kNames), "verify");
  EXPECT_EQ(nearest_name("worker", kNames), "workers");
  EXPECT_EQ(nearest_name("wrokers", kNames), "workers");
  EXPECT_EQ(nearest_name("on_modifed", kNames), "on_modified");
}

TEST(NearestName, FindsNothingInAnotherWord) {
  EXPECT_EQ(nearest_name("", kNames), "");
  EXPECT_EQ(nearest_name("x", kNames), "");
  EXPECT_EQ(nearest_name("colour", kNames), "");
  EXPECT_EQ(nearest_name("verify", {}), "");
  EXPECT_EQ(nearest_name(std::string(1000000, 'v'), kNames), "");
}

}  // namespace
}  // namespace pagila_repl
