// Values of what another server has answered. It may be anything, so its form is looked at before it is used.
// All throw 08P01 if the value is not there or no such value, 22021 if it is not in this database's encoding.
#pragma once

#include <cstdint>
#include <string>

#include "core/dump_reader.hpp"
#include "pg/spi.hpp"

namespace pagila_repl {

std::string text_in(const Row &row, size_t column);
// NULL is the empty text.
std::string optional_text_in(const Row &row, size_t column);
// The form in which the server writes a boolean, or one that was made a text.
bool flag_in(const Row &row, size_t column);
uint32_t oid_in(const Row &row, size_t column);
int64_t number_in(const Row &row, size_t column);
double real_in(const Row &row, size_t column);
// Schema and name, side by side.
QualifiedName name_in(const Row &row, size_t column);
// As messages name it: "schema.name", in quotes.
std::string quoted_name_in(const Row &row, size_t column);
// The one row of an answer.
const Row &only_row(const std::vector<Row> &rows);

}  // namespace pagila_repl
