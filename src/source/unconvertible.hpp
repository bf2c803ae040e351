// What of a source has characters that the encoding of this database lacks.
#pragma once

#include "core/error.hpp"
#include "source/foreign_server.hpp"

namespace pagila_repl {

// The same error with the objects in its detail that it may be about, if it is 22P05 of the source and names none. The query
// that failed does not tell. Asks the source by a connection of its own.
Error with_unconvertible_names(const Error &error, const SourceServer &server);

}  // namespace pagila_repl
