// Text that can be sent to the client of this session.
#pragma once

#include "pg/server.hpp"

namespace pagila_repl {

// Server code; needs a transaction, else the text is returned as it is. With a question mark for each character that the
// client's encoding lacks: the server would send an error about the first of them instead of the message (pg_server_to_client).
// Null for null.
const char *for_client(const char *text);

}  // namespace pagila_repl
