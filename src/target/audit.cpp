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

const char *flag(bool value) { return value ? "true" : "false"; }

// A leader's commits are not waited for; those that tell how a run began and ended are, lest a crash takes them back.
template <class Body>
void in_durable_transaction(Body body) {
  in_transaction([&] {
    set_local("synchronous_commit", "on");
    body();
  });
}

std::string now() { return *query_value("SELECT pg_catalog.clock_timestamp()::text"); }

}  // namespace

RunRecord::RunRecord(const LoadRequest &request) {
  in_durable_transaction([&] {
    as_extension_owner([&] {
      id_ = std::stoll(*query_value("SELECT pg_catalog.nextval('pagila_repl.run_id_seq')"));
      // Before the row can be seen: a row without this lock is a crashed run.
      lock_run(id_);
      execute(
          R"(INSERT INTO pagila_repl.run
               (run_id, kind, owner, owner_oid, status, phase, schema_file, data_file, options, leader_pid, started_at)
             VALUES ($1::bigint, 'load', session_user, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user),
                     'running', $2, $3, $4,
                     pg_catalog.jsonb_build_object(
                       'force', $5::boolean, 'verify', $6, 'on_modified', $7, 'on_unmanaged', $8, 'on_dependents', $9,
                       'owners', $10, 'strict', $11::boolean),
                     pg_catalog.pg_backend_pid(), pg_catalog.clock_timestamp()))",
          {text(id_), name_of(phase_), request.schema_file, request.data_file, flag(request.force),
           request.verify_content ? "content" : "counts", request.overwrite_modified ? "overwrite" : "refuse",
           request.drop_unmanaged ? "drop" : "refuse", request.drop_dependents ? "drop" : "refuse",
           request.keep_owners ? "keep" : "skip", flag(request.strict)});
    });
  });
}

void RunRecord::enter(Phase phase) {
  phase_ = phase;
  in_transaction([&] {
    as_extension_owner([&] {
      execute("UPDATE pagila_repl.run SET phase = $2 WHERE run_id = $1::bigint", {text(id_), name_of(phase)});
    });
  });
}

void RunRecord::planned(const LoadPlan &plan, const std::string &fingerprint) {
  in_transaction([&] {
    as_extension_owner([&] {
      execute(
          R"(UPDATE pagila_repl.run
                SET schema_sha256 = $2, data_sha256 = $3, fingerprint = $4, schemas = $5::text[],
                    total_rows = $6::bigint, total_bytes = $7::bigint
              WHERE run_id = $1::bigint)",
          {text(id_), plan.files[0].sha256, plan.files.size() > 1 ? Value(plan.files[1].sha256) : Value(), fingerprint,
           array_literal(plan.schemas), std::to_string(plan.total_rows), std::to_string(plan.total_bytes)});
    });
  });
}

void RunRecord::begin_step(const std::string &kind, const std::string &schema, const std::string &object) {
  open_step_ = Step{kind, schema, object, {}, {}, {}};
  step_started_ = now();
}

void RunRecord::end_step(std::optional<uint64_t> rows, std::optional<uint64_t> bytes) {
  const Step &step = *open_step_;
  as_extension_owner([&] {
    execute(
        R"(INSERT INTO pagila_repl.run_step
             (run_id, step, kind, schema_name, object_name, rows, bytes, started_at, finished_at)
           VALUES ($1::bigint, $2::integer, $3, $4, $5, $6::bigint, $7::bigint, $8::timestamptz,
                   pg_catalog.clock_timestamp()))",
        {text(id_), text(++step_), step.kind, step.schema, step.object, number(rows), number(bytes), step_started_});
    if (step.kind == "table") {
      rows_ += rows.value_or(0);
      bytes_ += bytes.value_or(0);
      execute("UPDATE pagila_repl.run SET rows = $2::bigint, bytes = $3::bigint WHERE run_id = $1::bigint",
              {text(id_), std::to_string(rows_), std::to_string(bytes_)});
    }
  });
  open_step_.reset();
}

void RunRecord::content_hash(const std::string &schema, const std::string &table, const std::string &hash) {
  as_extension_owner([&] {
    execute(
        R"(UPDATE pagila_repl.run_step SET content_hash = $4
            WHERE run_id = $1::bigint AND kind = 'table' AND schema_name = $2::name AND object_name = $3)",
        {text(id_), schema, table, hash});
  });
}

void RunRecord::succeeded(const std::string &message) {
  PR_FAULT("audit");
  as_extension_owner([&] {
    uint64_t updated = execute(
        R"(UPDATE pagila_repl.run
              SET status = 'succeeded', phase = 'done', message = $2, finished_at = pg_catalog.clock_timestamp()
            WHERE run_id = $1::bigint AND status = 'running')",
        {text(id_), text_or_null(message)});
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
               (run_id, step, kind, schema_name, object_name, started_at, sqlstate, error)
             VALUES ($1::bigint, (SELECT coalesce(pg_catalog.max(step), 0) + 1 FROM pagila_repl.run_step
                                   WHERE run_id = $1::bigint),
                     $2, $3, $4, $5::timestamptz, $6, $7))",
          {text(id_), open_step_->kind, open_step_->schema, open_step_->object, step_started_, error.sqlstate,
           error.message});
    });
  });
}

}  // namespace pagila_repl
