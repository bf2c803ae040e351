// Asks the server about providers of security labels, of which it has no list for others to read.

#include "pg/label_providers.hpp"

#include <strings.h>

#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "postmaster/bgworker.h"
}

namespace pagila_repl {

namespace {

// Server code: null if it is no such statement.
const SecLabelStmt *label_in(const char *text) {
  Node *node = linitial_node(RawStmt, raw_parser(text, RAW_PARSE_DEFAULT))->stmt;
  return IsA(node, SecLabelStmt) ? castNode(SecLabelStmt, node) : nullptr;
}

// SECURITY LABEL looks for its provider first. `provider`: as a clause, may be empty.
bool is_loaded(const std::string &provider) {
  try {
    in_subtransaction([&] { execute("SECURITY LABEL " + provider + " ON SCHEMA pagila_repl_no_schema IS NULL"); });
  } catch (const Error &error) {
    // Not: without a clause there must be one.
    if (error.sqlstate == "22023") return false;
    if (error.sqlstate == "57014") throw;
  }
  return true;
}

bool is_found(const std::string &provider) {
  if (is_loaded(provider)) return true;
  static bool loaded_as_in_session = false;
  if (MyBgworkerEntry == nullptr || loaded_as_in_session) return false;
  loaded_as_in_session = true;
  guarded([] { process_session_preload_libraries(); });
  return is_loaded(provider);
}

}  // namespace

bool is_security_label(const std::string &statement) {
  const char *text = statement.c_str();
  // Few statements hold the word.
  if (strcasestr(text, "label") == nullptr) return false;
  return guarded([text] { return label_in(text) != nullptr; });
}

bool has_label_provider(const std::string &statement) {
  const char *text = statement.c_str();
  const char *provider = guarded([text]() -> const char * { return label_in(text)->provider; });
  return is_found(provider == nullptr ? std::string() : "FOR " + quote(provider));
}

bool is_label_provider(const std::string &name) { return is_found("FOR " + quote(name)); }

}  // namespace pagila_repl
