// Makes the request of a job's run, and judges whether its owner may run it.

#include "run/job_request.hpp"

#include "core/job_options.hpp"
#include "pg/boundary.hpp"
#include "pg/compat.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "run/request_settings.hpp"
#include "settings.hpp"
#include "source/dump_file.hpp"
#include "source/foreign_server.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "utils/acl.h"
#include "utils/syscache.h"
}

namespace pagila_repl {

namespace {

std::vector<JsonValue> elements_of(const std::string &options, const std::string &name) {
  std::vector<JsonValue> elements;
  for (const Row &row : query(
           R"(SELECT pg_catalog.jsonb_typeof(e.value), COALESCE(e.value #>> '{}', 'null')
                FROM pg_catalog.jsonb_array_elements($1::jsonb -> $2) WITH ORDINALITY e (value, place) ORDER BY e.place)",
           {options, name}))
    elements.push_back({row[0].value(), row[1].value()});
  return elements;
}

std::vector<JobOption> options_of(const Job &job) {
  if (query_value("SELECT pg_catalog.jsonb_typeof($1::jsonb)", {job.options}) != "object")
    throw Error("22023", "the options of a job must be a JSON object");
  std::vector<JobOption> options;
  for (const Row &row : query(
           R"(SELECT m.key, pg_catalog.jsonb_typeof(m.value), COALESCE(m.value #>> '{}', 'null')
                FROM pg_catalog.jsonb_each($1::jsonb) m ORDER BY m.key)",
           {job.options})) {
    JobOption option{row[0].value(), {row[1].value(), row[2].value()}, {}};
    if (option.value.type == "array") option.elements = elements_of(job.options, option.name);
    options.push_back(std::move(option));
  }
  return options;
}

template <class Request>
Request request_for(const Job &job, int64_t run_id) {
  Request request;
  take_settings(request);
  request.job = job.id;
  request.run_id = run_id;
  apply_options(options_of(job), request);
  return request;
}

LoadRequest load_request_of(const Job &job, int64_t run_id) {
  auto request = request_for<LoadRequest>(job, run_id);
  request.schema_file = job.schema_file.value();
  request.data_file = job.data_file;
  check_dump_path(request.schema_file);
  check_load_directories(request.schema_file);
  if (!request.data_file) return request;
  check_dump_path(*request.data_file);
  check_load_directories(*request.data_file);
  if (*request.data_file == request.schema_file)
    throw Error("22023", "schema_file and data_file are the same file", {},
                "Give a combined dump as schema_file alone.");
  return request;
}

ReplicateRequest replicate_request_of(const Job &job, int64_t run_id) {
  auto request = request_for<ReplicateRequest>(job, run_id);
  request.server = job.source_server.value();
  return request;
}

// Plain data.
struct OwnerRights {
  char name[NAMEDATALEN];  // empty: there is no such role
  bool may_log_in, is_operator, may_connect, may_read_files;
};

OwnerRights rights_of(Oid owner) {
  return guarded([owner] {
    OwnerRights rights{};
    HeapTuple role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(owner));
    if (!HeapTupleIsValid(role)) return rights;
    strlcpy(rights.name, NameStr(((Form_pg_authid)GETSTRUCT(role))->rolname), NAMEDATALEN);
    rights.may_log_in = ((Form_pg_authid)GETSTRUCT(role))->rolcanlogin;
    ReleaseSysCache(role);
    Oid operators = get_role_oid("pagila_repl_operator", true);
    rights.is_operator = superuser_arg(owner) || (OidIsValid(operators) && has_privs_of_role(owner, operators));
    rights.may_connect = may_connect_to_database(MyDatabaseId, owner);
    rights.may_read_files = has_privs_of_role(owner, ROLE_PG_READ_SERVER_FILES);
    return rights;
  });
}

std::optional<std::string> why_not_as_owner(const Job &job) {
  if (job.database != MyDatabaseId)
    return "this database is a copy of the one the job was scheduled in; pagila_alter_job with enabled => true has it run "
           "here";
  OwnerRights rights = rights_of(job.owner);
  if (rights.name[0] == '\0')
    return "its owner, the role with OID " + std::to_string(job.owner) + ", does not exist any more";
  std::string role = std::string("role \"") + rights.name + "\"";
  if (!rights.may_log_in) return role + " may not log in";
  if (!rights.is_operator) return role + " is not a member of \"pagila_repl_operator\"";
  if (!rights.may_connect) return role + " may not connect to this database";
  if (job.kind == "load" && !rights.may_read_files) return role + " may not read files on the server";
  return std::nullopt;
}

void check_server_of(const Job &job) {
  as_role(job.owner, [&] { (void)find_server(job.source_server.value()); });
}

// Why the owner may not use the server. What else is wrong with it, a run will tell.
std::optional<std::string> why_not_the_server(const Job &job) {
  try {
    in_subtransaction([&] { check_server_of(job); });
  } catch (const Error &error) {
    if (error.sqlstate == "42501" || error.sqlstate == "42704" || error.sqlstate == "42809") return error.message;
    // These say nothing about the server.
    if (error.sqlstate == "57014" || error.sqlstate.compare(0, 2, "53") == 0) throw;
  }
  return std::nullopt;
}

}  // namespace

JobRequest request_of(const Job &job, int64_t run_id) {
  if (job.kind == "load") return {RequestKind::load, encode(load_request_of(job, run_id))};
  return {RequestKind::replicate, encode(replicate_request_of(job, run_id))};
}

void check_may_run(const Job &job) {
  if (std::optional<std::string> reason = why_not_as_owner(job))
    throw Error("42501", "job \"" + job.name + "\" cannot run", "Reason: " + *reason + ".");
  if (job.kind == "replicate") check_server_of(job);
}

std::optional<std::string> why_not(const Job &job) {
  std::optional<std::string> reason = why_not_as_owner(job);
  return reason || job.kind == "load" ? reason : why_not_the_server(job);
}

}  // namespace pagila_repl
