// Which fixes the libpq that was found at run time lacks.
#pragma once

#include <string>

#include "core/releases.hpp"

namespace pagila_repl {

// Whether it lacks fixes that a connection to an untrusted server relies on. `version` as PQlibVersion gives it.
constexpr bool is_libpq_too_old(int version) { return is_older_than_15_20(version); }

// As people write it: 15.18.
std::string libpq_version_text(int version);

// Says of one that is too old what is not fixed in it, as far as the release notes name it; empty for others.
std::string complaint_about_libpq(int version);

}  // namespace pagila_repl
