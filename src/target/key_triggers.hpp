// Triggers by which foreign keys of a copy are enforced at the tables that they refer to.
//
// They are dealt with by OID, whoever owns the tables, and without the exclusive lock that the server's own statements take on a
// table whose trigger they remove: reading does not look at them.
#pragma once

#include <string>
#include <vector>

#include "pg/server.hpp"

namespace pagila_repl {

// All need a transaction.

// Drops a foreign key, as ALTER TABLE ... DROP CONSTRAINT does. Whoever made it in this transaction has kept writers from the table
// that it refers to.
void drop_foreign_key(Oid key);

// Triggers at the tables that these keys, or their parts on partitions, refer to.
std::vector<Oid> triggers_elsewhere(const std::vector<std::string> &keys);
void switch_off(const std::vector<Oid> &triggers);
void switch_on(const std::vector<Oid> &triggers);

// Of all keys from tables in these schemas to tables outside of them.
//
// Keeps the definitions of those tables from being changed by others until the transaction ends; rows may be.
void hold_definitions_referred_to(const std::vector<std::string> &schema_oids);
void switch_off_keys_out_of(const std::vector<std::string> &schema_oids);
// The triggers are gone for good, before the keys are dropped with their tables. Only where one is on, writers wait.
void remove_triggers_of_keys_out_of(const std::vector<std::string> &schema_oids);

// Throws XX000 if one of these keys, or a part of it, is not enforced everywhere.
void check_keys_are_on(const std::vector<std::string> &keys);

}  // namespace pagila_repl
