// Finds what of a source cannot be converted to the encoding of this database.

#include "source/unconvertible.hpp"

#include <algorithm>
#include <charconv>

#include "core/utf8.hpp"
#include "pg/boundary.hpp"
#include "pg/transaction.hpp"
#include "source/answer.hpp"
#include "source/connection.hpp"
#include "source/findings.hpp"

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

std::vector<std::string> names_in(Connection &source) {
  std::vector<std::string> names;
  std::string last;
  for (const Row &row : source.query(kNames)) {
    std::string object = utf8_from_hex(text_in(row, 0));
    if (object == last || is_convertible(utf8_from_hex(text_in(row, 1)))) continue;
    last = object;
    names.push_back(ascii_of_utf8(object));
  }
  return names;
}

std::vector<std::string> names_behind(const Error &error, const SourceServer &server) {
  if (error.sqlstate != "22P05" || error.origin != Error::Origin::source || !error.detail.empty()) return {};
  Connection source(server, "names");
  // pagila_check is in one, a run is not.
  return IsTransactionState() ? names_in(source) : in_transaction([&] { return names_in(source); });
}

constexpr const char *kHint = "Use a database in UTF8, or rename them at the source.";

}  // namespace

std::string utf8_from_hex(const std::string &digits) {
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

std::string first_unconvertible(const std::string &utf8) {
  if (is_convertible(utf8)) return {};
  auto is_continuation = [&](size_t at) { return (static_cast<unsigned char>(utf8[at]) & 0xC0) == 0x80; };
  for (size_t begin = 0, end; begin < utf8.size(); begin = end) {
    for (end = begin + 1; end < utf8.size() && is_continuation(end);) ++end;
    std::string character = utf8.substr(begin, end - begin);
    if (character.size() == 1 || is_convertible(character)) continue;
    std::string digits = ascii_of_utf8(character);  // \+000131
    return "U+" + digits.substr(digits[2] == '0' && digits[3] == '0' ? 4 : 2);
  }
  return "?";
}

Error with_unconvertible_names(const Error &error, const SourceServer &server) {
  std::vector<std::string> names = names_behind(error, server);
  if (names.empty()) return error;
  Error named = error;
  named.detail = "The names or comments of these have characters that this database's encoding lacks: " +
                 shown(names, kNamesShown) + ".";
  if (named.hint.empty()) named.hint = kHint;
  return named;
}

std::vector<Finding> unconvertible_names(const Error &error, const SourceServer &server) {
  Findings found;
  for (const std::string &name : names_behind(error, server))
    found.error("encoding", "22P05",
                "the name or comment of " + name + " has characters that " + GetDatabaseEncodingName() + " lacks",
                kHint);
  return found.take();
}

}  // namespace pagila_repl
