// What earlier runs have left in the schemas that a run replaces or removes: copies of this source, or of another.
#pragma once

#include <string>
#include <vector>

#include "core/run_options.hpp"
#include "target/stage.hpp"

namespace pagila_repl {

// Where the copy of a run comes from. The names are those of columns of pagila_repl.run; a load has only the first.
struct CopyOrigin {
  std::string kind, source_identity, source_server, source;
};

// A visible copy in a schema that did not come from there.
struct OtherCopy {
  std::string schema;
  std::string made_by;  // run 3 from server "sales" (db:5432/sales), 2022-01-01 12:00 UTC
};

// Those in the schemas, as far as the current user owns them. All loads have one origin. Two replications have one if they
// reached one database: a promoted standby has the system identifier and OID that its primary had. Where a source does not tell
// them, server and address must be the same. Needs a transaction.
std::vector<OtherCopy> find_other_copies(const CopyOrigin &origin, const std::vector<std::string> &schemas);
// Throws 55000 if there are any, unless the options allow it.
void check_other_copies(const std::vector<OtherCopy> &copies, const RunOptions &options);

// Schemas that earlier runs copied from this server, or only those of this origin, and that are not among the wanted. Needs a
// transaction.
std::vector<std::string> find_vanished_schemas(const CopyOrigin &origin, const std::vector<std::string> &wanted,
                                               bool of_any_origin);

// What the message of the run says of both.
std::vector<std::string> remarks_on(const std::vector<OtherCopy> &replaced, const std::vector<StagedSchema> &removed);

}  // namespace pagila_repl
