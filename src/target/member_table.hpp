// SQL about one table of an extension and the rows that it is to hold. Rows are compared as text.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/member_rows.hpp"

extern "C" {
#include "storage/lockdefs.h"
#include "utils/guc.h"
}

namespace pagila_repl {

// Runs the body with settings by which values become text, on every day and for everyone the same. What it throws must abort a
// (sub)transaction.
template <class Body>
auto with_fixed_output(Body body) {
  static const std::pair<const char *, const char *> kSettings[] = {
      {"DateStyle", "ISO, YMD"},         {"IntervalStyle", "postgres"}, {"TimeZone", "UTC"},
      {"extra_float_digits", "1"},       {"bytea_output", "hex"},       {"search_path", "pg_catalog, pg_temp"},
      {"client_min_messages", "warning"}};
  int level = guarded([] { return NewGUCNestLevel(); });
  for (auto [name, value] : kSettings) set_local(name, value);
  auto result = body();
  guarded([level] { AtEOXact_GUC(true, level); });
  return result;
}

// A configuration table or sequence of an extension. Who owns a table decides what is evaluated when it is read or written: its rules,
// checks, column types. So that is done as its owner if the caller has the owner's rights, as the caller if the owner has the caller's,
// and otherwise not at all.
struct Member {
  std::string name;  // quoted, good until the end of the transaction: neither it nor its schema can be renamed
  Oid extension = InvalidOid;
  Oid actor = InvalidOid;  // as whom it is read and written; invalid if it may not be
  bool readable = false, writable = false;
};

// None if the relation is none, or one of pagila_repl itself. It is locked in that mode.
std::optional<Member> find_member(Oid relation, LOCKMODE mode);

// The name of a table that is to be written to. Throws 55000 if it has changed hands since it was found.
std::string name_of(const MemberTable &table);

// Runs the body as a role that users' code may run as: it leaves no settings behind.
template <class Body>
auto acting_as(Oid role, Body body) {
  Identity before = become_role(role);
  auto result = body();
  guarded([before] { leave_role(before, Settings::undo); });
  return result;
}

// Statements that read or write the table.
uint64_t execute_as_actor(const MemberTable &table, const std::string &sql, const std::vector<Value> &parameters = {});
std::vector<Row> query_as_actor(const MemberTable &table, const std::string &sql,
                                const std::vector<Value> &parameters = {});

std::string list_of(const std::vector<std::string> &columns, const std::string &alias = {});
std::string hash_of(const MemberTable &table, const std::string &alias);
std::string same_key(const MemberTable &table, const std::string &one, const std::string &other);
// Of what follows FROM.
uint64_t count_rows(const MemberTable &table, const std::string &sql, const std::vector<Value> &parameters = {});
std::vector<std::string> elements(const Value &array);

// What runs have written.
struct Written {
  Oid table;
  std::vector<std::string> columns;  // quoted
  std::string hashes;                // as an array
};

std::vector<std::string> written_rows(Oid table, const std::vector<std::string> &schemas);
std::vector<Written> all_written(const std::vector<std::string> &schemas);
void record_written(const MemberTable &table, int64_t run_id, const std::vector<std::string> &hashes);

// In the table by the name `there`, with its rows or those of another hidden table. Each returns how many.
uint64_t rows_not_there(const MemberTable &table, const std::string &there);
uint64_t update_rows(const MemberTable &table, const std::string &there, const std::string &from);
uint64_t insert_rows(const MemberTable &table, const std::string &there);
uint64_t delete_written(const MemberTable &table, const std::string &there);
// Hashes of those that the run is to write or an earlier one has written; of these, those that are in the table.
std::vector<std::string> rows_to_write(const MemberTable &table, const std::string &there);
std::vector<std::string> rows_there(const MemberTable &table, const std::string &there,
                                    const std::vector<std::string> &hashes);
bool is_pending(const MemberTable &table, const std::string &there);

}  // namespace pagila_repl
