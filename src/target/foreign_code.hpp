// Code outside of the copy that filling it would run with rights that its owner does not have.
#pragma once

#include <string>
#include <vector>

#include "target/carried_types.hpp"

namespace pagila_repl {

// Throws 42501 if a constraint, generated column, index, statistics object or materialized view in these schemas calls a
// function, reads a view or has values checked by a domain that is outside of them (or is carried), and whose owner could not
// do as the owner of the table or materialized view, as whom all that is evaluated: it may be replaced at any time. Lists all.
// Looks through operators, casts, domains and views. Needs a transaction.
void check_foreign_code(const std::vector<std::string> &stage_oids, const std::vector<CarriedType> &carried);

}  // namespace pagila_repl
