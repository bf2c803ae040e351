// Compares Cron with what looking at a clock every minute would find.
#include <gtest/gtest.h>

#include <algorithm>
#include <bitset>
#include <random>
#include <set>
#include <vector>

#include "core/cron.hpp"
#include "local_zone.hpp"

namespace pagila_repl {
namespace {

constexpr int64_t kDay = 86400;
using Random = std::mt19937;

int pick(Random &random, int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); }

// A field as text, and the numbers it names.
struct Field {
  std::string text;
  std::bitset<64> numbers;
  bool has_star() const { return text[0] == '*'; }
};

Field random_field(Random &random, int low, int high) {
  Field field;
  for (int elements = pick(random, 1, 3), i = 0; i < elements; ++i) {
    int kind = pick(random, 0, 3), first = pick(random, low, high), last = first, step = 1;
    std::string text = std::to_string(first);
    if (kind == 0) {
      first = low, last = high, text = "*";
    } else if (kind == 1) {
      last = pick(random, first, high);
      text += "-" + std::to_string(last);
    }
    if (kind <= 1 && pick(random, 0, 1) == 0) {
      step = pick(random, 1, high - low);
      text += "/" + std::to_string(step);
    }
    for (int n = first; n <= last; n += step) field.numbers.set(static_cast<size_t>(n));
    field.text += (i > 0 ? "," : "") + text;
    if (pick(random, 0, 1) == 0) break;
  }
  return field;
}

struct Expression {
  Field minute, hour, day, month, weekday;

  explicit Expression(Random &random)
      : minute(random_field(random, 0, 59)),
        hour(random_field(random, 0, 23)),
        day(random_field(random, 1, 31)),
        month(random_field(random, 1, 12)),
        weekday(random_field(random, 0, 7)) {
    // Else hardly any is due within days.
    if (pick(random, 0, 2) > 0) month = every(1, 12);
    if (pick(random, 0, 1) > 0) day = every(1, 31);
    if (pick(random, 0, 1) > 0) weekday = every(0, 7);
    if (weekday.numbers[7]) weekday.numbers.set(0);
  }

  static Field every(int low, int high) {
    Field field{"*", {}};
    for (int n = low; n <= high; ++n) field.numbers.set(static_cast<size_t>(n));
    return field;
  }

  std::string text() const {
    return minute.text + " " + hour.text + " " + day.text + " " + month.text + " " + weekday.text;
  }

  bool names(int64_t local) const {
    std::time_t time = local;
    std::tm date{};
    gmtime_r(&time, &date);
    auto named = [](const Field &field, int n) { return field.numbers[static_cast<size_t>(n)]; };
    bool by_day = named(day, date.tm_mday), by_weekday = named(weekday, date.tm_wday);
    return date.tm_sec == 0 && named(minute, date.tm_min) && named(hour, date.tm_hour) &&
           named(month, date.tm_mon + 1) &&
           (day.has_star() || weekday.has_star() ? by_day && by_weekday : by_day || by_weekday);
  }
};

// A minute of a clock: what it shows, whether for the first time, and what it has left out just before.
struct Minute {
  int64_t time, shown;
  bool is_first;
  std::vector<int64_t> left_out;
};

std::vector<Minute> watch(int64_t begin, int64_t end, const UtcOffset &zone) {
  std::vector<Minute> minutes;
  std::set<int64_t> seen;
  for (int64_t time = begin; time <= end; time += 60) {
    Minute minute{time, time + zone(time), false, {}};
    for (int64_t n = minutes.empty() ? minute.shown : minutes.back().shown + 60; n < minute.shown; n += 60)
      if (seen.insert(n).second) minute.left_out.push_back(n);
    minute.is_first = seen.insert(minute.shown).second;
    minutes.push_back(minute);
  }
  return minutes;
}

std::optional<int64_t> first_seen(const Expression &expression, const std::vector<Minute> &minutes, int64_t after) {
  bool any_hour = expression.hour.has_star();
  for (const Minute &minute : minutes) {
    if (minute.time <= after) continue;
    if ((any_hour || minute.is_first) && expression.names(minute.shown)) return minute.time;
    if (!any_hour && std::any_of(minute.left_out.begin(), minute.left_out.end(),
                                 [&](int64_t local) { return expression.names(local); }))
      return minute.time;
  }
  return std::nullopt;
}

struct Zone {
  const char *name;
  int64_t (*offset)(int64_t);
  std::vector<const char *> changes;  // UTC
};

TEST(CronOracle, AgreesInEveryZone) {
  const Zone zones[] = {
      {"utc", utc, {"2026-03-01 00:00", "2028-02-29 00:00"}},
      {"kolkata", kolkata, {"2026-12-31 18:30"}},
      {"berlin", berlin, {"2026-03-29 01:00", "2026-10-25 01:00"}},
      {"new_york", new_york, {"2026-03-08 07:00", "2026-11-01 06:00"}},
      {"lord_howe", lord_howe, {"2026-04-04 15:00", "2026-10-03 15:30"}},
      {"santiago", santiago, {"2026-04-05 03:00", "2026-09-06 04:00"}},
      {"apia", apia, {"2011-12-30 10:00"}},
  };
  Random random(20261121);
  int found = 0, sought = 0;
  for (const Zone &zone : zones)
    for (const char *change : zone.changes) {
      int64_t middle = at(change);
      EXPECT_NE(middle, INT64_MIN) << change;
      const std::vector<Minute> clock = watch(middle - 5 * kDay, middle + 5 * kDay, zone.offset);
      for (int i = 0; i < 60; ++i) {
        Expression expression(random);
        Cron cron(expression.text());
        for (int j = 0; j < 3; ++j) {
          int64_t spread = j == 0 ? 4 * 3600 : 2 * kDay;
          int64_t after = middle + pick(random, static_cast<int>(-spread), static_cast<int>(spread));
          std::optional<int64_t> seen = first_seen(expression, clock, after), next = cron.next(after, zone.offset);
          ++sought;
          if (seen) {
            ++found;
            EXPECT_EQ(next.value_or(0), *seen) << zone.name << " '" << expression.text() << "' after " << text_of(after)
                                               << ": " << text_of(next.value_or(0)) << " instead of " << text_of(*seen);
          } else if (next) {
            EXPECT_GT(*next, middle + 5 * kDay) << zone.name << " '" << expression.text() << "' " << text_of(after);
          }
        }
      }
    }
  EXPECT_GT(found, sought / 2);
}

}  // namespace
}  // namespace pagila_repl
