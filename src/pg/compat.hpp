// The only place that knows server versions: what differs between 14 and 18, under one name each.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "catalog/index.h"
#include "catalog/objectaccess.h"
#if PG_VERSION_NUM >= 150000
#include "common/pg_prng.h"
#endif
#include "catalog/pg_database.h"
#include "catalog/pg_foreign_server.h"
#include "commands/defrem.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "parser/analyze.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/relcache.h"
}

#if PG_VERSION_NUM < 140000 || PG_VERSION_NUM >= 190000
#error "pagila_repl is written for PostgreSQL 14 to 18"
#endif

namespace pagila_repl {

// The text of a constant of the raw parser, null for NULL.
inline const char *text_of_constant(A_Const *constant) {
#if PG_VERSION_NUM >= 150000
  if (constant->isnull) return nullptr;
  switch (nodeTag(&constant->val.node)) {
    case T_Integer: return psprintf("%d", constant->val.ival.ival);
    case T_Float: return constant->val.fval.fval;
    case T_Boolean: return constant->val.boolval.boolval ? "true" : "false";
    case T_String: return constant->val.sval.sval;
    default: return nullptr;
  }
#else
  switch (constant->val.type) {
    case T_Integer: return psprintf("%d", constant->val.val.ival);
    case T_Float:
    case T_String: return constant->val.val.str;
    default: return nullptr;
  }
#endif
}

// Calls the walker for each part of an expression of the raw parser.
inline bool walk_raw_expression(Node *node, bool (*walker)(Node *, void *), void *context) {
#if PG_VERSION_NUM >= 160000
  return raw_expression_tree_walker(node, walker, context);
#else
  // Declared without parameters, as in old C.
  return raw_expression_tree_walker(node, reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(walker)), context);
#endif
}

// Parse analysis of a statement without parameters.
inline Query *analyze_statement(RawStmt *statement, const char *text) {
#if PG_VERSION_NUM >= 150000
  return parse_analyze_fixedparams(statement, text, nullptr, 0, nullptr);
#else
  return parse_analyze(statement, text, nullptr, 0, nullptr);
#endif
}

inline ObjectType object_type_of(CreateTableAsStmt *statement) {
#if PG_VERSION_NUM >= 140000
  return statement->objtype;
#endif
}

inline TupleConversionMap *root_to_leaf_map(ResultRelInfo *leaf, EState *executor) {
#if PG_VERSION_NUM >= 160000
  return ExecGetRootToChildMap(leaf, executor);
#else
  (void)executor;
  return leaf->ri_RootToPartitionMap;
#endif
}

using TreeWalker = bool (*)(Node *, void *);

inline bool walk_expression(Node *node, TreeWalker walker, void *context) {
#if PG_VERSION_NUM >= 160000
  return expression_tree_walker(node, walker, context);
#else
  return expression_tree_walker(node, reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(walker)), context);
#endif
}

inline bool walk_query(Query *query, TreeWalker walker, void *context) {
#if PG_VERSION_NUM >= 160000
  return query_tree_walker(query, walker, context, 0);
#else
  return query_tree_walker(query, reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(walker)), context, 0);
#endif
}

using TreeMutator = Node *(*)(Node *, void *);

inline Node *mutate_expression(Node *node, TreeMutator mutator) {
#if PG_VERSION_NUM >= 160000
  return expression_tree_mutator(node, mutator, nullptr);
#else
  return expression_tree_mutator(node, reinterpret_cast<Node *(*)()>(reinterpret_cast<void (*)()>(mutator)), nullptr);
#endif
}

inline Query *mutate_query(Query *query, TreeMutator mutator, int flags) {
#if PG_VERSION_NUM >= 160000
  return query_tree_mutator(query, mutator, nullptr, flags);
#else
  return query_tree_mutator(query, reinterpret_cast<Node *(*)()>(reinterpret_cast<void (*)()>(mutator)), nullptr,
                            flags);
#endif
}

// Returns the deferrable indexes in which the row may be a duplicate.
inline List *insert_index_tuples(ResultRelInfo *table, TupleTableSlot *slot, EState *executor) {
#if PG_VERSION_NUM >= 160000
  return ExecInsertIndexTuples(table, slot, executor, false, false, nullptr, NIL, false);
#else
  return ExecInsertIndexTuples(table, slot, executor, false, false, nullptr, NIL);
#endif
}

inline Node *make_boolean(bool value) {
#if PG_VERSION_NUM >= 150000
  return (Node *)makeBoolean(value);
#else
  return (Node *)makeString(pstrdup(value ? "true" : "false"));
#endif
}

// Lives until it is freed, whatever becomes of the transaction.
inline WaitEventSet *make_wait_event_set(int events) {
#if PG_VERSION_NUM >= 170000
  return CreateWaitEventSet(nullptr, events);
#else
  return CreateWaitEventSet(TopMemoryContext, events);
#endif
}

inline bool may_use_foreign_server(Oid server, Oid role) {
#if PG_VERSION_NUM >= 160000
  return object_aclcheck(ForeignServerRelationId, server, role, ACL_USAGE) == ACLCHECK_OK;
#else
  return pg_foreign_server_aclcheck(server, role, ACL_USAGE) == ACLCHECK_OK;
#endif
}

// Between 0 and 1.
inline double random_fraction() {
#if PG_VERSION_NUM >= 150000
  return pg_prng_double(&pg_global_prng_state);
#else
  return static_cast<double>(random()) / MAX_RANDOM_VALUE;
#endif
}

inline bool may_connect_to_database(Oid database, Oid role) {
#if PG_VERSION_NUM >= 160000
  return object_aclcheck(DatabaseRelationId, database, role, ACL_CONNECT) == ACLCHECK_OK;
#else
  return pg_database_aclcheck(database, role, ACL_CONNECT) == ACLCHECK_OK;
#endif
}

inline void reserve_setting_prefix(const char *prefix) {
#if PG_VERSION_NUM >= 150000
  MarkGUCPrefixReserved(prefix);
#else
  EmitWarningsOnPlaceholders(prefix);
#endif
}

// An empty file in place of the relation's, for good once the transaction commits.
inline void make_new_file(Relation relation) {
#if PG_VERSION_NUM >= 160000
  RelationSetNewRelfilenumber(relation, relation->rd_rel->relpersistence);
#else
  RelationSetNewRelfilenode(relation, relation->rd_rel->relpersistence);
#endif
}

inline void rebuild_indexes_and_toast_index(Oid table) {
  ReindexParams parameters{};
#if PG_VERSION_NUM >= 170000
  (void)reindex_relation(nullptr, table, REINDEX_REL_PROCESS_TOAST, &parameters);
#else
  (void)reindex_relation(table, REINDEX_REL_PROCESS_TOAST, &parameters);
#endif
}

}  // namespace pagila_repl
