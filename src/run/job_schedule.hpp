// When a job is due: an interval, or a cron expression in a time zone of the server's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/cron.hpp"

namespace pagila_repl {

constexpr int64_t kLeastInterval = 10;  // seconds

class JobSchedule {
 public:
  // An interval as PostgreSQL reads it, of at least kLeastInterval and without months, or a cron expression. The time zone
  // is the job's, or else that of pagila_repl.time_zone. Throws 22023, naming the field of a cron expression.
  JobSchedule(const std::string &text, const std::optional<std::string> &time_zone);

  // When a new job is first due: by interval at once. None if never.
  std::optional<int64_t> first(int64_t now) const;
  // Which of its times a run at `at` is for, a retry or one after a shutdown being for an earlier one: by interval the last on
  // the grid of `last`, by cron `at` itself, of which next() finds out.
  int64_t turn(int64_t at, std::optional<int64_t> last) const;
  // When a job last due at `due` is due next, later than now. If the clock was set back since, by interval it is one interval
  // from now, and by cron not the time again that it has had.
  std::optional<int64_t> next(int64_t due, int64_t now) const;
  bool is_interval() const { return interval_ > 0; }

 private:
  int64_t interval_ = 0;  // seconds; 0: by cron
  Cron cron_;
  const void *zone_ = nullptr;  // the server's pg_tz, which lives forever
};

}  // namespace pagila_repl
