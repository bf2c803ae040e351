// Foreign keys of a copy to tables that are not part of it.
//
// They are made last, when all else of the stage is done, without a look at the rows; until the copy is published their
// triggers at those tables, which would look into the stage as the owner of a table in it, are off. Whether the rows are as the keys say
// is found out while others write to those tables (outward_rows).
#pragma once

#include <string>
#include <vector>

#include "target/stage.hpp"

namespace pagila_repl {

// Puts those of the stage's stripped foreign keys into a group of their own. Needs a transaction, and live schemas that have
// their names and extensions.
void set_outward_keys_apart(Stage &stage);
// Tables that they refer to.
std::vector<std::string> tables_referred_to(const Stage &stage);

// Makes the key, declared valid as far as the dump says so. Needs a transaction.
void make_outward_key(const Stage &stage, const Stripped &key);

// OIDs of the keys that have been made. Throws 55000 if one is gone.
std::vector<std::string> outward_keys(const Stage &stage);
// Throws 55000 if anything that has been put back is gone: dropped with something elsewhere that it needs.
void check_nothing_is_missing(const Stage &stage);

}  // namespace pagila_repl
