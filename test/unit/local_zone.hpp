// Time zones for tests, by rule, and dates in local time.
#pragma once

#include <ctime>
#include <string>

#include "core/cron.hpp"

namespace pagila_repl {

// "2026-03-29 01:59" as if it were UTC.
inline int64_t at(const std::string &text) {
  std::tm date{};
  const char *end = strptime(text.c_str(), text.size() > 16 ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d %H:%M", &date);
  return end != nullptr && *end == '\0' ? timegm(&date) : INT64_MIN;
}

inline std::string text_of(int64_t time) {
  std::time_t seconds = time;
  std::tm date{};
  char text[40];
  gmtime_r(&seconds, &date);
  strftime(text, sizeof(text), date.tm_sec == 0 ? "%Y-%m-%d %H:%M" : "%Y-%m-%d %H:%M:%S", &date);
  return text;
}

inline int year_of(int64_t time) { return std::stoi(text_of(time)); }

// Midnight of the nth Sunday of a month; of the last one, if n is 0.
inline int64_t sunday(int year, int month, int n) {
  std::tm date{};
  date.tm_year = year - 1900;
  date.tm_mon = n == 0 ? month : month - 1;
  date.tm_mday = n == 0 ? 1 : 1 + 7 * (n - 1);
  std::time_t time = timegm(&date);
  if (n == 0) time -= 7 * 86400;
  gmtime_r(&time, &date);
  return time + (7 - date.tm_wday) % 7 * 86400;
}

inline int64_t utc(int64_t) { return 0; }
inline int64_t kolkata(int64_t) { return 19800; }

// The last Sundays of March and October, at 01:00 UTC.
inline int64_t berlin(int64_t time) {
  int year = year_of(time);
  return time >= sunday(year, 3, 0) + 3600 && time < sunday(year, 10, 0) + 3600 ? 7200 : 3600;
}

// The second Sunday of March and the first of November, at 02:00 of local time.
inline int64_t new_york(int64_t time) {
  int year = year_of(time);
  return time >= sunday(year, 3, 2) + 7 * 3600 && time < sunday(year, 11, 1) + 6 * 3600 ? -4 * 3600 : -5 * 3600;
}

// Half an hour, in summer of the south: from the first Sunday of October, 02:00, to that of April, 02:00.
inline int64_t lord_howe(int64_t time) {
  int year = year_of(time);
  return time >= sunday(year, 4, 1) - 9 * 3600 && time < sunday(year, 10, 1) + 2 * 3600 - 37800 ? 37800 : 39600;
}

// Clocks change at midnight: on the first Sundays of April and September.
inline int64_t santiago(int64_t time) {
  int year = year_of(time);
  return time >= sunday(year, 4, 1) + 3 * 3600 && time < sunday(year, 9, 1) + 4 * 3600 ? -4 * 3600 : -3 * 3600;
}

// It had no 30 December 2011.
inline int64_t apia(int64_t time) { return time < at("2011-12-30 10:00") ? -10 * 3600 : 14 * 3600; }

inline std::string local_text(int64_t time, const UtcOffset &offset) { return text_of(time + offset(time)); }

}  // namespace pagila_repl
