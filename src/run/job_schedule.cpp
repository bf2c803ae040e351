// Reads schedules of jobs with the server's intervals and time zones.

#include "run/job_schedule.hpp"

#include "core/error.hpp"
#include "core/job.hpp"
#include "core/zone_name.hpp"
#include "pg/boundary.hpp"
#include "settings.hpp"

extern "C" {
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
}

namespace pagila_repl {

namespace {

constexpr int64_t kMostDays = 3650;
constexpr size_t kMostQuoted = 1000;

constexpr const char *kHint =
    "Give an interval such as '15 minutes', or a cron expression such as '30 3 * * mon-fri': minute, hour, day of month, "
    "month and day of week.";

[[noreturn]] void refuse(const std::string &text, const char *detail, const char *hint = kHint) {
  throw Error("22023", text.size() > kMostQuoted ? "invalid schedule" : "invalid schedule: \"" + text + "\"", detail,
              hint);
}

Interval interval_of(const std::string &text) {
  try {
    return guarded([&] {
      Interval *read = DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(text.c_str()),
                                                             ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
      Interval copy = *read;
      pfree(read);
      return copy;
    });
  } catch (const Error &error) {
    if (error.sqlstate == "22007") refuse(text, "It is neither an interval nor a cron expression.");
    if (error.sqlstate == "22008" || error.sqlstate == "22015") refuse(text, "No interval is that long.");
    throw;
  }
}

// Whole seconds. A day is 24 hours, whatever clocks do.
int64_t seconds_of(const std::string &text) {
  Interval interval = interval_of(text);
  if (interval.month != 0)
    refuse(text, "Months and years are not always as long.",
           "Use a cron expression, such as '0 3 1 * *' for three o'clock on the first of each month.");
  int64_t whole = interval.time / USECS_PER_SEC, fraction = interval.time % USECS_PER_SEC;
  int64_t seconds = interval.day * int64_t{SECS_PER_DAY} + whole;
  if (seconds < kLeastInterval) refuse(text, "An interval is at least 10 seconds.");
  if (fraction > 0) ++seconds;
  if (seconds > kMostDays * SECS_PER_DAY) refuse(text, "An interval is at most 3650 days.");
  return seconds;
}

const pg_tz *zone_of(const std::string &name) {
  if (is_ambiguous_offset(name))
    throw Error(
        "22023", name.size() > kMostQuoted ? "ambiguous time zone" : "ambiguous time zone: \"" + name + "\"",
        "POSIX takes an offset for hours west of Greenwich, nearly everybody else for hours east.",
        "Give the name of a zone, such as Europe/Moscow. Of those with an offset in their name, Etc/GMT-3 is three hours "
        "ahead of Greenwich.");
  const pg_tz *zone = guarded([&]() -> const pg_tz * {
    pg_tz *known = pg_tzset(name.c_str());
    return known != nullptr && pg_tz_acceptable(known) ? known : nullptr;
  });
  if (zone == nullptr)
    throw Error("22023", name.size() > kMostQuoted ? "unknown time zone" : "unknown time zone: \"" + name + "\"", {},
                "The view pg_timezone_names shows those that there are.");
  return zone;
}

UtcOffset offset_in(const void *zone) {
  return [zone](int64_t utc) -> int64_t {
    pg_time_t time = utc;
    const pg_tm *local = pg_localtime(&time, static_cast<const pg_tz *>(zone));
    return local == nullptr ? 0 : local->tm_gmtoff;
  };
}

}  // namespace

JobSchedule::JobSchedule(const std::string &text, const std::optional<std::string> &time_zone) {
  zone_ = zone_of(time_zone ? *time_zone : time_zone_setting());
  if (Cron::is_meant(text))
    cron_ = Cron(text);
  else
    interval_ = seconds_of(text);
}

std::optional<int64_t> JobSchedule::first(int64_t now) const {
  return is_interval() ? now : cron_.next(now, offset_in(zone_));
}

int64_t JobSchedule::turn(int64_t at, std::optional<int64_t> last) const {
  return is_interval() && last ? last_of_interval(*last, interval_, at) : at;
}

std::optional<int64_t> JobSchedule::next(int64_t due, int64_t now) const {
  return is_interval() ? next_of_interval(due, interval_, now) : cron_.next_but(due, now, offset_in(zone_));
}

}  // namespace pagila_repl
