// The definition of every object in a schema as one hash: of its rows in the catalogs, which are found in the catalogs.
#pragma once

#include <string>

namespace pagila_repl {

// A query for (classid, objid, schema_name, is_inside, hash) of what the schemas $1 (oid[]) hold and no extension owns, and of all
// casts and their like that users have made, in no schema (schema_name is null): is_inside tells whether they need something in
// these. The hash knows no schema names, so a stage has the hashes that it has once it is renamed. Evaluates nothing of a
// user's. Needs a transaction at first.
const std::string &definitions_sql();

}  // namespace pagila_repl
