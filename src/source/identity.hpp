// Which database is which: names and addresses may lie, these do not.
#pragma once

#include <string>

#include "source/connection.hpp"

namespace pagila_repl {

struct DatabaseIdentity {
  std::string system_identifier;
  uint32_t oid = 0;
  std::string name;
  int version = 0;  // server_version_num
  bool is_standby = false;
  std::string started_at;  // of its server, in UTC: physical copies have all else in common

  // As in pagila_repl.run.source_identity.
  std::string text() const { return system_identifier + "/" + std::to_string(oid); }
};

// Needs a transaction.
DatabaseIdentity identity_here();
// Throws 42501 if the role may not call pg_control_system there.
DatabaseIdentity identity_of(Connection &connection);
// What pagila_identify says on a server that has the extension: which database it is, or which one its `server` reaches.
DatabaseIdentity identity_told(Connection &connection, const Value &server);

// True if it is this database and no copy of it.
bool is_here(const DatabaseIdentity &identity);
// True if it is a standby of this database.
bool is_standby_of_here(const DatabaseIdentity &identity);
// As messages name it: database "x" (OID 1) of system 2.
std::string description_of(const DatabaseIdentity &identity);

}  // namespace pagila_repl
