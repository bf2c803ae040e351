// Statements of a dump that need roles to exist and rights that the caller may lack.
#pragma once

#include <string>

#include "core/load_plan.hpp"

namespace pagila_repl {

bool role_exists(const std::string &role);
// Whether the session's role has the privileges of the other.
bool is_own_role(const std::string &role);

// True if it ran; false, and undone, if the role lacks the right. An empty role is the caller. Need a transaction.
bool run_if_permitted(const std::string &text, const std::string &role = {});

// Why a grant was not made, as it is counted; empty if it was.
std::string make_grant(const ShapeStatement &grant);

}  // namespace pagila_repl
