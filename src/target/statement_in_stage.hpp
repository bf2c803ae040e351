// Runs statements of a dump about tables of the stage while the stage has its own name.
#pragma once

#include <string>

#include "target/stage.hpp"

namespace pagila_repl {

// Of a foreign key that a statement adds and does not call NOT VALID: the server reads the rows of its table, or the key is declared
// valid without.
enum class RowsOfKeys { compared, unread };

// ALTER TABLE ... ADD FOREIGN KEY and COMMENT ON CONSTRAINT, which name the table by the schema that it will be seen in, or by the stage's
// own name. If given, the key refers to that table, whatever it is called by now. Needs a transaction. Throws Error.
void run_in_stage(const Stage &stage, const std::string &statement, Oid referred, RowsOfKeys rows);

}  // namespace pagila_repl
