#include "core/zone_name.hpp"

#include <gtest/gtest.h>

namespace pagila_repl {
namespace {

TEST(ZoneName, KnowsOffsetsThatPosixReadsTheOtherWay) {
  for (const char *zone : {"3", "+3", "-3", "+03:00", "-03:30", "GMT+24", "GMT-3", "gmt3", "UTC+3", "utc-03:00", "UT+1",
                           "Z+1", "003", "+5:45:00"})
    EXPECT_TRUE(is_ambiguous_offset(zone)) << zone;
}

TEST(ZoneName, LeavesOthersAlone) {
  for (const char *zone : {"",        "GMT",     "UTC",      "Z",         "GMT0",          "GMT+0",     "GMT-0",
                           "+00:00",  "0",       "+",        "Etc/GMT+3", "Europe/Berlin", "CET-1CEST", "CET-1",
                           "EST5EDT", "<+03>-3", "GMT+3BST", "MST7MDT",   "Zulu",          "GMTX+1"})
    EXPECT_FALSE(is_ambiguous_offset(zone)) << zone;
}

}  // namespace
}  // namespace pagila_repl
