// SQL from C++ through the server programming interface.

#include "pg/spi.hpp"

#include "pg/boundary.hpp"
#include "pg/function_guard.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
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

bool continues_type(char next) { return isalnum((unsigned char)next) || next == '_' || next == '[' || next == '.'; }

// The type that a cast at this place gives, of those below; else text.
Oid cast_at(const char *sql) {
  static const struct {
    const char *text;
    Oid type;
  } kCasts[] = {{"::oid[]", OIDARRAYOID},   {"::oid", OIDOID},     {"::name[]", NAMEARRAYOID},
                {"::text[]", TEXTARRAYOID}, {"::bigint", INT8OID}, {"::integer", INT4OID}};
  for (const auto &cast : kCasts) {
    size_t size = strlen(cast.text);
    if (strncmp(sql, cast.text, size) == 0 && !continues_type(sql[size])) return cast.type;
  }
  return TEXTOID;
}

// Text that a statement casts, the server would convert again for every row, and its planner would not know the value. So
// a parameter that is cast to the same type wherever it is mentioned is given in that type.
Oid parameter_type(const char *sql, int number) {
  char mention[16];
  int length = snprintf(mention, sizeof mention, "$%d", number);
  Oid type = InvalidOid;
  for (const char *at = strstr(sql, mention); at != nullptr; at = strstr(at, mention)) {
    at += length;
    if (isdigit((unsigned char)*at)) continue;
    Oid here = cast_at(at);
    if (OidIsValid(type) && here != type) return TEXTOID;
    type = here;
  }
  return OidIsValid(type) ? type : TEXTOID;
}

Datum parameter_value(const char *value, Oid type) {
  if (type == TEXTOID) return CStringGetTextDatum(value);
  Oid input, element;
  getTypeInputInfo(type, &input, &element);
  return OidInputFunctionCall(input, const_cast<char *>(value), element, -1);
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
  // Only our own SQL is asked for rows; a function of the dump may have set another search_path.
  int settings_level = keep_rows ? NewGUCNestLevel() : 0;
  if (keep_rows)
    (void)set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                            false);

  auto *types = (Oid *)palloc0(sizeof(Oid) * (parameter_count + 1));
  auto *values = (Datum *)palloc0(sizeof(Datum) * (parameter_count + 1));
  auto *nulls = (char *)palloc0(parameter_count + 1);
  for (int i = 0; i < parameter_count; i++) {
    types[i] = parameter_type(sql, i + 1);
    nulls[i] = parameters[i] == nullptr ? 'n' : ' ';
    if (parameters[i] != nullptr) values[i] = parameter_value(parameters[i], types[i]);
  }
  // Not before all that could end in a call of something else.
  admit_statements(count_utility_statements(sql));
  int result = SPI_execute_with_args(sql, parameter_count, types, values, nulls, false, 0);
  if (result < 0) elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));

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
