// Runs statements whose table has another name now.

#include "target/statement_in_stage.hpp"

#include <vector>

#include "pg/boundary.hpp"
#include "pg/function_guard.hpp"

extern "C" {
#include "access/xact.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "tcop/dest.h"
#include "tcop/utility.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

namespace pagila_repl {

namespace {

// Plain data: what is said and done in a statement.
struct Staging {
  const char *const *seen;  // names of schemas, and those that they have now
  const char *const *now;
  int schemas;
  Oid referred;
  bool is_unread;
};

// Server code.
char *name_now(char *schema, const Staging &staging) {
  for (int i = 0; schema != nullptr && i < staging.schemas; i++)
    if (strcmp(schema, staging.seen[i]) == 0) return pstrdup(staging.now[i]);
  return schema;
}

void adapt_key(Constraint *key, const Staging &staging) {
  if (key->contype != CONSTR_FOREIGN) return;
  if (OidIsValid(staging.referred)) {
    key->pktable->schemaname = get_namespace_name(get_rel_namespace(staging.referred));
    key->pktable->relname = get_rel_name(staging.referred);
    if (key->pktable->schemaname == nullptr || key->pktable->relname == nullptr)
      ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                      errmsg("the table that foreign key \"%s\" refers to was dropped during the run",
                             key->conname == nullptr ? "" : key->conname)));
  }
  // As in CREATE TABLE, where there are no rows to read.
  if (staging.is_unread && !key->skip_validation) key->skip_validation = key->initially_valid = true;
}

void adapt(Node *statement, const Staging &staging) {
  if (IsA(statement, AlterTableStmt)) {
    auto *alter = castNode(AlterTableStmt, statement);
    alter->relation->schemaname = name_now(alter->relation->schemaname, staging);
    ListCell *cell;
    foreach (cell, alter->cmds) {
      auto *command = lfirst_node(AlterTableCmd, cell);
      if (command->subtype == AT_AddConstraint) adapt_key(castNode(Constraint, command->def), staging);
    }
  } else if (IsA(statement, CommentStmt)) {
    auto *name = castNode(List, castNode(CommentStmt, statement)->object);
    if (list_length(name) < 3) return;
    auto *schema = linitial_node(String, name);
    schema->sval = name_now(schema->sval, staging);
  }
}

void run(const char *text, const Staging &staging) {
  auto *parsed = linitial_node(RawStmt, raw_parser(text, RAW_PARSE_DEFAULT));
  adapt(parsed->stmt, staging);
  auto *planned = makeNode(PlannedStmt);
  planned->commandType = CMD_UTILITY;
  planned->utilityStmt = parsed->stmt;
  planned->stmt_location = parsed->stmt_location;
  planned->stmt_len = parsed->stmt_len;
  PushActiveSnapshot(GetTransactionSnapshot());
  admit_statements(1);
  ProcessUtility(planned, text, false, PROCESS_UTILITY_QUERY, nullptr, nullptr, None_Receiver, nullptr);
  PopActiveSnapshot();
  CommandCounterIncrement();
}

}  // namespace

void run_in_stage(const Stage &stage, const std::string &statement, Oid referred, RowsOfKeys rows) {
  std::vector<const char *> seen, now;
  for (const StagedSchema &schema : stage.schemas) {
    seen.push_back(schema.name.c_str());
    now.push_back(schema.stage.c_str());
  }
  Staging staging{seen.data(), now.data(), static_cast<int>(seen.size()), referred, rows == RowsOfKeys::unread};
  const char *text = statement.c_str();
  // If it has failed before it ran, the next one is not admitted for it.
  struct Admission {
    ~Admission() { admit_statements(0); }
  } admission;
  guarded([text, staging] { run(text, staging); });
}

}  // namespace pagila_repl
