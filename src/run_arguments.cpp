// Reads the arguments of functions that ask for a run.

#include "run_arguments.hpp"

#include "core/run_choices.hpp"
#include "entrance.hpp"
#include "pg/boundary.hpp"
#include "settings.hpp"

namespace pagila_repl {

namespace {

// The options that all runs share stand side by side, from `verify` on, but for the last ones.
void take_options(FunctionCallInfo fcinfo, int force, int verify, int at_end, RunOptions &options) {
  options.force = boolean_argument(fcinfo, force, "force");
  for (size_t i = 0; i < kRunChoices.size(); i++) {
    const RunChoice &known = kRunChoices[i];
    int number = i < kRunChoices.size() - kChoicesAtEnd ? verify++ : at_end++;
    options.*known.member = chosen(known.choice, text_argument(fcinfo, number, known.choice.name));
  }
  if (!PG_ARGISNULL(at_end)) options.large_objects = PG_GETARG_BOOL(at_end);
  options.database_objects = database_objects_argument(fcinfo, at_end + 1);
  take_settings(options);
}

int workers_argument(FunctionCallInfo fcinfo, int number) {
  if (PG_ARGISNULL(number)) return workers_setting();
  return workers_of(std::to_string(PG_GETARG_INT32(number)));
}

}  // namespace

LoadRequest load_request(FunctionCallInfo fcinfo) {
  LoadRequest request;
  request.schema_file = text_argument(fcinfo, 0, "schema_file");
  if (!PG_ARGISNULL(1)) request.data_file = text_argument(fcinfo, 1, "data_file");
  take_options(fcinfo, 2, 4, 10, request);
  request.strict = boolean_argument(fcinfo, 9, "strict");
  check_load_directories(request.schema_file);
  if (request.data_file) check_load_directories(*request.data_file);
  return request;
}

ReplicateRequest replicate_request(FunctionCallInfo fcinfo, const std::string &server, int first) {
  ReplicateRequest request;
  take_settings(request);
  request.server = server;
  request.workers = workers_argument(fcinfo, first);
  request.selection = selection_argument(fcinfo, first + 1);
  take_options(fcinfo, first + 4, first + 6, first + 12, request);
  request.check_foreign_keys = chosen(kForeignKeys, text_argument(fcinfo, first + 11, kForeignKeys.name));
  return request;
}

}  // namespace pagila_repl
