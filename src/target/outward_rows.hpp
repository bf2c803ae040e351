// Whether the rows elsewhere that foreign keys of the stage refer to are there.
//
// The rows of the stage are compared with the tables elsewhere while others write to these. From then on, until the copy is published,
// a snapshot keeps the server from removing what is deleted, so that it can be seen, under locks that hold writers up, whether any
// row has gone since: without reading more than the pages that others have touched.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "target/stage.hpp"

extern "C" {
#include "utils/snapshot.h"
}

namespace pagila_repl {

// Of one transaction, that of publishing. Nothing is done if the stage has no such keys.
class OutwardRows {
 public:
  explicit OutwardRows(const Stage &stage) : stage_(stage) {}

  // Compares the rows with the tables from which some have gone since the last time, at first with all. Throws 23503 if one is not
  // there; 55000 if a key is gone.
  void compare();
  // Within a try: compares, keeps others from writing to the tables until the (sub)transaction ends, and compares what was changed
  // in between.
  void hold();
  // Lets the server remove deleted rows again.
  void end();

 private:
  // By table that a key refers to: the tables that hold its rows, and their files.
  using Files = std::map<Oid, std::map<Oid, Oid>>;
  Files find_files(const std::vector<std::string> &keys) const;
  void lock_tables(const std::vector<std::string> &keys) const;
  bool has_lost_rows(Oid table, const std::map<Oid, Oid> &files) const;

  const Stage &stage_;
  Files files_;                // when the keys were last compared
  Snapshot moment_ = nullptr;  // no later than that
};

}  // namespace pagila_repl
