// The statements of a dump about its session: settings, roles, transactions, and the functions that it calls.

#include <cstring>

#include "source/parsed_statement.hpp"

extern "C" {
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"
}

namespace pagila_repl {

namespace {

bool is_one_of(const char *name, const char *const *names) {
  for (; *names != nullptr; names++)
    if (pg_strcasecmp(name, *names) == 0) return true;
  return false;
}

const char *const kApplied[] = {"client_encoding",
                                "standard_conforming_strings",
                                "check_function_bodies",
                                "xmloption",
                                "default_tablespace",
                                "default_table_access_method",
                                "default_toast_compression",
                                "search_path",
                                nullptr};
const char *const kIgnored[] = {"statement_timeout",
                                "lock_timeout",
                                "idle_in_transaction_session_timeout",
                                "idle_session_timeout",
                                "client_min_messages",
                                "row_security",
                                "escape_string_warning",
                                nullptr};
// How the server does its work, not what comes of it. Triggers never fire while rows are loaded, and foreign keys are
// checked once all rows are in, so it does not matter whether they would have been replayed as a replica does.
const char *const kPassedOver[] = {"session_replication_role",
                                   "synchronous_commit",
                                   "maintenance_work_mem",
                                   "work_mem",
                                   "temp_buffers",
                                   "max_parallel_maintenance_workers",
                                   "max_parallel_workers_per_gather",
                                   "vacuum_cost_delay",
                                   "application_name",
                                   "log_statement",
                                   "log_min_messages",
                                   "log_min_duration_statement",
                                   "log_min_error_statement",
                                   "quote_all_identifiers",
                                   "default_statistics_target",
                                   "jit",
                                   "tcp_keepalives_idle",
                                   "commit_delay",
                                   nullptr};
// Written by pg_dump of servers newer than this one may be.
const char *const kNewer[] = {"transaction_timeout", "default_toast_compression", "default_table_access_method",
                              "idle_session_timeout", nullptr};

constexpr const char *kOfSession = "{setting|settings} of the session passed over";
constexpr const char *kTakeOut =
    "Take it out of the file, or give the setting to the database or role that runs the load.";

void classify_oids(Parsed *parsed, VariableSetStmt *statement) {
  const char *value = statement->args == NIL ? nullptr : constant_text((Node *)linitial(statement->args));
  bool on = true;
  if (statement->kind == VAR_SET_VALUE && (value == nullptr || !parse_bool(value, &on) || on))
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "tables with oids", "Make the dump without --oids.");
  parsed->kind = Statement::Kind::ignored;
}

// SET ROLE and SET SESSION AUTHORIZATION, or RESET of them.
void classify_role(Parsed *parsed, VariableSetStmt *statement) {
  parsed->kind = Statement::Kind::role;
  if (statement->args == NIL) return;
  const char *role = constant_text((Node *)linitial(statement->args));
  bool none = role == nullptr || (pg_strcasecmp(parsed->setting, "role") == 0 && strcmp(role, "none") == 0);
  if (!none) parsed->roles = list_make1(pstrdup(role));
}

const char *value_of(VariableSetStmt *statement) {
  StringInfoData value;
  initStringInfo(&value);
  bool is_list = pg_strcasecmp(statement->name, "search_path") == 0;
  ListCell *cell;
  foreach (cell, statement->args) {
    const char *element = constant_text((Node *)lfirst(cell));
    if (element == nullptr)
      refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "computed settings", "Write the value as a constant.");
    if (value.len > 0) appendStringInfoString(&value, ", ");
    appendStringInfoString(&value, is_list ? quote_identifier(element) : element);
  }
  return value.data;
}

// A setting is given its value, or that of a new session where `value` is null.
void classify_value(Parsed *parsed, const char *name, const char *value) {
  parsed->setting = name;
  if (is_one_of(name, kIgnored)) {
    parsed->kind = Statement::Kind::ignored;
    return;
  }
  if (is_one_of(name, kPassedOver)) return pass_over(parsed, kOfSession);
  if (is_one_of(name, kNewer) && GetConfigOption(name, true, false) == nullptr) {
    parsed->kind = Statement::Kind::unknown_setting;
    return;
  }
  // A server of these majors knows it and has it, but a run is not bounded by it.
  if (pg_strcasecmp(name, "transaction_timeout") == 0) {
    parsed->kind = Statement::Kind::ignored;
    return;
  }
  if (value == nullptr && !is_one_of(name, kApplied)) return pass_over(parsed, kOfSession);
  if (!is_one_of(name, kApplied))
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a dump may not set parameter \"%s\"", name),
                    errhint("%s", kTakeOut)));
  parsed->kind = Statement::Kind::setting;
  parsed->setting_value = value == nullptr ? default_of_session(name) : value;
}

bool is_of_server(List *function) {
  return list_length(function) == 1 || strcmp(strVal(linitial(function)), "pg_catalog") == 0;
}

void classify_setval(Parsed *parsed, FuncCall *call) {
  constexpr const char *kHint = "Write the number that the sequence is to have, as pg_dump does.";
  const char *sequence = list_length(call->args) < 2 ? nullptr : constant_text((Node *)linitial(call->args));
  const char *value = list_length(call->args) < 2 ? nullptr : constant_text((Node *)lsecond(call->args));
  const char *called = list_length(call->args) < 3 ? "true" : constant_text((Node *)lthird(call->args));
  if (sequence == nullptr || value == nullptr || called == nullptr || list_length(call->args) > 3 ||
      !parse_bool(called, &parsed->sequence_called))
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "a call of setval that is not of constants", kHint, call->location);
  parsed->sequence_value = pg_strtoint64(value);
  about(parsed, textToQualifiedNameList(cstring_to_text(sequence)));
  parsed->kind = Statement::Kind::set_sequence;
}

void classify_set_config(Parsed *parsed, FuncCall *call) {
  bool three = list_length(call->args) == 3;
  const char *setting = three ? constant_text((Node *)linitial(call->args)) : nullptr;
  const char *value = three ? constant_text((Node *)lsecond(call->args)) : nullptr;
  const char *local = three ? constant_text((Node *)lthird(call->args)) : nullptr;
  if (setting == nullptr || value == nullptr || local == nullptr || !parse_bool(local, &parsed->setting_is_local))
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "a call of set_config that is not of constants",
           "Write the value of the setting as a constant.", call->location);
  classify_value(parsed, setting, value);
}

// The call of a function and nothing else: SELECT f(...), or SELECT * FROM f(...).
FuncCall *only_call(SelectStmt *statement) {
  if (list_length(statement->targetList) != 1 || statement->whereClause != nullptr || statement->valuesLists != NIL ||
      statement->intoClause != nullptr || statement->withClause != nullptr || statement->groupClause != NIL ||
      statement->havingClause != nullptr || statement->op != SETOP_NONE)
    return nullptr;
  Node *call = linitial_node(ResTarget, statement->targetList)->val;
  if (statement->fromClause != NIL) {
    Node *from = (Node *)linitial(statement->fromClause);
    if (list_length(statement->fromClause) != 1 || !IsA(from, RangeFunction) || !IsA(call, ColumnRef)) return nullptr;
    List *functions = castNode(RangeFunction, from)->functions;
    if (list_length(functions) != 1) return nullptr;
    call = (Node *)linitial(linitial_node(List, functions));
  }
  return IsA(call, FuncCall) ? castNode(FuncCall, call) : nullptr;
}

}  // namespace

const char *default_of_session(const char *name) {
  static const struct {
    const char *name, *value;
  } kDefaults[] = {{"client_encoding", "UTF8"},
                   {"standard_conforming_strings", "on"},
                   {"check_function_bodies", "on"},
                   {"xmloption", "content"},
                   {"default_tablespace", ""},
                   {"default_table_access_method", "heap"},
                   {"default_toast_compression", "pglz"},
                   {"search_path", "\"$user\", public"}};
  for (const auto &known : kDefaults)
    if (pg_strcasecmp(known.name, name) == 0) return known.value;
  return nullptr;
}

void classify_set(Parsed *parsed, VariableSetStmt *statement) {
  const char *name = statement->name == nullptr ? "" : statement->name;
  parsed->setting = name;
  parsed->setting_is_local = statement->is_local;
  switch (statement->kind) {
    case VAR_RESET_ALL: parsed->kind = Statement::Kind::reset_all; return;
    // Of transactions: their isolation and the like.
    case VAR_SET_MULTI:
      if (strcmp(name, "TRANSACTION SNAPSHOT") == 0)
        refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "SET TRANSACTION SNAPSHOT", "Take it out of the file.");
      return pass_over(parsed, kOfSession);
    case VAR_SET_CURRENT: refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "SET ... FROM CURRENT", "Take it out of the file.");
    default: break;
  }
  if (pg_strcasecmp(name, "default_with_oids") == 0) return classify_oids(parsed, statement);
  if (pg_strcasecmp(name, "role") == 0 || pg_strcasecmp(name, "session_authorization") == 0)
    return classify_role(parsed, statement);
  classify_value(parsed, name, statement->kind == VAR_SET_VALUE ? value_of(statement) : nullptr);
}

void classify_transaction(Parsed *parsed, TransactionStmt *statement) {
  constexpr const char *kHint = "A load is one transaction by itself: take BEGIN, COMMIT and the like out of the file.";
  switch (statement->kind) {
    case TRANS_STMT_BEGIN:
    case TRANS_STMT_START: parsed->kind = Statement::Kind::begin; return;
    case TRANS_STMT_COMMIT:
      if (statement->chain) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "COMMIT AND CHAIN", kHint);
      parsed->kind = Statement::Kind::commit;
      return;
    case TRANS_STMT_ROLLBACK: refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "ROLLBACK", kHint);
    // Nothing goes back to it.
    case TRANS_STMT_SAVEPOINT:
    case TRANS_STMT_RELEASE: parsed->kind = Statement::Kind::ignored; return;
    case TRANS_STMT_ROLLBACK_TO: refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "ROLLBACK TO SAVEPOINT", kHint);
    default: refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "prepared transactions", kHint);
  }
}

void classify_select(Parsed *parsed, SelectStmt *statement) {
  constexpr const char *kHint =
      "Only calls of setval and set_config with constants belong in a dump: take the query out of the file, or run it by "
      "hand.";
  if (classify_large_object_query(parsed, statement)) return;
  FuncCall *call = only_call(statement);
  if (call == nullptr || !is_of_server(call->funcname)) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "queries", kHint);
  const char *name = strVal(llast(call->funcname));
  // Of pg_dump 18 and newer. The run gathers statistics itself.
  for (const char *statistics : {"pg_restore_relation_stats", "pg_restore_attribute_stats", "pg_restore_extended_stats",
                                 "pg_clear_relation_stats", "pg_clear_attribute_stats", "pg_clear_extended_stats"})
    if (strcmp(name, statistics) == 0) {
      parsed->kind = Statement::Kind::statistics;
      return;
    }
  if (statement->fromClause != NIL) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "queries", kHint);
  if (strcmp(name, "setval") == 0) return classify_setval(parsed, call);
  if (strcmp(name, "set_config") == 0) return classify_set_config(parsed, call);
  if (strncmp(name, "lo_", 3) == 0 || strcmp(name, "lowrite") == 0) return classify_large_object_call(parsed, call);
  refuse(ERRCODE_FEATURE_NOT_SUPPORTED, psprintf("a call of function \"%s\"", name), kHint, call->location);
}

}  // namespace pagila_repl
