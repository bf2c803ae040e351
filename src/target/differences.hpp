// Says why something may fail here that did not fail on the source.
#pragma once

#include <string>

#include "core/error.hpp"

namespace pagila_repl {

// Of an error met while rows, indexes and materialized views are made. The statements of a run name everything with its schema, so
// what is missing is named by a function. What does not fit into an index may have been compressed better.
inline Error with_hint_at_difference(const Error &error) {
  bool is_missing = error.sqlstate == "42P01" || error.sqlstate == "42883" || error.sqlstate == "42704";
  if (error.origin != Error::Origin::local) return error;
  Error hinted = error;
  if (is_missing)
    hinted.hint =
        "A copy is made without a search_path. If a function names objects without their schema, run ALTER FUNCTION ... "
        "SET search_path on the source, or write its body as BEGIN ATOMIC there.";
  else if (error.sqlstate == "54000")
    hinted.hint +=
        std::string(hinted.hint.empty() ? "" : "\n") +
        "Values are compressed as default_toast_compression says for the role that reads the source, or as SET "
        "COMPRESSION says for the column; those on the source may be compressed otherwise.";
  return hinted;
}

}  // namespace pagila_repl
