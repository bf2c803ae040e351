// Looks at objects of the database before a run begins its work.

#include "run/database_object_findings.hpp"

#include "core/counted.hpp"
#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "source/findings.hpp"
#include "source/preflight.hpp"
#include "source/read_database_objects.hpp"
#include "target/relation_locks.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace pagila_repl {

namespace {

constexpr char kCheck[] = "object of the database";
constexpr const char *kPatience = "10s";  // for a lock

std::vector<Finding> findings_of(const std::vector<Error> &errors) {
  Findings found;
  for (const Error &error : errors) found.error(kCheck, error.sqlstate, error.message, error.hint);
  return found.take();
}

}  // namespace

DatabaseObjectWork wanted_database_objects(const std::vector<PlannedDatabaseObject> &objects,
                                           const DatabaseObjectKinds &kinds, const std::vector<std::string> &schemas,
                                           Drift &drift) {
  std::vector<Error> errors;
  DatabaseObjectWork work = plan_database_objects(objects, kinds, schemas, errors);
  check_findings(findings_of(errors));
  find_database_object_drift(work, drift);
  return work;
}

std::vector<Finding> look_at_database_objects(Connection &source, const SourceCatalog &catalog,
                                              const DatabaseObjectKinds &kinds, std::vector<std::string> &remarks,
                                              std::optional<DatabaseObjectWork> &planned) {
  if (!kinds.any()) return {};
  Findings found;
  if (kinds.settings && query_value("SELECT pg_catalog.current_setting('transaction_read_only')") == "on") {
    found.warning(kCheck, "objects of the database cannot be looked at in a read-only transaction",
                  "Settings are tried, and taken back. Call it in a transaction that may write.");
    return found.take();
  }
  const SourceDatabaseObjects read = read_database_objects(source, catalog, kinds);
  std::vector<Error> errors;
  try {
    in_subtransaction([&] {
      int settings = guarded([] { return NewGUCNestLevel(); });
      set_local("lock_timeout", kPatience);
      planned = plan_database_objects(read.objects, kinds, catalog.schemas, errors);
      guarded([settings] { AtEOXact_GUC(false, settings); });
    });
  } catch (const Error &error) {
    // A setting is tried, and another session may be changing it.
    if (!is_lock_failure(error.sqlstate) && error.sqlstate != "XX000") throw;
    found.warning(kCheck, "objects of the database cannot be compared now: " + error.message,
                  "Call it again when others have ended their transactions.");
    return found.take();
  }
  const DatabaseObjectWork &work = *planned;
  found.add(read.findings);
  found.add(findings_of(errors));
  Drift drift;
  find_database_object_drift(work, drift);
  for (const std::string &what : drift.modified)
    found.error(kCheck, "55000", what + " since the last run",
                "Give the run on_modified => 'overwrite' to lose this change, or leave it out of database_objects.");
  for (const std::string &what : drift.unmanaged)
    found.error(kCheck, "2BP01", what + " is here, and no run has made it",
                "Give the run on_unmanaged => 'drop' to lose it, or leave it out of database_objects.");
  found.else_ok(kCheck, counted(work.wanted.size(), "{object|objects} of the database can be copied"));
  for (const auto *more : {&read.remarks, &work.remarks}) remarks.insert(remarks.end(), more->begin(), more->end());
  return found.take();
}

}  // namespace pagila_repl
