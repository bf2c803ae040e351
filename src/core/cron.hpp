// Cron expressions: five fields, as crontab and pg_cron know them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace pagila_repl {

// The offset of local time from UTC at a time (seconds since 1970, UTC), in seconds, positive east of Greenwich.
using UtcOffset = std::function<int64_t(int64_t)>;

class Cron {
 public:
  Cron() = default;
  // Minute, hour, day of month, month, day of week; or @hourly, @daily and so on. Each field: *, numbers, names of months
  // and days, ranges, steps, lists; $ is the last day of a month. Throws 22023 with the name of the field that is wrong.
  explicit Cron(std::string_view text);
  // Whether text is meant as a cron expression, not as an interval such as '1 mon 2 days 03:04:05'.
  static bool is_meant(std::string_view text);

  // The first time after `after` that it names, none if there is none (30 February).
  // Where the hour is given, a local time that comes twice counts once, and one that a change of the clocks leaves out
  // becomes the first moment after it; where the hour field begins with *, local time counts as it passes.
  std::optional<int64_t> next(int64_t after, const UtcOffset &offset) const;
  // The same for one who had a turn at `had`, which is later than `after` if the clock was set back since: the time that
  // turn was for is not named again.
  std::optional<int64_t> next_but(int64_t had, int64_t after, const UtcOffset &offset) const;

 private:
  // The first local time it names, at `from` or later: seconds since 1970 as a clock on the wall counts them.
  std::optional<int64_t> next_local(int64_t from) const;
  bool names_day(int day, int days_of_month, int weekday) const;
  std::optional<int64_t> next_of_given_hours(int64_t after, const UtcOffset &offset) const;
  std::optional<int64_t> next_of_any_hour(int64_t after, const UtcOffset &offset) const;

  uint64_t minutes_ = 0;
  uint32_t hours_ = 0, days_ = 0, months_ = 0, weekdays_ = 0;  // bit n: n; weekdays from Sunday, 0
  bool last_day_ = false;                                      // $
  bool any_hour_ = false;                                      // the hour field begins with *
  bool any_day_ = false, any_weekday_ = false;
};

}  // namespace pagila_repl
