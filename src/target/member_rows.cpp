// Holds the rows of a run for tables that belong to extensions, in a hidden schema.

#include "target/member_rows.hpp"

#include <algorithm>

#include "core/counted.hpp"
#include "target/copy_table.hpp"
#include "target/decoding.hpp"
#include "target/fill.hpp"
#include "target/member_table.hpp"
#include "target/schema_properties.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/lockdefs.h"
}

namespace pagila_repl {

namespace {

// What a block of rows is for.
struct Target {
  Oid oid = InvalidOid;
  bool exists = false;  // whether or not users may put rows into it
  Member member;
};

Target find_target(const QualifiedName &name) {
  Target target;
  Value oid = query_value(
      R"(SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                JOIN pg_catalog.pg_depend d ON d.classid = c.tableoid AND d.objid = c.oid AND d.deptype = 'e'
          WHERE n.nspname = $1 AND c.relname = $2)",
      {name.schema, name.name});
  if (!oid) return target;
  target.exists = true;
  std::optional<Member> member = find_member(to_oid(oid), RowExclusiveLock);
  if (!member) return target;
  target.oid = to_oid(oid);
  target.member = *member;
  return target;
}

class Holder {
 public:
  Holder(const RunOptions &options, const MemberPlaces &places, const OpenRows &open_rows,
         std::vector<std::string> &remarks)
      : options_(options), places_(places), open_rows_(open_rows), remarks_(remarks) {}

  void take(const PlannedRows &rows);
  void take(const SequenceState &state);
  // Whether the plan tells of all tables that have rows.
  MemberRows finish(bool is_whole);

 private:
  bool is_made(Oid extension) const {
    return std::find(places_.made_extensions.begin(), places_.made_extensions.end(), extension) !=
           places_.made_extensions.end();
  }
  bool is_replaced(const std::string &schema) const {
    return std::find(places_.schemas.begin(), places_.schemas.end(), schema) != places_.schemas.end();
  }
  // In CSV a line is not a row.
  static bool is_line_a_row(const PlannedRows &rows) {
    return rows.block.form == RowBlock::Form::insert || rows.block.rows_are_lines;
  }
  void leave_out(const PlannedRows &rows, const std::string &why) {
    remarks_.push_back(counted(rows.block.rows, "{row|rows}") + " of table " + rows.table.schema + "." +
                       rows.table.name + " of an extension left out" + why);
  }
  MemberTable &table_for(const Target &target, const std::string &name);
  void make_hidden_schema();
  void make_hidden_tables(const MemberTable &table);
  void hold_nothing_of(const Written &written);
  void copy(const PlannedRows &rows, MemberTable &table);
  void write_to_made(const MemberTable &table);

  const RunOptions &options_;
  const MemberPlaces &places_;
  const OpenRows &open_rows_;
  std::vector<std::string> &remarks_;
  MemberRows members_;
  int next_ = 0;           // number of a hidden table
  std::vector<Oid> made_;  // tables in the stage
};

void Holder::take(const PlannedRows &rows) {
  if (!options_.extension_rows) return leave_out(rows, ", as pagila_repl.extension_rows says");
  Target target = find_target(rows.table);
  if (!target.exists) {
    if (places_.may_be_missing) return leave_out(rows, ", since it is not here");
    throw Error("42P01", "relation \"" + rows.table.schema + "." + rows.table.name + "\" does not exist",
                "The dump holds rows for it, but has not created it before them.",
                "Give the schema file first and the data file second.")
        .within(rows.place.text());
  }
  if (!OidIsValid(target.oid)) return leave_out(rows, ", which is not made for rows of users here");
  if (!OidIsValid(target.member.actor))
    return leave_out(rows, ", whose owner and the role have not each other's rights");
  if (!target.member.readable) return leave_out(rows, ", which the role may not read");
  if (rows.block.rows == 0 && is_line_a_row(rows) && written_rows(target.oid, places_.schemas).empty()) return;
  MemberTable &table = table_for(target, rows.table.schema + "." + rows.table.name);
  copy(rows, table);
  // What is outside of the stage would be seen at once.
  if (is_made(target.member.extension) && is_replaced(rows.table.schema)) made_.push_back(target.oid);
  if (target.member.writable) return;
  if (is_pending(table, name_of(table))) leave_out(rows, ", which the role may not write to");
  members_.tables.erase(members_.tables.begin() + (&table - members_.tables.data()));
}

// The tables in it are made by those who own them, and by nobody else.
void Holder::make_hidden_schema() {
  execute("CREATE SCHEMA " + quote(places_.hidden_schema));
  members_.hidden_schema =
      to_oid(query_value("SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1", {places_.hidden_schema}));
  give_rights(members_.hidden_schema, {GetSessionUserId(), nullptr});
  as_extension_owner([&] {
    execute("INSERT INTO pagila_repl.leftover (schema_oid, schema_name, run_id) VALUES ($1::oid, $2, $3::bigint)",
            {std::to_string(members_.hidden_schema), places_.hidden_schema, std::to_string(places_.run_id)});
  });
}

// The checks of the columns' types are evaluated as the owner of the hidden table.
void Holder::make_hidden_tables(const MemberTable &table) {
  std::string like = name_of(table), schema = quote(places_.hidden_schema);
  bool is_own = table.actor == GetSessionUserId();
  std::string role =
      quote(*query_value("SELECT rolname FROM pg_catalog.pg_roles WHERE oid = $1::oid", {std::to_string(table.actor)}));
  if (!is_own) execute("GRANT USAGE, CREATE ON SCHEMA " + schema + " TO " + role);
  for (const std::string &hidden : {table.rows, table.before}) {
    (void)execute_as_actor(table, "CREATE TABLE " + hidden + " (LIKE " + like + ")");
    for (
        const Row &generated : query(
            "SELECT pg_catalog.quote_ident(attname) FROM pg_catalog.pg_attribute WHERE attrelid = $1::oid AND attgenerated <> ''",
            {std::to_string(table.oid)}))
      (void)execute_as_actor(table, "ALTER TABLE " + hidden + " DROP COLUMN " + *generated[0]);
  }
  if (!is_own) execute("REVOKE CREATE ON SCHEMA " + schema + " FROM " + role);
  hide_from_decoding({std::to_string(members_.hidden_schema)});
}

MemberTable &Holder::table_for(const Target &target, const std::string &name) {
  for (MemberTable &table : members_.tables)
    if (table.oid == target.oid) return table;
  if (!OidIsValid(members_.hidden_schema)) make_hidden_schema();
  MemberTable table;
  table.oid = target.oid;
  table.actor = target.member.actor;
  table.name = name;
  table.written = array_literal(written_rows(target.oid, places_.schemas));
  table.replaces_all = options_.drop_unmanaged || options_.overwrite_modified;
  std::string place = std::to_string(next_++);
  table.rows = quote(places_.hidden_schema, "rows_" + place);
  table.before = quote(places_.hidden_schema, "before_" + place);
  make_hidden_tables(table);
  members_.tables.push_back(table);
  return members_.tables.back();
}

// Expressions and defaults would be evaluated with rights that the owner of the table may lack.
std::vector<std::string> columns_of_inserts(const PlannedRows &rows, const MemberTable &table) {
  InsertColumns columns = insert_columns(rows, table.oid);
  if (!columns.are_evaluated) return columns.names;
  throw Error(
      "0A000", "a dump may insert only constants into tables of extensions",
      "Table " + table.name + " gets values that its columns do not take as they are written.",
      "Write the rows as COPY, as pg_dump does, or load without them: set pagila_repl.extension_rows to \"skip\".")
      .within(rows.place.text());
}

// The columns of the rows, as they are named in the hidden table, too.
std::vector<std::string> columns_of(const PlannedRows &rows, const MemberTable &table, Oid hidden) {
  std::vector<std::string> columns = rows.columns;
  if (rows.block.form == RowBlock::Form::insert)
    columns = columns_of_inserts(rows, table);
  else if (!rows.copy_statement.empty())
    columns = columns_of_copy(rows.copy_statement);
  if (columns.empty())
    for (
        const Row &row : query(
            "SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            {std::to_string(hidden)}))
      columns.push_back(*row[0]);
  return columns;
}

// The columns of the table's primary key, or of another that has no nulls; all of these columns if it has none among them.
std::vector<std::string> key_of(Oid table, const std::vector<std::string> &columns) {
  for (
      const Row &row : query(
          R"(SELECT pg_catalog.array_agg(a.attname ORDER BY a.attnum), pg_catalog.bool_and(a.attname = ANY ($2::name[]))
                FROM pg_catalog.pg_index i
                     JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
               WHERE i.indrelid = $1::oid AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
               GROUP BY i.indexrelid, i.indisprimary HAVING pg_catalog.bool_and(a.attnotnull) ORDER BY i.indisprimary DESC, i.indexrelid)",
          {std::to_string(table), array_literal(columns)})) {
    if (*row[1] != "t") continue;
    return elements(row[0]);
  }
  return {};
}

void Holder::copy(const PlannedRows &rows, MemberTable &table) {
  Oid hidden = to_oid(query_value("SELECT pg_catalog.to_regclass($1)::oid", {table.rows}));
  std::vector<std::string> columns = columns_of(rows, table, hidden), quoted;
  for (const std::string &column : columns) quoted.push_back(quote(column));
  if (table.columns.empty()) {
    empty_table(hidden);
    table.columns = quoted;
    for (const std::string &column : key_of(table.oid, columns)) table.key.push_back(quote(column));
    if (table.key.empty()) table.key = quoted;
  } else if (table.columns != quoted) {
    throw Error("0A000", "rows of a table of an extension come with other columns than those before them",
                "Table " + table.name + ".")
        .within(rows.place.text());
  }
  std::unique_ptr<ByteSource> stream = open_rows_(rows, RowsAs::copy_text);
  uint64_t copied = 0;
  try {
    copied = copy_table({hidden, rows.copy_statement, columns, rows.encoding}, *stream, [](uint64_t, uint64_t) {});
  } catch (const Error &error) {
    Error placed = error;
    placed.detail.clear();
    placed.context = rows.place.text() + ", table \"" + table.name + "\"" +
                     (error.context.empty() ? "" : ", " + error.context + " of its rows");
    throw placed;
  }
  if (is_line_a_row(rows) && copied != rows.block.rows)
    throw Error("XX001", "rows were lost while loading table \"" + table.name + "\"").within(rows.place.text());
}

void Holder::take(const SequenceState &state) {
  if (!options_.extension_rows) return;
  Target target = find_target(state.sequence);
  std::string name = state.sequence.schema + "." + state.sequence.name;
  if (!target.member.readable || !target.member.writable) {
    remarks_.push_back("value of sequence " + name + " of an extension left out");
    return;
  }
  members_.sequences.push_back({target.oid, name, state.value, state.called});
}

// Nobody else sees it yet.
void Holder::write_to_made(const MemberTable &table) {
  std::string there = name_of(table);
  std::vector<std::string> to_write = rows_to_write(table, there);
  (void)update_rows(table, there, table.rows);
  (void)insert_rows(table, there);
  record_written(table, places_.run_id, rows_there(table, there, to_write));
}

// Rows that earlier runs wrote to a table of which the dump has none now.
void Holder::hold_nothing_of(const Written &written) {
  for (const MemberTable &table : members_.tables)
    if (table.oid == written.table) return;
  std::vector<Row> name = query(
      R"(SELECT n.nspname, c.relname
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid)",
      {std::to_string(written.table)});
  if (name.empty()) return;
  Target target = find_target({*name[0][0], *name[0][1]});
  if (target.oid != written.table || !target.member.readable || !target.member.writable) return;
  MemberTable &table = table_for(target, *name[0][0] + "." + *name[0][1]);
  table.columns = table.key = written.columns;
}

MemberRows Holder::finish(bool is_whole) {
  if (options_.extension_rows && is_whole)
    for (const Written &written : all_written(places_.schemas)) hold_nothing_of(written);
  std::vector<MemberTable> staying;
  for (MemberTable &table : members_.tables) {
    if (std::find(made_.begin(), made_.end(), table.oid) != made_.end()) {
      write_to_made(table);
      continue;
    }
    table.pending = is_pending(table, name_of(table));
    staying.push_back(table);
  }
  members_.tables = staying;
  return members_;
}

}  // namespace

MemberRows hold_member_rows(const LoadPlan &plan, const RunOptions &options, const MemberPlaces &places,
                            const OpenRows &open_rows, std::vector<std::string> &remarks) {
  return with_fixed_output([&] {
    Holder holder(options, places, open_rows, remarks);
    for (const PlannedRows &rows : plan.member_rows) holder.take(rows);
    for (const SequenceState &state : plan.member_sequences) holder.take(state);
    // Of a source some may not have been read.
    return holder.finish(!plan.files.empty());
  });
}

}  // namespace pagila_repl
