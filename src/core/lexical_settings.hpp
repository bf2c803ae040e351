// The SET statements that change how the rest of a dump is to be read.
#pragma once

#include "core/dump_input.hpp"
#include "core/sql_lexer.hpp"
#include "core/statement_text.hpp"

namespace pagila_repl {

// As at the beginning of a session: UTF-8, standard_conforming_strings on.
void reset_lexical_settings(DumpInput &in, SqlLexer &lexer);

// Makes SET client_encoding, SET NAMES and SET standard_conforming_strings, and RESET of them, take effect; anything else is
// left alone.
// Throws 0A000 for an encoding in which quotes and backslashes cannot be found byte by byte.
void apply_lexical_setting(const StatementText &statement, DumpInput &in, SqlLexer &lexer);

}  // namespace pagila_repl
