// Which schemas and relations of the source are wanted, and whether they can do without the others.
#pragma once

#include "core/replicate_request.hpp"
#include "source/connection.hpp"
#include "source/wanted.hpp"

namespace pagila_repl {

// Throws 3F000, 42P01 (a pattern that matches nothing), 42601 (one that is none), 2BP01 (something wanted depends on what
// is left out; all such pairs listed).
Wanted find_wanted(Connection &source, const Selection &selection);

}  // namespace pagila_repl
