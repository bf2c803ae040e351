// The function by which databases are told apart, whatever they are called.

#include "entrance.hpp"
#include "pg/boundary.hpp"
#include "source/identity.hpp"

extern "C" {
#include "funcapi.h"

PGDLLEXPORT Datum pagila_identify(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pagila_identify);
}

namespace pagila_repl {

namespace {

constexpr int kColumns = 6;

// The result in plain memory, as text.
struct PlainRow {
  char *values[kColumns];
};

PlainRow plain_row(const DatabaseIdentity &identity) {
  std::string texts[kColumns] = {
      identity.system_identifier,       std::to_string(identity.oid),    identity.name,
      std::to_string(identity.version), identity.is_standby ? "t" : "f", identity.started_at};
  PlainRow row{};
  for (int i = 0; i < kColumns; i++) {
    const char *text = texts[i].c_str();
    row.values[i] = guarded([text] { return pstrdup(text); });
  }
  return row;
}

DatabaseIdentity identify(FunctionCallInfo fcinfo) {
  if (PG_ARGISNULL(0)) return identity_here();
  Connection connection(find_server(text_argument(fcinfo, 0, "server"), Peer::either), "pagila_identify");
  return identity_of(connection);
}

}  // namespace

}  // namespace pagila_repl

using namespace pagila_repl;

// pagila_identify(server)
Datum pagila_identify(PG_FUNCTION_ARGS) {
  check_operator("pagila_identify");
  check_not_in_run("pagila_identify");
  if (!PG_ARGISNULL(0)) check_not_standby("pagila_identify with a server");
  PlainRow row = entry([&] { return plain_row(identify(fcinfo)); });
  TupleDesc descriptor;
  if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
    elog(ERROR, "return type must be a row type");
  Assert(descriptor->natts == kColumns);
  descriptor = BlessTupleDesc(descriptor);
  PG_RETURN_DATUM(HeapTupleGetDatum(BuildTupleFromCStrings(TupleDescGetAttInMetadata(descriptor), row.values)));
}
