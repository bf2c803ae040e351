// What a source database holds, as far as a run must know before it has the shape.
// Made by source/ from the source's catalog, used by run/.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/dump_reader.hpp"

namespace pagila_repl {

// A table that holds rows itself: an ordinary table or a leaf of a partition tree.
struct SourceTable {
  uint32_t oid = 0;   // on the source
  uint32_t root = 0;  // of its partition tree, else its own OID
  QualifiedName name;
  uint64_t bytes = 0;                // heap and TOAST
  double rows_estimate = -1;         // reltuples, -1 if never analyzed
  std::vector<std::string> columns;  // those COPY carries: no generated, no dropped ones; in the table's order
  std::string text_because;          // why its rows cannot travel as binary COPY; empty if they can
  std::string refused_because;       // why it cannot be read at all (privileges, row security); empty if it can
  std::string refused_sqlstate;      // what a run then fails with
};

// A partition tree whose rows must be routed again, because the same row may belong to another leaf here.
struct RoutedTree {
  QualifiedName root;
  uint32_t oid = 0;
  std::vector<std::string> columns;
  std::string because;
};

// A materialized view that its owner fills through policies.
struct FilteredSource {
  QualifiedName view;
  std::string owner;
  bool can_be_read = false;
};

// A table or sequence of an extension that users put rows into, as pg_dump would dump it.
struct MemberRelation {
  QualifiedName name;
  bool is_sequence = false;
  std::string condition;             // WHERE clause for the rows that are users'; may be empty
  std::vector<std::string> columns;  // that COPY carries
  std::string refused_because;       // why it cannot be read; empty if it can
};

struct ColumnName {
  QualifiedName table;
  std::string name;
};

// One thing that a run needs and that was looked at beforehand.
struct Finding {
  enum class Severity { ok, warning, error };
  Severity severity = Severity::ok;
  std::string check;     // connection, version, encoding, rights, extension, collation, role, tablespace, ...
  std::string sqlstate;  // of an error
  std::string message, hint;
  bool is_of_skippable = false;  // an error about nothing but objects that on_object_error => 'skip' may leave out
};

// A cast or a transform that comes with the copy. pg_dump prints those of a whole database alone.
struct SourceCast {
  std::string statement, comment;  // that make it; no comment: empty
  std::string name;                // as messages call it
  std::string kind;                // the catalog it is in
  // The types as they are called here, where none of them is copied; of a transform the second is its language.
  std::string type, other;
  bool is_unchecked = false;  // WITHOUT FUNCTION
};

struct SourceCatalog {
  int version = 0;  // server_version_num
  bool in_recovery = false;
  std::string encoding;  // of the database, by the server's name
  std::string database, system_identifier;
  uint32_t database_oid = 0;

  bool everything = false;                     // the selection leaves nothing out
  std::vector<std::string> schemas;            // that are wanted, empty ones too; sorted
  std::vector<std::string> extension_schemas;  // whose owners are extensions: never wanted
  std::vector<SourceTable> tables;             // wanted, largest first
  std::vector<RoutedTree> routed;              // their leaves are in `tables` too
  std::vector<MemberRelation> members;         // of extensions, wanted; those that others refer to first
  std::map<std::string, std::string> extension_versions;
  std::vector<QualifiedName> sequences;  // wanted, of any ownership, identity ones too
  std::vector<QualifiedName> refreshes;  // wanted materialized views that are populated, in order of dependency
  std::vector<FilteredSource> filtered;  // those of them whose owners see tables through row-level security
  std::vector<SourceCast> casts;         // and transforms, that are wanted
  std::vector<ColumnName> nullable;      // that may be null, but not where they are inherited from
  std::vector<QualifiedName> left_out;   // relations of the wanted schemas that the selection leaves out
  std::vector<std::string> lock_order;   // quoted qualified names of wanted tables and partition roots to lock ONLY
  std::string signature;                 // differs when any relation of the wanted schemas was made, dropped, altered
                                         // or rewritten
  uint64_t large_objects = 0;            // how many there are
  std::vector<std::string> remarks;      // what a run leaves out: publications, event triggers, ...
  std::vector<Finding> findings;         // errors: what is wanted and cannot be copied
};

}  // namespace pagila_repl
