// What of a source has characters that the encoding of this database lacks.
#pragma once

#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/source_catalog.hpp"
#include "source/foreign_server.hpp"

namespace pagila_repl {

// The same error with the objects in its detail that it may be about, if it is 22P05 of the source and names none. The query
// that failed does not tell. Asks the source by a connection of its own.
Error with_unconvertible_names(const Error &error, const SourceServer &server);
// The same as a finding for each of these objects; none if the error is another, or nobody knows which they are.
std::vector<Finding> unconvertible_names(const Error &error, const SourceServer &server);

// What the source has sent as hexadecimal digits. Throws 08P01 if it is none.
std::string utf8_from_hex(const std::string &digits);
// The first character that this database's encoding lacks, such as U+0131; empty if there is none.
std::string first_unconvertible(const std::string &utf8);

}  // namespace pagila_repl
