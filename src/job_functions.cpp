// The functions by which SQL schedules jobs, changes and removes them, and runs one now. Each checks the caller, then hands
// over.

#include "asked_run.hpp"
#include "entrance.hpp"
#include "job_arguments.hpp"
#include "pg/boundary.hpp"
#include "pg/transaction.hpp"
#include "run/job_request.hpp"
#include "run/job_table.hpp"
#include "run/job_table_check.hpp"
#include "run/launcher_state.hpp"
#include "target/target_lock.hpp"

extern "C" {
#include "catalog/pg_authid.h"
#include "utils/acl.h"
#include "utils/guc.h"

PGDLLEXPORT Datum pagila_schedule(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pagila_alter_job(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pagila_unschedule(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pagila_run_job(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pagila_schedule);
PG_FUNCTION_INFO_V1(pagila_alter_job);
PG_FUNCTION_INFO_V1(pagila_unschedule);
PG_FUNCTION_INFO_V1(pagila_run_job);
}

namespace pagila_repl {

namespace {

// Server code. Only who may see all settings is told what else is loaded.
void require_launcher() {
  if (is_launcher_configured()) return;
  const char *present = "";
  bool may_see = has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_SETTINGS);
  if (may_see) present = GetConfigOption("shared_preload_libraries", false, false);
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("schedules need the launcher, which is not running in this server"),
                  errhint("Put this line into postgresql.conf%s and restart the server: "
                          "shared_preload_libraries = '%s%spagila_repl'",
                          may_see ? "" : ", after what it loads already,", present, *present == '\0' ? "" : ", ")));
}

// What the caller may do with a job. Plain data.
struct CallersRights {
  bool sees, may_use;
};

CallersRights rights_to_job_of(Oid owner) {
  return guarded([owner] {
    return CallersRights{may_see_what_is_of(owner), superuser() || has_privs_of_role(GetUserId(), owner)};
  });
}

Job check_callers(const std::string &name, const std::optional<Job> &job) {
  CallersRights rights = job ? rights_to_job_of(job->owner) : CallersRights{};
  // A job of others does not exist for those who may not see it.
  if (!rights.sees)
    throw Error("42704", "job \"" + name + "\" does not exist", {}, "See the jobs in pagila_repl.job_status.");
  if (!rights.may_use)
    throw Error("42501", "permission denied for job \"" + name + "\"",
                "Only its owner, members of its owner's role and superusers may change or run it.");
  return *job;
}

// Of a caller who may change it, who then does so alone.
Job job_to_change(FunctionCallInfo fcinfo) {
  std::string name = text_argument(fcinfo, 0, "job_name");
  (void)check_callers(name, find_job(name));
  return check_callers(name, take_job(name));
}

// A job's run that was asked for. Plain data.
struct PlainRun {
  Oid owner;
  RequestKind kind;
  PlainRequest request;
};

PlainRun run_of(const std::string &name) {
  as_extension_owner([] { check_job_table(); });
  Job job = check_callers(name, find_job(name));
  if (std::optional<std::string> reason = why_not(job))
    throw Error("42501", "job \"" + name + "\" cannot run", "Reason: " + *reason + ".");
  if (is_job_running(job.id))
    throw Error("55P03", "job \"" + name + "\" is running", {}, "Wait for its run with pagila_wait.");
  JobRequest request = request_of(job, 0);
  return {job.owner, request.kind, plain_request(request.bytes)};
}

}  // namespace

}  // namespace pagila_repl

using namespace pagila_repl;

// pagila_schedule(job_name, schedule, source, schema_file, data_file, time_zone, workers, schemas, include, exclude, force,
//                 verify, on_modified, on_unmanaged, on_dependents, owners, foreign_keys, strict, options, on_other_source)
Datum pagila_schedule(PG_FUNCTION_ARGS) {
  check_operator("pagila_schedule");
  check_not_in_run("pagila_schedule");
  check_not_standby("pagila_schedule");
  check_may_log_in();
  int64 id = entry([&] {
    Job job = new_job(fcinfo);
    guarded([] { require_launcher(); });
    return insert_job(job);
  });
  wake_launcher_at_commit();
  PG_RETURN_INT64(id);
}

// pagila_alter_job(job_name, enabled, schedule, source, schema_file, data_file, time_zone, options)
Datum pagila_alter_job(PG_FUNCTION_ARGS) {
  check_operator("pagila_alter_job");
  check_not_in_run("pagila_alter_job");
  check_not_standby("pagila_alter_job");
  entry([&] { update_job(altered_job(job_to_change(fcinfo), fcinfo)); });
  wake_launcher_at_commit();
  PG_RETURN_VOID();
}

// pagila_unschedule(job_name)
Datum pagila_unschedule(PG_FUNCTION_ARGS) {
  check_operator("pagila_unschedule");
  check_not_in_run("pagila_unschedule");
  check_not_standby("pagila_unschedule");
  entry([&] { delete_job(job_to_change(fcinfo).id); });
  wake_launcher_at_commit();
  PG_RETURN_VOID();
}

// pagila_run_job(job_name, wait)
Datum pagila_run_job(PG_FUNCTION_ARGS) {
  check_operator("pagila_run_job");
  check_not_in_run("pagila_run_job");
  check_not_standby("pagila_run_job");
  check_no_transaction("pagila_run_job");
  bool wait = entry([&] { return boolean_argument(fcinfo, 1, "wait"); });
  PlainRun run = entry([&] { return run_of(text_argument(fcinfo, 0, "job_name")); });
  return ask_for_run(fcinfo, run.owner, run.kind, run.request, wait);
}
