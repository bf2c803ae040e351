// Holds the source's tables still, and reads what no snapshot holds: sequences.

#include <algorithm>

#include "core/error.hpp"
#include "source/read_catalog.hpp"

namespace pagila_repl {

namespace {

constexpr const char *kLockTimeout = "10s";
constexpr size_t kTablesAtOnce = 500, kSequencesAtOnce = 200;

// Whoever holds up a lock that readers need.
constexpr const char *kInTheWay = R"(
SELECT c.relnamespace::pg_catalog.regnamespace || '.' || c.relname, l.pid, a.usename, l.granted
  FROM pg_catalog.pg_locks l
       JOIN pg_catalog.pg_class c ON c.oid = l.relation
       LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
   AND c.oid >= 16384 AND c.relkind IN ('r', 'p')
 ORDER BY NOT l.granted, 1, 2)";

Error lock_timeout(Connection &source, const Error &failure) {
  std::string detail;
  for (const Row &row : source.query(kInTheWay))
    detail += std::string(detail.empty() ? "" : "\n") + "Process " + *row[1] + " of role \"" + row[2].value_or("?") +
              "\" " + (row[3] == "t" ? "holds" : "waits for") + " an exclusive lock on table " + *row[0] + ".";
  Error error("55P03", std::string("could not lock the tables of the source within ") + kLockTimeout, detail,
              "Run it again when nobody alters them.");
  error.context = failure.context;
  return error;
}

}  // namespace

void lock_tables(Connection &source, const SourceCatalog &catalog) {
  source.execute(std::string("SET LOCAL lock_timeout = '") + kLockTimeout + "'");
  for (size_t begin = 0; begin < catalog.lock_order.size(); begin += kTablesAtOnce) {
    std::string names;
    for (size_t i = begin; i < std::min(begin + kTablesAtOnce, catalog.lock_order.size()); i++)
      names += (names.empty() ? "ONLY " : ", ONLY ") + catalog.lock_order[i];
    source.execute("SAVEPOINT before_locking");
    try {
      source.execute("LOCK TABLE " + names + " IN ACCESS SHARE MODE");
    } catch (const Error &failure) {
      if (failure.sqlstate != "55P03") throw;
      source.execute("ROLLBACK TO before_locking");
      throw lock_timeout(source, failure);
    }
    source.execute("RELEASE before_locking");
  }
  source.execute("SET LOCAL lock_timeout = 0");
}

std::vector<SequenceState> read_sequences(Connection &source, const SourceCatalog &catalog) {
  std::vector<SequenceState> states;
  const std::vector<QualifiedName> &sequences = catalog.sequences;
  for (size_t begin = 0; begin < sequences.size(); begin += kSequencesAtOnce) {
    std::string sql;
    for (size_t i = begin; i < std::min(begin + kSequencesAtOnce, sequences.size()); i++)
      sql += (sql.empty() ? "SELECT " : " UNION ALL SELECT ") + std::to_string(i) + ", last_value, is_called FROM " +
             quote(sequences[i].schema, sequences[i].name);
    for (const Row &row : source.query(sql))
      states.push_back({sequences[std::stoul(*row[0])], std::stoll(*row[1]), row[2] == "t", {}});
  }
  return states;
}

}  // namespace pagila_repl
