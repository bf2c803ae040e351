// Reads and writes pagila_repl.job.

#include "run/job_table.hpp"

#include <ctime>
#include <set>

#include "pg/boundary.hpp"
#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "run/job_table_check.hpp"
#include "settings.hpp"

extern "C" {
#include "catalog/pg_authid.h"
#include "storage/lmgr.h"
}

namespace pagila_repl {

namespace {

const std::string kSelect = R"(
SELECT job_id, job_name, owner_oid, database_oid, kind, source_server, schema_file, data_file, options, schedule, time_zone,
       enabled,
       CASE WHEN pg_catalog.isfinite(next_run_at) THEN pg_catalog.floor(EXTRACT(epoch FROM next_run_at))::bigint END,
       CASE WHEN pg_catalog.isfinite(last_due_at) THEN pg_catalog.floor(EXTRACT(epoch FROM last_due_at))::bigint END,
       failures, login_failures,
       CASE WHEN suspended_at IS NOT NULL THEN COALESCE(suspended_because, '') END,
       current_run_id
  FROM pagila_repl.job )";
enum {
  kId,
  kName,
  kOwner,
  kDatabase,
  kKind,
  kSourceServer,
  kSchemaFile,
  kDataFile,
  kOptions,
  kSchedule,
  kTimeZone,
  kEnabled,
  kNextRun,
  kLastDue,
  kFailures,
  kLoginFailures,
  kSuspended,
  kCurrentRun
};

std::string text(int64_t number) { return std::to_string(number); }

std::string boolean(bool value) { return value ? "true" : "false"; }

Value number(const std::optional<int64_t> &value) { return value ? Value(text(*value)) : Value(); }

Value text_or_null(const std::string &value) { return value.empty() ? Value() : Value(value); }

std::optional<int64_t> number(const Value &value) {
  return value ? std::optional<int64_t>(std::stoll(*value)) : std::nullopt;
}

Job job_of(const Row &row) {
  Job job;
  job.id = std::stoll(row[kId].value());
  job.name = row[kName].value();
  job.owner = static_cast<uint32_t>(std::stoul(row[kOwner].value()));
  job.database = static_cast<uint32_t>(std::stoul(row[kDatabase].value()));
  job.kind = row[kKind].value();
  job.source_server = row[kSourceServer];
  job.schema_file = row[kSchemaFile];
  job.data_file = row[kDataFile];
  job.options = row[kOptions].value();
  job.schedule = row[kSchedule].value();
  job.time_zone = row[kTimeZone];
  job.enabled = row[kEnabled] == "t";
  job.state.next_run_at = number(row[kNextRun]);
  job.state.last_due_at = number(row[kLastDue]);
  job.state.failures = std::stoi(row[kFailures].value());
  job.state.login_failures = std::stoi(row[kLoginFailures].value());
  job.state.suspended_because = row[kSuspended];
  job.current_run = number(row[kCurrentRun]);
  return job;
}

std::optional<Job> the_job(const std::string &condition, const std::string &value) {
  std::vector<Row> rows = as_extension_owner([&] { return query(kSelect + condition, {value}); });
  if (rows.size() > 1) throw Error("55000", "there are several jobs of the same number or name in pagila_repl.job");
  return rows.empty() ? std::nullopt : std::optional<Job>(job_of(rows[0]));
}

// Nobody else schedules for the role until the transaction ends, and the role is not dropped meanwhile.
void lock_role(Oid role) {
  guarded([role] { LockSharedObject(AuthIdRelationId, role, 0, ShareUpdateExclusiveLock); });
}

void check_limit(uint32_t owner) {
  lock_role(owner);
  Value has_room = query_value(
      R"(SELECT r.rolsuper OR (SELECT pg_catalog.count(*) FROM pagila_repl.job j WHERE j.owner_oid = r.oid) < $2::bigint
           FROM pg_catalog.pg_roles r WHERE r.oid = $1::oid)",
      {text(owner), text(max_jobs_per_role_setting())});
  if (!has_room) throw Error("42704", "role with OID " + text(owner) + " does not exist");
  if (has_room == "f")
    throw Error("54000", "too many jobs", "A role may have " + text(max_jobs_per_role_setting()) + ".",
                "See the setting pagila_repl.max_jobs_per_role.");
}

// For the scheduler, who must not wait for anyone's transaction. False if the job is not as it was read, or is gone.
bool take_as_read(const Job &job, const std::optional<int64_t> &current_run) {
  const JobState &state = job.state;
  return query_value(
             R"(SELECT enabled = $2::boolean AND schedule = $3 AND time_zone IS NOT DISTINCT FROM $4
                       AND CASE WHEN pg_catalog.isfinite(next_run_at) THEN pg_catalog.floor(EXTRACT(epoch FROM next_run_at)) END
                           IS NOT DISTINCT FROM $5::numeric
                       AND failures = $6::integer AND login_failures = $7::integer
                       AND (suspended_at IS NOT NULL) = $8::boolean AND current_run_id IS NOT DISTINCT FROM $9::bigint
                  FROM pagila_repl.job WHERE job_id = $1::bigint FOR NO KEY UPDATE SKIP LOCKED)",
             {text(job.id), boolean(job.enabled), job.schedule, job.time_zone, number(state.next_run_at),
              text(state.failures), text(state.login_failures), boolean(state.suspended_because.has_value()),
              number(current_run)}) == "t";
}

// The parameters $2 to $6 are those of state_of.
const std::string kSetState = R"(
  next_run_at = pg_catalog.to_timestamp($2::double precision), last_due_at = pg_catalog.to_timestamp($3::double precision),
  failures = $4::integer, login_failures = $5::integer,
  suspended_at = CASE WHEN $6 IS NOT NULL THEN COALESCE(suspended_at, pg_catalog.clock_timestamp()) END,
  suspended_because = $6 )";

std::vector<Value> state_of(const Job &job, const JobState &state) {
  return {text(job.id),         number(state.next_run_at),  number(state.last_due_at),
          text(state.failures), text(state.login_failures), state.suspended_because};
}

}  // namespace

std::optional<Job> find_job(const std::string &name) { return the_job("WHERE job_name = $1", name); }

std::optional<Job> find_job(int64_t id) { return the_job("WHERE job_id = $1::bigint", text(id)); }

std::optional<Job> take_job(const std::string &name) { return the_job("WHERE job_name = $1 FOR UPDATE", name); }

std::vector<Job> read_jobs() {
  std::vector<Row> rows = as_extension_owner([] {
    check_job_table();
    return query(kSelect + "ORDER BY job_id");
  });
  std::vector<Job> jobs;
  std::set<int64_t> ids;
  std::set<std::string> names;
  for (const Row &row : rows) {
    Job job = job_of(row);
    if (!ids.insert(job.id).second || !names.insert(job.name).second)
      throw Error("55000", "there are several jobs of the same number or name in pagila_repl.job",
                  "Job " + text(job.id) + ", \"" + job.name + "\".");
    jobs.push_back(job);
  }
  return jobs;
}

int64_t insert_job(const Job &job) {
  return as_extension_owner([&] {
    check_limit(job.owner);
    Value id = query_value(
        R"(INSERT INTO pagila_repl.job
             (job_id, job_name, owner_oid, database_oid, kind, source_server, schema_file, data_file, options, schedule,
              time_zone, enabled, created_at, next_run_at)
           VALUES (pg_catalog.nextval('pagila_repl.job_id_seq'), $1, $2::oid, $3::oid, $4, $5, $6, $7, $8::jsonb, $9, $10,
                   $11::boolean, pg_catalog.clock_timestamp(), pg_catalog.to_timestamp($12::double precision))
           ON CONFLICT (job_name) DO NOTHING RETURNING job_id)",
        {job.name, text(job.owner), text(job.database), job.kind, job.source_server, job.schema_file, job.data_file,
         job.options, job.schedule, job.time_zone, boolean(job.enabled), number(job.state.next_run_at)});
    if (!id)
      throw Error("42710", "job \"" + job.name + "\" already exists", {},
                  "Change it with pagila_alter_job, or remove it with pagila_unschedule.");
    return std::stoll(*id);
  });
}

void update_job(const Job &job) {
  as_extension_owner([&] {
    std::vector<Value> values = state_of(job, job.state);
    for (const Value &value :
         {Value(job.name), job.source_server, job.schema_file, job.data_file, Value(job.options), Value(job.schedule),
          job.time_zone, Value(boolean(job.enabled)), Value(text(job.database))})
      values.push_back(value);
    execute("UPDATE pagila_repl.job SET" + kSetState + R"(,
                    job_name = $7, source_server = $8, schema_file = $9, data_file = $10, options = $11::jsonb,
                    schedule = $12, time_zone = $13, enabled = $14::boolean, database_oid = $15::oid
              WHERE job_id = $1::bigint)",
            values);
  });
}

void delete_job(int64_t id) {
  as_extension_owner([&] { execute("DELETE FROM pagila_repl.job WHERE job_id = $1::bigint", {text(id)}); });
}

int64_t next_run_id() {
  return as_extension_owner(
      [] { return std::stoll(query_value("SELECT pg_catalog.nextval('pagila_repl.run_id_seq')").value()); });
}

void begin_run_of(const Job &job) {
  as_extension_owner([&] {
    bool noted =
        take_as_read(job, {}) && 1 == execute(
                                          R"(UPDATE pagila_repl.job
              SET current_run_id = $2::bigint, last_due_at = pg_catalog.to_timestamp($3::double precision)
            WHERE job_id = $1::bigint)",
                                          {text(job.id), number(job.current_run), number(job.state.last_due_at)});
    if (!noted) throw Error("55P03", "job \"" + job.name + "\" is being changed");
  });
}

bool end_run_of(const Job &job, const JobState &state) {
  return as_extension_owner([&] {
    if (!take_as_read(job, job.current_run)) return false;
    execute("UPDATE pagila_repl.job SET" + kSetState +
                ", last_run_id = current_run_id, current_run_id = NULL WHERE job_id = $1::bigint",
            state_of(job, state));
    return true;
  });
}

bool write_state(const Job &job, const JobState &state) {
  return as_extension_owner([&] {
    if (!take_as_read(job, job.current_run)) return false;
    execute("UPDATE pagila_repl.job SET" + kSetState + "WHERE job_id = $1::bigint", state_of(job, state));
    return true;
  });
}

void record_failed_start(const Job &job, RunStatus status, const Error &error) {
  as_extension_owner([&] {
    execute(
        R"(INSERT INTO pagila_repl.run
             (run_id, kind, owner, owner_oid, job_id, status, phase, schema_file, data_file, source_server, options,
              leader_pid, started_at, finished_at, message, sqlstate, error_message, error_detail, error_hint)
           VALUES ($1::bigint, $2, pg_catalog.pg_get_userbyid($3::oid), $3::oid, $4::bigint, $14, $5, $6, $7, $8,
                   $9::jsonb, 0, pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp(), $11, $10, $11, $12, $13)
           ON CONFLICT (run_id) DO NOTHING)",
        {number(job.current_run), job.kind, text(job.owner), text(job.id),
         job.kind == "load" ? "fingerprint" : "connect", job.schema_file, job.data_file, job.source_server, job.options,
         error.sqlstate, error.message, text_or_null(error.detail), text_or_null(error.hint), name_of(status)});
  });
}

int64_t job_clock() {
  // Not time(), which lags some milliseconds behind the clock that the server sleeps by.
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  int64_t now = time.tv_sec;
#ifdef PR_FAULTS
  now += fault_clock_offset() + fault_time_passed();
#endif
  return now;
}

}  // namespace pagila_repl
