// The extension's settings.
#pragma once

#include <string>

namespace pagila_repl {

void define_settings();
// pagila_repl.swap_budget, in milliseconds.
int swap_budget_setting();
// In milliseconds; of the last two 0 means that there is no limit.
int connect_timeout_setting();
int stall_timeout_setting();
int run_timeout_setting();
// Whether runs make statistics.
bool analyze_setting();
// Whether rows that users put into tables of extensions belong to a copy.
bool extension_rows_setting();
// In a leader or worker: those of its caller. Timeouts in milliseconds.
void use_timeouts(int connect, int stall);
void use_pg_dump(const std::string &path);
void use_disk_reserve(int megabytes);
void use_old_libpq(bool refuse);
// How many processes do the steps of a replication.
int workers_setting();
// Path of pg_dump; empty: the one next to the server.
std::string pg_dump_setting();
// Disk space in megabytes that a run leaves free; -1: 1 GB or 5 %, whichever is more.
int disk_reserve_setting();
// Whether a libpq that lacks fixes may not be connected with.
bool is_old_libpq_refused();
// Comma-separated hosts that may be connected to; empty: any.
std::string allowed_hosts_setting();
// Time zone of cron expressions.
std::string time_zone_setting();
// Of the whole server: how many runs jobs may have under way at the same time.
int max_concurrent_runs_setting();
int max_jobs_per_role_setting();
// Seconds.
int retry_delay_setting();
int max_retry_delay_setting();
// Runs ended so many minutes ago, or followed by so many others, are forgotten; 0: never.
int history_minutes_setting();
int history_runs_setting();
// Throws 42501 unless the file lies in one of pagila_repl.load_directories (if any are set).
void check_load_directories(const std::string &file);
// The same for a file that really lies elsewhere than its name says.
void check_load_directories(const std::string &file, const std::string &name);

}  // namespace pagila_repl
