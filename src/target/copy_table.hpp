// Fills a staged table with rows from a stream of COPY text or binary, through the server's own COPY, frozen.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/dump_reader.hpp"
#include "pg/server.hpp"

namespace pagila_repl {

struct CopyOrder {
  Oid table = InvalidOid;
  std::string copy_statement;        // its options and column list count; empty: text format
  std::vector<std::string> columns;  // used when there is no statement
  std::string encoding;              // of the stream
  bool through_root = false;         // a partitioned table: rows are routed to its leaves
  bool binary = false;               // the stream is COPY's binary format; used when there is no statement
};

// The columns that a COPY statement lists; empty if it lists none, for all.
std::vector<std::string> columns_of_copy(const std::string &statement);

// Truncates a staged table, or all leaves of a partition tree, unseen by logical decoding. Throws 55000 for a table that is
// none of a stage. Needs a transaction.
void empty_table(Oid top);

// Told now and then while rows go in, how many and how many bytes of them.
using CopyProgress = std::function<void(uint64_t rows, uint64_t bytes)>;

// The caller has truncated the table (all leaves, if through the root) in this very transaction, so that frozen rows are
// seen by nobody if it fails. Returns the rows copied. An Error's context is "line N" or "line N, column c" of the stream.
uint64_t copy_table(const CopyOrder &order, ByteSource &rows, const CopyProgress &told);

}  // namespace pagila_repl
