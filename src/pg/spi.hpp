// SQL from C++: one call, values in as text parameters, rows out as text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pagila_repl {

using Value = std::optional<std::string>;
using Row = std::vector<Value>;

// Runs one statement with parameters $1.., which stand for string literals: their type is what the statement says ($1::oid), or
// text.
// Needs a transaction. Throws Error.
std::vector<Row> query(const std::string &sql, const std::vector<Value> &parameters = {});
// The same for statements whose rows are not wanted; returns how many rows were processed.
uint64_t execute(const std::string &sql, const std::vector<Value> &parameters = {});
// One row, one column.
Value query_value(const std::string &sql, const std::vector<Value> &parameters = {});

// A column of type oid; 0, which is no object, for null.
inline uint32_t to_oid(const Value &value) { return value ? static_cast<uint32_t>(std::stoul(*value)) : 0; }

// A text[] literal of the names, for parameters.
std::string array_literal(const std::vector<std::string> &elements);
// As SQL's quote_ident, always with quotes.
std::string quote(const std::string &identifier);
std::string quote(const std::string &schema, const std::string &name);
// A string constant that means the same whatever standard_conforming_strings is.
std::string quote_literal(const std::string &text);

}  // namespace pagila_repl
