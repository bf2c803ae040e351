// Reads and judges the arguments of functions about jobs.

#include "job_arguments.hpp"

#include "core/run_choices.hpp"
#include "entrance.hpp"
#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "run/job_request.hpp"
#include "run/job_schedule.hpp"
#include "run/job_table.hpp"

extern "C" {
#include "utils/builtins.h"
#include "utils/jsonb.h"
}

namespace pagila_repl {

namespace {

constexpr size_t kLongestName = 200, kLongestSchedule = 1000, kLongestOptions = 100000;  // bytes

std::optional<std::string> optional_text(FunctionCallInfo fcinfo, int number, const char *name) {
  if (PG_ARGISNULL(number)) return std::nullopt;
  return text_argument(fcinfo, number, name);
}

Value optional_array(FunctionCallInfo fcinfo, int number, const char *name) {
  if (PG_ARGISNULL(number)) return std::nullopt;
  return array_literal(texts_argument(fcinfo, number, name));
}

Value optional_boolean(FunctionCallInfo fcinfo, int number, const char *name) {
  if (PG_ARGISNULL(number)) return std::nullopt;
  return boolean_argument(fcinfo, number, name) ? "true" : "false";
}

std::string name_argument(FunctionCallInfo fcinfo, int number) {
  std::string name = text_argument(fcinfo, number, "job_name");
  auto is_control = [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; };
  bool has_control = false;
  for (char c : name) has_control = has_control || is_control(c);
  if (name.empty() || name.size() > kLongestName || has_control)
    throw Error("22023", "invalid name of a job", {},
                "It has 1 to " + std::to_string(kLongestName) + " bytes and no control characters.");
  return name;
}

std::string schedule_argument(FunctionCallInfo fcinfo, int number) {
  std::string schedule = text_argument(fcinfo, number, "schedule");
  if (schedule.size() > kLongestSchedule) throw Error("22023", "the schedule is too long");
  return schedule;
}

// An empty one is the setting's.
std::optional<std::string> time_zone_argument(FunctionCallInfo fcinfo, int number) {
  std::optional<std::string> time_zone = optional_text(fcinfo, number, "time_zone");
  return time_zone && time_zone->empty() ? std::nullopt : time_zone;
}

// The argument `options`, an object; empty if it is null.
std::string options_argument(FunctionCallInfo fcinfo, int number) {
  if (PG_ARGISNULL(number)) return "{}";
  Datum value = PG_GETARG_DATUM(number);
  std::string options =
      guarded([value]() -> const char * { return DatumGetCString(DirectFunctionCall1(jsonb_out, value)); });
  if (query_value("SELECT pg_catalog.jsonb_typeof($1::jsonb)", {options}) != "object")
    throw Error("22023", "argument \"options\" must be a JSON object", {},
                R"(Its members are arguments by name, such as {"verify": "counts"}.)");
  return options;
}

// The arguments from `first` on that are options of runs, those that are not null; some of them begin at `at_end`.
std::string named_options(FunctionCallInfo fcinfo, int first, int at_end) {
  std::vector<Value> values;
  values.push_back(PG_ARGISNULL(first) ? Value() : Value(std::to_string(PG_GETARG_INT32(first))));
  for (const char *name : {"schemas", "include", "exclude"}) values.push_back(optional_array(fcinfo, ++first, name));
  values.push_back(optional_boolean(fcinfo, ++first, "force"));
  size_t side_by_side = kRunChoices.size() - kChoicesAtEnd;
  for (size_t i = 0; i < side_by_side; i++)
    values.push_back(optional_text(fcinfo, ++first, kRunChoices[i].choice.name));
  values.push_back(optional_text(fcinfo, ++first, kForeignKeys.name));
  values.push_back(optional_boolean(fcinfo, ++first, "strict"));
  for (size_t i = side_by_side; i < kRunChoices.size(); i++)
    values.push_back(optional_text(fcinfo, at_end++, kRunChoices[i].choice.name));
  values.push_back(optional_boolean(fcinfo, at_end++, "large_objects"));
  values.push_back(PG_ARGISNULL(at_end) ? Value()
                                        : Value(array_literal(words_of(database_objects_argument(fcinfo, at_end)))));
  return *query_value(
      R"(SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
                  'workers', $1::integer, 'schemas', $2::text[], 'include', $3::text[], 'exclude', $4::text[],
                  'force', $5::boolean, 'verify', $6, 'on_modified', $7, 'on_unmanaged', $8, 'on_dependents', $9,
                  'owners', $10, 'foreign_keys', $11, 'strict', $12::boolean, 'on_other_source', $13,
                  'on_object_error', $14, 'large_objects', $15::boolean, 'database_objects', $16::text[])))",
      values);
}

void check_given_once(const std::string &named, const std::string &options) {
  Value twice = query_value(
      "SELECT pg_catalog.min(k) FROM pg_catalog.jsonb_object_keys($1::jsonb) k WHERE $2::jsonb ? k", {named, options});
  if (twice)
    throw Error("22023", "option \"" + *twice + "\" is given twice", {},
                "Give it as an argument, or as a member of options.");
}

// The members of both; those of `later` count.
std::string merged(const std::string &options, const std::string &later) {
  return *query_value("SELECT $1::jsonb || $2::jsonb", {options, later});
}

// With members that are null, which say that there is no such option, so that their names are checked, too.
void check_options(const Job &job) {
  if (job.options.size() > kLongestOptions)
    throw Error("54000", "the options of job \"" + job.name + "\" are too long", {},
                "They may have " + std::to_string(kLongestOptions) + " bytes.");
  (void)request_of(job, 0);
}

std::string without_nulls(const std::string &options) {
  return *query_value("SELECT pg_catalog.jsonb_strip_nulls($1::jsonb)", {options});
}

std::optional<int64_t> first_time(const Job &job) {
  return JobSchedule(job.schedule, job.time_zone).first(job_clock());
}

void take_files(Job &job, FunctionCallInfo fcinfo, int schema_file, int data_file) {
  if (auto file = optional_text(fcinfo, schema_file, "schema_file")) job.schema_file = file;
  if (auto file = optional_text(fcinfo, data_file, "data_file")) job.data_file = file;
  // An empty one is none.
  if (job.data_file && job.data_file->empty()) job.data_file.reset();
}

}  // namespace

Job new_job(FunctionCallInfo fcinfo) {
  Job job;
  job.name = name_argument(fcinfo, 0);
  job.owner = GetUserId();
  job.database = MyDatabaseId;
  job.schedule = schedule_argument(fcinfo, 1);
  job.source_server = optional_text(fcinfo, 2, "source");
  take_files(job, fcinfo, 3, 4);
  job.kind = job.source_server ? "replicate" : "load";
  if (job.source_server.has_value() == job.schema_file.has_value())
    throw Error("22023", "exactly one of source and schema_file must be given", {},
                "A source is a foreign server to replicate from, a schema_file the path of a dump to load.");
  if (job.source_server && job.data_file) throw Error("22023", "data_file can only be given with schema_file");
  job.time_zone = time_zone_argument(fcinfo, 5);
  job.state.next_run_at = first_time(job);

  std::string options = options_argument(fcinfo, 18), named = named_options(fcinfo, 6, 19);
  check_given_once(named, options);
  job.options = merged(named, options);
  if (job.kind == "load") guarded([] { check_may_read_files(); });
  check_options(job);
  job.options = without_nulls(job.options);
  check_may_run(job);
  return job;
}

// pagila_alter_job(job_name, enabled, schedule, source, schema_file, data_file, time_zone, options)
Job altered_job(const Job &before, FunctionCallInfo fcinfo) {
  Job job = before;
  bool to_enable = false, is_changed = false;
  if (!PG_ARGISNULL(1)) job.enabled = to_enable = PG_GETARG_BOOL(1);
  for (int number = 2; number <= 7; number++) is_changed = is_changed || !PG_ARGISNULL(number);
  if (!to_enable && !is_changed) return job;

  if (job.kind == "load" && !PG_ARGISNULL(3))
    throw Error("22023", "job \"" + job.name + "\" is a load, which has no source", {},
                "Schedule a replication under another name.");
  if (job.kind == "replicate" && !(PG_ARGISNULL(4) && PG_ARGISNULL(5)))
    throw Error("22023", "job \"" + job.name + "\" is a replication, which has no files", {},
                "Schedule a load under another name.");
  if (auto source = optional_text(fcinfo, 3, "source")) job.source_server = source;
  take_files(job, fcinfo, 4, 5);
  if (!PG_ARGISNULL(2)) job.schedule = schedule_argument(fcinfo, 2);
  if (!PG_ARGISNULL(6)) job.time_zone = time_zone_argument(fcinfo, 6);
  std::optional<int64_t> first = first_time(job);
  job.options = merged(job.options, options_argument(fcinfo, 7));
  // Whoever enables it in a copy of its database wants it to run there.
  if (to_enable) job.database = MyDatabaseId;
  check_may_run(job);
  check_options(job);
  job.options = without_nulls(job.options);

  bool as_new = to_enable || job.schedule != before.schedule || job.time_zone != before.time_zone;
  if (to_enable) job.state = JobState{};
  if (as_new) job.state.next_run_at = first;
  // That of a run under way decides when the next one is.
  if (as_new) job.state.last_due_at = job.current_run ? before.state.last_due_at : std::nullopt;
  return job;
}

}  // namespace pagila_repl
