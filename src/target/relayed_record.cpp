// Writes what is known of a run that another server does.

#include "target/relayed_record.hpp"

#include "pg/spi.hpp"
#include "pg/transaction.hpp"

namespace pagila_repl {

namespace {

void write(const std::string &statement, const std::vector<Value> &parameters) {
  in_transaction([&] { as_extension_owner([&] { execute(statement, parameters); }); });
}

Value number(std::optional<int64_t> value) { return value ? Value(std::to_string(*value)) : Value(); }

}  // namespace

void record_target(int64_t run_id, const std::string &target) {
  write("UPDATE pagila_repl.run SET target = $2 WHERE run_id = $1::bigint", {std::to_string(run_id), target});
}

// Durable: without it nobody here could tell, after a crash, which run it is.
void record_remote_run(int64_t run_id, int64_t remote_run_id) {
  in_durable_transaction([&] {
    as_extension_owner([&] {
      execute("UPDATE pagila_repl.run SET remote_run_id = $2::bigint WHERE run_id = $1::bigint",
              {std::to_string(run_id), std::to_string(remote_run_id)});
    });
  });
}

void record_progress(int64_t run_id, const RelayedProgress &progress) {
  write(R"(UPDATE pagila_repl.run SET schemas = $2::text[], rows = $3::bigint, bytes = $4::bigint,
                  total_rows = $5::bigint, total_bytes = $6::bigint
            WHERE run_id = $1::bigint)",
        {std::to_string(run_id), progress.schemas ? Value(array_literal(*progress.schemas)) : Value(),
         std::to_string(progress.rows), std::to_string(progress.bytes), number(progress.total_rows),
         number(progress.total_bytes)});
}

void record_done(int64_t run_id, RunStatus status, const std::string &message) {
  in_durable_transaction([&] {
    as_extension_owner([&] {
      uint64_t updated = execute(
          R"(UPDATE pagila_repl.run
                SET status = $2, phase = 'done', message = $3, finished_at = pg_catalog.clock_timestamp()
              WHERE run_id = $1::bigint AND status = 'running')",
          {std::to_string(run_id), name_of(status), message});
      if (updated != 1)
        throw Error("55000", "the row of run " + std::to_string(run_id) + " in pagila_repl.run is gone");
    });
  });
}

}  // namespace pagila_repl
