// Tables of this database that Citus distributes.
#pragma once

#include <string>
#include <vector>

namespace pagila_repl {

// Those in the schemas, as "schema.name". Needs a transaction.
std::vector<std::string> distributed_tables(const std::vector<std::string> &schemas);

}  // namespace pagila_repl
