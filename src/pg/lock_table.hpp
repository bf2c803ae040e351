// The table of locks that all sessions of this server share, and those of its standbys.
#pragma once

#include "core/lock_need.hpp"

namespace pagila_repl {

// Asks a server of any version how its table of locks is set up: the columns of LockTable.
extern const char *const kLockTable;

// Of this server. Needs a transaction.
LockTable own_lock_table();

// Who replays the WAL of this server takes all exclusive locks of a transaction and holds them to its end, even those that the
// transaction has let go. Out of room it stops.
enum class Standbys { none, from_archive, connected };
Standbys standbys();

}  // namespace pagila_repl
