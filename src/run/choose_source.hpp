// What the target calls this database.
#pragma once

#include <optional>
#include <string>

#include "source/connection.hpp"

namespace pagila_repl {

// The name of the server by which the target is to copy this database: `named`, if that leads here, or the only one that
// does. The target looks for itself and finds out who it meets. Throws 42704 (there is none; the hint says how to make it),
// 55000 (`named` leads elsewhere, or several lead here), and what hinders the target to look.
std::string choose_source(Connection &target, const std::optional<std::string> &named);

}  // namespace pagila_repl
