// Finds what of a source cannot be converted to the encoding of this database.

#include "source/unconvertible.hpp"

#include <algorithm>
#include <charconv>

#include "core/utf8.hpp"
#include "pg/boundary.hpp"
#include "pg/transaction.hpp"
#include "source/answer.hpp"
#include "source/connection.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
}

namespace pagila_repl {

namespace {

constexpr size_t kNamesShown = 5;

// As hexadecimal digits, since the characters themselves would not come through.
constexpr const char *kNames = R"(
SELECT pg_catalog.encode(pg_catalog.convert_to(pg_catalog.pg_describe_object(class, oid, part), 'UTF8'), 'hex'),
       pg_catalog.encode(pg_catalog.convert_to(name, 'UTF8'), 'hex')
  FROM (
    SELECT tableoid, oid, 0, nspname::text FROM pg_catalog.pg_namespace
    UNION ALL SELECT tableoid, oid, 0, relname FROM pg_catalog.pg_class
    UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, attrelid, attnum, attname FROM pg_catalog.pg_attribute
               WHERE attnum > 0 AND NOT attisdropped
    UNION ALL SELECT tableoid, oid, 0, typname FROM pg_catalog.pg_type WHERE typelem = 0 OR typlen <> -1
    UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, enumtypid, 0, enumlabel FROM pg_catalog.pg_enum
    UNION ALL SELECT tableoid, oid, 0, proname FROM pg_catalog.pg_proc
    UNION ALL SELECT tableoid, oid, 0, conname FROM pg_catalog.pg_constraint
    UNION ALL SELECT tableoid, oid, 0, tgname FROM pg_catalog.pg_trigger
    UNION ALL SELECT tableoid, oid, 0, polname FROM pg_catalog.pg_policy
    UNION ALL SELECT classoid, objoid, objsubid, description FROM pg_catalog.pg_description
  ) o (class, oid, part, name)
 WHERE oid OPERATOR(pg_catalog.>=) 16384 AND name OPERATOR(pg_catalog.~) '[^\x01-\x7f]'
 ORDER BY 1)";

std::string from_hex(const std::string &digits) {
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    unsigned char byte = 0;
    auto [end, failure] = std::from_chars(&digits[i], digits.data() + std::min(i + 2, digits.size()), byte, 16);
    if (failure != std::errc() || end != &digits[i] + 2 || byte == 0)
      throw Error("08P01", "unexpected response from the source server");
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

bool is_convertible(const std::string &utf8) {
  const char *bytes = utf8.c_str();
  int size = static_cast<int>(utf8.size());
  return guarded([=] {
    int encoding = GetDatabaseEncoding();
    Oid conversion = encoding == PG_UTF8 ? InvalidOid : FindDefaultConversionProc(PG_UTF8, encoding);
    if (!OidIsValid(conversion)) return true;
    auto *bytes_of_ours = (unsigned char *)pstrdup(bytes);
    int room = size * MAX_CONVERSION_GROWTH + 1;
    auto *converted = (unsigned char *)palloc(room);
    return pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding, bytes_of_ours, size, converted, room, true) ==
           size;
  });
}

std::string names_in(Connection &source) {
  std::string names, last;
  size_t count = 0;
  for (const Row &row : source.query(kNames)) {
    std::string object = from_hex(text_in(row, 0));
    if (object == last || is_convertible(from_hex(text_in(row, 1)))) continue;
    last = object;
    if (count++ < kNamesShown) names += (names.empty() ? "" : ", ") + ascii_of_utf8(object);
  }
  if (count > kNamesShown) names += " and " + std::to_string(count - kNamesShown) + " more";
  return names;
}

}  // namespace

Error with_unconvertible_names(const Error &error, const SourceServer &server) {
  if (error.sqlstate != "22P05" || error.origin != Error::Origin::source || !error.detail.empty()) return error;
  Error named = error;
  Connection source(server, "names");
  // pagila_check is in one, a run is not.
  std::string names = IsTransactionState() ? names_in(source) : in_transaction([&] { return names_in(source); });
  if (names.empty()) return error;
  named.detail = "The names or comments of these have characters that this database's encoding lacks: " + names + ".";
  if (named.hint.empty()) named.hint = "Use a database in UTF8, or rename them at the source.";
  return named;
}

}  // namespace pagila_repl
