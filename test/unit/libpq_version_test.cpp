#include "core/libpq_version.hpp"

#include <gtest/gtest.h>

namespace pagila_repl {
namespace {

TEST(LibpqVersion, RefusesWhatLacksFixes) {
  for (int version : {0, 90624, 130023, 140099, 150000, 150019, 160000, 160015, 170000, 170011, 180000, 180006})
    EXPECT_TRUE(is_libpq_too_old(version)) << version;
}

TEST(LibpqVersion, AcceptsFixedAndNewerOnes) {
  for (int version : {150020, 150021, 160016, 170012, 180007, 180010, 190000, 200001})
    EXPECT_FALSE(is_libpq_too_old(version)) << version;
}

}  // namespace
}  // namespace pagila_repl
