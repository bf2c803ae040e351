// Brings the rows of a plan into the stage.

#include "target/fill.hpp"

#include <chrono>
#include <set>
#include <utility>

#include "core/counted.hpp"
#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/copy_table.hpp"
#include "target/disk_reserve.hpp"
#include "target/evaluated_rows.hpp"
#include "target/foreign_code.hpp"
#include "target/rebuild.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/lsyscache.h"
}

namespace pagila_repl {

namespace {

using Clock = std::chrono::steady_clock;

// One block of rows and the table it goes to.
struct Fill {
  const PlannedRows *rows;
  std::vector<SequenceState *> sequences;  // to be set before
  Oid table, root;
  bool through_root;
  InsertColumns columns;
};

// Fills that share a transaction: FREEZE needs the table truncated in it.
struct FillGroup {
  std::vector<Fill> fills;
  Oid top = InvalidOid;  // the table, or the root of the partition tree
};

// Tells the waiting caller how far the rows are, at most once a second.
class Telltale {
 public:
  explicit Telltale(const LoadPlan &plan) : plan_(plan) {}
  void copied(const PlannedRows &rows, uint64_t rows_of_block, uint64_t bytes_of_block) {
    if (Clock::now() - last_ < std::chrono::seconds(1)) return;
    last_ = Clock::now();
    std::string text =
        "loading \"" + rows.table.schema + "." + rows.table.name + "\": " + std::to_string(rows_done_ + rows_of_block) +
        " of " + counted(plan_.total_rows, "{row|rows}") + ", " + std::to_string((bytes_done_ + bytes_of_block) >> 20) +
        " of " + std::to_string(plan_.total_bytes >> 20) + " MB";
    const char *message = text.c_str();
    guarded([message] { ereport(NOTICE, (errmsg_internal("%s", message))); });
  }
  void done(uint64_t rows, uint64_t bytes) {
    rows_done_ += rows;
    bytes_done_ += bytes;
  }

 private:
  const LoadPlan &plan_;
  uint64_t rows_done_ = 0, bytes_done_ = 0;
  Clock::time_point last_ = Clock::now();
};

// COPY takes no empty list of columns for none, and fills none but those that it is given: one gets its default from us.
void keep_a_default(InsertColumns &columns, const PlannedRows &rows, Oid table,
                    const std::vector<std::string> &listed) {
  std::vector<std::string> plain;
  for (const Row &row : query(
           R"(SELECT attname FROM pg_catalog.pg_attribute
               WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum)",
           {std::to_string(table)}))
    plain.push_back(*row[0]);
  if (plain.empty()) return;
  columns.are_evaluated = true;
  // DEFAULT VALUES tells of no column.
  if (columns.left_out.empty()) {
    columns.names = {plain[0]};
    return;
  }
  for (size_t i = 0; i < columns.left_out.size(); i++) {
    if (std::find(plain.begin(), plain.end(), listed[i]) == plain.end()) continue;
    columns.left_out[i] = false;
    columns.names = {listed[i]};
    return;
  }
  throw Error("0A000", "a dump may not contain INSERT of nothing but the defaults of generated columns", {},
              "Write INSERT ... DEFAULT VALUES.")
      .within(rows.place.text());
}

// Whether the server takes each kind of literal that is in these columns for what COPY makes of it. It gives 1.5 the type
// numeric before it converts it to that of the column, and B'1' the type bit.
bool are_taken_as_copy(const PlannedRows &rows, Oid table, const std::vector<std::string> &columns) {
  std::map<std::string, Oid> types;
  for (const Row &row : query(R"(SELECT attname, atttypid FROM pg_catalog.pg_attribute
                 WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped)",
                              {std::to_string(table)})) {
    Oid type = static_cast<Oid>(std::stoul(*row[1]));
    types[*row[0]] = guarded([type] { return getBaseType(type); });
  }
  size_t next = 0;
  for (size_t i = 0; i < rows.block.literals.size(); i++) {
    if (rows.block.is_default[i]) continue;
    auto found = types.find(columns[next++]);
    Oid type = found == types.end() ? InvalidOid : found->second;
    bool is_float = type == FLOAT4OID || type == FLOAT8OID || type == NUMERICOID;
    bool is_integer = type == INT2OID || type == INT4OID || type == INT8OID || type == OIDOID;
    int taken = RowBlock::kStrings;
    if (is_float) taken |= RowBlock::kIntegers | RowBlock::kDecimals;
    if (is_integer) taken |= RowBlock::kIntegers;
    if (type == BOOLOID) taken |= RowBlock::kBooleans;
    if (type == BITOID || type == VARBITOID) taken |= RowBlock::kBits;
    if ((rows.block.literals[i] & ~taken) != 0) return false;
  }
  return true;
}

}  // namespace

InsertColumns insert_columns(const PlannedRows &rows, Oid table) {
  const RowBlock &block = rows.block;
  InsertColumns columns;
  columns.are_evaluated = block.has_expressions;
  std::vector<std::string> all = rows.columns;
  if (all.empty())
    for (const Row &row : query(
             R"(SELECT attname FROM pg_catalog.pg_attribute
                 WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum)",
             {std::to_string(table)}))
      all.push_back(*row[0]);
  // Fewer values than columns leave out the last ones.
  if (!block.is_default.empty() && all.size() > block.is_default.size()) all.resize(block.is_default.size());
  if (all.size() < block.is_default.size()) throw Error("42601", "INSERT has more expressions than target columns");
  columns.left_out = block.is_default;
  for (size_t i = 0; i < block.is_default.size(); i++)
    if (!block.is_default[i]) columns.names.push_back(all[i]);
  if (columns.names.empty()) keep_a_default(columns, rows, table, all);
  if (!columns.are_evaluated) columns.are_evaluated = !are_taken_as_copy(rows, table, columns.names);
  return columns;
}

namespace {

Fill resolve(const PlannedRows &rows, const Stage &stage) {
  std::vector<Row> found = query(
      R"(SELECT c.oid, COALESCE(pg_catalog.pg_partition_root(c.oid), c.oid)::oid, c.relkind = 'p'
           FROM pg_catalog.pg_class c WHERE c.relnamespace = $1::oid AND c.relname = $2 AND c.relkind IN ('r', 'p'))",
      {std::to_string(stage.of(rows.table.schema).stage_oid), rows.table.name});
  if (found.empty())
    throw Error("42809", "\"" + rows.table.schema + "." + rows.table.name + "\" is not a table")
        .within(rows.place.text());
  Fill fill{&rows,
            {},
            static_cast<Oid>(std::stoul(*found[0][0])),
            static_cast<Oid>(std::stoul(*found[0][1])),
            *found[0][2] == "t",
            {}};
  if (rows.block.form == RowBlock::Form::insert) fill.columns = insert_columns(rows, fill.table);
  return fill;
}

// Their defaults, as OIDs in pg_attrdef, of columns that rows come without.
std::vector<std::string> used_defaults(const std::vector<Fill> &fills) {
  std::set<std::pair<Oid, std::vector<std::string>>> lists;
  for (const Fill &fill : fills) {
    const PlannedRows &rows = *fill.rows;
    bool is_copy = rows.block.form == RowBlock::Form::copy;
    std::vector<std::string> columns = is_copy ? columns_of_copy(rows.copy_statement) : fill.columns.names;
    if (!is_copy || !columns.empty()) lists.insert({fill.table, columns});
  }
  std::vector<std::string> defaults;
  for (const auto &[table, columns] : lists)
    for (const Row &row : query(
             R"(SELECT f.oid FROM pg_catalog.pg_attrdef f
                       JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
                 WHERE f.adrelid = $1::oid AND a.attgenerated = '' AND a.attname <> ALL ($2::name[]))",
             {std::to_string(table), array_literal(columns)}))
      defaults.push_back(*row[0]);
  return defaults;
}

// Sequences that the defaults of columns take numbers from which rows come without.
std::set<std::pair<Oid, std::string>> drawn_from(const Fill &fill) {
  const PlannedRows &rows = *fill.rows;
  bool is_copy = rows.block.form == RowBlock::Form::copy;
  std::vector<std::string> columns = is_copy ? columns_of_copy(rows.copy_statement) : fill.columns.names;
  std::set<std::pair<Oid, std::string>> sequences;
  if (is_copy && columns.empty()) return sequences;
  for (const Row &row : query(
           R"(SELECT s.relnamespace, s.relname FROM pg_catalog.pg_attribute a
                     CROSS JOIN LATERAL (
                       SELECT d.refobjid FROM pg_catalog.pg_attrdef f
                              JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
                        WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum
                          AND d.refclassid = 'pg_catalog.pg_class'::regclass
                       UNION ALL
                       SELECT d.objid FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
                          AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype = 'i') o (oid)
                     JOIN pg_catalog.pg_class s ON s.oid = o.oid AND s.relkind = 'S'
               WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL ($2::name[]))",
           {std::to_string(fill.table), array_literal(columns)}))
    sequences.insert({static_cast<Oid>(std::stoul(*row[0])), *row[1]});
  return sequences;
}

// Where rows after a setval take numbers from its sequence, it is set before them. pg_dump sets sequences after all rows.
void set_before_rows(LoadPlan &plan, const Stage &stage, std::vector<Fill> &fills) {
  std::set<SequenceState *> early;
  for (SequenceState &state : plan.sequences)
    if (state.rows_before < fills.size()) early.insert(&state);
  if (early.empty()) return;
  for (size_t i = 0; i < fills.size(); i++) {
    std::set<std::pair<Oid, std::string>> drawn = drawn_from(fills[i]);
    for (SequenceState &state : plan.sequences) {
      if (state.is_set || state.rows_before > i) continue;
      if (drawn.count({stage.of(state.sequence.schema).stage_oid, state.sequence.name}) == 0) continue;
      state.is_set = true;
      fills[i].sequences.push_back(&state);
    }
  }
}

std::vector<FillGroup> group_fills(LoadPlan &plan, const Stage &stage) {
  std::vector<Fill> fills;
  std::map<Oid, bool> routed;  // roots that rows go through
  for (const PlannedRows &rows : plan.rows) {
    fills.push_back(resolve(rows, stage));
    if (fills.back().through_root) routed[fills.back().root] = true;
  }
  check_foreign_defaults(stage.stage_oids(), stage.carried, used_defaults(fills));
  set_before_rows(plan, stage, fills);
  std::vector<FillGroup> groups;
  std::map<Oid, size_t> group_of;
  for (const Fill &fill : fills) {
    Oid key = routed.count(fill.root) > 0 ? fill.root : fill.table;
    auto [at, is_new] = group_of.try_emplace(key, groups.size());
    if (is_new) {
      groups.emplace_back();
      groups.back().top = key;
    }
    groups[at->second].fills.push_back(fill);
  }
  return groups;
}

// The server's message without the bytes of the file it quotes: `invalid input syntax for type integer: "x"`, `value "9"
// is out of range`. The place in the file says which they are.
Error without_data(const Error &error) {
  if (error.sqlstate.compare(0, 2, "22") != 0 && error.sqlstate.compare(0, 2, "23") != 0) return error;
  Error clean = error;
  clean.detail.clear();
  if (size_t quoted = clean.message.find(": \""); quoted != std::string::npos) clean.message.resize(quoted);
  if (size_t bytes = clean.message.find(": 0x"); bytes != std::string::npos) clean.message.resize(bytes);
  static const std::string head = "value \"", tail = "\" is out of range";
  size_t end = clean.message.rfind(tail);
  if (clean.message.compare(0, head.size(), head) == 0 && end != std::string::npos)
    clean.message.erase(head.size() - 2, end - head.size() + 3);
  return clean;
}

// Where in the file a row of the stream is.
Error placed(const Error &error, const Fill &fill) {
  const PlannedRows &rows = *fill.rows;
  std::string where = rows.place.text();
  size_t digits = error.context.find_first_of("0123456789");
  if (error.context.compare(0, 5, "line ") == 0 && digits != std::string::npos) {
    size_t end = error.context.find_first_not_of("0123456789", digits);
    uint64_t line = std::stoull(error.context.substr(digits));
    std::string rest = end == std::string::npos ? "" : error.context.substr(end);
    where = rows.block.form == RowBlock::Form::copy
                ? "file \"" + rows.place.file + "\", line " + std::to_string(rows.block.first_line + line - 1) + rest
                : where + ", row " + std::to_string(line) + rest;
  }
  Error result = without_data(error);
  result.context = where + ", table \"" + rows.table.schema + "." + rows.table.name + "\"";
  return result;
}

// A statement of the file cannot be evaluated.
Error placed_at(uint64_t line, const Error &error, const Fill &fill) {
  Place place{fill.rows->place.file, line, {}};
  Error result = without_data(error);
  result.context = place.text() + ", table \"" + fill.rows->table.schema + "." + fill.rows->table.name + "\"";
  return result;
}

uint64_t fill_one(const Fill &fill, const OpenRows &open_rows, Telltale &telltale) {
  const PlannedRows &rows = *fill.rows;
  CopyOrder order{fill.table, rows.copy_statement, fill.columns.names, rows.encoding, fill.through_root};
  std::unique_ptr<ByteSource> stream =
      open_rows(rows, fill.columns.are_evaluated ? RowsAs::statements : RowsAs::copy_text);
  EvaluatedRows *evaluated = nullptr;
  if (fill.columns.are_evaluated) {
    order.encoding = guarded([] { return GetDatabaseEncodingName(); });
    evaluated = new EvaluatedRows(std::move(stream), rows, fill.table, fill.columns.left_out);
    stream.reset(evaluated);
  }
  DiskReserve reserve;
  CopyProgress told = [&](uint64_t copied, uint64_t bytes) {
    PR_FAULT("copy");
    reserve.wrote(bytes);
    telltale.copied(rows, copied, bytes);
  };
  try {
    return copy_table(order, *stream, told);
  } catch (const Error &error) {
    if (evaluated != nullptr && evaluated->failed_line() != 0) throw placed_at(evaluated->failed_line(), error, fill);
    throw placed(error, fill);
  }
}

// In CSV a line is not a row, so there only COPY knows how many there are.
bool is_line_a_row(const PlannedRows &rows) {
  return rows.block.form == RowBlock::Form::insert || rows.block.rows_are_lines;
}

void check_count(const Fill &fill, uint64_t copied) {
  const PlannedRows &rows = *fill.rows;
  if (!is_line_a_row(rows) || copied == rows.block.rows) return;
  throw Error("XX001", "rows were lost while loading table \"" + rows.table.schema + "." + rows.table.name + "\"",
              "The dump has " + counted(rows.block.rows, "{row|rows}") + ", COPY took " + std::to_string(copied) + ".")
      .within(rows.place.text());
}

void fill_group(const FillGroup &group, const Stage &stage, const OpenRows &open_rows, RunRecord &record,
                Telltale &telltale, ExpectedRows &expected) {
  empty_table(group.top);
  for (const Fill &fill : group.fills) {
    const PlannedRows &rows = *fill.rows;
    for (const SequenceState *state : fill.sequences) set_sequence(*state, stage);
    record.begin_step("table", rows.table.schema, rows.table.name);
    uint64_t copied = fill_one(fill, open_rows, telltale);
    check_count(fill, copied);
    expected[group.top] += copied;
    telltale.done(copied, rows.block.bytes);
    record.end_step(copied, rows.block.bytes);
  }
}

}  // namespace

ExpectedRows fill_tables(LoadPlan &plan, const Stage &stage, const OpenRows &open_rows, RunRecord &record) {
  ExpectedRows expected;
  Telltale telltale(plan);
  std::vector<FillGroup> groups = in_transaction([&] { return group_fills(plan, stage); });
  // Expressions name objects as they will be seen.
  bool real_names = stage.runs_own_code;
  for (const FillGroup &group : groups)
    for (const Fill &fill : group.fills) real_names = real_names || fill.columns.are_evaluated;
  in_steps(stage, real_names, [&](const RunStep &run) {
    for (const FillGroup &group : groups) {
      run([&] { fill_group(group, stage, open_rows, record, telltale, expected); });
      PR_FAULT("rows");
    }
  });
  return expected;
}

}  // namespace pagila_repl
