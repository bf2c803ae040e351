// Finds where a statement ends and whether COPY data follows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/dump_input.hpp"
#include "core/sql_lexer.hpp"

namespace pagila_repl {

enum class CopyFormat { text, csv, other };

struct StatementText {
  std::string text;              // without the semicolon
  uint64_t line = 0;             // of its first character
  bool copy_from_stdin = false;  // data lines follow
  CopyFormat copy_format = CopyFormat::text;
  bool copy_header = false;         // the first line may be no row
  std::vector<std::string> tokens;  // the first ones as written, very long ones cut
  size_t token_count = 0;           // of all
};

// The input stands at the first character; on return behind the semicolon.
StatementText read_statement_text(DumpInput &in, SqlLexer &lexer);

}  // namespace pagila_repl
