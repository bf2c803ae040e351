// Plans the rows of a dump, and looks at what its later statements would make of them.

#include <algorithm>

#include "core/error.hpp"
#include "source/planner.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace pagila_repl {

PlannedRows Planner::rows_of(const DumpItem &item, const Place &place) const {
  // COPY keeps the values that an INSERT of this form would replace.
  if (item.block.overriding == RowBlock::Overriding::user_value)
    throw Error("0A000", "a dump may not contain INSERT ... OVERRIDING USER VALUE", {},
                "pg_dump writes OVERRIDING SYSTEM VALUE.");
  PlannedRows rows;
  rows.file = plan_.files.size() - 1;
  rows.place = place;
  rows.block = item.block;
  rows.table = item.block.table;
  if (item.kind == DumpItem::Kind::insert) {
    rows.table = {to_server_name(rows.table.schema), to_server_name(rows.table.name)};
    for (const std::string &column : item.block.columns) rows.columns.push_back(to_server_name(column));
  }
  resolve(rows.table);
  rows.copy_statement = item.text;
  rows.encoding = pg_encoding_to_char(session_.encoding());
  if (item.kind == DumpItem::Kind::copy && !copy_encoding_.empty()) rows.encoding = copy_encoding_;
  rows.search_path = session_.present_path([this](const std::string &schema) { return exists(schema); });
  if (tables_.count({rows.table.schema, rows.table.name}) == 0) check_member_table(rows);
  return rows;
}

void Planner::take_rows(const DumpItem &item, Place place) {
  std::string sha256 = block_hash_.take();
  if (item.block.has_expressions) return take_evaluated_rows(item, place);
  PlannedRows rows = rows_of(item, place);
  rows.sha256 = sha256;
  add_rows(std::move(rows));
}

void Planner::add_rows(PlannedRows rows) {
  if (tables_.count({rows.table.schema, rows.table.name}) == 0) return plan_.member_rows.push_back(std::move(rows));
  plan_.total_rows += rows.block.rows;
  plan_.total_bytes += rows.block.bytes;
  plan_.rows.push_back(std::move(rows));
}

bool Planner::has_values_of(const PlannedRows &rows, const std::string &column) const {
  bool is_copy = rows.block.form == RowBlock::Form::copy;
  std::vector<std::string> columns = is_copy ? rows.block.columns : rows.columns;
  if (columns.empty()) {
    auto known = columns_.find({rows.table.schema, rows.table.name});
    if (is_copy || known == columns_.end() || known->second.empty())
      return is_copy ||
             std::find(rows.block.is_default.begin(), rows.block.is_default.end(), true) == rows.block.is_default.end();
    columns = known->second;
  }
  auto at = static_cast<size_t>(std::find(columns.begin(), columns.end(), column) - columns.begin());
  if (is_copy) return at < columns.size();
  return at < columns.size() && at < rows.block.is_default.size() && !rows.block.is_default[at];
}

// Rows are loaded after all statements of the shape, so they would have the values that come of the last of these.
void Planner::check_rows_before(const Statement &what) const {
  if (what.redefaulted_columns.empty() && what.rewritten_columns.empty()) return;
  for (const PlannedRows &rows : plan_.rows) {
    if (rows.table.schema != what.schema || rows.table.name != what.name) continue;
    auto changed = [&](const std::vector<std::string> &columns, bool values) {
      return std::find_if(columns.begin(), columns.end(),
                          [&](const std::string &column) { return has_values_of(rows, column) == values; });
    };
    auto redefaulted = changed(what.redefaulted_columns, false), rewritten = changed(what.rewritten_columns, true);
    bool is_default = redefaulted != what.redefaulted_columns.end();
    if (!is_default && rewritten == what.rewritten_columns.end()) continue;
    throw Error("0A000",
                "a dump may not change column \"" + (is_default ? *redefaulted : *rewritten) + "\" of table \"" +
                    what.schema + "." + what.name + "\" after rows that it would not be the same for",
                "A load brings rows when all statements have been run, so those from line " +
                    std::to_string(rows.place.line) + " on would have other values than psql gives them.",
                "Write the statement before these rows, if that is what is wanted, or run it by hand after the load.");
  }
}

}  // namespace pagila_repl
