// What every run can be told, whatever it reads from.
#pragma once

#include <optional>
#include <string>

#include "core/database_object_kinds.hpp"
#include "core/packed_text.hpp"

namespace pagila_repl {

struct RunOptions {
  bool force = false;               // make a new copy even if nothing changed
  bool verify_content = true;       // hash every row, not only count
  bool overwrite_modified = false;  // the target was changed by hand since: go on
  bool drop_unmanaged = false;      // objects in the target that no run created: drop them
  bool drop_dependents = false;     // objects elsewhere that depend on the target: drop them
  bool keep_owners = true;          // apply owners where that is possible
  bool replace_others = false;      // the target holds copies that came from another source: replace them
  bool skip_objects = false;        // objects that cannot be made: leave them out, if nothing is opened or lost by that
  std::optional<bool> large_objects;     // copy them; without a word, if everything is wanted
  DatabaseObjectKinds database_objects;  // that are part of the copy
  bool analyze = true;                   // make statistics of the new copy
  bool extension_rows = true;            // rows that users put into tables of extensions belong to the copy
  int swap_budget_ms = 60000;            // how long publishing may try to get its locks
  int run_timeout_ms = 0;                // after which the run fails; 0: never
  std::string pg_dump;                   // the caller's setting pagila_repl.pg_dump
  int disk_reserve_mb = -1;              // and pagila_repl.disk_reserve
  bool refuse_old_libpq = false;         // and pagila_repl.old_libpq
  int64_t job = 0;                       // for which it runs; 0: someone called for it
  int64_t run_id = 0;                    // the number it is to have; 0: the next one
};

void pack(Packer &out, const RunOptions &options);
void unpack(Unpacker &in, RunOptions &options);

}  // namespace pagila_repl
