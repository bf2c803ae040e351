// Knows event triggers of runs by what is recorded of them: the name and the function, since others may have made one of that name.

#include "target/still_event_triggers.hpp"

#include "pg/boundary.hpp"
#include "pg/function_guard.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

namespace pagila_repl {

namespace {

// A function that event triggers of others call, too, is theirs.
constexpr const char *kCalledForRunsOnly = R"(
SELECT pg_catalog.bool_and(m.name IS NOT NULL)
  FROM pg_catalog.pg_event_trigger e
       LEFT JOIN pagila_repl.managed_database_object m
         ON m.kind = 'event trigger' AND m.name = e.evtname::text
            -- As jsonb prints it first.
            AND pg_catalog.starts_with(m.definition, pg_catalog.concat('{"evtfoid": "', e.evtfoid::oid, '",'))
 WHERE e.evtfoid = $1::oid)";

bool is_still(Oid function) {
  return entry([&] {
    return as_extension_owner([&] { return query_value(kCalledForRunsOnly, {std::to_string(function)}) == "t"; });
  });
}

}  // namespace

void keep_event_triggers_of_runs_still() { leave_event_triggers_still(is_still); }

std::vector<std::string> event_triggers_of_runs() {
  std::vector<std::string> names;
  for (const Row &row : as_extension_owner(
           [] { return query("SELECT name FROM pagila_repl.managed_database_object WHERE kind = 'event trigger'"); }))
    names.push_back(*row[0]);
  return names;
}

}  // namespace pagila_repl
