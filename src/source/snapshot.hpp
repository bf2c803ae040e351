// The one snapshot of a run: a connection that holds it, with every wanted table locked in it.
#pragma once

#include <memory>
#include <string>

#include "core/replicate_request.hpp"
#include "core/source_catalog.hpp"
#include "source/connection.hpp"

namespace pagila_repl {

struct Snapshot {
  std::unique_ptr<Connection> holder;  // its transaction is the snapshot
  SourceCatalog catalog;               // as the snapshot sees it
  std::string id;                      // for other connections; empty if the source cannot export it
};

// Connects, looks whether the run can succeed (preflight), locks what is wanted and takes the snapshot. Waits for locks
// only so long. Throws what preflight finds, 55P03, or 55000 if the source's tables changed between reading and locking
// them, twice. Outside a transaction.
Snapshot take_snapshot(const SourceServer &server, const Selection &selection, const RunOptions &options,
                       const std::string &purpose);

// Another connection whose transaction sees the same.
std::unique_ptr<Connection> join_snapshot(const SourceServer &server, const std::string &id,
                                          const std::string &purpose);
// Whether its id is what a server's pg_export_snapshot returns.
bool is_snapshot_id(const std::string &id);

}  // namespace pagila_repl
