// Switches and removes triggers of foreign keys by OID.

#include "target/key_triggers.hpp"

#include "pg/boundary.hpp"
#include "pg/catalog_row.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "catalog/dependency.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_trigger.h"
#include "commands/comment.h"
#include "commands/trigger.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
}

namespace pagila_repl {

namespace {

// The keys $1 with their parts on partitions of either table; the triggers at the tables referred to. Asked for each key of a copy, so
// each is looked up by an index, whatever the planner thinks of their number.
constexpr const char *kTriggersOfKeys = R"(
WITH RECURSIVE key (oid) AS (
  SELECT pg_catalog.unnest($1::oid[])
  UNION
  SELECT k.oid
    FROM key CROSS JOIN LATERAL (
           SELECT p.oid FROM pg_catalog.pg_constraint p WHERE p.conparentid = key.oid AND p.contype = 'f' OFFSET 0) k)
SELECT t.oid, t.tgrelid
  FROM key CROSS JOIN LATERAL (
         SELECT a.oid, a.tgrelid
           FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_trigger a ON a.tgconstraint = k.oid AND a.tgrelid = k.confrelid
          WHERE k.oid = key.oid AND k.conrelid <> k.confrelid OFFSET 0) t
 ORDER BY 1)";

// Of keys out of the schemas $1.
constexpr const char *kTriggersOutOf = R"(
SELECT t.oid, t.tgrelid, t.tgenabled
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'f'
       JOIN pg_catalog.pg_class r ON r.oid = k.confrelid
       JOIN pg_catalog.pg_trigger t ON t.tgconstraint = k.oid AND t.tgrelid = r.oid
 WHERE c.relnamespace = ANY ($1::oid[]) AND r.relnamespace <> ALL ($1::oid[])
 ORDER BY 1)";

// Server code, as ALTER TABLE ... { ENABLE | DISABLE } TRIGGER does it.
void set_enabled(Oid trigger, char enabled) {
  Oid table = InvalidOid;
  change_catalog_row<Form_pg_trigger>(TriggerRelationId, TriggerOidIndexId, Anum_pg_trigger_oid, trigger,
                                      [&](Form_pg_trigger row) {
                                        row->tgenabled = enabled;
                                        table = row->tgrelid;
                                      });
  CacheInvalidateRelcacheByRelid(table);
  CommandCounterIncrement();
}

void set_all(const std::vector<Oid> &triggers, char enabled) {
  for (Oid trigger : triggers) guarded([=] { set_enabled(trigger, enabled); });
}

// Server code, as RemoveTriggerById does it but for the lock.
void remove_trigger(Oid trigger, Oid table, LOCKMODE lock) {
  LockRelationOid(table, lock);
  Relation catalog = table_open(TriggerRelationId, RowExclusiveLock);
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(trigger));
  SysScanDesc scan = systable_beginscan(catalog, TriggerOidIndexId, true, nullptr, 1, &key);
  HeapTuple row = systable_getnext(scan);
  // Whoever held the lock may have dropped it.
  bool is_there = HeapTupleIsValid(row);
  if (is_there) CatalogTupleDelete(catalog, &row->t_self);
  systable_endscan(scan);
  table_close(catalog, RowExclusiveLock);
  if (!is_there) return;
  (void)deleteDependencyRecordsFor(TriggerRelationId, trigger, false);
  DeleteComments(trigger, TriggerRelationId, 0);
  CacheInvalidateRelcacheByRelid(table);
  CommandCounterIncrement();
}

std::vector<Oid> oids_in(const std::vector<Row> &rows) {
  std::vector<Oid> oids;
  for (const Row &row : rows) oids.push_back(to_oid(row[0]));
  return oids;
}

}  // namespace

void drop_foreign_key(Oid key) {
  for (const Row &row : query(kTriggersOfKeys, {array_literal({std::to_string(key)})})) {
    Oid trigger = to_oid(row[0]), table = to_oid(row[1]);
    guarded([=] { remove_trigger(trigger, table, ShareRowExclusiveLock); });
  }
  guarded([key] {
    ObjectAddress address;
    ObjectAddressSet(address, ConstraintRelationId, key);
    performDeletion(&address, DROP_RESTRICT, 0);
    CommandCounterIncrement();
  });
}

std::vector<Oid> triggers_elsewhere(const std::vector<std::string> &keys) {
  return oids_in(query(kTriggersOfKeys, {array_literal(keys)}));
}

void switch_off(const std::vector<Oid> &triggers) { set_all(triggers, TRIGGER_DISABLED); }

void switch_on(const std::vector<Oid> &triggers) { set_all(triggers, TRIGGER_FIRES_ON_ORIGIN); }

void hold_definitions_referred_to(const std::vector<std::string> &schema_oids) {
  for (const Row &row : query("SELECT DISTINCT tgrelid FROM (" + std::string(kTriggersOutOf) + ") t ORDER BY 1",
                              {array_literal(schema_oids)})) {
    Oid table = to_oid(row[0]);
    guarded([table] { LockRelationOid(table, RowExclusiveLock); });
  }
}

void switch_off_keys_out_of(const std::vector<std::string> &schema_oids) {
  if (schema_oids.empty()) return;
  switch_off(oids_in(query(kTriggersOutOf, {array_literal(schema_oids)})));
}

void remove_triggers_of_keys_out_of(const std::vector<std::string> &schema_oids) {
  if (schema_oids.empty()) return;
  for (const Row &row : query(kTriggersOutOf, {array_literal(schema_oids)})) {
    Oid trigger = to_oid(row[0]), table = to_oid(row[1]);
    LOCKMODE lock = *row[2] == "D" ? RowExclusiveLock : ShareRowExclusiveLock;
    guarded([=] { remove_trigger(trigger, table, lock); });
  }
}

void check_keys_are_on(const std::vector<std::string> &keys) {
  Value off = query_value(
      R"(WITH RECURSIVE key (oid) AS (
           SELECT pg_catalog.unnest($1::oid[])
           UNION
           SELECT k.oid FROM key JOIN pg_catalog.pg_constraint k ON k.conparentid = key.oid AND k.contype = 'f')
         SELECT pg_catalog.pg_describe_object('pg_catalog.pg_constraint'::pg_catalog.regclass, key.oid, 0)
           FROM key JOIN pg_catalog.pg_trigger t ON t.tgconstraint = key.oid
          WHERE t.tgenabled = 'D' ORDER BY 1 LIMIT 1)",
      {array_literal(keys)});
  if (off) throw Error("XX000", "a trigger of " + *off + " would stay disabled");
}

}  // namespace pagila_repl
