// Reads the source's catalog.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/load_plan.hpp"
#include "core/replicate_request.hpp"
#include "core/source_catalog.hpp"
#include "source/connection.hpp"

namespace pagila_repl {

// What the selection wants of the source, as the connection's transaction sees it. Throws 42P01, 3F000 (a pattern that
// matches nothing), 42601 (a pattern that is none), 2BP01 (something wanted depends on what is left out; all such pairs
// listed), 55P03. Works in a transaction here and outside.
// `kinds`: of what belongs to the database as a whole that is not left out.
SourceCatalog read_catalog(Connection &source, const Selection &selection, const DatabaseObjectKinds &kinds);

// Locks the wanted tables ACCESS SHARE, before the transaction has a snapshot (LOCK TABLE takes none). Throws 55P03.
void lock_tables(Connection &source, const SourceCatalog &catalog);

// The present state of every wanted sequence. Sequences know no snapshot, so this is at or after the transaction's.
std::vector<SequenceState> read_sequences(Connection &source, const SourceCatalog &catalog);

// Name and value of the settings by which values become text there, as sessions of this role begin with them.
std::vector<std::pair<std::string, std::string>> read_text_settings(Connection &source);

}  // namespace pagila_repl
