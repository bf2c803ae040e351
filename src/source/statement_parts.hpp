// What a statement of a dump makes, and of which types, functions and operators. Server code.
#pragma once

#include "core/load_plan.hpp"
#include "pg/server.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

struct Node;

namespace pagila_repl {

struct StatementParts {
  Statement::Makes makes;
  List *types, *functions;  // of lists of names
};

StatementParts parts_of_statement(Node *node);

// One such list as C++ values. No server code.
std::vector<QualifiedName> qualified_names(List *lists);

}  // namespace pagila_repl
