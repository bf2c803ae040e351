// Asks databases who they are.

#include "source/identity.hpp"

#include "pg/boundary.hpp"
#include "source/answer.hpp"

extern "C" {
#include "access/xlog.h"
}

namespace pagila_repl {

namespace {

// All but the system identifier.
constexpr const char *kHere = R"(
SELECT oid, datname, pg_catalog.current_setting('server_version_num'), pg_catalog.pg_is_in_recovery(),
       pg_catalog.to_char(pg_catalog.timezone('UTC', pg_catalog.pg_postmaster_start_time()),
                          'YYYY-MM-DD HH24:MI:SS.US"+00"')
  FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())";

constexpr const char *kTold = R"(
SELECT database_oid, database_name, server_version, is_standby,
       pg_catalog.to_char(pg_catalog.timezone('UTC', started_at), 'YYYY-MM-DD HH24:MI:SS.US"+00"'),
       system_identifier
  FROM pg_catalog.pagila_identify($1))";

DatabaseIdentity read_identity(const Row &row) {
  DatabaseIdentity identity;
  identity.oid = oid_in(row, 0);
  identity.name = text_in(row, 1);
  identity.version = static_cast<int>(number_in(row, 2));
  identity.is_standby = flag_in(row, 3);
  identity.started_at = text_in(row, 4);
  return identity;
}

}  // namespace

DatabaseIdentity identity_here() {
  DatabaseIdentity identity = read_identity(only_row(query(kHere)));
  identity.system_identifier = std::to_string(guarded([] { return GetSystemIdentifier(); }));
  return identity;
}

DatabaseIdentity identity_of(Connection &connection) {
  DatabaseIdentity identity = read_identity(only_row(connection.query(kHere)));
  identity.system_identifier =
      text_in(only_row(connection.query("SELECT system_identifier FROM pg_catalog.pg_control_system()")), 0);
  return identity;
}

DatabaseIdentity identity_told(Connection &connection, const Value &server) {
  Row row = only_row(connection.query(kTold, {server}));
  DatabaseIdentity identity = read_identity(row);
  identity.system_identifier = text_in(row, 5);
  return identity;
}

bool is_here(const DatabaseIdentity &identity) {
  DatabaseIdentity here = identity_here();
  return identity.text() == here.text() && identity.started_at == here.started_at;
}

// A standby of a copy of this database looks the same.
bool is_standby_of_here(const DatabaseIdentity &identity) {
  return identity.text() == identity_here().text() && identity.is_standby;
}

std::string description_of(const DatabaseIdentity &identity) {
  return (identity.is_standby ? "a standby of " : "") + ("database \"" + identity.name) + "\" (OID " +
         std::to_string(identity.oid) + ") of system " + identity.system_identifier;
}

}  // namespace pagila_repl
