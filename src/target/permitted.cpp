// Runs statements as far as the caller may.

#include "target/permitted.hpp"

#include <algorithm>

#include "pg/boundary.hpp"
#include "pg/server.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "miscadmin.h"
}

namespace pagila_repl {

bool role_exists(const std::string &role) {
  return query_value("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1", {role}).has_value();
}

bool is_own_role(const std::string &role) {
  return *query_value("SELECT pg_catalog.pg_has_role(session_user, $1::name, 'USAGE')", {role}) == "t";
}

bool run_if_permitted(const std::string &text, const std::string &role) {
  if (role.empty() && guarded([] { return superuser(); })) {
    execute_restricted(text);
    return true;
  }
  Oid user;
  int context;
  GetUserIdAndSecContext(&user, &context);
  try {
    in_subtransaction([&] {
      if (!role.empty()) {
        Value oid = query_value("SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1", {role});
        SetUserIdAndSecContext(oid ? static_cast<Oid>(std::stoul(*oid)) : InvalidOid,
                               context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
      }
      execute_restricted(text);
      SetUserIdAndSecContext(user, context);
    });
    return true;
  } catch (const Error &error) {
    if (error.sqlstate != "42501") throw;
    return false;
  }
}

std::string make_grant(const ShapeStatement &grant) {
  std::vector<std::string> roles = grant.what.roles;
  const std::string &grantor = grant.session_role;
  if (!grantor.empty()) roles.push_back(grantor);
  if (!std::all_of(roles.begin(), roles.end(), role_exists)) return "{grant|grants} to or by roles that do not exist skipped";
  if ((!grantor.empty() && !is_own_role(grantor)) || !run_if_permitted(grant.text, grantor))
    return "{grant|grants} that the caller may not make skipped";
  return {};
}

}  // namespace pagila_repl
