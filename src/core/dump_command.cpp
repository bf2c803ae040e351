// Builds pg_dump's arguments.

#include "core/dump_command.hpp"

#include <cstdlib>

#include "core/error.hpp"
#include "core/hidden_names.hpp"

namespace pagila_repl {

namespace {

std::string quoted_value(std::string_view value) {
  std::string quoted = "'";
  for (char c : value) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

void check_snapshot(std::string_view snapshot) {
  if (snapshot.size() > 64 || snapshot.find_first_not_of("0123456789ABCDEF-") != std::string_view::npos)
    throw Error("22023", "the source has given an invalid snapshot identifier");
}

std::string relation_pattern(const QualifiedName &relation) {
  return exact_pattern(relation.schema) + "." + exact_pattern(relation.name);
}

// Overrides what libpq would take from elsewhere, all but the password.
std::string connection_string(const DumpCommand &command) {
  std::string text, options, application = "pagila_repl";
  bool has_timeout = false;
  for (const auto &[keyword, value] : command.parameters) {
    if (keyword == "options") options = value + " ";
    if (keyword == "application_name") application = value;
    if (keyword == "connect_timeout") has_timeout = true;
    if (keyword == "password" || keyword == "passfile" || keyword == "application_name" || keyword == "options" ||
        keyword == "client_encoding")
      continue;
    text += keyword + "=" + quoted_value(value) + " ";
  }
  if (!has_timeout && command.connect_timeout_ms > 0)
    text += "connect_timeout=" + std::to_string((command.connect_timeout_ms + 999) / 1000) + " ";
  options += kDumpOptions;
  return text + "options=" + quoted_value(options) +
         " passfile='/dev/null/none' application_name=" + quoted_value(application + ": pg_dump");
}

}  // namespace

std::vector<std::string> dump_arguments(const DumpCommand &command, const SourceCatalog &catalog) {
  std::vector<std::string> arguments = {"--schema-only",
                                        "--no-password",
                                        "--no-publications",
                                        "--no-subscriptions",
                                        "--strict-names",
                                        "--lock-wait-timeout=10s",
                                        "--encoding=" + command.encoding,
                                        "--dbname=" + connection_string(command)};
  if (!command.snapshot.empty()) {
    check_snapshot(command.snapshot);
    arguments.push_back("--snapshot=" + command.snapshot);
  }
  if (command.whole_database) {
    // Our own there, and what a run into the source has staged or is about to drop.
    arguments.push_back("--exclude-schema=\"pagila_repl\"");
    arguments.push_back(std::string("--exclude-schema=") + kHiddenNames);
    for (const std::string &schema : catalog.extension_schemas)
      arguments.push_back("--exclude-schema=" + exact_pattern(schema));
  } else {
    for (const std::string &schema : catalog.schemas) arguments.push_back("--schema=" + exact_pattern(schema));
    if (command.extensions) arguments.push_back("--extension=*");
  }
  for (const QualifiedName &relation : catalog.left_out)
    arguments.push_back("--exclude-table=" + relation_pattern(relation));
  return arguments;
}

std::string exact_pattern(std::string_view name) {
  std::string pattern = "\"";
  for (char c : name) {
    if (c == '"') pattern += '"';
    pattern += c;
  }
  return pattern + "\"";
}

int major_version(std::string_view printed) {
  constexpr std::string_view kName = "pg_dump (PostgreSQL) ";
  if (printed.substr(0, kName.size()) != kName) return 0;
  return std::atoi(std::string(printed.substr(kName.size(), 4)).c_str());
}

}  // namespace pagila_repl
