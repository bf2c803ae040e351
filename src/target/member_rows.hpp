// Rows for tables of extensions, as of their configuration tables. The tables stay when a schema is replaced, so the rows are held
// in a hidden schema and merged into what is there: rows that runs have written follow the source, all others stay.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/load_plan.hpp"
#include "core/run_options.hpp"
#include "pg/server.hpp"

namespace pagila_repl {

struct MemberTable {
  Oid oid = InvalidOid;
  Oid actor = InvalidOid;            // as whom it is read and written; also the owner of the hidden tables
  std::string name;                  // as a reader knows it, qualified
  std::string rows, before;          // qualified names of hidden tables: what it is to hold; what lending has changed
  std::vector<std::string> columns;  // that the rows have, quoted
  std::vector<std::string> key;      // of them, those that tell rows apart
  std::string written;               // hashes of rows that earlier runs of these schemas have put there, as an array
  bool replaces_all = false;         // rows of others that have the same key may be lost
  bool pending = false;              // some of the rows are not there yet
};

struct MemberSequence {
  Oid oid = InvalidOid;
  std::string name;
  int64_t value = 0;
  bool called = false;
};

struct MemberRows {
  Oid hidden_schema = InvalidOid;
  std::vector<MemberTable> tables;  // to be merged with what is there, in the order of the rows
  std::vector<MemberSequence> sequences;
};

// Opens the rows of a planned block.
using OpenRows = std::function<std::unique_ptr<ByteSource>(const PlannedRows &, RowsAs)>;

// Where relations of extensions are, while the shape is made, and what they are.
struct MemberPlaces {
  int64_t run_id;
  std::string hidden_schema;         // a name for it
  std::vector<std::string> schemas;  // that the run replaces
  std::vector<Oid> made_extensions;  // by the run
  bool may_be_missing = false;       // the dump wants extensions that are not here
};

// Holds the rows of the plan, and writes those for tables that the run has made in its stage. What is left out is counted in `remarks`. Throws
// 42P01 if there is no such table. Part of the transaction that makes the shape.
MemberRows hold_member_rows(const LoadPlan &plan, const RunOptions &options, const MemberPlaces &places,
                            const OpenRows &open_rows, std::vector<std::string> &remarks);

// Whether what is evaluated while rows go in and indexes are built may read tables with pending rows: it calls functions of their
// extensions. The schemas hold the whole shape.
bool reads_pending_rows(const MemberRows &members, const std::vector<std::string> &stage_oids);

// Makes the pending rows seen within this transaction, and undoes that.
void lend_member_rows(const MemberRows &members);
void take_back_member_rows(const MemberRows &members);

// Part of publishing: makes the tables hold the rows, but for those that others' rows are in the way of, removes what earlier runs
// of these schemas wrote and is not among them, and drops the hidden schema. Returns remarks, each with "; " before it.
std::string merge_member_rows(const MemberRows &members, int64_t run_id);

// Sets sequences, which no rollback undoes: the last thing before publishing is committed.
void advance_member_sequences(const MemberRows &members);

// Rows that runs wrote and that others have changed or removed since, a sentence for each table. The schemas are those of copies.
std::vector<std::string> changed_member_rows(const std::vector<std::string> &schemas);

}  // namespace pagila_repl
