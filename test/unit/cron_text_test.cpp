#include <gtest/gtest.h>

#include "core/error.hpp"
#include "local_zone.hpp"

namespace pagila_repl {
namespace {

// The times after, as many as asked for.
std::string times(const char *expression, const char *after, int count) {
  Cron cron(expression);
  std::string result;
  std::optional<int64_t> time = at(after);
  for (int i = 0; i < count; ++i) {
    time = cron.next(*time, utc);
    if (!time) return result + "never";
    result += (i > 0 ? ", " : "") + text_of(*time);
  }
  return result;
}

Error refused(const std::string &expression) {
  try {
    Cron cron{expression};
  } catch (const Error &error) {
    return error;
  }
  return Error("00000", "accepted");
}

TEST(CronText, TakesAnythingFromAStar) {
  EXPECT_EQ(times("* * * * *", "2026-01-31 23:58", 3), "2026-01-31 23:59, 2026-02-01 00:00, 2026-02-01 00:01");
}

TEST(CronText, TakesNumbersListsRangesAndSteps) {
  EXPECT_EQ(times("5 * * * *", "2026-01-01 00:05", 2), "2026-01-01 01:05, 2026-01-01 02:05");
  EXPECT_EQ(times("05,7 1 * * *", "2026-01-01 00:00", 3), "2026-01-01 01:05, 2026-01-01 01:07, 2026-01-02 01:05");
  EXPECT_EQ(times("58-59 23 * * *", "2026-01-01 00:00", 3), "2026-01-01 23:58, 2026-01-01 23:59, 2026-01-02 23:58");
  EXPECT_EQ(times("*/20 * * * *", "2026-01-01 00:00", 3), "2026-01-01 00:20, 2026-01-01 00:40, 2026-01-01 01:00");
  EXPECT_EQ(times("10-30/15,59 0 * * *", "2026-01-01 00:00", 4),
            "2026-01-01 00:10, 2026-01-01 00:25, 2026-01-01 00:59, 2026-01-02 00:10");
  EXPECT_EQ(times("*/60 */24 */31 */12 *", "2026-01-01 00:00", 2), "2027-01-01 00:00, 2028-01-01 00:00");
}

TEST(CronText, TakesTheFirstAndLastValueOfEachField) {
  for (const char *expression : {"0 0 1 1 *", "59 23 31 12 *", "0-59 0-23 1-31 1-12 0-7", "0 0 * * 0", "0 0 * * 7"})
    EXPECT_EQ(refused(expression).message, "accepted") << expression;
}

TEST(CronText, TakesNamesInAnyCase) {
  EXPECT_EQ(times("0 0 1 FEB,dec *", "2026-01-01 00:00", 3), "2026-02-01 00:00, 2026-12-01 00:00, 2027-02-01 00:00");
  EXPECT_EQ(times("0 0 1 Oct-dec/2 *", "2026-01-01 00:00", 2), "2026-10-01 00:00, 2026-12-01 00:00");
  EXPECT_EQ(times("0 0 * * Mon", "2026-01-01 00:00", 2), "2026-01-05 00:00, 2026-01-12 00:00");
  const char *months[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
  for (int i = 0; i < 12; ++i) {
    std::string number = std::to_string(i + 1);
    EXPECT_EQ(times(("0 0 2 " + std::string(months[i]) + " *").c_str(), "2026-01-01 00:00", 1),
              "2026-" + std::string(number.size() < 2 ? "0" : "") + number + "-02 00:00");
  }
  const char *days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
  for (int i = 0; i < 7; ++i)  // 4 January is a Sunday.
    EXPECT_EQ(times(("0 0 * * " + std::string(days[i])).c_str(), "2026-01-03 00:00", 1),
              i == 6 ? "2026-01-10 00:00" : text_of(at("2026-01-04 00:00") + i * 86400));
}

TEST(CronText, TakesSundayFromBothEndsOfTheWeek) {
  const char *sundays = "2026-01-04 00:00, 2026-01-11 00:00";
  for (const char *expression : {"0 0 * * 0", "0 0 * * 7", "0 0 * * sun", "0 0 * * 0,7"})
    EXPECT_EQ(times(expression, "2026-01-01 00:00", 2), sundays) << expression;
  for (const char *expression : {"0 0 * * 6-7", "0 0 * * sat-sun", "0 0 * * sat,sun"})
    EXPECT_EQ(times(expression, "2026-01-01 00:00", 3), "2026-01-03 00:00, 2026-01-04 00:00, 2026-01-10 00:00")
        << expression;
  EXPECT_EQ(times("0 0 * * sun-mon", "2026-01-01 00:00", 3), "2026-01-04 00:00, 2026-01-05 00:00, 2026-01-11 00:00");
}

TEST(CronText, TakesBlanksAndTabs) {
  EXPECT_EQ(times("\t 0  6\t* * mon \t", "2026-01-01 00:00", 1), "2026-01-05 06:00");
}

TEST(CronText, TakesNicknames) {
  EXPECT_EQ(times("@hourly", "2026-01-01 00:00", 2), "2026-01-01 01:00, 2026-01-01 02:00");
  for (const char *expression : {"@daily", "@midnight", " @Daily "})
    EXPECT_EQ(times(expression, "2026-01-01 00:00", 2), "2026-01-02 00:00, 2026-01-03 00:00") << expression;
  EXPECT_EQ(times("@weekly", "2026-01-01 00:00", 2), "2026-01-04 00:00, 2026-01-11 00:00");
  EXPECT_EQ(times("@monthly", "2026-01-01 00:00", 2), "2026-02-01 00:00, 2026-03-01 00:00");
  for (const char *expression : {"@yearly", "@annually"})
    EXPECT_EQ(times(expression, "2026-01-01 00:00", 2), "2027-01-01 00:00, 2028-01-01 00:00") << expression;
}

struct Refusal {
  const char *expression, *detail;
};

TEST(CronText, NamesTheFieldThatIsWrong) {
  const Refusal refusals[] = {
      {"60 * * * *", "The minute is \"60\": it is between 0 and 59."},
      {"* 24 * * *", "The hour is \"24\": it is between 0 and 23."},
      {"* * 0 * *", "The day of month is \"0\": it is between 1 and 31, or $ for the last."},
      {"* * 32 * *", "The day of month is \"32\": it is between 1 and 31, or $ for the last."},
      {"* * * 0 *", "The month is \"0\": it is between 1 and 12, or jan to dec."},
      {"* * * 13 *", "The month is \"13\": it is between 1 and 12, or jan to dec."},
      {"* * * * 8", "The day of week is \"8\": it is between 0 and 7, or sun to sat."},
      {"* * * * 1,9", "The day of week is \"1,9\": it is between 0 and 7, or sun to sat."},
      {"* * * january *", "The month is \"january\": it is between 1 and 12, or jan to dec."},
      {"* * * mon *", "The month is \"mon\": it is between 1 and 12, or jan to dec."},
      {"* * * * jan", "The day of week is \"jan\": it is between 0 and 7, or sun to sat."},
      {"* mon * * *", "The hour is \"mon\": it is between 0 and 23."},
      {"4294967301 * * * *", "The minute is \"4294967301\": it is between 0 and 59."},
      {"99999999999999999999999 * * * *", "The minute is \"99999999999999999999999\": it is between 0 and 59."},
  };
  for (const Refusal &refusal : refusals) {
    Error error = refused(refusal.expression);
    EXPECT_EQ(error.sqlstate, "22023") << refusal.expression;
    EXPECT_EQ(error.message, "invalid cron expression: \"" + std::string(refusal.expression) + "\"");
    EXPECT_EQ(error.detail, refusal.detail);
    EXPECT_NE(error.hint.find("\"30 3 * * mon-fri\""), std::string::npos);
  }
}

TEST(CronText, RefusesRangesThatEndBeforeTheyBegin) {
  for (const char *hour : {"5-3", "23-0", "0-1,9-8", "2-1/2"})
    EXPECT_EQ(refused("0 " + std::string(hour) + " * * *").detail,
              "The hour is \"" + std::string(hour) + "\": its range ends before it begins.");
  for (const char *day : {"7-1", "fri-mon", "6-0"})
    EXPECT_EQ(refused("0 0 * * " + std::string(day)).detail,
              "The day of week is \"" + std::string(day) + "\": its range ends before it begins.");
}

TEST(CronText, RefusesStepsThatMeanSomethingElse) {
  for (const char *step : {"*/0", "*/61", "*/", "*/x", "*/-1", "*/5/5", "0-59/99999999999"})
    EXPECT_EQ(refused(std::string(step) + " * * * *").detail,
              "The minute is \"" + std::string(step) + "\": its step is between 1 and 60.");
  for (const char *step : {"5/15", "1,5/15"})
    EXPECT_EQ(refused(std::string(step) + " * * * *").detail,
              "The minute is \"" + std::string(step) + "\": a step follows * or a range.");
  EXPECT_EQ(refused("0 0 * * */8").detail, "The day of week is \"*/8\": its step is between 1 and 7.");
}

TEST(CronText, RefusesEmptyElements) {
  for (const char *list : {",", "1,", ",1", "1,,2"})
    EXPECT_EQ(refused(std::string(list) + " * * * *").detail,
              "The minute is \"" + std::string(list) + "\": it has an empty element.");
}

TEST(CronText, RefusesJunk) {
  for (const char *junk : {"x", "-", "-5", "5-", "1-2-3", "**", "*5", "*-5", "+5", "5.0", "0x5", "1;2", "$", "?", "L",
                           "/5", "5*", "\xc3\xa9", "1\n"})
    EXPECT_EQ(refused(std::string(junk) + " * * * *").detail,
              "The minute is \"" + std::string(junk) + "\": it is between 0 and 59.")
        << junk;
  for (const char *junk : {"$/2", "1-$", "$$", "$-3", "15w", "L"})
    EXPECT_EQ(refused("0 0 " + std::string(junk) + " * *").detail.substr(0, 20), "The day of month is ") << junk;
  EXPECT_EQ(refused("0 0 * $ *").detail.substr(0, 12), "The month is");
}

TEST(CronText, RefusesTooFewAndTooManyFields) {
  EXPECT_EQ(refused("").detail, "It has 0 fields and not five.");
  EXPECT_EQ(refused("*").detail, "It has 1 field and not five.");
  EXPECT_EQ(refused("* * * *").detail, "It has 4 fields and not five.");
  EXPECT_EQ(refused("0 0 12 * * ?").detail, "It has 6 fields and not five.");
  EXPECT_EQ(refused("* * * * * SELECT 1").detail, "It has 7 fields and not five.");
}

TEST(CronText, RefusesNicknamesThatAreNoTimes) {
  EXPECT_EQ(refused("@reboot").detail, "The start of the server is no time that a job can be due at.");
  EXPECT_EQ(refused("@fortnightly").detail, "There is no \"@fortnightly\".");
  EXPECT_EQ(refused("@").detail, "There is no \"@\".");
  EXPECT_NE(refused("@reboot").hint.find("@hourly"), std::string::npos);
  EXPECT_EQ(refused("@daily *").detail, "It has 2 fields and not five.");
}

TEST(CronText, QuotesNothingThatIsVeryLong) {
  std::string all;
  for (int i = 0; i < 60; ++i) all += (i > 0 ? "," : "") + std::to_string(i);
  EXPECT_EQ(refused(all + " " + all.substr(0, all.find(",24")) + " * * *").message, "accepted");
  Error error = refused(std::string(100000, '1'));
  EXPECT_EQ(error.message, "invalid cron expression");
  EXPECT_EQ(error.detail, "It has more than 1000 characters.");
}

TEST(CronText, IsToldFromAnInterval) {
  for (const char *cron : {"* * * * *", "0 0 * * mon", "0 0 1 jan 0", "61 0 1 1 1", "*/5 * * *", "0 0 12 * * ?",
                           "@daily", " @reboot", "0 0 1 1", "0,30 1-5 1 1 1", "every *"})
    EXPECT_TRUE(Cron::is_meant(cron)) << cron;
  for (const char *interval :
       {"", " ", "15 minutes", "1 mon 2 days 03:04:05", "1 year 2 mons 3 days 04:05:06", "@ 15 minutes",
        "@ 1 day 2 hours ago", "@15 min", "@", "P1DT2H", "1-2 3 4:05:06", "03:04:05", "90", "1 2",
        "1 day 2 hours 3 minutes", "5 minutes 10 seconds", "soon", "1 2:03:04"})
    EXPECT_FALSE(Cron::is_meant(interval)) << interval;
}

}  // namespace
}  // namespace pagila_repl
