// A savepoint, so that after a timeout the source can still be asked who holds the lock.

#include "source/lock_timeout.hpp"

#include "source/answer.hpp"
#include "source/connect.hpp"

namespace pagila_repl {

namespace {

constexpr int64_t kPatienceSeconds = 10;
// Half of the default of deadlock_timeout.
constexpr const char *kTry = "500ms";

// A lock that is waited for holds up those that come after it, too.
constexpr const char *kInTheWay = R"(
SELECT pg_catalog.concat(c.relnamespace::pg_catalog.regnamespace, '.', c.relname), l.pid, a.usename, l.granted
  FROM pg_catalog.pg_locks l
       JOIN pg_catalog.pg_class c ON c.oid = l.relation
       LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
   AND c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm', 'S')
 ORDER BY NOT l.granted, 1, 2 LIMIT 10)";

}  // namespace

int64_t end_of_patience() { return steady_ms() + kPatienceSeconds * 1000; }

void begin_lock_try(Connection &source) {
  source.execute(std::string("SAVEPOINT before_locks; SET LOCAL lock_timeout = '") + kTry + "'");
}

void end_lock_try(Connection &source) { source.execute("SET LOCAL lock_timeout = 0; RELEASE before_locks"); }

void give_way(Connection &source, const Error &failure, int64_t until_ms) {
  source.execute("ROLLBACK TO before_locks; RELEASE before_locks");
  if (steady_ms() < until_ms) return;
  std::string detail;
  for (const Row &row : source.query(kInTheWay)) {
    std::string process = optional_text_in(row, 1);
    std::string who = process.empty() ? "A prepared transaction"
                                      : "Process " + process + " of role \"" + optional_text_in(row, 2) + "\"";
    detail += (detail.empty() ? "" : "\n") + who + (flag_in(row, 3) ? " holds" : " waits for") +
              " an exclusive lock on " + text_in(row, 0) + ".";
  }
  Error error("55P03", "could not lock the tables of the source within " + std::to_string(kPatienceSeconds) + "s",
              detail, "Run it again when nobody alters them.");
  error.context = failure.context;
  throw error.from(failure.origin);
}

}  // namespace pagila_repl
