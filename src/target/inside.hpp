// Which objects are in a schema, or are a part of one that is: these go with the schema when it is dropped, and nothing else may.
//
// The catalogs' columns tell that. A row in pg_depend does not: what is elsewhere and has the schema as a constant, such as a view
// with 'sales'::regnamespace, depends on it in the same way as what is in it.
#pragma once

#include <string>

namespace pagila_repl {

// An SQL expression for the OID of the schema that an object is in, given expressions for its address. Null for what is in none, for a
// part of another object, and for a TOAST table, which is where its table is.
std::string schema_of(const std::string &classid, const std::string &objid);
// The same, but a part is where the whole is: a constraint, trigger, rule, policy or default, and a member of an operator family. Null
// still for triggers that come with a constraint.
std::string schema_of_whole(const std::string &classid, const std::string &objid);

enum class Members { with, without };
// A common table expression (after WITH RECURSIVE) inside (classid, objid): what is in the schemas $1 (oid[]), with all parts. Without
// members of extensions, which stay, the types $2 (oid[]) are left out, too.
std::string inside_sql(Members members);

// Casts and transforms are in no schema; these go with the types and functions that they are about. A query after inside_sql.
extern const char *const kCastsInside;

}  // namespace pagila_repl
