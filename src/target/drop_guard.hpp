// The net below drops: nothing goes with schemas but what is in them, whatever the server finds to depend on that.
#pragma once

#include <string>
#include <vector>

namespace pagila_repl {

// Drops the schemas, which have these names, with all that is in them. If anything else would go along, nothing is dropped, and its
// description is returned. Needs a transaction, and that nobody can change the schemas.
std::string drop_schemas(const std::vector<std::string> &oids, const std::vector<std::string> &names);

}  // namespace pagila_repl
