// Looks at the target before it is asked for anything.

#include "run/check_target.hpp"

#include "pg/transaction.hpp"
#include "source/answer.hpp"
#include "source/identity.hpp"

namespace pagila_repl {

namespace {

// Functions with the same major number understand each other.
int64_t major_number(const std::string &version) { return number_in({version.substr(0, version.find('.'))}, 0); }

void check_extension(Connection &target) {
  constexpr const char *kVersion = "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'pagila_repl'";
  std::vector<Row> rows = target.query(kVersion);
  std::string place = "On " + target.where() + ": ";
  if (rows.empty())
    throw Error("42704", "extension \"pagila_repl\" does not exist on the target", {},
                place + "CREATE EXTENSION pagila_repl.")
        .within("server \"" + target.server().name + "\"");
  std::string there = text_in(only_row(rows), 0);
  std::string here = in_transaction([&] { return *query_value(kVersion); });
  if (major_number(there) == major_number(here)) return;
  bool is_older = major_number(there) < major_number(here);
  throw Error("55000", "extension \"pagila_repl\" has version " + there + " on the target and " + here + " here",
              "The first number must be the same.",
              (is_older ? place : "Here: ") + "ALTER EXTENSION pagila_repl UPDATE.")
      .within("server \"" + target.server().name + "\"");
}

// Jobs whose source is the target: by what their last run found it to be, and by where their server leads to, which may
// have been changed since. A job that belongs to a database that this one is a copy of does not run here.
constexpr const char *kJobs = R"(
WITH place AS (
  SELECT s.srvname,
         pg_catalog.lower(COALESCE(pg_catalog.max(o.option_value) FILTER (WHERE o.option_name = 'hostaddr'),
                                   pg_catalog.max(o.option_value) FILTER (WHERE o.option_name = 'host'))) AS host,
         COALESCE(pg_catalog.max(o.option_value) FILTER (WHERE o.option_name = 'port'), '5432') AS port,
         pg_catalog.max(o.option_value) FILTER (WHERE o.option_name = 'dbname') AS dbname
    FROM pg_catalog.pg_foreign_server s, LATERAL pg_catalog.pg_options_to_table(s.srvoptions) o
   GROUP BY s.srvname)
SELECT j.job_name
  FROM pagila_repl.job j
 WHERE j.kind = 'replicate'
   AND j.database_oid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
   AND ((SELECT r.source_identity FROM pagila_repl.run r
          WHERE r.job_id = j.job_id AND r.source_server = j.source_server AND r.source_identity IS NOT NULL
          ORDER BY r.run_id DESC LIMIT 1) = $1
        OR EXISTS (SELECT FROM place a JOIN place b USING (host, port, dbname)
                    WHERE a.srvname = j.source_server AND b.srvname = $2))
 ORDER BY j.job_name)";

void check_direction(const DatabaseIdentity &there, const std::string &server) {
  std::vector<Row> jobs = as_extension_owner([&] { return query(kJobs, {there.text(), server}); });
  if (jobs.empty()) return;
  std::string names;
  for (const Row &job : jobs) names += (names.empty() ? "\"" : ", \"") + *job[0] + "\"";
  throw Error("55000", "the target is the source of a job of this database",
              "Replicated from server \"" + server + "\": " + names + ". Each would undo what the other does.",
              "Remove the job with pagila_unschedule, or call the function in the other database.");
}

}  // namespace

void check_target(Connection &target) {
  check_extension(target);
  const std::string &server = target.server().name;
  DatabaseIdentity there = identity_told(target, {});
  in_transaction([&] {
    if (is_here(there)) throw Error("55000", "server \"" + server + "\" is this database itself");
    if (there.is_standby)
      throw Error("25006",
                  "the target is a standby" + std::string(is_standby_of_here(there) ? " of this database" : ""), {},
                  "Let server \"" + server + "\" lead to a primary.");
    check_direction(there, server);
  });
}

}  // namespace pagila_repl
