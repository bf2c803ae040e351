// Foreign keys of a copy to tables outside of it.
//
// While the copy is a stage they are no concern of whoever changes those tables: the triggers there, which would look into the stage
// as the owner of a table in it, are off until it is published. What was deleted there meanwhile is noticed then.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "target/content.hpp"

namespace pagila_repl {

// Tables outside that hold the rows referred to, marked before any key was checked.
using ReferredTables = std::map<Oid, RowsMark>;
// Those of the stage's tables, before they are stripped of their keys. Needs a transaction.
ReferredTables find_referred_tables(const std::vector<std::string> &stage_oids);

// Switches off the triggers outside of these schemas that have come with foreign keys of the table or of its partitions, in the
// transaction that has made them.
void silence_outward_keys(Oid table, const std::vector<std::string> &stage_oids);

// Locks the tables that are referred to against writing, and compares the rows of the stage with them again if they have changed.
// Throws 23503 if a row that is referred to is gone. Within the transaction that publishes, before readers wait for anything.
void check_outward_keys(const ReferredTables &tables, const std::vector<std::string> &stage_oids);
// Switches the triggers on.
void admit_outward_keys(const ReferredTables &tables, const std::vector<std::string> &stage_oids);

}  // namespace pagila_repl
