// Delivers the data lines that follow COPY .. FROM STDIN in a dump.
#pragma once

#include "core/dump_input.hpp"
#include "core/dump_reader.hpp"
#include "core/statement_text.hpp"

namespace pagila_repl {

// The input stands behind the semicolon of the statement; on return behind the line "\.". Throws 22P04 when the file
// ends before that line. `sink` may be null.
RowBlock read_copy_lines(DumpInput &in, const StatementText &statement, uint64_t max_line, RowSink *sink);

}  // namespace pagila_repl
