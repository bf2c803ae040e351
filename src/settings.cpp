// The extension's settings and what they allow.

#include "settings.hpp"

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <optional>

#include "core/zone_name.hpp"
#include "pg/boundary.hpp"
#include "pg/compat.hpp"
#include "pg/fault.hpp"

extern "C" {
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/guc.h"
#include "utils/varlena.h"
}

namespace pagila_repl {

namespace {

int swap_budget = 60000;
bool analyze = true;
enum ExtensionRows { kCopyExtensionRows, kSkipExtensionRows };
int extension_rows = kCopyExtensionRows;
const config_enum_entry kExtensionRowsChoices[] = {
    {"copy", kCopyExtensionRows, false}, {"skip", kSkipExtensionRows, false}, {nullptr, 0, false}};
int connect_timeout = 10000;
int stall_timeout = 60000;
int run_timeout;
int workers = 2;
int disk_reserve = -1;
char *pg_dump;
char *allowed_hosts;
char *load_directories;
char *time_zone;
int max_concurrent_runs = 2;
int max_jobs_per_role = 100;
int retry_delay = 10;
int max_retry_delay = 900;
int history_minutes = 30 * 24 * 60;
int history_runs = 10000;
bool defined = false;
std::optional<std::string> callers_pg_dump;

enum OldLibpq { kWarnOfOldLibpq, kRefuseOldLibpq };
int old_libpq = kWarnOfOldLibpq;
const config_enum_entry kOldLibpqChoices[] = {
    {"warn", kWarnOfOldLibpq, false}, {"error", kRefuseOldLibpq, false}, {nullptr, 0, false}};

// What is wrong with a list of directories, null if nothing is. Server code.
const char *mistake_in(const char *list) {
  List *elements;
  if (!SplitDirectoriesString(pstrdup(list), ',', &elements)) return "List syntax is invalid.";
  ListCell *cell;
  foreach (cell, elements)
    if (*(char *)lfirst(cell) != '/') return psprintf("\"%s\" is not an absolute path.", (char *)lfirst(cell));
  return nullptr;
}

// A value from before this module was loaded the server only warns of, and takes the default, which allows any directory.
// So a server that preloads the module does not start with a wrong one, and elsewhere it is kept: it allows only what is
// right in it.
bool check_directories(char **value, void **, GucSource) {
  const char *mistake = mistake_in(*value);
  if (mistake == nullptr) return true;
  if (!defined && process_shared_preload_libraries_in_progress)
    ereport(FATAL, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("invalid value for parameter \"%s\": \"%s\"", "pagila_repl.load_directories", *value),
                    errdetail_internal("%s", mistake)));
  if (defined) GUC_check_errdetail("%s", mistake);
  return !defined;
}

bool check_path(char **value, void **, GucSource) {
  if (**value == '\0' || **value == '/') return true;
  GUC_check_errdetail("\"%s\" is not an absolute path.", *value);
  return false;
}

bool check_time_zone(char **value, void **, GucSource) {
  if (is_ambiguous_offset(*value)) {
    GUC_check_errdetail("\"%s\" could be hours west of Greenwich or hours east.", *value);
    GUC_check_errhint("Give the name of a zone, such as Europe/Moscow. Etc/GMT-3 is three hours ahead of Greenwich.");
    return false;
  }
  pg_tz *zone = pg_tzset(*value);
  if (zone == nullptr) GUC_check_errdetail("The time zone \"%s\" is not known.", *value);
  if (zone == nullptr || pg_tz_acceptable(zone)) return zone != nullptr;
  GUC_check_errdetail("The time zone \"%s\" has leap seconds, which the server does not count.", *value);
  return false;
}

std::string text_of(const char *setting) { return setting == nullptr ? std::string() : std::string(setting); }

std::string real_path(const std::string &path) {
  char *resolved = realpath(path.c_str(), nullptr);
  std::string result = resolved == nullptr ? std::string() : std::string(resolved);
  free(resolved);
  return result;
}

void define_source_settings() {
  DefineCustomIntVariable("pagila_repl.workers", "How many processes do the steps of a replication.",
                          "Each takes one slot of max_worker_processes and one connection to the source.", &workers, 2,
                          1, 64, PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("pagila_repl.run_timeout", "How long a run may take.", "0 means no limit.", &run_timeout, 0,
                          0, INT_MAX, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("pagila_repl.connect_timeout", "How long connecting to a source or target may take.",
                          "The option connect_timeout of a server goes before it.", &connect_timeout, 10000, 100,
                          3600000, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("pagila_repl.stall_timeout",
                          "How long a source or target may be silent while it is waited for.", "0 means no limit.",
                          &stall_timeout, 60000, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
  DefineCustomStringVariable("pagila_repl.allowed_hosts", "Hosts that sources and targets may be on.",
                             "A comma-separated list of host names, addresses and socket directories, as servers name "
                             "them; empty means any.",
                             &allowed_hosts, "", PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
  DefineCustomStringVariable("pagila_repl.pg_dump", "Path of pg_dump, which reads the shape of a source.",
                             "Empty means the one next to the server.", &pg_dump, "", PGC_SUSET, 0, check_path, nullptr,
                             nullptr);
  DefineCustomEnumVariable("pagila_repl.old_libpq", "What to do about a libpq that lacks fixes.",
                           "\"warn\" says so once in every run, \"error\" refuses to connect with it.", &old_libpq,
                           kWarnOfOldLibpq, kOldLibpqChoices, PGC_SUSET, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable(
      "pagila_repl.disk_reserve", "Disk space that a run leaves free.",
      "On the volume of the write-ahead log. -1 means 1 GB or 5 % of it, whichever is more, 0 that it does not look.",
      &disk_reserve, -1, -1, INT_MAX, PGC_SUSET, GUC_UNIT_MB, nullptr, nullptr, nullptr);
}

void define_job_settings() {
  DefineCustomStringVariable("pagila_repl.time_zone", "Time zone of the cron expressions of jobs.",
                             "A job may have one of its own.", &time_zone, "GMT", PGC_SIGHUP, 0, check_time_zone,
                             nullptr, nullptr);
  DefineCustomIntVariable("pagila_repl.max_concurrent_runs", "How many runs jobs may have under way at the same time.",
                          "In all databases together. Others wait for their turn.", &max_concurrent_runs, 2, 1, 64,
                          PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("pagila_repl.max_jobs_per_role", "How many jobs a role may have in a database.",
                          "Superusers may have any number.", &max_jobs_per_role, 100, 0, INT_MAX, PGC_SIGHUP, 0,
                          nullptr, nullptr, nullptr);
  DefineCustomIntVariable("pagila_repl.retry_delay", "How long a job waits before it tries again after a failure.",
                          "It doubles with every further failure.", &retry_delay, 10, 1, 86400, PGC_SIGHUP, GUC_UNIT_S,
                          nullptr, nullptr, nullptr);
  DefineCustomIntVariable("pagila_repl.max_retry_delay", "How long a job waits at most before it tries again.", nullptr,
                          &max_retry_delay, 900, 1, 86400, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("pagila_repl.history_age", "How long runs that have ended are kept.",
                          "0 means for ever. The launcher removes them.", &history_minutes, 30 * 24 * 60, 0, INT_MAX,
                          PGC_SIGHUP, GUC_UNIT_MIN, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("pagila_repl.history_runs", "How many runs that have ended are kept in a database.",
                          "0 means all. The launcher removes the oldest.", &history_runs, 10000, 0, INT_MAX, PGC_SIGHUP,
                          0, nullptr, nullptr, nullptr);
}

}  // namespace

void define_settings() {
  DefineCustomIntVariable("pagila_repl.swap_budget",
                          "How long a run tries to get locks that others hold, in each phase.",
                          "Each try holds up readers for at most 200 ms.", &swap_budget, 60000, 0, INT_MAX, PGC_USERSET,
                          GUC_UNIT_MS, nullptr, nullptr, nullptr);
  DefineCustomBoolVariable("pagila_repl.statistics", "Whether runs make statistics of what they bring.",
                           "Otherwise the planner knows nothing of a new copy until ANALYZE or autovacuum was there.",
                           &analyze, true, PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomEnumVariable(
      "pagila_repl.extension_rows", "What becomes of rows that users put into configuration tables of extensions.",
      "\"copy\" brings them as pg_dump and psql would, \"skip\" leaves them out and counts them.", &extension_rows,
      kCopyExtensionRows, kExtensionRowsChoices, PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomStringVariable("pagila_repl.load_directories", "Directories that dump files may be loaded from.",
                             "A comma-separated list of absolute paths; empty means any.", &load_directories, "",
                             PGC_SIGHUP, 0, check_directories, nullptr, nullptr);
  define_source_settings();
  define_job_settings();
#ifdef PR_FAULTS
  define_fault_setting();
#endif
  defined = true;
  reserve_setting_prefix("pagila_repl");
}

bool analyze_setting() { return analyze; }
bool extension_rows_setting() { return extension_rows == kCopyExtensionRows; }
int swap_budget_setting() { return swap_budget; }
int connect_timeout_setting() { return connect_timeout; }
int stall_timeout_setting() { return stall_timeout; }
int run_timeout_setting() { return run_timeout; }

void use_timeouts(int connect, int stall) {
  connect_timeout = connect;
  stall_timeout = stall;
}
void use_pg_dump(const std::string &path) { callers_pg_dump = path; }
void use_disk_reserve(int megabytes) { disk_reserve = megabytes; }
void use_old_libpq(bool refuse) { old_libpq = refuse ? kRefuseOldLibpq : kWarnOfOldLibpq; }
int workers_setting() { return workers; }
std::string pg_dump_setting() { return callers_pg_dump ? *callers_pg_dump : text_of(pg_dump); }
int disk_reserve_setting() { return disk_reserve; }
bool is_old_libpq_refused() { return old_libpq == kRefuseOldLibpq; }
std::string time_zone_setting() { return text_of(time_zone); }
int max_concurrent_runs_setting() { return max_concurrent_runs; }
int max_jobs_per_role_setting() { return max_jobs_per_role; }
int retry_delay_setting() { return retry_delay; }
int max_retry_delay_setting() { return std::max(max_retry_delay, retry_delay); }
int history_minutes_setting() { return history_minutes; }
int history_runs_setting() { return history_runs; }
std::string allowed_hosts_setting() { return text_of(allowed_hosts); }

void check_load_directories(const std::string &file) { check_load_directories(file, file); }

void check_load_directories(const std::string &file, const std::string &name) {
  if (load_directories == nullptr || *load_directories == '\0') return;
  // Links are resolved, so that none leads out of the directory.
  std::string directory = real_path(file.substr(0, file.rfind('/') + 1)) + "/";
  List *allowed = guarded([] {
    List *elements = NIL;
    (void)SplitDirectoriesString(pstrdup(load_directories), ',', &elements);
    return elements;
  });
  for (int i = 0; i < list_length(allowed); i++) {
    std::string path = static_cast<const char *>(list_nth(allowed, i));
    std::string prefix = path[0] == '/' ? real_path(path) : std::string();
    if (prefix.empty()) continue;
    if (prefix.back() != '/') prefix += '/';
    if (directory.compare(0, prefix.size(), prefix) == 0) return;
  }
  throw Error("42501", "dump file \"" + name + "\" is not in a directory that may be loaded from", {},
              "See the setting pagila_repl.load_directories.");
}

}  // namespace pagila_repl
