// When a cron expression is due.
//
// Matching is done in local time, which a change of the clocks makes jump. Two days on both sides of a time are looked
// at for such jumps: no zone has ever changed by more than one.

#include "core/cron.hpp"

#include <algorithm>
#include <vector>

namespace pagila_repl {

namespace {

constexpr int64_t kMinute = 60, kHour = 3600, kDay = 86400;
constexpr int64_t kMostShift = 2 * kDay;
// 29 February that is a Sunday comes again after 40 years at most.
constexpr int kYears = 50;

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

struct Date {
  int64_t year;
  int month, day;
};

// Years begin in March here, so that the leap day is the last of its year; an era is 400 years.
Date date_of(int64_t days) {
  days += 719468;
  int64_t era = floor_div(days, 146097), of_era = days - era * 146097;
  int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  int64_t month = (5 * of_year + 2) / 153;
  int day = static_cast<int>(of_year - (153 * month + 2) / 5 + 1);
  return {year + era * 400 + (month >= 10 ? 1 : 0), static_cast<int>(month < 10 ? month + 3 : month - 9), day};
}

int days_of(int64_t year, int month) {
  if (month == 2) return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

int weekday_of(int64_t days) { return static_cast<int>(days + 4 - 7 * floor_div(days + 4, 7)); }

bool has(uint64_t bits, int n) { return (bits >> n & 1) != 0; }

// Times between which the offset is the same.
struct Span {
  int64_t begin, end, offset;
};

std::vector<Span> spans(int64_t begin, int64_t end, const UtcOffset &offset) {
  std::vector<Span> result{{begin, begin, offset(begin)}};
  while (result.back().end < end) {
    Span &last = result.back();
    int64_t same = last.end, other = std::min(same + kHour, end);
    int64_t offset_there = offset(other);
    if (offset_there == last.offset) {
      last.end = other;
      continue;
    }
    while (other - same > 1) {
      int64_t middle = same + (other - same) / 2;
      (offset(middle) == last.offset ? same : other) = middle;
    }
    last.end = other;
    result.push_back({other, other, offset(other)});
  }
  return result;
}

}  // namespace

std::optional<int64_t> Cron::next(int64_t after, const UtcOffset &offset) const {
  return any_hour_ ? next_of_any_hour(after, offset) : next_of_given_hours(after, offset);
}

std::optional<int64_t> Cron::next_but(int64_t had, int64_t after, const UtcOffset &offset) const {
  std::optional<int64_t> first = next(after, offset);
  if (!first || *first > had) return first;
  std::optional<int64_t> second = next(*first, offset);
  return second && *second <= had ? first : second;
}

// A local time counts when clocks first show it or, if they leave it out, a later one.
std::optional<int64_t> Cron::next_of_given_hours(int64_t after, const UtcOffset &offset) const {
  int64_t latest_shown = after + offset(after);
  for (const Span &span : spans(after - kMostShift, after + 1, offset))
    // The last one may be empty: it begins where the clocks change next.
    if (span.begin < span.end) latest_shown = std::max(latest_shown, span.end - 1 + span.offset);
  std::optional<int64_t> local = next_local(latest_shown + 1);
  if (!local) return std::nullopt;
  int64_t near = *local - offset(*local - offset(*local));
  for (const Span &span : spans(near - kMostShift, near + kMostShift, offset)) {
    int64_t reached = std::max(span.begin, *local - span.offset);
    if (reached < span.end) return reached;
  }
  return near;
}

std::optional<int64_t> Cron::next_of_any_hour(int64_t after, const UtcOffset &offset) const {
  for (int64_t begin = after + 1, horizon = after + kYears * 366 * kDay; begin < horizon;) {
    int64_t end = begin + kMostShift;
    for (const Span &span : spans(begin, end, offset)) {
      std::optional<int64_t> local = next_local(span.begin + span.offset);
      if (local && *local - span.offset < span.end) return *local - span.offset;
    }
    int64_t offset_there = offset(end);
    std::optional<int64_t> local = next_local(end + offset_there - kMostShift);
    if (!local) return std::nullopt;
    begin = std::max(end, *local - offset_there - kMostShift);
  }
  return std::nullopt;
}

std::optional<int64_t> Cron::next_local(int64_t from) const {
  int64_t day = floor_div(from, kDay);
  int first_minute = static_cast<int>((from - day * kDay + kMinute - 1) / kMinute);
  const Date today = date_of(day);
  for (Date date = today; date.year <= today.year + kYears;) {
    int days_of_month = days_of(date.year, date.month);
    if (!has(months_, date.month)) {
      day += days_of_month - date.day + 1;
      date = date_of(day);
      first_minute = 0;
      continue;
    }
    if (names_day(date.day, days_of_month, weekday_of(day)))
      for (int hour = first_minute / 60; hour < 24; ++hour) {
        if (!has(hours_, hour)) continue;
        for (int minute = std::max(first_minute - hour * 60, 0); minute < 60; ++minute)
          if (has(minutes_, minute)) return day * kDay + hour * kHour + minute * kMinute;
      }
    date = date_of(++day);
    first_minute = 0;
  }
  return std::nullopt;
}

// Where both days are given, either will do: so it has always been.
bool Cron::names_day(int day, int days_of_month, int weekday) const {
  bool by_day = has(days_, day) || (last_day_ && day == days_of_month);
  bool by_weekday = has(weekdays_, weekday);
  return any_day_ || any_weekday_ ? by_day && by_weekday : by_day || by_weekday;
}

}  // namespace pagila_repl
