// Routes rows to partitions. What CopyFrom does for a partitioned table, less triggers, plus FREEZE: it
// refuses FREEZE there only because it cannot know that every leaf is new.

#include "target/route_rows.hpp"

#include "pg/compat.hpp"

extern "C" {
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/copyfrom_internal.h"
#include "executor/execPartition.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "nodes/makefuncs.h"
}

namespace pagila_repl {

namespace {

ModifyTableState *insert_state(EState *executor, ResultRelInfo *root) {
  ModifyTableState *state = makeNode(ModifyTableState);
  state->ps.plan = nullptr;
  state->ps.state = executor;
  state->operation = CMD_INSERT;
  state->mt_nrels = 1;
  state->resultRelInfo = root;
  state->rootResultRelInfo = root;
  return state;
}

void insert_frozen(EState *executor, ResultRelInfo *leaf, TupleTableSlot *slot) {
  TupleConversionMap *map = root_to_leaf_map(leaf, executor);
  if (map != nullptr) slot = execute_attr_map_slot(map->attrMap, slot, leaf->ri_PartitionTupleSlot);
  slot->tts_tableOid = RelationGetRelid(leaf->ri_RelationDesc);
  TupleConstr *constraints = leaf->ri_RelationDesc->rd_att->constr;
  if (constraints != nullptr && constraints->has_generated_stored)
    ExecComputeStoredGenerated(leaf, executor, slot, CMD_INSERT);
  if (constraints != nullptr) ExecConstraints(leaf, slot, executor);
  table_tuple_insert(leaf->ri_RelationDesc, slot, GetCurrentCommandId(true),
                     TABLE_INSERT_SKIP_FSM | TABLE_INSERT_FROZEN, nullptr);
  // A deferrable key would be checked again by a trigger; the shape needs none.
  if (leaf->ri_NumIndices > 0 && insert_index_tuples(leaf, slot, executor) != NIL)
    elog(ERROR, "a deferrable key of \"%s\" was not stripped", RelationGetRelationName(leaf->ri_RelationDesc));
}

}  // namespace

uint64 route_rows(CopyFromState copy, Relation root) {
  EState *executor = CreateExecutorState();
  ExecInitRangeTable(executor, copy->range_table);
  ResultRelInfo *root_info = makeNode(ResultRelInfo);
  ExecInitResultRelation(executor, root_info, 1);
  ModifyTableState *state = insert_state(executor, root_info);
  PartitionTupleRouting *routing = ExecSetupPartitionTupleRouting(executor, root);
  TupleTableSlot *slot = table_slot_create(root, &executor->es_tupleTable);
  ExprContext *expressions = GetPerTupleExprContext(executor);

  ErrorContextCallback context;
  context.callback = CopyFromErrorCallback;
  context.arg = copy;
  context.previous = error_context_stack;
  error_context_stack = &context;

  uint64 rows = 0;
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    ResetPerTupleExprContext(executor);
    ExecClearTuple(slot);
    MemoryContext before = MemoryContextSwitchTo(GetPerTupleMemoryContext(executor));
    bool found = NextCopyFrom(copy, expressions, slot->tts_values, slot->tts_isnull);
    MemoryContextSwitchTo(before);
    if (!found) break;
    ExecStoreVirtualTuple(slot);
    ResultRelInfo *leaf = ExecFindPartition(state, root_info, routing, slot, executor);
    insert_frozen(executor, leaf, slot);
    rows++;
  }

  error_context_stack = context.previous;
  ExecCleanupTupleRouting(state, routing);
  ExecResetTupleTable(executor->es_tupleTable, false);
  ExecCloseResultRelations(executor);
  ExecCloseRangeTableRelations(executor);
  FreeExecutorState(executor);
  return rows;
}

}  // namespace pagila_repl
