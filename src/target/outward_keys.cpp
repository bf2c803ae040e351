// Keeps foreign keys to tables elsewhere quiet until the copy is published.

#include "target/outward_keys.hpp"

#include "pg/boundary.hpp"
#include "pg/catalog_row.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "catalog/pg_constraint.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
}

namespace pagila_repl {

namespace {

Oid to_oid(const Value &value) { return static_cast<Oid>(std::stoul(*value)); }

// Server code, as ALTER TABLE ... { ENABLE | DISABLE } TRIGGER does it, for one whose table may be anybody's.
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

// Server code: it is to be checked again.
void declare_unchecked(Oid constraint) {
  change_catalog_row<Form_pg_constraint>(ConstraintRelationId, ConstraintOidIndexId, Anum_pg_constraint_oid, constraint,
                                         [](Form_pg_constraint row) { row->convalidated = false; });
}

// Keys of tables with rows. Where the table that is referred to is partitioned there is one for each partition, too; the rows are
// compared with it as a whole.
std::vector<Row> checked_keys(const std::vector<std::string> &stage_oids) {
  return query(
      R"(SELECT k.oid, k.conrelid::pg_catalog.regclass, pg_catalog.quote_ident(k.conname)
           FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
                JOIN pg_catalog.pg_class r ON r.oid = k.confrelid
          WHERE k.contype = 'f' AND k.convalidated AND c.relkind = 'r' AND c.relnamespace = ANY ($1::oid[])
            AND r.relnamespace <> ALL ($1::oid[])
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint p WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid)
          ORDER BY 1)",
      {array_literal(stage_oids)});
}

void check_again(const std::vector<std::string> &stage_oids) {
  for (const Row &row : checked_keys(stage_oids)) {
    Oid constraint = to_oid(row[0]);
    guarded([constraint] { declare_unchecked(constraint); });
    try {
      execute("ALTER TABLE " + *row[1] + " VALIDATE CONSTRAINT " + *row[2]);
    } catch (const Error &error) {
      Error told = error;
      if (told.sqlstate == "23503" && told.hint.empty())
        told.hint = "A row that the copy refers to was deleted during the run. Run it again.";
      throw told;
    }
  }
}

}  // namespace

ReferredTables find_referred_tables(const std::vector<std::string> &stage_oids) {
  ReferredTables tables;
  for (const Row &row : query(
           R"(SELECT DISTINCT t.oid
                FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
                     JOIN pg_catalog.pg_class r ON r.oid = k.confrelid
                     CROSS JOIN LATERAL (SELECT r.oid UNION SELECT relid FROM pg_catalog.pg_partition_tree(r.oid)) t (oid)
                     JOIN pg_catalog.pg_class l ON l.oid = t.oid AND l.relkind = 'r'
               WHERE k.contype = 'f' AND c.relnamespace = ANY ($1::oid[]) AND r.relnamespace <> ALL ($1::oid[])
               ORDER BY 1)",
           {array_literal(stage_oids)})) {
    Oid table = to_oid(row[0]);
    tables[table] = mark_rows(table);
  }
  return tables;
}

void silence_outward_keys(Oid table, const std::vector<std::string> &stage_oids) {
  for (const Row &row : query(
           R"(SELECT t.oid
                FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_trigger t ON t.tgconstraint = k.oid
                     JOIN pg_catalog.pg_class r ON r.oid = t.tgrelid
               WHERE k.contype = 'f'
                 AND (k.conrelid = $1::oid OR k.conrelid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1::oid)))
                 AND r.relnamespace <> ALL ($2::oid[]) AND t.tgenabled = 'O' ORDER BY 1)",
           {std::to_string(table), array_literal(stage_oids)})) {
    Oid trigger = to_oid(row[0]);
    guarded([trigger] { set_enabled(trigger, TRIGGER_DISABLED); });
  }
}

void check_outward_keys(const ReferredTables &tables, const std::vector<std::string> &stage_oids) {
  if (tables.empty()) return;
  // Only who writes there waits.
  set_local("lock_timeout", "1s");
  bool is_changed = false;
  for (const auto &[table, mark] : tables) {
    Oid oid = table;
    guarded([oid] { LockRelationOid(oid, ShareRowExclusiveLock); });
  }
  for (const auto &[table, mark] : tables) is_changed = is_changed || has_later_rows(table, mark, false) != false;
  if (is_changed) check_again(stage_oids);
}

void admit_outward_keys(const ReferredTables &tables, const std::vector<std::string> &stage_oids) {
  if (tables.empty()) return;
  for (const Row &row : query(
           R"(SELECT t.oid
                FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
                     JOIN pg_catalog.pg_trigger t ON t.tgconstraint = k.oid JOIN pg_catalog.pg_class r ON r.oid = t.tgrelid
               WHERE k.contype = 'f' AND c.relnamespace = ANY ($1::oid[]) AND r.relnamespace <> ALL ($1::oid[])
                 AND t.tgenabled = 'D' ORDER BY 1)",
           {array_literal(stage_oids)})) {
    Oid trigger = to_oid(row[0]);
    guarded([trigger] { set_enabled(trigger, TRIGGER_FIRES_ON_ORIGIN); });
  }
}

}  // namespace pagila_repl
