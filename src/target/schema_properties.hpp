// What a schema has besides its objects: owner, privileges, comment, default privileges.
#pragma once

#include <string>

#include "pg/server.hpp"

extern "C" {
#include "utils/acl.h"
#include "utils/array.h"
}

namespace pagila_repl {

// Plain data that lives as long as the process.
struct SchemaRights {
  Oid owner = InvalidOid;
  Acl *privileges = nullptr;  // null: the default, nothing for others than the owner
};

// Need a transaction. The rights are taken and given as they are in the catalog, grantors included; the caller has
// checked that the session's role owns the schema that they come from.
SchemaRights rights_of(Oid schema);
void give_rights(Oid schema, SchemaRights rights);

// Owner, privileges, default privileges, comment and security labels as one text, to tell whether they have changed.
std::string schema_properties(Oid schema);

// Gives `to` the owner, privileges and comment of `from`.
void carry_schema_properties(Oid from, Oid to);
void carry_default_privileges(Oid from, Oid to);

}  // namespace pagila_repl
