// Says why code of a copy may not find what it names.
#pragma once

#include "core/error.hpp"

namespace pagila_repl {

// Of an error met while rows, indexes and materialized views are made. The statements of a run name everything with its schema, so
// what is missing is named by a function.
inline Error with_hint_at_difference(const Error &error) {
  bool is_missing = error.sqlstate == "42P01" || error.sqlstate == "42883" || error.sqlstate == "42704";
  if (!is_missing || error.origin != Error::Origin::local) return error;
  Error hinted = error;
  hinted.hint =
      "A copy is made without a search_path. If a function names objects without their schema, run ALTER FUNCTION ... SET "
      "search_path on the source, or write its body as BEGIN ATOMIC there.";
  return hinted;
}

}  // namespace pagila_repl
