// Forgets old runs.

#include "target/history.hpp"

#include <string>

#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "settings.hpp"

namespace pagila_repl {

namespace {

// So that no look of a scheduler takes long.
constexpr int kAtATime = 1000;

}  // namespace

void forget_old_runs() {
  if (history_minutes_setting() == 0 && history_runs_setting() == 0) return;
  as_extension_owner([] {
    execute(
        R"(DELETE FROM pagila_repl.run WHERE run_id IN (
             SELECT r.run_id FROM pagila_repl.run r
              WHERE r.status <> 'running'
                AND ($1::integer > 0
                       AND r.finished_at < pg_catalog.clock_timestamp() - pg_catalog.make_interval(mins => $1::integer)
                     OR $2::integer > 0
                       AND r.run_id <= (SELECT run_id FROM pagila_repl.run ORDER BY run_id DESC OFFSET $2::integer LIMIT 1))
                AND NOT EXISTS (SELECT FROM pagila_repl.copy c WHERE c.run_id = r.run_id)
                AND NOT EXISTS (SELECT FROM pagila_repl.leftover l WHERE l.run_id = r.run_id)
                AND NOT EXISTS (SELECT FROM pagila_repl.job j WHERE r.run_id IN (j.last_run_id, j.current_run_id))
              ORDER BY r.run_id LIMIT $3::integer))",
        {std::to_string(history_minutes_setting()), std::to_string(history_runs_setting()), std::to_string(kAtATime)});
  });
}

}  // namespace pagila_repl
