// COPY into a staged table.

#include "target/copy_table.hpp"

#include <algorithm>
#include <cctype>
#include <climits>

#include "pg/boundary.hpp"
#include "pg/compat.hpp"
#include "pg/query_guard.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/route_rows.hpp"

extern "C" {
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "commands/copyfrom_internal.h"
#include "commands/progress.h"
#include "commands/tablecmds.h"
#include "nodes/makefuncs.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "pgstat.h"
#include "storage/predicate.h"
#include "utils/backend_status.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace pagila_repl {

namespace {

// copy_data_source_cb has no argument, so the stream of the COPY under way is here. One COPY at a time per process.
struct Stream {
  ByteSource *rows;
  const CopyProgress *told;
  uint64_t bytes = 0;
  CopyFromState copy = nullptr;
  uint64_t counted_rows = 0, bytes_since = 0, row_length = 0;  // lately
};
Stream *stream = nullptr;

// COPY keeps its count for pg_stat_progress_copy.
uint64_t rows_so_far() {
  return MyBEEntry == nullptr ? 0 : static_cast<uint64_t>(MyBEEntry->st_progress_param[PROGRESS_COPY_TUPLES_PROCESSED]);
}

// COPY inserts rows when it has a thousand of them, or 64 kB by the length of their lines. Binary rows have none, so a
// thousand of whatever size would be held: they are told to be as long as those were that came lately.
void tell_row_length(CopyFromState copy, uint64_t bytes) {
  if (copy == nullptr || !copy->opts.binary) return;
  if (copy->cur_lineno > stream->counted_rows) {
    stream->row_length = stream->bytes_since / (copy->cur_lineno - stream->counted_rows);
    stream->counted_rows = copy->cur_lineno;
    stream->bytes_since = 0;
  }
  uint64_t length = std::max(stream->row_length, stream->bytes_since);
  stream->bytes_since += bytes;
  copy->line_buf.len = static_cast<int>(std::min<uint64_t>(length, INT_MAX));
}

int read_stream(void *buffer, int least, int most) {
  return entry([=] {
    auto *out = static_cast<char *>(buffer);
    int total = 0;
    do {
      size_t got = stream->rows->read(out + total, static_cast<size_t>(most - total));
      if (got == 0) break;
      total += static_cast<int>(got);
    } while (total < least);
    stream->bytes += static_cast<uint64_t>(total);
    tell_row_length(stream->copy, static_cast<uint64_t>(total));
    (*stream->told)(rows_so_far(), stream->bytes);
    return total;
  });
}

// Server code.
CopyStmt *parse_copy(const char *statement) {
  return castNode(CopyStmt, linitial_node(RawStmt, raw_parser(statement, RAW_PARSE_DEFAULT))->stmt);
}

// Of COPY's options those that say how the rows are written; FREEZE and ENCODING are ours to say.
List *options_for(const char *statement, const char *encoding, bool binary, bool freeze, List **columns) {
  List *options = NIL;
  if (binary) options = lappend(options, makeDefElem(pstrdup("format"), (Node *)makeString(pstrdup("binary")), -1));
  if (*statement != '\0') {
    CopyStmt *copy = parse_copy(statement);
    *columns = copy->attlist;
    ListCell *cell;
    foreach (cell, copy->options) {
      auto *option = lfirst_node(DefElem, cell);
      if (strcmp(option->defname, "freeze") != 0 && strcmp(option->defname, "encoding") != 0)
        options = lappend(options, option);
    }
  }
  options = lappend(options, makeDefElem(pstrdup("encoding"), (Node *)makeString(pstrdup(encoding)), -1));
  if (freeze) options = lappend(options, makeDefElem(pstrdup("freeze"), (Node *)make_boolean(true), -1));
  return options;
}

uint64 copy(Oid table, const char *statement, const char *const *columns, int column_count, const char *encoding,
            bool binary, bool through_root) {
  List *names = NIL;
  for (int i = 0; i < column_count; i++) names = lappend(names, makeString(pstrdup(columns[i])));
  List *options = options_for(statement, encoding, binary, !through_root, &names);

  PushActiveSnapshot(GetTransactionSnapshot());
  Relation relation = table_open(table, RowExclusiveLock);
  // Constraints, domains and generated columns are evaluated with the rights of the table's owner, as logical replication does.
  Identity before = enter_role(relation->rd_rel->relowner);
  ParseState *state = make_parsestate(nullptr);
  (void)addRangeTableEntryForRelation(state, relation, RowExclusiveLock, nullptr, false, false);
  CopyFromState copy_state = nullptr;
  // Defaults of columns that the rows lack.
  with_known_expressions(
      [&] { copy_state = BeginCopyFrom(state, relation, nullptr, nullptr, false, read_stream, names, options); });
  stream->copy = copy_state;
  uint64 rows = through_root ? route_rows(copy_state, relation) : CopyFrom(copy_state);
  EndCopyFrom(copy_state);
  free_parsestate(state);
  leave_role(before, Settings::undo);
  table_close(relation, NoLock);
  PopActiveSnapshot();
  CommandCounterIncrement();
  return rows;
}

// COPY's context quotes the data; only its line and column are passed on.
std::string place_in(const std::string &context) {
  static const std::string mark = ", line ";
  size_t at = context.find(mark);
  if (context.compare(0, 5, "COPY ") != 0 || at == std::string::npos) return {};
  size_t end = at + mark.size();
  while (end < context.size() && isdigit(static_cast<unsigned char>(context[end]))) end++;
  std::string place = context.substr(at + 2, end - at - 2);
  static const std::string column = ", column ";
  if (context.compare(end, column.size(), column) != 0) return place;
  size_t colon = context.find(':', end + column.size());
  return place + context.substr(end, colon == std::string::npos ? 0 : colon - end);
}

// What TRUNCATE does to the files of a table. Its record for logical decoding, which subscribers would truncate a table of
// that name by, is left out, and no name is looked up.
void give_new_files(Oid table) {
  Relation relation = try_relation_open(table, AccessExclusiveLock);
  if (relation == nullptr)
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table with OID %u does not exist", table)));
  // It is staged as long as it is hidden from logical decoding, and no row is to go in while it is not.
  if (relation->rd_rel->relkind != RELKIND_RELATION || relation->rd_rel->relrewrite != table)
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("\"%s\" is not a staged table", RelationGetRelationName(relation))));
  CheckTableNotInUse(relation, "TRUNCATE");
  CheckTableForSerializableConflictIn(relation);
  make_new_file(relation);
  if (OidIsValid(relation->rd_rel->reltoastrelid)) {
    Relation toast = relation_open(relation->rd_rel->reltoastrelid, AccessExclusiveLock);
    make_new_file(toast);
    relation_close(toast, NoLock);
  }
  rebuild_indexes_and_toast_index(table);
  pgstat_count_truncate(relation);
  relation_close(relation, NoLock);
  CommandCounterIncrement();
}

}  // namespace

std::vector<std::string> columns_of_copy(const std::string &statement) {
  const char *text = statement.c_str();
  List *listed = guarded([text] { return parse_copy(text)->attlist; });
  std::vector<std::string> columns;
  for (int i = 0; i < list_length(listed); i++) columns.emplace_back(strVal(list_nth(listed, i)));
  return columns;
}

void empty_table(Oid top) {
  for (const Row &row : query(
           R"(SELECT c.oid FROM pg_catalog.pg_class c
               WHERE c.relkind = 'r'
                 AND c.oid = ANY ($1::oid || ARRAY(SELECT relid::oid FROM pg_catalog.pg_partition_tree($1::oid))))",
           {std::to_string(top)})) {
    Oid table = static_cast<Oid>(std::stoul(*row[0]));
    guarded([table] { give_new_files(table); });
  }
}

uint64_t copy_table(const CopyOrder &order, ByteSource &rows, const CopyProgress &told) {
  Stream ours{&rows, &told};
  stream = &ours;
  std::vector<const char *> names;
  for (const std::string &column : order.columns) names.push_back(column.c_str());
  const char *statement = order.copy_statement.c_str(), *encoding = order.encoding.c_str();
  const char *const *columns = names.data();
  int column_count = static_cast<int>(names.size());
  Oid table = order.table;
  bool through_root = order.through_root, binary = order.binary;
  try {
    return guarded([=] { return copy(table, statement, columns, column_count, encoding, binary, through_root); });
  } catch (const Error &error) {
    Error placed = error;
    placed.context = place_in(error.context);
    throw placed;
  }
}

}  // namespace pagila_repl
