// Tables and sequences of extensions that users put rows into: "configuration tables", which extensions have marked for pg_dump.
#pragma once

#include <string>
#include <vector>

#include "core/load_plan.hpp"
#include "core/replicate_request.hpp"
#include "core/source_catalog.hpp"
#include "source/connection.hpp"
#include "source/wanted.hpp"

namespace pagila_repl {

// Those that are wanted: all if all schemas are, else those in the schemas that are; none if single relations are named.
std::vector<MemberRelation> find_member_relations(Connection &source, const Wanted &wanted, const Selection &selection);

// Reads the rows and values that users put there into the plan; those of a table that are too large to be held in memory are left out
// with a remark. What cannot be read is said by remarks_on_members.
void read_member_rows(Connection &source, const SourceCatalog &catalog, LoadPlan &plan);

// Rows that a run leaves out, as remarks.
std::vector<std::string> remarks_on_members(const SourceCatalog &catalog, bool are_copied);

}  // namespace pagila_repl
