// Code outside of the copy that filling it would run with rights that its owner does not have.
#pragma once

#include <string>
#include <vector>

namespace pagila_repl {

// Throws 42501 if a function outside of these schemas, which somebody may replace at any time, is called by a constraint, a
// generated column, an index, a domain, a statistics object or a materialized view in them, and its owner could not do as the
// owner of that table or view, as whom it is called. Lists all. Looks through operators, casts and domains. Needs a
// transaction.
void check_foreign_code(const std::vector<std::string> &stage_oids);

}  // namespace pagila_repl
