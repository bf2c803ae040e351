// The command that makes pg_dump print the shape of a source.
// Pure C++: starts nothing.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/source_catalog.hpp"

namespace pagila_repl {

// Startup options of pg_dump's connection. The text of the shape must not depend on what a role or database is set to, and a
// half-dead link must not keep the source's session alive.
constexpr const char *kDumpOptions =
    "-c quote_all_identifiers=off -c jit=off -c statement_timeout=0 -c lock_timeout=0"
    " -c idle_in_transaction_session_timeout=0 -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5"
    " -c tcp_keepalives_count=3";

struct DumpCommand {
  std::vector<std::pair<std::string, std::string>> parameters;  // of the connection, all but the password
  int connect_timeout_ms = 0;                                   // unless the parameters have one; 0: none
  std::string encoding;                                         // of what is printed, by the server's name
  std::string snapshot;                                         // exported by another session; empty: none
  bool whole_database = true;                                   // with casts, transforms and the like
  bool extensions = true;                                       // of the database; there is at least one
};

// What follows the program's name. Throws 22023 if the snapshot is not what a server exports.
std::vector<std::string> dump_arguments(const DumpCommand &command, const SourceCatalog &catalog);

// A pattern that matches this name alone.
std::string exact_pattern(std::string_view name);

// The major version in what "pg_dump --version" prints, 0 if there is none.
int major_version(std::string_view printed);

}  // namespace pagila_repl
