// The command that makes pg_dump print the shape of a source.
// Pure C++: starts nothing.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/source_catalog.hpp"

namespace pagila_repl {

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
