// Reads the default collations of both databases.

#include "source/default_collation.hpp"

#include "pg/server.hpp"
#include "pg/spi.hpp"
#include "source/answer.hpp"

namespace pagila_repl {

namespace {

// All that compare by code points are one.
std::string sql_for(int version) {
  std::string provider = version >= 150000 ? "datlocprovider" : "'c'";
  std::string locale = version >= 170000   ? "COALESCE(datlocale, datcollate)"
                       : version >= 150000 ? "COALESCE(daticulocale, datcollate)"
                                           : "datcollate";
  std::string actual = version >= 150000 ? "pg_catalog.pg_database_collation_actual_version(oid)" : "NULL";
  return "SELECT CASE WHEN " + provider + " = 'b' OR (" + provider +
         R"( = 'c' AND datcollate ~* '^(C|POSIX|C\..*)$') THEN 'C' ELSE CASE )" + provider +
         " WHEN 'i' THEN 'icu' ELSE 'libc' END || ' ' || " + locale + " || COALESCE(' version ' || " + actual +
         ", '') END FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
}

}  // namespace

DefaultCollations default_collations(Connection &source) {
  return {*query_value(sql_for(PG_VERSION_NUM)), text_in(only_row(source.query(sql_for(source.version()))), 0)};
}

}  // namespace pagila_repl
