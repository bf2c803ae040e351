// Looks at an INSERT whose values only the server can evaluate.

#include "pg/boundary.hpp"
#include "source/parsed_statement.hpp"
#include "source/statement.hpp"

namespace pagila_repl {

namespace {

constexpr const char *kHint = "Values are constants and expressions of constants and functions, or DEFAULT.";

// Server code, called for every node of a value.
bool check_value(Node *node, void *) {
  if (node == nullptr) return false;
  if (IsA(node, SubLink))
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "queries in the values of INSERT", kHint, castNode(SubLink, node)->location);
  if (IsA(node, ColumnRef))
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "column references in the values of INSERT", kHint,
           castNode(ColumnRef, node)->location);
  if (IsA(node, ParamRef))
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "parameters", kHint, castNode(ParamRef, node)->location);
  return walk_raw_expression(node, check_value, nullptr);
}

void check_columns(List *columns) {
  ListCell *cell;
  foreach (cell, columns) {
    auto *column = lfirst_node(ResTarget, cell);
    if (column->indirection != NIL)
      refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "INSERT into a part of a column", "Give the value of the whole column.",
             column->location);
  }
}

// Plain data. A row has as many values as the first, or the server refuses the statement later.
struct Seen {
  uint64 rows;
  int values;
  bool *is_default;
};

Seen look(const char *text) {
  Node *node = parse_statement(text);
  if (node == nullptr || !IsA(node, InsertStmt)) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "queries");
  auto *insert = castNode(InsertStmt, node);
  auto *source = (SelectStmt *)insert->selectStmt;
  ListCell *returned;
  foreach (returned, insert->returningList)
    if (!IsA(lfirst_node(ResTarget, returned)->val, ColumnRef))
      refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "expressions after RETURNING", "Leave out RETURNING.",
             lfirst_node(ResTarget, returned)->location);
  if (insert->withClause != nullptr || source == nullptr || !IsA(source, SelectStmt) || source->valuesLists == NIL ||
      source->sortClause != NIL || source->limitCount != nullptr || source->limitOffset != nullptr)
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "INSERT of a query", "Write the rows as VALUES.");
  if (insert->onConflictClause != nullptr && insert->onConflictClause->action != ONCONFLICT_NOTHING)
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "this ON CONFLICT", "ON CONFLICT DO NOTHING is possible.",
           insert->onConflictClause->location);
  check_columns(insert->cols);

  Seen seen{};
  seen.values = list_length(linitial_node(List, source->valuesLists));
  seen.is_default = (bool *)palloc(seen.values + 1);
  for (int i = 0; i < seen.values; i++) seen.is_default[i] = true;
  ListCell *row, *value;
  foreach (row, source->valuesLists) {
    List *values = lfirst_node(List, row);
    if (list_length(values) != seen.values)
      ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR), errmsg("VALUES lists must all be the same length")));
    foreach (value, values) {
      auto *node_of_value = (Node *)lfirst(value);
      if (!IsA(node_of_value, SetToDefault)) seen.is_default[foreach_current_index(value)] = false;
      (void)check_value(node_of_value, nullptr);
    }
    seen.rows++;
  }
  return seen;
}

}  // namespace

InsertForm look_at_insert(const std::string &text) {
  const char *plain = text.c_str();
  Seen seen;
  try {
    seen = guarded([plain] { return look(plain); });
  } catch (const Error &error) {
    throw in_words_of_ours(error, text, true);
  }
  InsertForm form;
  form.rows = seen.rows;
  form.is_default.assign(seen.is_default, seen.is_default + seen.values);
  return form;
}

}  // namespace pagila_repl
