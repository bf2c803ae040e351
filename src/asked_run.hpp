// A run asked for from SQL: started, followed, and how it ended as a row or an error.
#pragma once

#include <string>

#include "pg/server.hpp"
#include "run/channel.hpp"

namespace pagila_repl {

// A request in plain memory.
struct PlainRequest {
  char *bytes;
  Size size;
  Oid extension_owner;
};
PlainRequest plain_request(const std::string &bytes);

// Server code, all of it.

// Starts a leader as `owner` and returns the row of its run once it has ended, or once it is recorded if nobody waits.
// Raises the error that ended the run, 55000 if the leader could not start, 57P02 if it died.
Datum ask_for_run(FunctionCallInfo fcinfo, Oid owner, RequestKind kind, PlainRequest request, bool wait);

// How a run stands, as committed by now.
struct Outcome {
  char **columns;
  Oid owner;
  int leader_pid;
  const char *run_id;
};
// Whether the caller may end what a role runs: with its rights, or as pg_cancel_backend has it.
bool may_signal(Oid owner);
// Raises 42704 if there is no run that the caller may see. Who may end it may see that there is one.
Outcome outcome_for_caller(int64 run_id, bool to_signal);
Datum result_row(FunctionCallInfo fcinfo, Outcome outcome);

}  // namespace pagila_repl
