// COPY through a partitioned table with frozen rows, which the server's own CopyFrom does not do.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "commands/copy.h"
#include "utils/rel.h"
}

namespace pagila_repl {

// Server code: routes every row of the COPY to its leaf and inserts it frozen. All leaves are new in this transaction and
// have no triggers; of indexes only those that the shape needs. Returns the rows.
uint64 route_rows(CopyFromState copy, Relation root);

}  // namespace pagila_repl
