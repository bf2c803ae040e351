// Finds changes of definitions that are under way.

#include "target/concurrent_changes.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/database_parts.hpp"
#include "target/inside.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/subtrans.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_largeobject.h"
#include "catalog/pg_type.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace pagila_repl {

namespace {

constexpr size_t kMaxShown = 10;

// Every column of a catalog that refers to an object: catalog, column, catalog of the object or the column that says it. ANALYZE
// writes statistics, which are no definition.
constexpr const char *kReferences = R"(
SELECT r.catalog::oid, a.attnum, r.refers_to::oid, NULL::smallint
  FROM (SELECT fktable, fkcols[1], pktable FROM pg_catalog.pg_get_catalog_foreign_keys()
         WHERE pg_catalog.cardinality(fkcols) = 1 AND pkcols[1] = 'oid' AND NOT is_array) r (catalog, name, refers_to)
       JOIN pg_catalog.pg_class c ON c.oid = r.catalog AND NOT c.relisshared
       JOIN pg_catalog.pg_attribute a ON a.attrelid = r.catalog AND a.attname = r.name
 WHERE c.relname NOT IN ('pg_statistic', 'pg_statistic_ext_data', 'pg_largeobject')
UNION ALL
SELECT c.oid, o.attnum, NULL, k.attnum
  FROM pg_catalog.pg_class c
       JOIN (VALUES ('pg_description', 'classoid', 'objoid'), ('pg_seclabel', 'classoid', 'objoid'),
                    ('pg_depend', 'classid', 'objid'), ('pg_depend', 'refclassid', 'refobjid')) v (name, class, object)
         ON c.relname = v.name AND c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace
       JOIN pg_catalog.pg_attribute k ON k.attrelid = c.oid AND k.attname = v.class
       JOIN pg_catalog.pg_attribute o ON o.attrelid = c.oid AND o.attname = v.object
 ORDER BY 1, 2)";

struct Reference {
  AttrNumber column;
  Oid refers_to;  // InvalidOid: class_column says it
  AttrNumber class_column;
};

using Object = std::pair<Oid, Oid>;  // catalog, OID

// Plain data: one catalog row that someone is changing, its references and what it may be called.
struct ChangedRow {
  static constexpr int kMaxReferences = 32;
  TransactionId transaction;
  Oid object;  // its own OID, InvalidOid if it has none
  int count;
  Oid classes[kMaxReferences], objects[kMaxReferences];
  char name[NAMEDATALEN];
  ChangedRow *next;
};

bool is_of_others(TransactionId transaction, Snapshot moment) {
  return TransactionIdIsNormal(transaction) && !TransactionIdPrecedes(transaction, moment->xmin) &&
         !TransactionIdIsCurrentTransactionId(transaction) && XidInMVCCSnapshot(transaction, moment) &&
         // Not even what a subtransaction of ours has undone.
         !TransactionIdDidAbort(transaction);
}

// The transaction that makes or unmakes this version of a row, if it had not ended at that moment.
TransactionId changer_of(HeapTupleHeader row, Snapshot moment) {
  if (!HeapTupleHeaderXminFrozen(row) && is_of_others(HeapTupleHeaderGetXmin(row), moment))
    return HeapTupleHeaderGetXmin(row);
  if ((row->t_infomask & HEAP_XMAX_INVALID) != 0 || HEAP_XMAX_IS_LOCKED_ONLY(row->t_infomask))
    return InvalidTransactionId;
  TransactionId changer = HeapTupleHeaderGetUpdateXid(row);
  return is_of_others(changer, moment) ? changer : InvalidTransactionId;
}

// Server code.
Oid oid_in(HeapTuple row, AttrNumber column, TupleDesc descriptor) {
  bool is_null;
  Datum value = heap_getattr(row, column, descriptor, &is_null);
  return is_null ? InvalidOid : DatumGetObjectId(value);
}

ChangedRow *describe(HeapTuple row, TupleDesc descriptor, const Reference *references, int count,
                     TransactionId transaction) {
  auto *changed = (ChangedRow *)palloc0(sizeof(ChangedRow));
  changed->transaction = SubTransGetTopmostTransaction(transaction);
  if (strcmp(NameStr(TupleDescAttr(descriptor, 0)->attname), "oid") == 0) changed->object = oid_in(row, 1, descriptor);
  for (int i = 0; i < descriptor->natts; i++) {
    bool is_null;
    if (TupleDescAttr(descriptor, i)->atttypid != NAMEOID) continue;
    Datum name = heap_getattr(row, i + 1, descriptor, &is_null);
    if (!is_null) strlcpy(changed->name, NameStr(*DatumGetName(name)), NAMEDATALEN);
    break;
  }
  for (int i = 0; i < count && changed->count < ChangedRow::kMaxReferences; i++) {
    Oid referred = oid_in(row, references[i].column, descriptor);
    if (!OidIsValid(referred)) continue;
    changed->classes[changed->count] = OidIsValid(references[i].refers_to)
                                           ? references[i].refers_to
                                           : oid_in(row, references[i].class_column, descriptor);
    changed->objects[changed->count++] = referred;
  }
  return changed;
}

// Plain data: which rows are looked for.
struct Search {
  const Reference *references;
  int count;
  Snapshot moment;
  XLogRecPtr written_after;
};

// Server code: adds those of a page to the list.
void add_changed_rows(Relation relation, Buffer buffer, BlockNumber block, const Search &search, ChangedRow **first) {
  Page page = BufferGetPage(buffer);
  OffsetNumber last = PageGetMaxOffsetNumber(page);
  for (OffsetNumber i = FirstOffsetNumber; i <= last; i = OffsetNumberNext(i)) {
    ItemId item = PageGetItemId(page, i);
    if (!ItemIdIsNormal(item)) continue;
    HeapTupleData row{};
    row.t_data = (HeapTupleHeader)PageGetItem(page, item);
    row.t_len = ItemIdGetLength(item);
    row.t_tableOid = RelationGetRelid(relation);
    ItemPointerSet(&row.t_self, block, i);
    TransactionId changer = changer_of(row.t_data, search.moment);
    if (!TransactionIdIsValid(changer)) continue;
    ChangedRow *changed = describe(&row, RelationGetDescr(relation), search.references, search.count, changer);
    changed->next = *first;
    *first = changed;
  }
}

// Server code: the rows of a catalog that transactions of others change, which had not ended at that moment. Who writes to a page has
// it locked from before the record is in the WAL until the page tells of the record.
ChangedRow *changed_rows(Oid catalog, const Search &search) {
  Relation relation = table_open(catalog, AccessShareLock);
  BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
  ChangedRow *first = nullptr;
  BlockNumber blocks = RelationGetNumberOfBlocks(relation);
  for (BlockNumber block = 0; block < blocks; block++) {
    CHECK_FOR_INTERRUPTS();
    Buffer buffer = ReadBufferExtended(relation, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    XLogRecPtr written = BufferGetLSNAtomic(buffer);
    // With wal_level = minimal no record tells of a catalog that is rewritten.
    if (XLogRecPtrIsInvalid(written) || written > search.written_after)
      add_changed_rows(relation, buffer, block, search, &first);
    UnlockReleaseBuffer(buffer);
  }
  FreeAccessStrategy(strategy);
  table_close(relation, AccessShareLock);
  return first;
}

// Nothing can have been changed if no other transaction was under way and none has begun since, but our own.
bool is_nobody_else_writing(Snapshot moment) {
  constexpr int kMaxOwn = 64;
  if (moment->xcnt != 0 || moment->suboverflowed) return false;
  TransactionId next = XidFromFullTransactionId(ReadNextFullTransactionId()), begun = moment->xmax;
  for (int i = 0; i < kMaxOwn && !TransactionIdEquals(begun, next); i++) {
    if (!TransactionIdIsCurrentTransactionId(begun)) return false;
    TransactionIdAdvance(begun);
  }
  return TransactionIdEquals(begun, next);
}

std::map<Oid, std::vector<Reference>> references_by_catalog() {
  std::map<Oid, std::vector<Reference>> references;
  for (const Row &row : query(kReferences))
    references[static_cast<Oid>(std::stoul(*row[0]))].push_back(
        {static_cast<AttrNumber>(std::stoi(*row[1])), row[2] ? static_cast<Oid>(std::stoul(*row[2])) : InvalidOid,
         static_cast<AttrNumber>(row[3] ? std::stoi(*row[3]) : 0)});
  return references;
}

Value description_of(const Object &object) {
  // Not every row with an OID is an object, such as a label of an enum; those are in pg_depend.
  return query_value(
      "SELECT pg_catalog.pg_describe_object($1::oid, $2::oid, 0)"
      " WHERE EXISTS (SELECT FROM pg_catalog.pg_depend WHERE classid = $1::oid)"
      "    OR EXISTS (SELECT FROM pg_catalog.pg_depend WHERE refclassid = $1::oid)",
      {std::to_string(object.first), std::to_string(object.second)});
}

// What a row that is being changed is about; a new object has no description that others could see yet.
std::string what_is_changed(Oid catalog, const ChangedRow &row, const Object &inside) {
  if (OidIsValid(row.object))
    if (Value own = description_of({catalog, row.object})) return *own;
  std::string about = description_of(inside).value_or("what is replaced");
  return *row.name == '\0' ? about : std::string("\"") + row.name + "\" in " + about;
}

// What in the schemas a row is, or is about; null if nothing.
const Object *first_inside(Oid catalog, const ChangedRow &row, const ObjectSet &inside) {
  for (int i = -1; i < row.count; i++) {
    auto at = inside.find(i < 0 ? Object(catalog, row.object) : Object(row.classes[i], row.objects[i]));
    if (at != inside.end()) return &*at;
  }
  return nullptr;
}

}  // namespace

Snapshot remember_moment() {
  return guarded([] {
    // What the moment shows, caches must show, too; locks held already let no messages in.
    AcceptInvalidationMessages();
    return RegisterSnapshot(GetLatestSnapshot());
  });
}

namespace {

// `look_inside` tells what the changes are to be about; it is asked only if there are any.
template <class LookInside>
std::vector<ConcurrentChange> find_changes(Snapshot moment, LookInside look_inside, XLogRecPtr written_after = 0) {
  std::vector<ConcurrentChange> changes;
  if (is_nobody_else_writing(moment)) {
    guarded([moment] { UnregisterSnapshot(moment); });
    return changes;
  }
  std::map<Oid, std::vector<Reference>> references = references_by_catalog();
  std::map<Oid, ChangedRow *> found;
  for (const auto &[catalog, columns] : references) {
    Oid oid = catalog;
    Search search{columns.data(), static_cast<int>(columns.size()), moment, written_after};
    found[catalog] = guarded([=] { return changed_rows(oid, search); });
  }
  guarded([moment] { UnregisterSnapshot(moment); });
  if (std::all_of(found.begin(), found.end(), [](const auto &rows) { return rows.second == nullptr; })) return changes;

  const ObjectSet &inside = look_inside();
  std::set<std::pair<uint32_t, std::string>> told;
  std::set<uint32_t> tellers;
  // Rows that are an object or have a name say more than those that only refer to one.
  for (bool named : {true, false})
    for (const auto &[catalog, rows] : found)
      for (const ChangedRow *row = rows; row != nullptr; row = row->next) {
        bool has_name = OidIsValid(row->object) || *row->name != '\0';
        if (has_name != named || (!named && tellers.count(row->transaction) > 0)) continue;
        const Object *object = first_inside(catalog, *row, inside);
        if (object == nullptr) continue;
        std::string what = what_is_changed(catalog, *row, *object);
        if (told.insert({row->transaction, what}).second) changes.push_back({row->transaction, what});
        if (named) tellers.insert(row->transaction);
      }
  return changes;
}

void throw_if_any(const std::vector<ConcurrentChange> &changes) {
  if (!changes.empty()) throw Error("55P03", "another session is changing " + changes[0].what);
}

}  // namespace

ObjectSet objects_inside(const std::vector<std::string> &schema_oids) {
  ObjectSet objects;
  // The schemas, what is in them with its parts, and what is in no schema but goes with that.
  static const std::string sql =
      "WITH RECURSIVE " + inside_sql(Members::with) +
      " SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::oid, pg_catalog.unnest($1::oid[])"
      " UNION ALL SELECT classid, objid FROM inside UNION ALL " +
      kCastsInside;
  for (const Row &row : query(sql, {array_literal(schema_oids)}))
    objects.insert({static_cast<Oid>(std::stoul(*row[0])), static_cast<Oid>(std::stoul(*row[1]))});
  // Those that are about nothing in the schemas, such as casts between types of the server.
  for (const DatabasePart &part : parts_of_copies(schema_oids, {})) objects.insert({catalog_of(part), part.oid});
  return objects;
}

std::vector<ConcurrentChange> changes_since(Snapshot moment, const std::vector<std::string> &schema_oids) {
  return find_changes(moment, [&] { return objects_inside(schema_oids); });
}

uint64_t wal_position() {
  return guarded([] { return static_cast<uint64_t>(GetXLogInsertRecPtr()); });
}

void check_no_changes_since(Snapshot moment, const std::vector<std::string> &schema_oids) {
  throw_if_any(changes_since(moment, schema_oids));
}

void check_no_changes_since(Snapshot moment, const ObjectSet &inside, uint64_t written_after) {
  throw_if_any(find_changes(
      moment, [&]() -> const ObjectSet & { return inside; }, written_after));
}

bool is_row_changed_since(Snapshot moment, Oid catalog, const std::vector<AttrNumber> &columns,
                          const std::set<std::vector<Oid>> &values) {
  std::vector<Reference> references;
  for (AttrNumber column : columns) references.push_back({column, catalog, 0});
  Search search{references.data(), static_cast<int>(references.size()), moment, 0};
  const ChangedRow *row = guarded([&] { return changed_rows(catalog, search); });
  guarded([moment] { UnregisterSnapshot(moment); });
  for (; row != nullptr; row = row->next) {
    std::vector<Oid> found(row->objects, row->objects + row->count);
    // References to nothing are not listed.
    found.resize(columns.size(), InvalidOid);
    if (values.count(found) > 0) return true;
  }
  return false;
}

namespace {

// Who does what. Between the two parts stands a query of (pid, virtualtransaction, what), what being a verb and its object.
constexpr const char *kWho = R"(
SELECT DISTINCT
       CASE WHEN p.gid IS NOT NULL THEN pg_catalog.format('Prepared transaction "%s" of role "%s"', p.gid, p.owner)
            ELSE pg_catalog.format('Process %s of role "%s"%s', l.pid, COALESCE(a.usename, ''), ' (' || a.state || ')')
       END || ' ' || l.what || '.' AS sentence
  FROM ()";

constexpr const char *kWhoEnd = R"() l
       LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
       LEFT JOIN pg_catalog.pg_locks t ON l.pid IS NULL AND t.pid IS NULL AND t.locktype = 'transactionid'
                                       AND t.virtualtransaction = l.virtualtransaction
       LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = t.transactionid
 ORDER BY 1)";

constexpr const char *kHolders = R"(
SELECT k.pid, k.virtualtransaction,
       pg_catalog.format('holds %s on %s', k.mode,
                         pg_catalog.pg_describe_object(COALESCE(k.classid, 'pg_catalog.pg_class'::pg_catalog.regclass),
                                                       COALESCE(k.relation, k.objid), 0)) AS what
  FROM pg_catalog.pg_locks k
 WHERE k.granted AND k.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
   AND (k.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
        -- Catalogs that databases share.
        OR k.database = 0 AND k.locktype = 'relation' AND k.relation = ANY ($2::oid[])))";

constexpr const char *kOnSchemas = R"(
   AND (k.locktype = 'relation'
          AND k.relation IN (SELECT oid FROM pg_catalog.pg_class
                              WHERE relnamespace = ANY ($1::oid[])
                                -- A reader of a table has its indexes locked, too.
                                AND (relkind NOT IN ('i', 'I') OR k.mode NOT IN ('AccessShareLock', 'RowExclusiveLock')))
        OR k.locktype = 'object'
          AND (k.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND k.objid = ANY ($1::oid[])
               OR (k.classid, k.objid) IN
                    (SELECT classid, objid FROM pg_catalog.pg_depend
                      WHERE refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND refobjid = ANY ($1::oid[])
                        AND deptype = 'n')
               OR k.classid = ANY ($2::oid[]))
        OR k.locktype = 'relation' AND k.mode NOT IN ('AccessShareLock', 'RowShareLock')
          AND k.relation IN (WITH RECURSIVE part (oid) AS (
                               SELECT pg_catalog.unnest($2::oid[])
                               UNION
                               SELECT i.inhrelid FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.oid)
                             SELECT oid FROM part)))";

// Those of the run's own workers do not count, nor the weakest ones of readers.
constexpr const char *kOnAnything = R"(
   AND (k.locktype = 'relation' AND k.relation >= 16384 AND k.mode <> 'AccessShareLock' OR k.locktype = 'object')
   AND k.mode NOT IN ('RowShareLock', 'RowExclusiveLock')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity b
                    WHERE b.pid = k.pid AND b.backend_type LIKE 'pagila!_repl%' ESCAPE '!')
   AND $1::oid[] IS NOT NULL)";

constexpr const char *kWriter = R"(
SELECT t.pid, t.virtualtransaction, 'has changed ' || $2 || ' and not committed yet' AS what
  FROM pg_catalog.pg_locks t
 WHERE t.locktype = 'transactionid' AND t.granted AND t.mode = 'ExclusiveLock' AND t.transactionid = $1::xid)";

void add_sentences(std::string &text, size_t &count, const std::string &sql, const std::vector<Value> &parameters) {
  for (const Row &row : query(kWho + sql + kWhoEnd, parameters)) {
    if (text.find(*row[0]) != std::string::npos) continue;
    if (count++ < kMaxShown) text += (text.empty() ? "" : "\n") + *row[0];
  }
}

}  // namespace

namespace {

// Some statements let go of the catalog before they commit.
std::vector<ConcurrentChange> changes_of_catalogs(const std::vector<std::string> &relation_oids) {
  std::vector<ConcurrentChange> changes;
  for (const std::string &text : relation_oids) {
    Oid catalog = static_cast<Oid>(std::stoul(text));
    if (catalog >= FirstNormalObjectId || catalog == LargeObjectRelationId) continue;  // who writes to that holds it
    Snapshot moment = remember_moment();
    Search search{nullptr, 0, moment, 0};
    const ChangedRow *row = guarded([&] { return changed_rows(catalog, search); });
    guarded([moment] { UnregisterSnapshot(moment); });
    for (; row != nullptr; row = row->next) {
      Value what = OidIsValid(row->object) ? description_of({catalog, row->object}) : Value();
      if (!what) what = description_of({RelationRelationId, catalog});
      changes.push_back({row->transaction, what.value_or("a catalog")});
    }
  }
  return changes;
}

}  // namespace

std::string who_is_in_the_way(const std::vector<std::string> &schema_oids,
                              const std::vector<std::string> &relation_oids) {
  return as_extension_owner([&] {
    std::string text;
    size_t count = 0;
    for (const ConcurrentChange &change : changes_since(remember_moment(), schema_oids))
      add_sentences(text, count, kWriter, {std::to_string(change.transaction), change.what});
    for (const ConcurrentChange &change : changes_of_catalogs(relation_oids))
      add_sentences(text, count, kWriter, {std::to_string(change.transaction), change.what});
    bool is_on_anything = schema_oids.empty() && relation_oids.empty();
    add_sentences(text, count, std::string(kHolders) + (is_on_anything ? kOnAnything : kOnSchemas),
                  {array_literal(schema_oids), array_literal(relation_oids)});
    if (count > kMaxShown)
      text += (count - kMaxShown == 1 ? "\nThere is 1 more."
                                      : "\nThere are " + std::to_string(count - kMaxShown) + " more.");
    return text;
  });
}

}  // namespace pagila_repl
