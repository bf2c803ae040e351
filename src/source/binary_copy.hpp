// Which tables' rows cannot travel as binary COPY.
#pragma once

#include <map>
#include <string>

#include "source/connection.hpp"
#include "source/wanted.hpp"

namespace pagila_repl {

// By the OID of the table: the first column that is in the way, and why. What is not there can travel as binary.
std::map<std::string, std::string> find_text_tables(Connection &source, const Wanted &wanted);

}  // namespace pagila_repl
