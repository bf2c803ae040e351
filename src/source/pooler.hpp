// Finds out whether a connection leads to the server itself, and if not, whether the session at the other end is its own.
#pragma once

#include <string>

#include "source/findings.hpp"
#include "source/foreign_server.hpp"

namespace pagila_repl {

class Connection;

// True if a pooler or another proxy is between the connection and the server. Throws 0A000 if it hands the server's session to
// others between two statements: what a run sets there would be theirs. Changes nothing in the session. Where there are many poolers,
// more tries make it surer; three more connections are open at once at most.
bool is_behind_pooler(Connection &connection, const std::string &purpose, int tries);

// What pagila_check says of it; nothing of a connection to the server itself.
void look_at_pooler(const Connection &source, Findings &found);

}  // namespace pagila_repl
