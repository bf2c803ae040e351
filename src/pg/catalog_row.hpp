// Changes one row of a system catalog in place of a statement that would look its object up by name.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
}

namespace pagila_repl {

// Server code: finds the row by its OID, through the unique index on that column, and lets `change` write to its fixed part (Form).
template <class Form, class Change>
void change_catalog_row(Oid catalog, Oid index, AttrNumber oid_column, Oid oid, Change change) {
  Relation relation = table_open(catalog, RowExclusiveLock);
  ScanKeyData key;
  ScanKeyInit(&key, oid_column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(oid));
  SysScanDesc scan = systable_beginscan(relation, index, true, nullptr, 1, &key);
  HeapTuple found = systable_getnext(scan);
  if (!HeapTupleIsValid(found)) elog(ERROR, "could not find object %u in catalog %u", oid, catalog);
  HeapTuple row = heap_copytuple(found);
  systable_endscan(scan);
  change((Form)GETSTRUCT(row));
  CatalogTupleUpdate(relation, &row->t_self, row);
  table_close(relation, RowExclusiveLock);
  CommandCounterIncrement();
}

}  // namespace pagila_repl
