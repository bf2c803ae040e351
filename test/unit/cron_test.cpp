#include "core/cron.hpp"

#include <gtest/gtest.h>

#include "local_zone.hpp"

namespace pagila_repl {
namespace {

// The next times after a local time, as clocks there show them.
std::string local_times(const char *expression, const UtcOffset &zone, const char *after, int count) {
  Cron cron(expression);
  // The first of two times that show the same.
  int64_t time = at(after) - zone(at(after) - zone(at(after)) - 3 * 3600);
  std::string result;
  for (int i = 0; i < count; ++i) {
    std::optional<int64_t> next = cron.next(time, zone);
    if (!next) return result + "never";
    EXPECT_GT(*next, time);
    time = *next;
    result += (i > 0 ? ", " : "") + local_text(time, zone);
  }
  return result;
}

std::string utc_times(const char *expression, const UtcOffset &zone, const char *after, int count) {
  Cron cron(expression);
  int64_t time = at(after);
  std::string result;
  for (int i = 0; i < count; ++i) {
    std::optional<int64_t> next = cron.next(time, zone);
    if (!next) return result + "never";
    time = *next;
    result += (i > 0 ? ", " : "") + text_of(time);
  }
  return result;
}

TEST(Cron, IsLaterThanAskedForAndOnAWholeMinute) {
  EXPECT_EQ(utc_times("* * * * *", utc, "2026-05-05 12:00:00", 1), "2026-05-05 12:01");
  EXPECT_EQ(utc_times("* * * * *", utc, "2026-05-05 12:00:01", 1), "2026-05-05 12:01");
  EXPECT_EQ(utc_times("* * * * *", utc, "2026-05-05 12:00:59", 1), "2026-05-05 12:01");
  EXPECT_EQ(utc_times("0 12 * * *", utc, "2026-05-05 11:59:59", 2), "2026-05-05 12:00, 2026-05-06 12:00");
}

TEST(Cron, DoesNotNameAgainWhatWasHadBeforeTheClockWasSetBack) {
  auto next = [](const char *expression, const char *had, const char *after) {
    std::optional<int64_t> time = Cron(expression).next_but(at(had), at(after), utc);
    return time ? text_of(*time) : "never";
  };
  EXPECT_EQ(next("0 10 * * *", "2026-05-05 10:00", "2026-05-05 10:00:07"), "2026-05-06 10:00");
  EXPECT_EQ(next("0 10 * * *", "2026-05-05 10:00", "2026-05-05 09:58"), "2026-05-06 10:00");
  // A retry, which is for the time before it.
  EXPECT_EQ(next("0 10 * * *", "2026-05-05 10:15:33", "2026-05-05 09:58"), "2026-05-06 10:00");
  EXPECT_EQ(next("0 10 * * *", "2026-05-05 10:00", "2026-05-03 12:00"), "2026-05-04 10:00");
  EXPECT_EQ(next("0 * * * *", "2026-05-05 10:00", "2026-05-05 07:10"), "2026-05-05 08:00");
  EXPECT_EQ(next("0 * * * *", "2026-05-05 08:00", "2026-05-05 08:00:05"), "2026-05-05 09:00");
  EXPECT_EQ(next("0 0 30 2 *", "2026-05-05 10:00", "2026-05-05 09:00"), "never");
}

TEST(Cron, CrossesMonthsAndYears) {
  EXPECT_EQ(utc_times("0 0 * * *", utc, "2026-12-30 12:00", 2), "2026-12-31 00:00, 2027-01-01 00:00");
  EXPECT_EQ(utc_times("59 23 31 12 *", utc, "2026-12-31 23:59", 1), "2027-12-31 23:59");
  EXPECT_EQ(utc_times("0 9 1 1,7 *", utc, "2026-07-01 09:00", 2), "2027-01-01 09:00, 2027-07-01 09:00");
  EXPECT_EQ(utc_times("0 0 1 1 *", utc, "1969-06-01 00:00", 2), "1970-01-01 00:00, 1971-01-01 00:00");
}

TEST(Cron, LeavesOutMonthsWithoutThatDay) {
  EXPECT_EQ(utc_times("0 0 31 * *", utc, "2026-01-31 00:00", 3),
            "2026-03-31 00:00, 2026-05-31 00:00, 2026-07-31 00:00");
  EXPECT_EQ(utc_times("0 0 30 * *", utc, "2026-01-30 00:00", 1), "2026-03-30 00:00");
}

TEST(Cron, KnowsTheLastDayOfAMonth) {
  EXPECT_EQ(utc_times("0 0 $ * *", utc, "2026-01-01 00:00", 4),
            "2026-01-31 00:00, 2026-02-28 00:00, 2026-03-31 00:00, 2026-04-30 00:00");
  EXPECT_EQ(utc_times("0 0 $ 2 *", utc, "2027-01-01 00:00", 2), "2027-02-28 00:00, 2028-02-29 00:00");
  EXPECT_EQ(utc_times("0 0 15,$ * *", utc, "2026-02-01 00:00", 3),
            "2026-02-15 00:00, 2026-02-28 00:00, 2026-03-15 00:00");
}

TEST(Cron, KnowsLeapDays) {
  EXPECT_EQ(utc_times("0 0 29 2 *", utc, "2026-01-01 00:00", 2), "2028-02-29 00:00, 2032-02-29 00:00");
  EXPECT_EQ(utc_times("0 0 29 2 *", utc, "2096-02-29 00:00", 1), "2104-02-29 00:00");
  EXPECT_EQ(utc_times("0 0 29 2 *", utc, "1996-02-29 00:00", 1), "2000-02-29 00:00");
  EXPECT_EQ(utc_times("0 0 $ 2 *", utc, "2100-01-01 00:00", 1), "2100-02-28 00:00");
  EXPECT_EQ(utc_times("0 0 29 2 */7", utc, "2088-02-29 00:00", 1), "2128-02-29 00:00");
  EXPECT_EQ(utc_times("* * 29 2 *", utc, "2096-02-29 23:59", 1), "2104-02-29 00:00");
}

TEST(Cron, IsNeverOnDaysThatThereAreNot) {
  for (const char *expression : {"0 0 30 2 *", "* * 30 2 *", "0 0 31 4,6,9,11 *", "*/5 */2 31 2-2 *"}) {
    Cron cron(expression);
    EXPECT_EQ(cron.next(at("2026-01-01 00:00"), utc), std::nullopt) << expression;
    EXPECT_EQ(cron.next(at("2026-01-01 00:00"), berlin), std::nullopt) << expression;
  }
}

TEST(Cron, TakesEitherOfTwoDays) {
  // The 13th, or a Friday; 2 January is one.
  EXPECT_EQ(utc_times("0 0 13 * fri", utc, "2026-01-01 00:00", 4),
            "2026-01-02 00:00, 2026-01-09 00:00, 2026-01-13 00:00, 2026-01-16 00:00");
  EXPECT_EQ(utc_times("0 0 30 2 mon", utc, "2026-01-31 00:00", 2), "2026-02-02 00:00, 2026-02-09 00:00");
  EXPECT_EQ(utc_times("0 0 $ * sun", utc, "2026-01-25 00:00", 2), "2026-01-31 00:00, 2026-02-01 00:00");
}

TEST(Cron, NeedsBothDaysIfOneBeginsWithAStar) {
  EXPECT_EQ(utc_times("0 0 13 * *", utc, "2026-01-01 00:00", 2), "2026-01-13 00:00, 2026-02-13 00:00");
  EXPECT_EQ(utc_times("0 0 * * fri", utc, "2026-01-01 00:00", 2), "2026-01-02 00:00, 2026-01-09 00:00");
  EXPECT_EQ(utc_times("0 0 */10 * fri", utc, "2026-01-01 00:00", 2), "2026-05-01 00:00, 2026-07-31 00:00");
  EXPECT_EQ(utc_times("0 0 13 * */5", utc, "2026-01-01 00:00", 2), "2026-02-13 00:00, 2026-03-13 00:00");
}

TEST(Cron, FollowsLocalTime) {
  EXPECT_EQ(utc_times("30 5 * * *", kolkata, "2026-01-01 00:00", 2), "2026-01-02 00:00, 2026-01-03 00:00");
  EXPECT_EQ(utc_times("0 6 * * *", berlin, "2026-03-28 00:00", 3),
            "2026-03-28 05:00, 2026-03-29 04:00, 2026-03-30 04:00");
  EXPECT_EQ(utc_times("0 6 * * *", berlin, "2026-10-24 00:00", 3),
            "2026-10-24 04:00, 2026-10-25 05:00, 2026-10-26 05:00");
  EXPECT_EQ(utc_times("0 0 1 * *", new_york, "2026-02-28 23:00", 3),
            "2026-03-01 05:00, 2026-04-01 04:00, 2026-05-01 04:00");
}

// 29 March 2026: 02:00 becomes 03:00.
TEST(Cron, RunsAfterTheGapWhatFallsIntoIt) {
  EXPECT_EQ(local_times("30 2 * * *", berlin, "2026-03-28 00:00", 3),
            "2026-03-28 02:30, 2026-03-29 03:00, 2026-03-30 02:30");
  EXPECT_EQ(utc_times("30 2 29 3 *", berlin, "2026-03-01 00:00", 2), "2026-03-29 01:00, 2027-03-29 00:30");
  // Once, however many of its times fall into the gap.
  EXPECT_EQ(local_times("*/15 2 * * *", berlin, "2026-03-28 02:45", 2), "2026-03-29 03:00, 2026-03-30 02:00");
  EXPECT_EQ(local_times("30 2,3 * * *", berlin, "2026-03-29 00:00", 3),
            "2026-03-29 03:00, 2026-03-29 03:30, 2026-03-30 02:30");
  // Once, if the first moment after the gap is one of its times as well.
  EXPECT_EQ(local_times("0 2,3 * * *", berlin, "2026-03-29 00:00", 2), "2026-03-29 03:00, 2026-03-30 02:00");
  EXPECT_EQ(local_times("59 1 * * *", berlin, "2026-03-29 00:00", 2), "2026-03-29 01:59, 2026-03-30 01:59");
}

// 8 March 2026: 02:00 becomes 03:00. 1 November: 02:00 becomes 01:00.
TEST(Cron, RunsAfterTheGapWhenAskedJustBeforeIt) {
  EXPECT_EQ(local_times("30 2 * * *", berlin, "2026-03-29 01:59:59", 2), "2026-03-29 03:00, 2026-03-30 02:30");
  EXPECT_EQ(local_times("1 2 2 * *", lord_howe, "2011-10-02 01:59:59", 2), "2011-10-02 02:30, 2011-11-02 02:01");
}

TEST(Cron, KnowsTheClocksOfNewYork) {
  EXPECT_EQ(utc_times("30 2 * * *", new_york, "2026-03-07 12:00", 2), "2026-03-08 07:00, 2026-03-09 06:30");
  EXPECT_EQ(utc_times("30 1 * * *", new_york, "2026-10-31 12:00", 2), "2026-11-01 05:30, 2026-11-02 06:30");
  EXPECT_EQ(utc_times("0 2 * * *", new_york, "2026-10-31 12:00", 2), "2026-11-01 07:00, 2026-11-02 07:00");
}

// 25 October 2026: 03:00 becomes 02:00.
TEST(Cron, RunsOnceWhatComesTwice) {
  EXPECT_EQ(utc_times("30 2 * * *", berlin, "2026-10-24 12:00", 2), "2026-10-25 00:30, 2026-10-26 01:30");
  EXPECT_EQ(utc_times("*/30 2 * * *", berlin, "2026-10-25 00:00", 2), "2026-10-25 00:30, 2026-10-26 01:00");
  EXPECT_EQ(utc_times("0 0-23 * * *", berlin, "2026-10-24 23:00", 3),
            "2026-10-25 00:00, 2026-10-25 02:00, 2026-10-25 03:00");
  // Asked during the second time.
  EXPECT_EQ(utc_times("30 2 * * *", berlin, "2026-10-25 01:10", 1), "2026-10-26 01:30");
  EXPECT_EQ(utc_times("30 2 * * *", berlin, "2026-10-25 01:30", 1), "2026-10-26 01:30");
  EXPECT_EQ(utc_times("30 2 * * *", berlin, "2026-10-25 00:59:59", 1), "2026-10-26 01:30");
}

TEST(Cron, FollowsClocksIfAnyHourWillDo) {
  EXPECT_EQ(utc_times("30 * * * *", berlin, "2026-10-24 23:30", 4),
            "2026-10-25 00:30, 2026-10-25 01:30, 2026-10-25 02:30, 2026-10-25 03:30");
  EXPECT_EQ(utc_times("30 * * * *", berlin, "2026-03-28 23:30", 3),
            "2026-03-29 00:30, 2026-03-29 01:30, 2026-03-29 02:30");
  EXPECT_EQ(utc_times("0 */2 * * *", berlin, "2026-03-28 23:00", 2), "2026-03-29 02:00, 2026-03-29 04:00");
  EXPECT_EQ(utc_times("0 */2 * * *", berlin, "2026-10-24 22:00", 3),
            "2026-10-25 00:00, 2026-10-25 01:00, 2026-10-25 03:00");
  EXPECT_EQ(utc_times("*/20 * * * *", berlin, "2026-03-29 00:40", 2), "2026-03-29 01:00, 2026-03-29 01:20");
}

// 4 October 2026: 02:00 becomes 02:30. 5 April 2026: 02:00 becomes 01:30.
TEST(Cron, KnowsChangesOfHalfAnHour) {
  EXPECT_EQ(local_times("0 2 * * *", lord_howe, "2026-10-03 12:00", 2), "2026-10-04 02:30, 2026-10-05 02:00");
  EXPECT_EQ(local_times("15,45 2 * * *", lord_howe, "2026-10-03 12:00", 3),
            "2026-10-04 02:30, 2026-10-04 02:45, 2026-10-05 02:15");
  EXPECT_EQ(utc_times("45 1 * * *", lord_howe, "2026-04-04 00:00", 2), "2026-04-04 14:45, 2026-04-05 15:15");
  EXPECT_EQ(utc_times("*/15 * * * *", lord_howe, "2026-04-04 14:30", 4),
            "2026-04-04 14:45, 2026-04-04 15:00, 2026-04-04 15:15, 2026-04-04 15:30");
  EXPECT_EQ(utc_times("40 * * * *", lord_howe, "2026-04-04 14:00", 3),
            "2026-04-04 14:40, 2026-04-04 15:10, 2026-04-04 16:10");
}

// 6 September 2026 begins at 01:00; the last hour of 4 April comes twice.
TEST(Cron, KnowsChangesAtMidnight) {
  EXPECT_EQ(local_times("0 0 * * *", santiago, "2026-09-05 00:00", 2), "2026-09-06 01:00, 2026-09-07 00:00");
  EXPECT_EQ(local_times("@monthly", santiago, "2026-09-05 00:00", 1), "2026-10-01 00:00");
  EXPECT_EQ(utc_times("30 23 4 4 *", santiago, "2026-04-04 00:00", 2), "2026-04-05 02:30, 2027-04-05 03:30");
  EXPECT_EQ(utc_times("30 * 4 4 *", santiago, "2026-04-05 02:00", 3),
            "2026-04-05 02:30, 2026-04-05 03:30, 2027-04-04 04:30");
}

TEST(Cron, KnowsDaysLeftOut) {
  EXPECT_EQ(local_times("0 12 * * *", apia, "2011-12-29 00:00", 3),
            "2011-12-29 12:00, 2011-12-31 00:00, 2011-12-31 12:00");
  EXPECT_EQ(local_times("0 * 30 12 *", apia, "2011-12-01 00:00", 1), "2012-12-30 00:00");
}

TEST(Cron, DoesNotLookAtEveryHourOfManyYears) {
  for (const char *expression : {"0 0 30 2 *", "* * 30 2 *", "0 0 29 2 */7", "* * 29 2 */7", "59 23 31 12 *"}) {
    int looks = 0;
    Cron(expression).next(at("2089-01-01 00:00"), [&](int64_t) { return ++looks, 3600; });
    EXPECT_LT(looks, 1000) << expression;
  }
}

}  // namespace
}  // namespace pagila_repl
