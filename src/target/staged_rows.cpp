// Notes what the tables of a stage hold, and looks whether they do so still.

#include "target/staged_rows.hpp"

#include <map>

#include "pg/spi.hpp"
#include "target/content.hpp"

namespace pagila_repl {

namespace {

// OID, file, name.
std::vector<Row> staged_tables(const Stage &stage) {
  return query(
      R"(SELECT c.oid, c.relfilenode, pg_catalog.format('%I.%I', n.nspname, c.relname)
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relnamespace = ANY ($1::oid[]) AND c.relkind = 'r' ORDER BY 3)",
      {array_literal(stage.stage_oids())});
}

bool is_as_noted(const NotedRows &noted, Oid file) {
  return noted.file == file && !has_other_rows(noted.table, words_of(noted.state), noted.moment);
}

}  // namespace

void note_staged_rows(Stage &stage) {
  for (const Row &row : staged_tables(stage)) {
    Oid table = static_cast<Oid>(std::stoul(*row[0])), file = static_cast<Oid>(std::stoul(*row[1]));
    RowsMark mark = mark_rows(table);
    // What was loaded frozen needs no look at its rows.
    std::optional<uint64_t> rows;
    if (!mark.is_whole) rows = read_content(table, false).rows;
    stage.noted_rows.push_back({table, file, text_of_rows(table, rows), mark.moment});
  }
}

void check_staged_rows(const Stage &stage) {
  if (stage.noted_rows.empty()) return;
  std::map<Oid, const NotedRows *> noted;
  for (const NotedRows &rows : stage.noted_rows) noted[rows.table] = &rows;
  for (const Row &row : staged_tables(stage)) {
    auto at = noted.find(static_cast<Oid>(std::stoul(*row[0])));
    if (at != noted.end() && is_as_noted(*at->second, static_cast<Oid>(std::stoul(*row[1])))) continue;
    throw in_seen_names(
        Error("55000", "rows of the new copy of table " + *row[2] + " were changed during the run",
              "Something like TRUNCATE ... CASCADE of a table that it refers to has reached it.", "Run it again."),
        stage);
  }
}

}  // namespace pagila_repl
