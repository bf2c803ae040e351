#include "core/libpq_version.hpp"

#include <gtest/gtest.h>

namespace pagila_repl {
namespace {

TEST(LibpqVersion, TellsWhatLacksFixes) {
  for (int version : {0, 90624, 130023, 140099, 150000, 150019, 160000, 160015, 170000, 170011, 180000, 180006}) {
    EXPECT_TRUE(is_libpq_too_old(version)) << version;
    EXPECT_NE(complaint_about_libpq(version), "") << version;
  }
}

TEST(LibpqVersion, AcceptsFixedAndNewerOnes) {
  for (int version : {150020, 150021, 160016, 170012, 180007, 180010, 190000, 200001}) {
    EXPECT_FALSE(is_libpq_too_old(version)) << version;
    EXPECT_EQ(complaint_about_libpq(version), "") << version;
  }
}

TEST(LibpqVersion, NamesWhatIsNotFixed) {
  EXPECT_EQ(complaint_about_libpq(150018),
            "libpq 15.18 is older than 15.20, not fixed in it: waiting for encrypted data that has already arrived");
  EXPECT_EQ(
      complaint_about_libpq(170009),
      "libpq 17.9 is older than 17.12, not fixed in it: CVE-2026-6477 (a hostile server overwrites memory through "
      "large objects), waiting for encrypted data that has already arrived");
  EXPECT_EQ(complaint_about_libpq(150019), "libpq 15.19 is older than 15.20, what is not fixed in it is not known");
  EXPECT_EQ(complaint_about_libpq(140023), "libpq 14.23 is of a major version that gets no more fixes");
}

TEST(LibpqVersion, NamesEachFixUpToTheReleaseThatHasIt) {
  struct {
    int first;
    const char *fault;
  } fixes[] = {{150002, "CVE-2022-41862"}, {150009, "CVE-2024-10977"}, {160005, "CVE-2024-10977"},
               {150011, "CVE-2025-1094"},  {170003, "CVE-2025-1094"},  {150013, "CVE-2025-4207"},
               {160009, "CVE-2025-4207"},  {150015, "CVE-2025-12818"}, {180001, "CVE-2025-12818"},
               {150018, "CVE-2026-6477"},  {180004, "CVE-2026-6477"},  {150019, "encrypted data"}};
  for (const auto &fix : fixes) {
    EXPECT_NE(complaint_about_libpq(fix.first - 1).find(fix.fault), std::string::npos) << fix.first - 1;
    EXPECT_EQ(complaint_about_libpq(fix.first).find(fix.fault), std::string::npos) << fix.first;
  }
  EXPECT_EQ(complaint_about_libpq(160000).find("CVE-2022-41862"), std::string::npos);
}

}  // namespace
}  // namespace pagila_repl
