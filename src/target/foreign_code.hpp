// Code outside of the copy that filling it would run with rights that its owner does not have.
#pragma once

#include <string>
#include <vector>

#include "target/carried_types.hpp"

namespace pagila_repl {

// Throws 42501 if a column, constraint, generated column, index, statistics object or materialized view in these schemas calls a
// function, reads a view or has values of a domain or composite type that is outside of them (or is carried), and whose owner
// could not do as the owner of the table or materialized view, as whom all that is evaluated: it may be replaced at any time.
// Lists all. Looks through operators, operator classes, casts, types and views. Needs a transaction.
void check_foreign_code(const std::vector<std::string> &stage_oids, const std::vector<CarriedType> &carried);
// The same for defaults (OIDs in pg_attrdef): they are evaluated where rows come without the column.
void check_foreign_defaults(const std::vector<std::string> &stage_oids, const std::vector<CarriedType> &carried,
                            const std::vector<std::string> &defaults);

}  // namespace pagila_repl
