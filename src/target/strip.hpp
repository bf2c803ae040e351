// Takes indexes, constraints, triggers and rules off the empty staged tables, and knows how to put them back.
#pragma once

#include <string>
#include <vector>

#include "pg/server.hpp"
#include "target/carried_types.hpp"

namespace pagila_repl {

// Something taken off, in the order in which it is to be put back.
struct Stripped {
  // outward: foreign keys to tables elsewhere, which set_outward_keys_apart tells from the others.
  enum class Group { index, constraint, outward, trigger, setting };
  Group group;
  std::string kind;                 // for the run's steps
  std::string schema, object;       // schema by its stage name
  std::vector<std::string> create;  // statements, with stage names
  std::string tablespace;           // default_tablespace while they run
  std::string search_path;          // if it is to be another than that of the session
  // What the statements touch, for those who run them side by side.
  Oid table = InvalidOid;       // they are about, or that a trigger or rule is of; InvalidOid for a domain
  Oid domain = InvalidOid;      // that they are about instead
  Oid tree = InvalidOid;        // root of its partition tree, or itself
  bool of_parts = false;        // an index of a partitioned table, or one that is attached to such
  Oid referenced = InvalidOid;  // table a foreign key refers to
  Oid referenced_tree = InvalidOid;
  bool builds_index_first = false;  // the first statement builds the index, the second makes it a constraint
  bool may_be_skipped = false;      // an index that keeps no rows apart, or what belongs to it
  std::string provable;             // name of a valid constraint that could be added without a look at the rows
};

// Takes everything off the tables in these schemas. What other objects of the shape need (a primary key that a view
// groups by) stays, and so does what belongs to types that are carried. If rows are looked at when checks are put back, those stay
// of domains, whose values the server does not find within other types. Needs a transaction with search_path = pg_catalog.
enum class Checks { trusted, looked_at };
std::vector<Stripped> strip(const std::vector<std::string> &stage_oids, const std::vector<CarriedType> &carried,
                            Checks checks);
// The foreign keys alone.
std::vector<Stripped> strip_foreign_keys(const std::vector<std::string> &stage_oids);

}  // namespace pagila_repl
