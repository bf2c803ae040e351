// What a table holds: how many rows, the sum of their hashes, and a physical state that proves it untouched.
#pragma once

#include <optional>
#include <string>

#include "pg/server.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "utils/snapshot.h"
}

namespace pagila_repl {

struct Content {
  uint64_t rows = 0;
  std::string hash;  // "rows:sum of hashes sum of their hashes"; empty if only counted
};

// Reads the whole table or materialized view (ONLY it, not its children), whoever may read it, below its rules and
// policies; throws 42809 if it is none. What the types' output functions do they do as its owner. Equal content gives
// equal hashes, on any server with the same output settings and, unless in_utf8, the same encoding; a column whose
// type's equality is not identity (numeric 1.0 = 1.00) is hashed as the text its output function gives, so different
// content of such columns differs too. Sets TimeZone until the end of the transaction.
Content read_content(Oid table, bool with_hash, bool in_utf8 = false);

// The query behind it, for a table of these columns found elsewhere: `from` is what follows FROM. Its one row becomes
// content by content_of.
// Where it may be told which of the rows count: kRange is to be replaced by a WHERE clause about t.
constexpr const char *kRange = "/* range */";
std::string content_query(Oid table, const std::string &from, bool with_hash, bool in_utf8);
Content content_of(const Row &row);
// Of a table without rows.
Content no_content();
// Of two tables taken together.
Content sum_of(const Content &one, const Content &other);

// File, blocks, and the LSN of the visibility map of a table every page of which is all-frozen; nothing if some page is
// not, or the table is not a logged heap. Any change of a row clears the page's bit (visibilitymap_clear), and setting
// it again moves the map's LSN (visibilitymap_set), so as long as this text is the same no row has been touched.
std::optional<std::string> frozen_state(Oid table);

// What tells later whether rows of a table were changed since: see has_later_rows. Cheap.
struct RowsMark {
  std::string map;        // file, blocks and LSN of the visibility map; empty if the table has none that could tell
  bool is_whole = false;  // every page is all-visible, so that none has room where a row was removed, but after VACUUM
  uint32_t blocks = 0;    // of a heap
  uint64_t lsn = 0;       // where the WAL ended
  std::string moment;     // a pg_snapshot, subtransactions among its transactions: those that had not ended
};
RowsMark mark_rows(Oid table);
// A registered snapshot as the text of a pg_snapshot with its subtransactions, also those that it has no room for;
// where it would take too long to find these, one that shows less.
std::string text_of(Snapshot moment);

// Whether a table has rows, or lacks rows, by transactions that the moment does not show and that have committed.
// Nobody else may write to it meanwhile. Reads only pages whose bit in the visibility map has been cleared, if the map
// says by its file, blocks and LSN that no bit has been set since the mark; else nothing is returned if `by_map`, or
// the whole table is read. Nor is anything of a table that is no heap. Where rows may have been that have been cleaned
// up since, it is taken for changed: where a page has been written to since the mark, or the table was whole, or is
// shorter.
std::optional<bool> has_later_rows(Oid table, const RowsMark &mark, bool by_map);

// What tells much later, of a table that is whole or is known to have so many rows now, or neither: words between spaces.
std::string text_of_rows(Oid table, std::optional<uint64_t> rows);
std::vector<std::string> words_of(const std::string &text);
// Whether rows were changed since, as far as has_later_rows or their number tells. The moment is that of the text.
bool has_other_rows(Oid table, const std::vector<std::string> &words, const std::string &moment);

// Last value and whether it was handed out, read from the sequence's page; nothing if it is no sequence (any more).
std::optional<std::string> sequence_state(Oid sequence);

// Whether the relation is there and is a table with rows of its own. Locks it against change if it is.
bool is_ordinary_table(Oid table);

}  // namespace pagila_repl
