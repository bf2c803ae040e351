// Evaluates the values of INSERT statements as the server would insert them.

#include "target/evaluated_rows.hpp"

#include <algorithm>
#include <cstring>

#include "core/insert_literal.hpp"
#include "pg/boundary.hpp"
#include "pg/compat.hpp"
#include "pg/query_guard.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parser.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace pagila_repl {

namespace {

// Plain data, for server code.
struct Order {
  const char *statement, *search_path;
  bool standard_strings;
  Oid table;
  const bool *is_left_out;  // per value
};

void use_setting(const char *name, const char *value) {
  (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

// The statement with its values converted to the types of the table's columns.
Query *analyze(const Order &order, Relation table) {
  auto *statement = linitial_node(RawStmt, raw_parser(order.statement, RAW_PARSE_DEFAULT));
  auto *insert = castNode(InsertStmt, statement->stmt);
  insert->relation =
      makeRangeVar(get_namespace_name(RelationGetNamespace(table)), pstrdup(RelationGetRelationName(table)), -1);
  insert->onConflictClause = nullptr;
  insert->returningList = NIL;
  return analyze_statement(statement, order.statement);
}

// A list of lists of expressions; `columns` are the numbers of the columns that they are for.
List *rows_of(Query *query, Relation table, List **columns) {
  ListCell *cell;
  // DEFAULT VALUES: the first column stands for all.
  if (query->targetList == NIL) {
    TupleDesc all = RelationGetDescr(table);
    int first = 0;
    while (TupleDescAttr(all, first)->attisdropped || TupleDescAttr(all, first)->attgenerated != '\0') first++;
    *columns = list_make1_int(first + 1);
    return list_make1(list_make1(makeNode(SetToDefault)));
  }
  List *only = NIL;
  foreach (cell, query->targetList) {
    auto *entry = lfirst_node(TargetEntry, cell);
    *columns = lappend_int(*columns, entry->resno);
    only = lappend(only, entry->expr);
  }
  foreach (cell, query->rtable)
    if (lfirst_node(RangeTblEntry, cell)->rtekind == RTE_VALUES) return lfirst_node(RangeTblEntry, cell)->values_lists;
  return list_make1(only);
}

void append_escaped(StringInfo out, const char *text) {
  for (const char *at = text; *at != '\0'; at++) {
    char letter = copy_escape(*at);
    if (letter != 0) appendStringInfoCharMacro(out, '\\');
    appendStringInfoCharMacro(out, letter != 0 ? letter : *at);
  }
}

void append_value(StringInfo out, Node *node, Relation table, int column, EState *executor) {
  if (IsA(node, SetToDefault)) node = build_column_default(table, column);
  if (node == nullptr) {
    appendStringInfoString(out, "\\N");
    return;
  }
  Oid type = exprType(node), function;
  bool is_null = false, is_varlena;
  Expr *planned = expression_planner((Expr *)node);
  Datum value;
  if (IsA(planned, Const)) {
    is_null = castNode(Const, planned)->constisnull;
    value = castNode(Const, planned)->constvalue;
  } else {
    ExprState *state = ExecInitExpr(planned, nullptr);
    value = ExecEvalExprSwitchContext(state, GetPerTupleExprContext(executor), &is_null);
  }
  if (is_null) {
    appendStringInfoString(out, "\\N");
    return;
  }
  getTypeOutputInfo(type, &function, &is_varlena);
  append_escaped(out, OidOutputFunctionCall(function, value));
}

void append_rows(StringInfo out, const Order &order, Relation table, List *rows, List *columns) {
  EState *executor = CreateExecutorState();
  ListCell *row, *value, *column;
  foreach (row, rows) {
    CHECK_FOR_INTERRUPTS();
    bool is_first = true;
    int at = 0;
    forboth(value, lfirst_node(List, row), column, columns) {
      if (order.is_left_out[at++]) continue;
      if (!is_first) appendStringInfoCharMacro(out, '\t');
      is_first = false;
      append_value(out, (Node *)lfirst(value), table, lfirst_int(column), executor);
    }
    ResetPerTupleExprContext(executor);
    appendStringInfoCharMacro(out, '\n');
  }
  FreeExecutorState(executor);
}

// Server code: the rows as COPY text.
StringInfo evaluate(const Order &order) {
  Identity before = enter_role(GetSessionUserId());
  use_setting("search_path", order.search_path);
  use_setting("standard_conforming_strings", order.standard_strings ? "on" : "off");
  Relation table = table_open(order.table, RowExclusiveLock);
  Query *query = analyze(order, table);
  check_query(query);
  List *columns = NIL;
  List *rows = rows_of(query, table, &columns);
  StringInfo out = makeStringInfo();
  with_known_expressions([&] { append_rows(out, order, table, rows, columns); });
  table_close(table, NoLock);
  leave_role(before, Settings::undo);
  return out;
}

}  // namespace

EvaluatedRows::EvaluatedRows(std::unique_ptr<ByteSource> statements, const PlannedRows &rows, Oid table,
                             const std::vector<bool> &left_out)
    : statements_(std::move(statements)),
      rows_(rows),
      left_out_(left_out),
      table_(table),
      texts_(*statements_, rows.block),
      encoding_(pg_char_to_encoding(rows.encoding.c_str())) {
  memory_ = guarded([] {
    return AllocSetContextCreate(CurTransactionContext, "pagila_repl evaluated rows", ALLOCSET_DEFAULT_SIZES);
  });
}

EvaluatedRows::~EvaluatedRows() = default;

size_t EvaluatedRows::read(char *buffer, size_t size) {
  while (taken_ == size_)
    if (!evaluate_next()) return 0;
  size_t given = std::min(size, size_ - taken_);
  memcpy(buffer, text_ + taken_, given);
  taken_ += given;
  return given;
}

bool EvaluatedRows::evaluate_next() {
  std::optional<InsertTexts::Text> text = texts_.next();
  if (!text) {
    MemoryContext memory = memory_;
    if (memory != nullptr) guarded([memory] { MemoryContextDelete(memory); });
    memory_ = nullptr;
    return false;
  }
  line_ = text->line;
  auto is_left_out = std::make_unique<bool[]>(left_out_.size() + 1);
  std::copy(left_out_.begin(), left_out_.end(), is_left_out.get());
  const bool *left_out = is_left_out.get();
  const char *bytes = text->text.c_str(), *path = rows_.search_path.c_str();
  int length = static_cast<int>(text->text.size()), encoding = encoding_;
  bool standard_strings = rows_.block.standard_conforming_strings;
  Oid table = table_;
  MemoryContext memory = memory_;
  StringInfo out = guarded([=] {
    MemoryContextReset(memory);
    MemoryContext before = MemoryContextSwitchTo(memory);
    const char *statement = pg_any_to_server(bytes, length, encoding);
    StringInfo rows = evaluate({statement, path, standard_strings, table, left_out});
    MemoryContextSwitchTo(before);
    return rows;
  });
  line_ = 0;
  text_ = out->data;
  size_ = static_cast<size_t>(out->len);
  taken_ = 0;
  return true;
}

}  // namespace pagila_repl
