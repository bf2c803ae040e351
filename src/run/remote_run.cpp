// Talks to the extension on another server.

#include "run/remote_run.hpp"

#include "source/answer.hpp"
#include "source/remote_error.hpp"

namespace pagila_repl {

namespace {

// Its first statement to be understood by every version of the same major number.
constexpr const char *kStart = R"(
SELECT run_id FROM pg_catalog.pagila_replicate_from(
         server => $1, workers => $2::integer, schemas => $3::text[], include => $4::text[], exclude => $5::text[],
         force => $6::boolean, wait => false, verify => $7, on_modified => $8, on_unmanaged => $9, on_dependents => $10,
         owners => $11, foreign_keys => $12, on_other_source => $13,
         on_object_error => $14, large_objects => $15::boolean, database_objects => $16::text[]))";

// The view adds what is on its way, but shows no run that has ended.
constexpr const char *kLook = R"(
SELECT r.status, r.phase,
       EXISTS (SELECT FROM pg_catalog.pg_stat_activity a
                WHERE a.pid = r.leader_pid AND a.backend_type = 'pagila_repl leader'),
       COALESCE(p.rows, r.rows), COALESCE(p.bytes, r.bytes), r.total_rows, r.total_bytes,
       r.schemas IS NOT NULL, r.message, r.sqlstate, r.error_message, r.error_detail, r.error_hint, r.error_context
  FROM pagila_repl.run r LEFT JOIN pagila_repl.progress p ON p.run_id = r.run_id
 WHERE r.run_id = $1::bigint)";

constexpr const char *kSchemas = R"(
SELECT pg_catalog.unnest(schemas) FROM pagila_repl.run WHERE run_id = $1::bigint)";

Value list(const std::vector<std::string> &texts) { return texts.empty() ? Value() : Value(array_literal(texts)); }

std::optional<int64_t> optional_number_in(const Row &row, size_t column) {
  if (optional_text_in(row, column).empty()) return {};
  return number_in(row, column);
}

std::string message_in(const Row &row, size_t column) { return clean_remote_text(optional_text_in(row, column)); }

}  // namespace

int64_t start_there(Connection &target, const ReplicateToRequest &request, const std::string &source) {
  Value workers = request.workers == 0 ? Value() : Value(std::to_string(request.workers));
  std::vector<Row> rows = target.query(
      kStart, {source, workers, list(request.selection.schemas), list(request.selection.include),
               list(request.selection.exclude), request.force ? "true" : "false",
               request.verify_content ? "content" : "counts", request.overwrite_modified ? "overwrite" : "refuse",
               request.drop_unmanaged ? "drop" : "refuse", request.drop_dependents ? "drop" : "refuse",
               request.keep_owners ? "keep" : "skip", request.check_foreign_keys ? "check" : "trust",
               request.replace_others ? "replace" : "refuse", request.skip_objects ? "skip" : "fail",
               request.large_objects ? Value(*request.large_objects ? "true" : "false") : Value(),
               list(words_of(request.database_objects))});
  return number_in(only_row(rows), 0);
}

int64_t finish_start_there(Connection &target) { return number_in(only_row(target.receive()), 0); }

RemoteRun look_there(Connection &target, int64_t remote_run_id) {
  std::string id = std::to_string(remote_run_id);
  std::vector<Row> rows = target.query(kLook, {id});
  if (rows.empty())
    throw Error("55000", "the record of run " + id + " on server \"" + target.server().name + "\" is gone");
  const Row &row = only_row(rows);
  RemoteRun run;
  auto status = status_named(text_in(row, 0));
  if (!status) throw Error("08P01", "target: a run has the status \"" + message_in(row, 0) + "\"");
  run.status = *status;
  // One of a newer version may know phases between those that are known here.
  run.phase = phase_named(text_in(row, 1)).value_or(Phase::rows);
  run.is_leader_alive = flag_in(row, 2);
  run.progress.rows = number_in(row, 3);
  run.progress.bytes = number_in(row, 4);
  run.progress.total_rows = optional_number_in(row, 5);
  run.progress.total_bytes = optional_number_in(row, 6);
  if (flag_in(row, 7)) {
    run.progress.schemas.emplace();
    for (const Row &schema : target.query(kSchemas, {id})) run.progress.schemas->push_back(text_in(schema, 0));
  }
  run.message = message_in(row, 8);
  run.error = Error(message_in(row, 9), message_in(row, 10), message_in(row, 11), message_in(row, 12));
  run.error.context = message_in(row, 13);
  return run;
}

void cancel_there(Connection &target, int64_t remote_run_id) {
  target.query("SELECT pg_catalog.pagila_cancel($1::bigint)", {std::to_string(remote_run_id)});
}

}  // namespace pagila_repl
