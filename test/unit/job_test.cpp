#include "core/job.hpp"

#include <gtest/gtest.h>

#include <climits>

namespace pagila_repl {
namespace {

constexpr int64_t kNow = 1000000, kRegular = kNow + 3600;
const RetryPolicy kPolicy;  // 10 s, doubling up to 900 s

RunEnd ended(RunStatus status, const char *sqlstate = "", const char *message = "") {
  return {status, sqlstate, message};
}
RunEnd failed(const char *sqlstate) { return ended(RunStatus::failed, sqlstate, "it failed"); }

JobState after(const JobState &before, const RunEnd &end, double chance = 1) {
  return after_run(before, end, kRegular, kNow, kPolicy, chance);
}

JobState with(int failures, int login_failures = 0) { return {kNow, std::nullopt, failures, login_failures, std::nullopt}; }

TEST(JobAfterRun, IsDueRegularlyAfterSuccess) {
  for (RunStatus status : {RunStatus::succeeded, RunStatus::skipped}) {
    JobState state = after(with(7, 4), ended(status));
    EXPECT_EQ(state.next_run_at, kRegular);
    EXPECT_EQ(state.failures, 0);
    EXPECT_EQ(state.login_failures, 0);
    EXPECT_EQ(state.suspended_because, std::nullopt);
  }
}

TEST(JobAfterRun, TakesACancelForNoFailure) {
  JobState state = after(with(2, 3), ended(RunStatus::cancelled, "57014"));
  EXPECT_EQ(state.next_run_at, kRegular);
  EXPECT_EQ(state.failures, 2);
  EXPECT_EQ(state.login_failures, 3);
}

TEST(JobAfterRun, IsDueAtOnceAfterBeingAborted) {
  JobState state = after(with(2, 3), ended(RunStatus::aborted, "57P01"));
  EXPECT_EQ(state.next_run_at, kNow);
  EXPECT_EQ(state.failures, 2);
  EXPECT_EQ(state.login_failures, 3);
}

TEST(JobAfterRun, RetriesSoonWhatMayPass) {
  for (const char *sqlstate : {"08001", "08006", "53300", "53100", "53200", "57014", "57P01", "57P03", "58030", "58P01",
                               "40001", "40P01", "XX000", "XX001", "55P03", "55006"}) {
    JobState state = after(with(0), failed(sqlstate));
    EXPECT_EQ(state.next_run_at, kNow + 10) << sqlstate;
    EXPECT_EQ(state.failures, 1) << sqlstate;
  }
  EXPECT_EQ(after(with(0), ended(RunStatus::crashed, "57P02")).next_run_at, kNow + 10);
}

TEST(JobAfterRun, WaitsForTheRegularTimeWithWhatWillNotPass) {
  for (const char *sqlstate : {"55000", "42501", "2BP01", "0A000", "28P01", "3D000", "22023", ""}) {
    JobState state = after(with(0), failed(sqlstate));
    EXPECT_EQ(state.next_run_at, kRegular) << sqlstate;
    EXPECT_EQ(state.failures, 1) << sqlstate;
  }
}

TEST(JobAfterRun, DelaysFrequentJobsThatFail) {
  JobState state = with(0);
  for (int64_t delay : {10, 20, 40, 80, 160}) {
    state = after_run(state, failed("55000"), kNow + 15, kNow, kPolicy, 1);
    EXPECT_EQ(state.next_run_at, kNow + std::max<int64_t>(delay, 15));
  }
}

TEST(JobAfterRun, IsNotDueAgainIfItsScheduleEnds) {
  EXPECT_EQ(after_run(with(0), ended(RunStatus::succeeded), std::nullopt, kNow, kPolicy, 1).next_run_at, std::nullopt);
  EXPECT_EQ(after_run(with(0), failed("55000"), std::nullopt, kNow, kPolicy, 1).next_run_at, std::nullopt);
  EXPECT_EQ(after_run(with(0), failed("08001"), std::nullopt, kNow, kPolicy, 1).next_run_at, kNow + 10);
}

TEST(JobAfterRun, DoublesTheDelayUpToTheMost) {
  JobState state = with(0);
  for (int64_t delay : {10, 20, 40, 80, 160, 320, 640, 900, 900, 900}) {
    state = after(state, failed("08006"));
    EXPECT_EQ(state.next_run_at, kNow + delay);
  }
}

TEST(JobAfterRun, SpreadsRetriesOverHalfOfTheDelay) {
  EXPECT_EQ(after(with(3), failed("08006"), 0).next_run_at, kNow + 40);
  EXPECT_EQ(after(with(3), failed("08006"), 0.5).next_run_at, kNow + 60);
  EXPECT_EQ(after(with(3), failed("08006"), 1).next_run_at, kNow + 80);
  for (int failures = 0; failures < 100; ++failures)
    for (double chance : {0.0, 0.01, 0.37, 0.99, 1.0}) {
      int64_t delay = *after(with(failures), failed("08006"), chance).next_run_at - kNow;
      EXPECT_GE(delay, 5);
      EXPECT_LE(delay, 900);
      if (failures >= 7) EXPECT_GE(delay, 450);
    }
}

TEST(JobAfterRun, SurvivesAnyCountAndPolicy) {
  JobState state = after(with(INT_MAX, 0), failed("08006"));
  EXPECT_EQ(state.failures, INT_MAX);
  EXPECT_EQ(state.next_run_at, kNow + 900);
  EXPECT_EQ(after_run(with(5), failed("08006"), kRegular, kNow, {86400, 86400}, 1).next_run_at, kNow + 86400);
  EXPECT_EQ(after_run(with(5), failed("08006"), kRegular, kNow, {100, 10}, 1).next_run_at, kNow + 10);
  EXPECT_EQ(after_run(with(0), failed("08006"), kRegular, kNow, {1, 1}, 0).next_run_at, kNow + 1);
  EXPECT_EQ(after_run(with(INT_MAX), failed("08006"), kRegular, kNow, {1, INT64_MAX / 4}, -5).next_run_at.has_value(),
            true);
}

TEST(JobAfterRun, SuspendsAtTheFifthLoginFailure) {
  JobState state = with(0);
  for (int i = 1; i <= 5; ++i) {
    EXPECT_EQ(state.suspended_because, std::nullopt);
    state = after(state, ended(RunStatus::failed, i % 2 == 0 ? "28000" : "28P01", "source: no entry "));
    EXPECT_EQ(state.login_failures, i);
  }
  EXPECT_EQ(state.suspended_because, "5 failures to log in, one after the other; the last: source: no entry ");
  EXPECT_EQ(state.failures, 5);
}

TEST(JobAfterRun, ForgetsLoginFailuresOnceItWasLetIn) {
  for (const RunEnd &end : {ended(RunStatus::succeeded), ended(RunStatus::skipped), failed("55000"), failed("42501")}) {
    JobState state = after(with(4, 4), end);
    EXPECT_EQ(state.login_failures, 0);
    state = after(state, failed("28P01"));
    EXPECT_EQ(state.login_failures, 1);
    EXPECT_EQ(state.suspended_because, std::nullopt);
  }
}

TEST(JobAfterRun, KeepsLoginFailuresWhileNobodyAnswers) {
  for (const RunEnd &end : {failed("08001"), failed("53300"), failed("57P03"), ended(RunStatus::crashed, "57P02"),
                            ended(RunStatus::cancelled, "57014"), ended(RunStatus::aborted, "57P01")}) {
    JobState state = after(with(4, 4), end);
    EXPECT_EQ(state.login_failures, 4) << end.sqlstate;
    EXPECT_EQ(state.suspended_because, std::nullopt) << end.sqlstate;
    EXPECT_NE(after(state, failed("28P01")).suspended_because, std::nullopt) << end.sqlstate;
  }
}

TEST(JobAfterRun, DoesNotEndASuspension) {
  JobState before = with(1);
  before.suspended_because = "its owner is gone";
  for (const RunEnd &end : {ended(RunStatus::succeeded), failed("08001"), ended(RunStatus::cancelled)})
    EXPECT_EQ(after(before, end).suspended_because, "its owner is gone");
}

TEST(JobInterval, StaysOnItsGrid) {
  EXPECT_EQ(next_of_interval(1000, 60, 1000), 1060);
  EXPECT_EQ(next_of_interval(1000, 60, 1059), 1060);
  EXPECT_EQ(next_of_interval(1000, 60, 1060), 1120);
  int64_t due = 1000;
  for (int i = 1; i <= 1000; ++i) {
    due = next_of_interval(due, 60, due + i % 59);  // Runs that take their time.
    ASSERT_EQ(due, 1000 + i * 60);
  }
}

TEST(JobInterval, StaysOnItsGridAfterRunsThatWereLate) {
  EXPECT_EQ(last_of_interval(1000, 60, 1000), 1000);
  EXPECT_EQ(last_of_interval(1000, 60, 1059), 1000);
  EXPECT_EQ(last_of_interval(1000, 60, 1060), 1060);
  EXPECT_EQ(last_of_interval(1000, 60, 1000 + 60 * 1000 + 59), 1000 + 60 * 1000);
  // The clock was set back.
  EXPECT_EQ(last_of_interval(1000, 60, 999), 999);
  int64_t due = 1000;
  for (int i = 1; i <= 1000; ++i) {
    int64_t retry = due + 1 + i % 59;
    due = next_of_interval(last_of_interval(due, 60, retry), 60, retry + 1);
    ASSERT_EQ((due - 1000) % 60, 0);
  }
}

TEST(JobInterval, IsNotMadeUpForAfterADowntime) {
  EXPECT_EQ(next_of_interval(1000, 60, 1000 + 86400 * 365), 1000 + 86400 * 365 + 60);
  EXPECT_EQ(next_of_interval(1000, 60, 1000 + 60 * 1000 + 1), 1000 + 60 * 1001);
}

TEST(JobInterval, IsOneIntervalAheadIfTheClockWasSetBack) {
  EXPECT_EQ(next_of_interval(1000, 60, 999), 1059);
  EXPECT_EQ(next_of_interval(1000, 60, 0), 60);
  EXPECT_EQ(next_of_interval(1000000000, 60, 1000), 1060);
}

TEST(JobInterval, IsAlwaysLaterThanNowAndAtMostOneIntervalAhead) {
  for (int64_t interval : {10, 60, 61, 86400})
    for (int64_t due : {0, 59, 60, 1000, 5000000})
      for (int64_t now : {0, 1, 59, 60, 61, 1000, 4999999, 5000000, 5000001}) {
        int64_t next = next_of_interval(due, interval, now);
        EXPECT_GT(next, now);
        EXPECT_LE(next, now + interval);
        if (due <= now) EXPECT_EQ((next - due) % interval, 0);
      }
}

}  // namespace
}  // namespace pagila_repl
