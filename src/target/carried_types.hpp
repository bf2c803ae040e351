// Enums and domains that a run leaves as they are, because the dump says of them what the last one said.
//
// They move along when the schemas swap names, as extensions do. So they keep their OIDs, and prepared statements that
// return them keep working ("cached plan must not change result type" otherwise), as does what uses them elsewhere.
#pragma once

#include <string>
#include <vector>

#include "core/load_plan.hpp"
#include "core/run_options.hpp"
#include "pg/server.hpp"

namespace pagila_repl {

struct CarriedType {
  Oid oid = InvalidOid;
  std::string schema, name;
};

// The statements about a type as one value: equal values, equal types.
std::string statement_hash(const PlannedType &type, const RunOptions &options);

// Types of the plan that are there, made by the visible copy, by the same statements, not altered since, and depend on
// nothing else that is replaced. Needs a transaction.
std::vector<CarriedType> find_carried_types(const LoadPlan &plan, const RunOptions &options);

// Moves those of them that belong to the schema called `of` from the schema `from` into `to`.
void move_types(const std::vector<CarriedType> &types, const std::string &of, Oid from, Oid to);

}  // namespace pagila_repl
