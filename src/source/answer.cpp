// Reads values, trusting nothing.

#include "source/answer.hpp"

#include <charconv>
#include <cstdlib>

#include "core/error.hpp"
#include "pg/server.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace pagila_repl {

namespace {

Error senseless() { return Error("08P01", "an answer of the other server makes no sense"); }

template <class Number>
Number parse(const std::string &text) {
  Number number{};
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size()) throw senseless();
  return number;
}

}  // namespace

std::string optional_text_in(const Row &row, size_t column) {
  if (column >= row.size()) throw senseless();
  if (!row[column]) return {};
  const std::string &text = *row[column];
  if (!pg_verify_mbstr(GetDatabaseEncoding(), text.data(), static_cast<int>(text.size()), true))
    throw Error("22021", "a name of the other server is not valid in the encoding of this database");
  return text;
}

std::string text_in(const Row &row, size_t column) {
  if (column >= row.size() || !row[column]) throw senseless();
  return optional_text_in(row, column);
}

bool flag_in(const Row &row, size_t column) {
  std::string text = text_in(row, column);
  return text == "t" || text == "true";
}

uint32_t oid_in(const Row &row, size_t column) { return parse<uint32_t>(text_in(row, column)); }

int64_t number_in(const Row &row, size_t column) { return parse<int64_t>(text_in(row, column)); }

double real_in(const Row &row, size_t column) { return strtod(text_in(row, column).c_str(), nullptr); }

QualifiedName name_in(const Row &row, size_t column) { return {text_in(row, column), text_in(row, column + 1)}; }

std::string quoted_name_in(const Row &row, size_t column) {
  return "\"" + text_in(row, column) + "." + text_in(row, column + 1) + "\"";
}

const Row &only_row(const std::vector<Row> &rows) {
  if (rows.size() != 1) throw senseless();
  return rows[0];
}

}  // namespace pagila_repl
