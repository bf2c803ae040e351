// Compares what a run locks at once with the settings of both servers.

#include "source/preflight_locks.hpp"

#include "core/error.hpp"
#include "core/lock_need.hpp"
#include "pg/lock_table.hpp"
#include "pg/spi.hpp"
#include "source/answer.hpp"
#include "source/findings.hpp"
#include "source/wanted.hpp"

namespace pagila_repl {

namespace {

// Counts of the relations that the query "relation" gives.
constexpr const char *kCounts = R"(
SELECT (SELECT pg_catalog.count(*) FROM relation WHERE relkind IN ('r', 'p')),
       (SELECT pg_catalog.count(*) FROM relation WHERE relkind = 'S'),
       (SELECT pg_catalog.count(*) FROM relation WHERE relkind IN ('v', 'm', 'f')),
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_index i JOIN relation c ON c.oid = i.indrelid),
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_constraint k JOIN relation c ON c.oid = k.conrelid
         WHERE k.contype = 'f' AND k.conparentid = 0),
       (SELECT COALESCE(pg_catalog.max(t.parts), 0)
          FROM (SELECT pg_catalog.count(*) AS parts FROM relation c WHERE c.relispartition
                 GROUP BY pg_catalog.pg_partition_root(c.oid)) t),
       -- Not a join by OR, for which the server would go through all relations for each key.
       EXISTS (SELECT FROM pg_catalog.pg_constraint k
                WHERE k.contype = 'f' AND (k.conrelid IN (SELECT oid FROM relation WHERE relkind = 'p')
                                           OR k.confrelid IN (SELECT oid FROM relation WHERE relkind = 'p'))),
       (SELECT pg_catalog.count(*) FROM relation WHERE reltoastrelid <> 0),
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_index i JOIN relation c ON c.oid = i.indrelid
               JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am a ON a.oid = x.relam
         WHERE x.relkind = 'i' AND a.amname <> 'btree'))";

constexpr const char *kLive = R"(
WITH relation AS MATERIALIZED (
  SELECT c.* FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = ANY ($1::pg_catalog.name[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')))";

LockTable lock_table_in(const Row &row) { return {number_in(row, 0), number_in(row, 1), number_in(row, 2)}; }

LockedObjects counts_in(const Row &row) {
  LockedObjects counts;
  counts.tables = number_in(row, 0);
  counts.sequences = number_in(row, 1);
  counts.others = number_in(row, 2);
  counts.indexes = number_in(row, 3);
  counts.foreign_keys = number_in(row, 4);
  counts.largest_tree = number_in(row, 5);
  counts.trees_have_keys = flag_in(row, 6);
  counts.toast_tables = number_in(row, 7);
  counts.other_indexes = number_in(row, 8);
  return counts;
}

LockedObjects live_relations(const std::vector<std::string> &schemas) {
  return counts_in(only_row(query(std::string(kLive) + kCounts, {array_literal(schemas)})));
}

void look_at(int64_t locks, const LockTable &table, const std::string &side, const std::string &whose,
             Findings &found) {
  std::string message = lock_message(locks, table, side, whose), hint = lock_hint(locks, table, side);
  switch (room_for(locks, table)) {
    case LockRoom::enough: return;
    case LockRoom::scarce: return found.warning("locks", message, hint);
    case LockRoom::lacking: return found.error("locks", "53200", message, hint);
  }
}

// Only who has standbys is refused: others may never restore what they archive, or with more locks.
void look_at_standbys(int64_t locks, const LockTable &table, Findings &found) {
  Standbys there = standbys();
  LockRoom room = room_for(locks, table);
  if (there == Standbys::none || room == LockRoom::enough) return;
  std::string message = standby_message(locks, table), hint = lock_hint_for_standbys(locks, table);
  if (there == Standbys::connected && room == LockRoom::lacking) return found.error("locks", "53200", message, hint);
  found.warning("locks", message, hint);
}

}  // namespace

std::vector<Finding> find_lack_of_locks(Connection &source, const SourceCatalog &catalog, const RunOptions &options) {
  Findings found;
  LockTable there = lock_table_in(only_row(source.query(kLockTable))), here = own_lock_table();
  LockedObjects wanted = counts_in(only_row(
      source.query(std::string(kWantedRelations) + kCounts, parameters_for({catalog.schemas, catalog.left_out}))));
  LockedObjects live = live_relations(catalog.schemas);
  int64_t needed_there = locks_on_source(wanted, options.verify_content), needed_here = locks_here(wanted, live);
  look_at(needed_there, there, "on the source", "whose", found);
  look_at(needed_here, here, "here", "where the", found);
  look_at_standbys(exclusive_locks(wanted, live), here, found);
  found.else_ok("locks", "a run holds about " + std::to_string(needed_there) + " locks at once on the source and " +
                             std::to_string(needed_here) + " here, which have room for " +
                             std::to_string(there.documented_room()) + " and " +
                             std::to_string(here.documented_room()));
  return found.take();
}

void check_room_for_locks(int64_t locks) {
  LockTable table = own_lock_table();
  if (room_for(locks, table) != LockRoom::lacking) return;
  throw Error("53200", lock_message(locks, table, "here", "where the"), {}, lock_hint(locks, table, "here"));
}

void check_locks_of_load(const LockedObjects &wanted, const std::vector<std::string> &schemas) {
  LockedObjects live = live_relations(schemas);
  check_room_for_locks(locks_here(wanted, live));
  LockTable table = own_lock_table();
  int64_t exclusive = exclusive_locks(wanted, live);
  if (standbys() == Standbys::connected && room_for(exclusive, table) == LockRoom::lacking)
    throw Error("53200", standby_message(exclusive, table), {}, lock_hint_for_standbys(exclusive, table));
}

}  // namespace pagila_repl
