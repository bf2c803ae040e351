// What a copy would change outside of its schemas.
#pragma once

#include <string>
#include <vector>

#include "target/database_parts.hpp"

namespace pagila_repl {

// Throws 0A000, with all of them, if objects in these schemas are children of tables elsewhere (whose readers would see rows of the
// stage), or bring something with them that is elsewhere: a multirange type, a commutator or negator, members of an operator
// family. That would be there at once, whatever becomes of the run. Needs a transaction.
void check_nothing_outside(const std::vector<std::string> &stage_oids);

// Throws 0A000, with all of them, if this transaction has made or changed objects in any other schema, members of extensions
// and what is set aside apart: they would be there at once, and stay if the run fails.
void check_made_inside(const std::vector<std::string> &stage_oids, const DatabaseParts &set_aside);

}  // namespace pagila_repl
