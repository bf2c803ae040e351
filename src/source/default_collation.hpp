// Whether text without a collation of its own compares on the source as it does here.
#pragma once

#include <string>

#include "source/connection.hpp"

namespace pagila_repl {

struct DefaultCollations {
  std::string here, there;  // provider, locale and version of the databases
  bool differ() const { return here != there; }
};

// Needs a transaction.
DefaultCollations default_collations(Connection &source);

}  // namespace pagila_repl
