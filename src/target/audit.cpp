// Writes the record of a run.

#include "target/audit.hpp"

#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/target_lock.hpp"

namespace pagila_repl {

namespace {

std::string text(int64_t number) { return std::to_string(number); }

Value number(std::optional<uint64_t> value) { return value ? Value(std::to_string(*value)) : Value(); }

Value text_or_null(const std::string &value) { return value.empty() ? Value() : Value(value); }

}  // namespace

void count_rows_of_steps(int64_t run_id) {
  execute(
      R"(UPDATE pagila_repl.run
            SET (rows, bytes) =
                  (SELECT COALESCE(pg_catalog.sum(s.rows), 0)::bigint, COALESCE(pg_catalog.sum(s.bytes), 0)::bigint
                     FROM pagila_repl.run_step s WHERE s.run_id = $1::bigint AND s.kind = 'table')
          WHERE run_id = $1::bigint AND status = 'running' AND kind <> 'replicate_to')",
      {text(run_id)});
}

std::string step_clock() { return *query_value("SELECT pg_catalog.clock_timestamp()::text"); }

void record_step(int64_t run_id, int number_of_step, const Step &step, const std::string &started_at,
                 std::optional<uint64_t> rows, std::optional<uint64_t> bytes) {
  as_extension_owner([&] {
    execute(
        R"(INSERT INTO pagila_repl.run_step
             (run_id, step, kind, schema_name, object_name, method, rows, bytes, started_at, finished_at)
           VALUES ($1::bigint, $2::integer, $3, $4, $5, $6, $7::bigint, $8::bigint, $9::timestamptz,
                   pg_catalog.clock_timestamp()))",
        {text(run_id), text(number_of_step), step.kind, step.schema, step.object, text_or_null(step.method),
         number(rows), number(bytes), started_at});
  });
}

void record_skipped_step(int64_t run_id, int number_of_step, const Step &step, const std::string &started_at,
                         const Error &error) {
  as_extension_owner([&] {
    execute(
        R"(INSERT INTO pagila_repl.run_step
             (run_id, step, kind, schema_name, object_name, started_at, finished_at, sqlstate, error, status)
           VALUES ($1::bigint, $2::integer, $3, $4, $5, $6::timestamptz, pg_catalog.clock_timestamp(), $7, $8, 'skipped'))",
        {text(run_id), text(number_of_step), step.kind, text_or_null(step.schema), step.object, started_at,
         error.sqlstate, error.message});
  });
}

void record_content_hash(int64_t run_id, const std::string &schema, const std::string &table, const std::string &hash) {
  as_extension_owner([&] {
    execute(
        R"(UPDATE pagila_repl.run_step SET content_hash = $4
            WHERE run_id = $1::bigint AND kind = 'table' AND schema_name = $2::name AND object_name = $3)",
        {text(run_id), schema, table, hash});
  });
}

RunRecord::RunRecord(const RunIntent &intent) : kind_(intent.kind), phase_(intent.first_phase) {
  in_durable_transaction([&] {
    as_extension_owner([&] {
      id_ = intent.run_id;
      if (id_ == 0) id_ = std::stoll(*query_value("SELECT pg_catalog.nextval('pagila_repl.run_id_seq')"));
      // Before the row can be seen: a row without this lock is a crashed run.
      lock_run(id_);
      execute(
          R"(INSERT INTO pagila_repl.run
               (run_id, kind, owner, owner_oid, job_id, status, phase, schema_file, data_file, source_server,
                target_server, options, leader_pid, started_at)
             VALUES ($1::bigint, $2, session_user, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user),
                     $9::bigint, 'running', $3, $4, $5, $6, $8, $7::jsonb, pg_catalog.pg_backend_pid(),
                     pg_catalog.clock_timestamp()))",
          {text(id_), kind_, name_of(phase_), intent.schema_file, intent.data_file, intent.source_server,
           intent.options, intent.target_server, intent.job == 0 ? Value() : Value(text(intent.job))});
    });
  });
}

void RunRecord::enter(Phase phase) {
  phase_ = phase;
  in_transaction([&] {
    as_extension_owner([&] {
      execute(
          R"(UPDATE pagila_repl.run SET phase = $2, rows = GREATEST(rows, $3::bigint), bytes = GREATEST(bytes, $4::bigint)
              WHERE run_id = $1::bigint)",
          {text(id_), name_of(phase), std::to_string(rows_), std::to_string(bytes_)});
    });
  });
}

void RunRecord::tell_rows(uint64_t rows, uint64_t bytes) {
  if (!is_time_to_tell()) return;
  told_ = std::chrono::steady_clock::now();
  as_extension_owner([&] {
    execute("UPDATE pagila_repl.run SET rows = $2::bigint, bytes = $3::bigint WHERE run_id = $1::bigint",
            {text(id_), std::to_string(rows), std::to_string(bytes)});
  });
}

void RunRecord::planned(const PlannedWork &work) {
  in_transaction([&] {
    as_extension_owner([&] {
      execute(
          R"(UPDATE pagila_repl.run
                SET schema_sha256 = $2, data_sha256 = $3, fingerprint = $4, schemas = $5::text[],
                    total_rows = $6::bigint, total_bytes = $7::bigint, source = $8, source_identity = $9
              WHERE run_id = $1::bigint)",
          {text(id_), work.schema_sha256, work.data_sha256, work.fingerprint, array_literal(work.schemas),
           std::to_string(work.rows), std::to_string(work.bytes), work.source, work.source_identity});
    });
  });
}

void RunRecord::has_workers(const std::vector<int> &pids) {
  std::vector<std::string> texts;
  for (int pid : pids) texts.push_back(std::to_string(pid));
  in_transaction([&] {
    as_extension_owner([&] {
      execute("UPDATE pagila_repl.run SET worker_pids = $2::integer[] WHERE run_id = $1::bigint",
              {text(id_), array_literal(texts)});
    });
  });
}

void RunRecord::begin_step(const std::string &kind, const std::string &schema, const std::string &object) {
  open_step_ = Step{kind, schema, object, {}};
  step_started_ = step_clock();
}

void RunRecord::end_step(std::optional<uint64_t> rows, std::optional<uint64_t> bytes) {
  record_step(id_, ++step_, *open_step_, step_started_, rows, bytes);
  if (open_step_->kind == "table") {
    add_rows(rows.value_or(0), bytes.value_or(0));
    tell_rows(rows_, bytes_);
  }
  open_step_.reset();
}

void RunRecord::skip_step(const Error &error) {
  record_skipped_step(id_, ++step_, *open_step_, step_started_, error);
  open_step_.reset();
}

void RunRecord::skip_object(const std::string &kind, const std::string &schema, const std::string &object,
                            const Error &error) {
  begin_step(kind, schema, object);
  skip_step(error);
}

int RunRecord::reserve_steps(int count) {
  int first = step_ + 1;
  step_ += count;
  return first;
}

void RunRecord::add_rows(uint64_t rows, uint64_t bytes) {
  rows_ += rows;
  bytes_ += bytes;
}

void RunRecord::failed_in(const Step &step, const std::string &started_at) {
  open_step_ = step;
  step_started_ = started_at;
}

void RunRecord::start_again() {
  rows_ = bytes_ = 0;
  step_ = 0;
  open_step_.reset();
  in_transaction([&] {
    as_extension_owner([&] {
      execute("DELETE FROM pagila_repl.run_step WHERE run_id = $1::bigint", {text(id_)});
      execute("UPDATE pagila_repl.run SET rows = 0, bytes = 0, worker_pids = NULL WHERE run_id = $1::bigint",
              {text(id_)});
    });
  });
}

void RunRecord::succeeded(const std::string &message) {
  PR_FAULT("audit");
  as_extension_owner([&] {
    uint64_t updated = execute(
        R"(UPDATE pagila_repl.run
              SET status = 'succeeded', phase = 'done', message = $2, finished_at = pg_catalog.clock_timestamp(),
                  rows = $3::bigint, bytes = $4::bigint
            WHERE run_id = $1::bigint AND status = 'running')",
        {text(id_), text_or_null(message), std::to_string(rows_), std::to_string(bytes_)});
    if (updated != 1) throw Error("55000", "the row of run " + text(id_) + " in pagila_repl.run is gone");
  });
}

void RunRecord::append_message(const std::string &remark) {
  in_transaction([&] {
    as_extension_owner([&] {
      execute("UPDATE pagila_repl.run SET message = pg_catalog.concat_ws('; ', message, $2) WHERE run_id = $1::bigint",
              {text(id_), remark});
    });
  });
}

void RunRecord::skipped(int64_t unchanged_since, const std::string &message) {
  in_durable_transaction([&] {
    as_extension_owner([&] {
      execute(
          R"(UPDATE pagila_repl.run
                SET status = 'skipped', phase = 'done', message = $2, unchanged_since = $3::bigint,
                    finished_at = pg_catalog.clock_timestamp()
              WHERE run_id = $1::bigint AND status = 'running')",
          {text(id_), message, text(unchanged_since)});
    });
  });
}

void RunRecord::ended(RunStatus status, const Error &error) {
  in_durable_transaction([&] {
    as_extension_owner([&] {
      count_rows_of_steps(id_);
      execute(
          R"(UPDATE pagila_repl.run
                SET status = $2, finished_at = pg_catalog.clock_timestamp(), message = $4, sqlstate = $3,
                    error_message = $4, error_detail = $5, error_hint = $6, error_context = $7
              WHERE run_id = $1::bigint AND status = 'running')",
          {text(id_), name_of(status), error.sqlstate, error.message, text_or_null(error.detail),
           text_or_null(error.hint), text_or_null(error.context)});
      if (!open_step_) return;
      execute(
          R"(INSERT INTO pagila_repl.run_step
               (run_id, step, kind, schema_name, object_name, method, started_at, sqlstate, error, status)
             VALUES ($1::bigint, (SELECT coalesce(pg_catalog.max(step), 0) + 1 FROM pagila_repl.run_step
                                   WHERE run_id = $1::bigint),
                     $2, $3, $4, $5, $6::timestamptz, $7, $8, 'failed'))",
          {text(id_), open_step_->kind, open_step_->schema, open_step_->object, text_or_null(open_step_->method),
           step_started_, error.sqlstate, error.message});
    });
  });
}

}  // namespace pagila_repl
