// SQL from C++ through the server programming interface.

#include "pg/spi.hpp"

#include "pg/boundary.hpp"
#include "pg/compat.hpp"
#include "pg/function_guard.hpp"

extern "C" {
#include "access/transam.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parse_node.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace pagila_repl {

namespace {

// What a statement gave, in memory of the server that lives until free_answer.
struct Answer {
  MemoryContext memory;
  char ***rows;
  uint64 row_count;
  int column_count;
  uint64 processed;
};

// Values for $1.. of a statement.
struct Parameters {
  int count;
  const char *const *values;
};

// A parameter becomes a literal whose type the statement says, as if it stood there in quotes: a cast of users from text to that type
// has no part in it, and the planner knows the value. A text that is too long for a name stays one, since a name would be cut.
Node *literal_for(ParseState *state, ParamRef *reference) {
  auto *parameters = (Parameters *)state->p_ref_hook_state;
  if (reference->number < 1 || reference->number > parameters->count)
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_PARAMETER), errmsg("there is no parameter $%d", reference->number)));
  const char *value = parameters->values[reference->number - 1];
  if (value == nullptr) return (Node *)makeConst(UNKNOWNOID, -1, InvalidOid, -2, (Datum)0, true, false);
  if (strlen(value) < NAMEDATALEN || *value == '{')
    return (Node *)makeConst(UNKNOWNOID, -1, InvalidOid, -2, CStringGetDatum(pstrdup(value)), false, false);
  return (Node *)makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1, CStringGetTextDatum(value), false, false);
}

void use_literals(ParseState *state, void *parameters) {
  state->p_ref_hook_state = parameters;
  state->p_paramref_hook = literal_for;
}

// A call of a function that users have made a cast between types of the server by: in our own SQL ::text means what it always does.
Node *by_text(Node *node, void *) {
  if (node == nullptr) return nullptr;
  if (IsA(node, Query)) return (Node *)mutate_query((Query *)node, by_text, 0);
  Node *copy = mutate_expression(node, by_text);
  if (!IsA(copy, FuncExpr)) return copy;
  auto *call = castNode(FuncExpr, copy);
  if (call->funcid < FirstUnpinnedObjectId || call->funcformat == COERCE_EXPLICIT_CALL ||
      call->funcformat == COERCE_SQL_SYNTAX)
    return copy;
  auto *coercion = makeNode(CoerceViaIO);
  coercion->arg = (Expr *)linitial(call->args);
  coercion->resulttype = call->funcresulttype;
  coercion->resultcollid = call->funccollid;
  coercion->coerceformat = call->funcformat;
  coercion->location = call->location;
  return (Node *)coercion;
}

post_parse_analyze_hook_type analyze_before = nullptr;

void use_servers_casts(ParseState *state, Query *query, JumbleState *jumble) {
  if (state->p_paramref_hook == literal_for) (void)mutate_query(query, by_text, QTW_DONT_COPY_QUERY);
  if (analyze_before != nullptr) analyze_before(state, query, jumble);
}

void install_servers_casts() {
  static bool is_installed = false;
  if (is_installed) return;
  is_installed = true;
  analyze_before = post_parse_analyze_hook;
  post_parse_analyze_hook = use_servers_casts;
}

int execute_statement(const char *sql, Parameters *parameters, bool is_our_own) {
  if (!is_our_own && parameters->count == 0) return SPI_execute(sql, false, 0);
  install_servers_casts();
  SPIPlanPtr plan = SPI_prepare_params(sql, use_literals, parameters, 0);
  return plan == nullptr ? SPI_result : SPI_execute_plan(plan, nullptr, nullptr, false, 0);
}

int count_utility_statements(const char *sql) {
  int count = 0;
  ListCell *cell;
  foreach (cell, raw_parser(sql, RAW_PARSE_DEFAULT)) {
    switch (nodeTag(lfirst_node(RawStmt, cell)->stmt)) {
      case T_SelectStmt:
      case T_InsertStmt:
      case T_UpdateStmt:
      case T_DeleteStmt:
      case T_MergeStmt: return 0;
      default: count++;
    }
  }
  return count;
}

// Server code: called inside guarded.
Answer run(const char *sql, int parameter_count, const char *const *parameters, bool keep_rows) {
  Answer answer{};
  // If the statement fails this goes with the (sub)transaction.
  answer.memory = AllocSetContextCreate(CurTransactionContext, "pagila_repl answer", ALLOCSET_DEFAULT_SIZES);
  SPI_connect();
  PushActiveSnapshot(GetTransactionSnapshot());
  // What the rows name has to be found when the server's functions look it up, though others have just committed it.
  AcceptInvalidationMessages();
  InvalidateCatalogSnapshot();
  // Only our own SQL is asked for rows; a function of the dump may have set another search_path.
  int settings_level = keep_rows ? NewGUCNestLevel() : 0;
  if (keep_rows)
    (void)set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                            false);

  Parameters values{parameter_count, parameters};
  // Not before all that could end in a call of something else.
  admit_statements(count_utility_statements(sql));
  int result = execute_statement(sql, &values, keep_rows);
  if (result < 0) elog(ERROR, "could not execute a statement: %s", SPI_result_code_string(result));

  answer.processed = SPI_processed;
  if (keep_rows && SPI_tuptable != nullptr) {
    MemoryContext before = MemoryContextSwitchTo(answer.memory);
    TupleDesc descriptor = SPI_tuptable->tupdesc;
    answer.column_count = descriptor->natts;
    answer.row_count = SPI_processed;
    answer.rows = (char ***)MemoryContextAllocHuge(answer.memory, sizeof(char **) * (answer.row_count + 1));
    for (uint64 row = 0; row < answer.row_count; row++) {
      answer.rows[row] = (char **)palloc(sizeof(char *) * answer.column_count);
      for (int column = 0; column < answer.column_count; column++)
        answer.rows[row][column] = SPI_getvalue(SPI_tuptable->vals[row], descriptor, column + 1);
    }
    MemoryContextSwitchTo(before);
  }
  if (keep_rows) AtEOXact_GUC(true, settings_level);
  PopActiveSnapshot();
  SPI_finish();
  return answer;
}

Answer run_guarded(const std::string &sql, const std::vector<Value> &parameters, bool keep_rows) {
  std::vector<const char *> plain;
  for (const Value &value : parameters) plain.push_back(value ? value->c_str() : nullptr);
  const char *text = sql.c_str();
  const char *const *values = plain.data();
  int count = static_cast<int>(plain.size());
  // If the statement has failed before it ran, the next one is not admitted for it.
  struct Admission {
    ~Admission() { admit_statements(0); }
  } admission;
  return guarded([=] { return run(text, count, values, keep_rows); });
}

}  // namespace

std::vector<Row> query(const std::string &sql, const std::vector<Value> &parameters) {
  Answer answer = run_guarded(sql, parameters, true);
  std::vector<Row> rows(answer.row_count);
  for (uint64 row = 0; row < answer.row_count; row++)
    for (int column = 0; column < answer.column_count; column++) {
      const char *value = answer.rows[row][column];
      rows[row].push_back(value == nullptr ? Value() : Value(value));
    }
  MemoryContextDelete(answer.memory);
  return rows;
}

uint64_t execute(const std::string &sql, const std::vector<Value> &parameters) {
  Answer answer = run_guarded(sql, parameters, false);
  MemoryContextDelete(answer.memory);
  return answer.processed;
}

Value query_value(const std::string &sql, const std::vector<Value> &parameters) {
  std::vector<Row> rows = query(sql, parameters);
  return rows.empty() || rows[0].empty() ? Value() : rows[0][0];
}

std::string array_literal(const std::vector<std::string> &elements) {
  std::string literal = "{";
  for (const std::string &element : elements) {
    if (literal.size() > 1) literal += ',';
    literal += '"';
    for (char c : element) {
      if (c == '"' || c == '\\') literal += '\\';
      literal += c;
    }
    literal += '"';
  }
  return literal + "}";
}

std::string quote(const std::string &identifier) {
  std::string quoted = "\"";
  for (char c : identifier) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string quote_literal(const std::string &text) {
  std::string literal = " E'";
  for (char c : text) {
    if (c == '\'' || c == '\\') literal += c;
    literal += c;
  }
  return literal + "'";
}

std::string quote(const std::string &schema, const std::string &name) { return quote(schema) + "." + quote(name); }

}  // namespace pagila_repl
