// Citus lists the tables that it distributes in a table called pg_dist_partition. Anyone can make one of that name, so it
// is opened by OID, believed only if a superuser owns it, and read below the level of SQL.

#include "pg/distributed_tables.hpp"

#include "pg/boundary.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace pagila_repl {

namespace {

struct Oids {
  Oid *values;
  uint64 count;
};

// Server code.
void lock_for_reading(Oid relation) {
  constexpr int kTries = 100;
  constexpr long kPauseUs = 10000;
  for (int i = 0; !ConditionalLockRelationOid(relation, AccessShareLock); i++) {
    if (i == kTries)
      ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
                      errmsg("could not lock the table pg_dist_partition, in which Citus lists distributed tables")));
    pg_usleep(kPauseUs);
    CHECK_FOR_INTERRUPTS();
  }
}

// Server code. 0 if there is no such column of a type that holds OIDs.
AttrNumber column_of_tables(Relation list) {
  TupleDesc columns = RelationGetDescr(list);
  for (int i = 0; i < columns->natts; i++) {
    Form_pg_attribute column = TupleDescAttr(columns, i);
    if (!column->attisdropped && strcmp(NameStr(column->attname), "logicalrelid") == 0 &&
        (column->atttypid == REGCLASSOID || column->atttypid == OIDOID))
      return column->attnum;
  }
  return InvalidAttrNumber;
}

// Server code.
Oids read_column(Relation list, AttrNumber column) {
  uint64 room = 64;
  Oids oids{(Oid *)palloc(room * sizeof(Oid)), 0};
  Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
  TableScanDesc scan = table_beginscan(list, snapshot, 0, nullptr);
  TupleTableSlot *slot = table_slot_create(list, nullptr);
  while (table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
    bool is_null;
    Datum table = slot_getattr(slot, column, &is_null);
    if (is_null) continue;
    if (oids.count == room) oids.values = (Oid *)repalloc_huge(oids.values, (room *= 2) * sizeof(Oid));
    oids.values[oids.count++] = DatumGetObjectId(table);
  }
  ExecDropSingleTupleTableSlot(slot);
  table_endscan(scan);
  UnregisterSnapshot(snapshot);
  return oids;
}

// Server code.
Oids read_list(Oid relation) {
  Oids oids{};
  lock_for_reading(relation);
  Relation list = try_relation_open(relation, NoLock);
  if (list == nullptr) return oids;
  AttrNumber column = column_of_tables(list);
  if (list->rd_rel->relkind == RELKIND_RELATION && list->rd_rel->relpersistence != RELPERSISTENCE_TEMP &&
      superuser_arg(list->rd_rel->relowner) && column != InvalidAttrNumber)
    oids = read_column(list, column);
  relation_close(list, NoLock);
  return oids;
}

}  // namespace

std::vector<std::string> distributed_tables(const std::vector<std::string> &schemas) {
  std::vector<std::string> listed;
  for (const Row &row : query("SELECT oid FROM pg_catalog.pg_class WHERE relname = 'pg_dist_partition'")) {
    Oid relation = static_cast<Oid>(std::stoul(*row[0]));
    Oids oids = guarded([relation] { return read_list(relation); });
    for (uint64 i = 0; i < oids.count; i++) listed.push_back(std::to_string(oids.values[i]));
  }
  std::vector<std::string> tables;
  if (listed.empty()) return tables;
  for (const Row &row : query(
           R"(SELECT n.nspname, c.relname
                FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE c.oid = ANY ($1::oid[]) AND n.nspname = ANY ($2::name[]) ORDER BY 1, 2)",
           {array_literal(listed), array_literal(schemas)}))
    tables.push_back(*row[0] + "." + *row[1]);
  return tables;
}

}  // namespace pagila_repl
