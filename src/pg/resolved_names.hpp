// Asks a server what definitions refer to. The same question is put to the source and to the stage, and the answers are compared.
//
// The parser keeps no names: what an operator, a function or a cast in a definition was resolved to stands as an OID in its node
// tree, which the server keeps in columns of type pg_node_tree, and what is not built in also in pg_depend.
#pragma once

#include <string>
#include <vector>

#include "core/resolved_object.hpp"
#include "pg/spi.hpp"

namespace pagila_repl {

// How much is compared: all that is resolved, or, between servers whose node trees and own functions may differ, only what is not
// the server's own.
enum class NamesCompared { all, users };

// The definitions in the schemas $1 (name[]) that are no extension's, with what they refer to: rows for resolved_object. Those
// that refer to nothing come only if $2 (boolean) says so.
std::string resolved_names_sql(NamesCompared compared);
ResolvedObject resolved_object(const Row &row);

}  // namespace pagila_repl
