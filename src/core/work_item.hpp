// The steps of a run that several processes share: what each does, and what must be done before it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pagila_repl {

struct WorkItem {
  enum class Kind {
    copy,    // rows of a table, or of a whole partition tree, from the source
    verify,  // count and content of it, here and on the source
    build,   // statements: an index, a constraint, statistics
    gate     // nothing: stands for all that is to be done before it
  };
  Kind kind = Kind::build;
  std::string step_kind;       // as in pagila_repl.run_step
  std::string schema, object;  // as it will be seen

  uint32_t table = 0;  // copy, verify: in the stage; the root of a tree whose rows are routed
  bool routed = false;
  uint32_t source_table = 0;  // copy, verify: on the source; 0 for a whole tree
  // copy
  std::string copy_statement;  // for the source
  std::vector<std::string> columns;
  bool binary = false;
  uint64_t bytes = 0;  // about
  // verify
  std::string source_query;  // for the source: count and hash
  // build
  std::vector<std::string> statements;
  std::string tablespace;     // default_tablespace while they run
  std::string search_path;    // if it is to be another than that of the session
  std::string declare_valid;  // constraint of `table` or `domain` that they add as NOT VALID and that is valid
  uint32_t domain = 0;
  bool may_be_skipped = false;  // if the statements fail
  bool analyzes_parts = false;  // statistics of `table`, a partitioned one, over the rows of its partitions

  // Items run at the same time only if their locks allow it. A key is a table of the stage.
  struct Lock {
    uint32_t table;
    bool exclusive;
  };
  std::vector<Lock> locks;
  std::vector<uint32_t> after;  // items to be done before, by their place in the list
  uint64_t cost = 1;            // of it alone, in bytes handled
  uint64_t priority = 0;        // cost of the longest chain of items that begins with it
  bool needs_source() const { return kind == Kind::copy || kind == Kind::verify; }
};

// Sets every priority. `after` may only name earlier items.
void set_priorities(std::vector<WorkItem> &items);

// What is needed to do them, but not when. One can be decoded without the others.
std::string encode(const std::vector<WorkItem> &items);
WorkItem decode_work_item(std::string_view bytes, size_t number);

}  // namespace pagila_repl
