// Keeps what runs write out of logical decoding, and so away from subscribers of publications FOR ALL TABLES.
//
// Decoding passes over changes of a relation whose pg_class.relrewrite is set: the server sets it on the heap that a DDL
// statement rewrites a table into. A stage is such a heap for a whole schema, so its tables have it, and their TOAST
// tables, from before the first row until the last one is written; then it is reset, or what users change in the
// published copy would never be decoded. The extension's own tables have it for good. The value is the relation's own OID.
#pragma once

#include <string>
#include <vector>

#include "pg/server.hpp"

namespace pagila_repl {

// The tables of these schemas, by their OIDs. Hide them in the transaction that makes them; show them in one that begins
// after the last row was written. Both need a transaction.
void hide_from_decoding(const std::vector<std::string> &schema_oids);
void show_to_decoding(const std::vector<std::string> &schema_oids);

// Runs a statement that makes tables in these schemas and writes to them at once, as the script of an extension does: each is
// hidden as soon as CREATE TABLE has made it.
void execute_hidden(const std::string &statement, const std::vector<std::string> &schema_oids);

// Throws XX000 if a table of these schemas is hidden. Needs a transaction.
void check_shown_to_decoding(const std::vector<std::string> &schema_oids);

// The extension's own tables are hidden by its script; pg_upgrade, and ALTER TABLE where it rewrites one, make new ones that
// are not. Waits for nobody: what someone else is changing stays as it is until the next time. Needs a transaction.
void hide_own_tables_from_decoding();

}  // namespace pagila_repl
