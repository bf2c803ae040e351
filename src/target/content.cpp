// Hashes what tables hold and proves them untouched.
//
// Tables and sequences are read below the level of SQL names: by OID, under a lock, once their kind has been checked. So
// nothing that their owner may hang onto them (a rule, a policy, another object of the same name) is evaluated.

#include "target/content.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "pg/boundary.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/relation.h"
#include "access/subtrans.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/visibilitymap.h"
#include "access/xlog.h"
#include "catalog/pg_am.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "storage/bufmgr.h"
#include "storage/smgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace pagila_repl {

namespace {

// A cast without function lends the type the operator classes of another, as long as the cast is there.
bool is_by_cast_of_users(Oid type, Oid class_input) {
  return GetSysCacheOid2(CASTSOURCETARGET, Anum_pg_cast_oid, ObjectIdGetDatum(type), ObjectIdGetDatum(class_input)) >=
         FirstUnpinnedObjectId;
}

// True if equal values of the type are the same bytes, so that the type's own hash tells all differences apart. What users have
// made for types of the server has no part in it: it need not be there at the next run.
bool is_equality_identity(Oid type, Oid collation) {
  TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY | TYPECACHE_HASH_EXTENDED_PROC);
  if (!OidIsValid(entry->btree_opf) || !OidIsValid(entry->hash_extended_proc)) return false;
  if (entry->btree_opf >= FirstUnpinnedObjectId || entry->hash_extended_proc >= FirstUnpinnedObjectId) return false;
  Oid base = entry->btree_opintype;
  if (is_by_cast_of_users(type, base)) return false;
  // regclass and its like: the same name is another OID elsewhere.
  if (base == OIDOID && type != OIDOID) return false;
  Oid equal_image = get_opfamily_proc(entry->btree_opf, base, base, BTEQUALIMAGE_PROC);
  if (!OidIsValid(equal_image)) return false;
  return DatumGetBool(OidFunctionCall1Coll(equal_image, collation, ObjectIdGetDatum(base)));
}

// The hash means the same on every server: values whose hash depends on OIDs, such as enums, and values of types that are
// not the server's own are hashed as text.
std::string hash_expression(Oid table, bool in_utf8) {
  std::string fields;
  for (const Row &row : query(
           R"(SELECT pg_catalog.quote_ident(attname), atttypid, attcollation FROM pg_catalog.pg_attribute
               WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum)",
           {std::to_string(table)})) {
    Oid type = static_cast<Oid>(std::stoul(*row[1])), collation = static_cast<Oid>(std::stoul(*row[2]));
    std::string column = "t." + *row[0];
    bool by_type = guarded([=] {
      Oid base = getBaseType(type);
      return base < FirstUnpinnedObjectId && is_equality_identity(base, collation);
    });
    if (!fields.empty()) fields += ", ";
    // Not a cast: there may be one of the user's own.
    // "C", since texts that a collation takes for equal are not.
    std::string as_text = "pg_catalog.concat(" + column + ") COLLATE pg_catalog.\"C\"";
    if (in_utf8 && (!by_type || OidIsValid(collation)))
      fields += "pg_catalog.num_nulls(" + column + "), pg_catalog.convert_to(" + as_text + ", 'UTF8')";
    else
      fields += by_type ? column : "pg_catalog.num_nulls(" + column + "), " + as_text;
  }
  if (fields.empty()) return "0::pg_catalog.int8";
  return "pg_catalog.hash_record_extended(ROW(" + fields + "), 0)";
}

// Server code: null, and unlocked, if the relation is gone or is not of this kind (any more).
Relation open_if_kind(Oid relation, char kind) {
  Relation opened = try_relation_open(relation, AccessShareLock);
  if (opened == nullptr || opened->rd_rel->relkind == kind) return opened;
  relation_close(opened, AccessShareLock);
  return nullptr;
}

Relation open_of_kind(Oid relation, char kind) {
  Relation opened = open_if_kind(relation, kind);
  if (opened == nullptr)
    ereport(ERROR,
            (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("relation with OID %u is gone or is not a %s any more",
                                                        relation, kind == RELKIND_SEQUENCE ? "sequence" : "table")));
  return opened;
}

// Server code: an expression about the columns of t, the relation, ready to be evaluated for its rows.
ExprState *prepare(Relation relation, const char *expression) {
  char *select = psprintf("SELECT %s", expression);
  auto *statement = castNode(SelectStmt, linitial_node(RawStmt, raw_parser(select, RAW_PARSE_DEFAULT))->stmt);
  ParseState *state = make_parsestate(nullptr);
  ParseNamespaceItem *item =
      addRangeTableEntryForRelation(state, relation, AccessShareLock, makeAlias("t", NIL), false, false);
  addNSItemToQuery(state, item, false, true, true);
  Node *node = transformExpr(state, linitial_node(ResTarget, statement->targetList)->val, EXPR_KIND_SELECT_TARGET);
  assign_expr_collations(state, node);
  free_parsestate(state);
  return ExecInitExpr(expression_planner((Expr *)node), nullptr);
}

// Server code: a table, or a materialized view.
Relation open_with_rows(Oid relation) {
  Relation opened = open_if_kind(relation, RELKIND_MATVIEW);
  return opened != nullptr ? opened : open_of_kind(relation, RELKIND_RELATION);
}

// Plain data: what a scan adds up.
struct Sums {
  uint64 rows;
  __int128 hashes, hashes_of_hashes;
};

// Server code. The output functions of the columns' types are called, as the owner of the table and with no way to change
// anything for the session.
Sums scan(Oid table, const char *expression) {
  Relation relation = open_with_rows(table);
  Identity before_owner = enter_role(relation->rd_rel->relowner);

  Snapshot snapshot = RegisterSnapshot(GetTransactionSnapshot());
  PushActiveSnapshot(snapshot);
  EState *executor = CreateExecutorState();
  MemoryContext before = MemoryContextSwitchTo(executor->es_query_cxt);
  ExprContext *context = CreateExprContext(executor);
  ExprState *hash = *expression == '\0' ? nullptr : prepare(relation, expression);
  TupleTableSlot *slot = table_slot_create(relation, nullptr);
  TableScanDesc rows = table_beginscan(relation, snapshot, 0, nullptr);
  Sums sums{};
  while (table_scan_getnextslot(rows, ForwardScanDirection, slot)) {
    CHECK_FOR_INTERRUPTS();
    sums.rows++;
    if (hash == nullptr) continue;
    ResetExprContext(context);
    context->ecxt_scantuple = slot;
    bool is_null;
    Datum value = ExecEvalExprSwitchContext(hash, context, &is_null);
    sums.hashes += DatumGetInt64(value);
    sums.hashes_of_hashes += DatumGetInt64(DirectFunctionCall2(hashint8extended, value, Int64GetDatum(0)));
  }
  table_endscan(rows);
  ExecDropSingleTupleTableSlot(slot);
  MemoryContextSwitchTo(before);
  FreeExecutorState(executor);
  PopActiveSnapshot();
  UnregisterSnapshot(snapshot);
  table_close(relation, NoLock);

  leave_role(before_owner, Settings::undo);
  return sums;
}

std::string decimal(__int128 number) {
  bool negative = number < 0;
  auto rest = negative ? -static_cast<unsigned __int128>(number) : static_cast<unsigned __int128>(number);
  std::string digits;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
    rest /= 10;
  } while (rest != 0);
  return negative ? "-" + digits : digits;
}

XLogRecPtr last_change_of_map(Relation relation) {
  XLogRecPtr last = InvalidXLogRecPtr;
  if (!smgrexists(RelationGetSmgr(relation), VISIBILITYMAP_FORKNUM)) return last;
  BlockNumber blocks = smgrnblocks(RelationGetSmgr(relation), VISIBILITYMAP_FORKNUM);
  for (BlockNumber block = 0; block < blocks; block++) {
    Buffer buffer = ReadBufferExtended(relation, VISIBILITYMAP_FORKNUM, block, RBM_ZERO_ON_ERROR, nullptr);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    last = Max(last, PageGetLSN(BufferGetPage(buffer)));
    UnlockReleaseBuffer(buffer);
  }
  return last;
}

// Plain data: the visibility map of a table.
struct MapState {
  const char *text;  // null if there is none that could tell
  bool is_all_frozen, is_all_visible;
  BlockNumber blocks;  // 0 if it is no heap
};

// Server code. Only a logged heap has a visibility map with LSNs.
MapState map_of(Relation relation) {
  if (relation->rd_rel->relam != HEAP_TABLE_AM_OID) return {};
  BlockNumber blocks = RelationGetNumberOfBlocks(relation), visible, frozen;
  if (relation->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT) return {nullptr, false, false, blocks};
  visibilitymap_count(relation, &visible, &frozen);
  XLogRecPtr last = last_change_of_map(relation);
  return {psprintf("%u:%u:" UINT64_FORMAT, relation->rd_rel->relfilenode, blocks, last), frozen == blocks,
          visible == blocks, blocks};
}

MapState map_state(Oid table) {
  Relation relation = open_if_kind(table, RELKIND_RELATION);
  if (relation == nullptr) return {};
  MapState state = map_of(relation);
  table_close(relation, NoLock);
  return state;
}

// Above every LSN: places that were cleaned up do not count.
constexpr XLogRecPtr kNoCleaning = PG_UINT64_MAX;

// Plain data: transactions that had not ended at a moment.
struct Moment {
  uint64 xmin, xmax, next;  // next: of now, to tell the epoch of a transaction by
  const uint64 *running;    // sorted
  size_t count;
  XLogRecPtr lsn;  // places of rows on pages that are no newer were cleaned up before
};

// Whether it had not ended at that moment. One from which there are frozen rows has committed, and nothing else may be known of it.
bool is_later(TransactionId transaction, const Moment &moment, bool is_frozen = false) {
  if (!TransactionIdIsNormal(transaction)) return false;
  uint64 full = (moment.next & ~(uint64)UINT32_MAX) | transaction;
  if (full >= moment.next) full -= (uint64)UINT32_MAX + 1;
  if (full < moment.xmin) return false;
  if (full < moment.xmax && !std::binary_search(moment.running, moment.running + moment.count, full)) return false;
  return is_frozen || TransactionIdDidCommit(transaction);
}

bool is_changed_later(HeapTupleHeader row, const Moment &moment) {
  if (is_later(HeapTupleHeaderGetRawXmin(row), moment, HeapTupleHeaderXminFrozen(row))) return true;
  if ((row->t_infomask & HEAP_XMAX_INVALID) != 0 || HEAP_XMAX_IS_LOCKED_ONLY(row->t_infomask)) return false;
  return is_later(HeapTupleHeaderGetUpdateXid(row), moment);
}

// Who was in a place that has been cleaned up since is not known any more.
bool is_page_changed_later(Page page, const Moment &moment, bool was_whole) {
  bool may_be_cleaned_later = was_whole || PageGetLSN(page) > moment.lsn;
  OffsetNumber last = PageGetMaxOffsetNumber(page);
  for (OffsetNumber i = FirstOffsetNumber; i <= last; i = OffsetNumberNext(i)) {
    ItemId item = PageGetItemId(page, i);
    if (ItemIdIsNormal(item) ? is_changed_later((HeapTupleHeader)PageGetItem(page, item), moment)
                             : may_be_cleaned_later)
      return true;
  }
  return false;
}

// Server code: 1, 0, or -1 if it is no heap, or is not to be read as a whole and the map does not tell where to look.
int look_for_later_rows(Oid table, const char *map, BlockNumber blocks_then, Moment moment, bool by_map,
                        bool was_whole) {
  Relation relation = open_if_kind(table, RELKIND_RELATION);
  if (relation == nullptr) return 0;
  int result = 0;
  MapState now = map_of(relation);
  bool map_tells = now.text != nullptr && strcmp(now.text, map) == 0;
  if (relation->rd_rel->relam != HEAP_TABLE_AM_OID || (by_map && !map_tells)) result = -1;
  if (result == 0) {
    moment.next = U64FromFullTransactionId(ReadNextFullTransactionId());
    BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
    Buffer map_page = InvalidBuffer;
    BlockNumber blocks = RelationGetNumberOfBlocks(relation);
    // Cut off where rows were removed at the end. Pages of an unlogged table do not say how new they are.
    if (blocks < blocks_then) result = 1;
    bool is_logged = relation->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT;
    for (BlockNumber block = 0; block < blocks && result == 0; block++) {
      CHECK_FOR_INTERRUPTS();
      if (map_tells && VM_ALL_VISIBLE(relation, block, &map_page)) continue;
      Buffer buffer = ReadBufferExtended(relation, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
      LockBuffer(buffer, BUFFER_LOCK_SHARE);
      bool cleaned_counts = was_whole || (!is_logged && moment.lsn != kNoCleaning);
      if (is_page_changed_later(BufferGetPage(buffer), moment, cleaned_counts)) result = 1;
      UnlockReleaseBuffer(buffer);
    }
    if (BufferIsValid(map_page)) ReleaseBuffer(map_page);
    FreeAccessStrategy(strategy);
  }
  table_close(relation, NoLock);
  return result;
}

}  // namespace

// The hash of a record is a linear combination of those of its columns, so its sum alone says little of which values stand
// in the same row. The sum of the hash of that hash does; it has 32 bits of it only.
std::string content_query(Oid table, const std::string &from, bool with_hash, bool in_utf8) {
  std::string rows = " FROM " + from + " t " + kRange;
  if (!with_hash) return "SELECT pg_catalog.count(*), NULL" + rows;
  return "SELECT pg_catalog.count(*), pg_catalog.concat(COALESCE(pg_catalog.sum(h), 0), ' ', "
         "COALESCE(pg_catalog.sum(pg_catalog.hashint8extended(h, 0)), 0)) FROM (SELECT " +
         hash_expression(table, in_utf8) + " AS h" + rows + " OFFSET 0) r";
}

Content read_content(Oid table, bool with_hash, bool in_utf8) {
  // Text of a timestamptz within an array, say.
  set_local("TimeZone", "UTC");
  set_local("lc_monetary", "C");
  std::string expression = with_hash ? hash_expression(table, in_utf8) : "";
  const char *text = expression.c_str();
  Sums sums = guarded([=] { return scan(table, text); });
  Content content;
  content.rows = sums.rows;
  if (with_hash)
    content.hash = std::to_string(sums.rows) + ":" + decimal(sums.hashes) + " " + decimal(sums.hashes_of_hashes);
  return content;
}

Content content_of(const Row &row) {
  Content content;
  content.rows = std::stoull(*row[0]);
  if (row[1]) content.hash = *row[0] + ":" + *row[1];
  return content;
}

Content sum_of(const Content &one, const Content &other) {
  Content sum;
  sum.rows = one.rows + other.rows;
  if (one.hash.empty() || other.hash.empty()) return sum;
  sum.hash = std::to_string(sum.rows) + ":" +
             *query_value(
                 R"(SELECT pg_catalog.concat(
                      pg_catalog.split_part($1, ' ', 1)::numeric + pg_catalog.split_part($2, ' ', 1)::numeric, ' ',
                      pg_catalog.split_part($1, ' ', 2)::numeric + pg_catalog.split_part($2, ' ', 2)::numeric))",
                 {one.hash.substr(one.hash.find(':') + 1), other.hash.substr(other.hash.find(':') + 1)});
  return sum;
}

Content no_content() {
  Content none;
  none.hash = "0:0 0";
  return none;
}

std::optional<std::string> frozen_state(Oid table) {
  MapState state = guarded([table] { return map_state(table); });
  if (state.text == nullptr || !state.is_all_frozen) return {};
  return std::string(state.text);
}

namespace {

// The most transactions whose parents are looked up: this takes about a tenth of a second.
constexpr uint32 kMaxLookedUp = 1000000;

// Plain data, in memory of the server.
struct Transactions {
  TransactionId *list;
  size_t count;
};

// Server code: which transactions between those of a registered snapshot were subtransactions of the running ones (sorted).
Transactions running_subtransactions(TransactionId from, TransactionId to, const TransactionId *running, size_t count) {
  size_t room = 1024;
  Transactions found{(TransactionId *)palloc(room * sizeof(TransactionId)), 0};
  for (TransactionId at = from; TransactionIdPrecedes(at, to);) {
    CHECK_FOR_INTERRUPTS();
    TransactionId top = SubTransGetTopmostTransaction(at);
    if (!TransactionIdEquals(top, at) && std::binary_search(running, running + count, top)) {
      if (found.count == room) found.list = (TransactionId *)repalloc(found.list, (room *= 2) * sizeof(TransactionId));
      found.list[found.count++] = at;
    }
    TransactionIdAdvance(at);
  }
  return found;
}

// What a snapshot that could not hold all subtransactions does not say of them.
std::vector<TransactionId> left_out_subtransactions(Snapshot moment) {
  std::vector<TransactionId> running(moment->xip, moment->xip + moment->xcnt);
  std::sort(running.begin(), running.end());
  const TransactionId *list = running.data();
  size_t count = running.size();
  Transactions found = guarded([=] { return running_subtransactions(moment->xmin, moment->xmax, list, count); });
  std::vector<TransactionId> transactions(found.list, found.list + found.count);
  guarded([found] { pfree(found.list); });
  return transactions;
}

}  // namespace

std::string text_of(Snapshot moment) {
  uint64 next = U64FromFullTransactionId(guarded([] { return ReadNextFullTransactionId(); }));
  auto full = [next](TransactionId transaction) {
    uint64 at = (next & ~static_cast<uint64>(UINT32_MAX)) | transaction;
    return at > next ? at - UINT32_MAX - 1 : at;
  };
  uint64 xmin = full(moment->xmin), xmax = full(moment->xmax);
  if (moment->suboverflowed && xmax - xmin > kMaxLookedUp)
    return std::to_string(xmin) + ":" + std::to_string(xmin) + ":";
  std::set<uint64> running;
  for (uint32 i = 0; i < moment->xcnt; i++) running.insert(full(moment->xip[i]));
  for (int32 i = 0; i < moment->subxcnt; i++) running.insert(full(moment->subxip[i]));
  if (moment->suboverflowed)
    for (TransactionId transaction : left_out_subtransactions(moment)) running.insert(full(transaction));
  std::string list;
  for (uint64 transaction : running)
    if (transaction >= xmin && transaction < xmax) list += (list.empty() ? "" : ",") + std::to_string(transaction);
  return std::to_string(xmin) + ":" + std::to_string(xmax) + ":" + list;
}

namespace {

void set_state(RowsMark &mark, const MapState &state) {
  if (state.text != nullptr) mark.map = state.text;
  mark.is_whole = state.is_all_visible;
  mark.blocks = state.blocks;
}

}  // namespace

RowsMark mark_rows(Oid table) {
  RowsMark mark;
  // The moment first: what is changed in between is later.
  mark.lsn = guarded([] { return GetXLogInsertRecPtr(); });
  Snapshot moment = guarded([] { return RegisterSnapshot(GetLatestSnapshot()); });
  mark.moment = text_of(moment);
  guarded([moment] { UnregisterSnapshot(moment); });
  set_state(mark, guarded([table] { return map_state(table); }));
  return mark;
}

std::string text_of_rows(Oid table, std::optional<uint64_t> rows) {
  RowsMark now;
  set_state(now, guarded([table] { return map_state(table); }));
  XLogRecPtr lsn = guarded([] { return GetXLogInsertRecPtr(); });
  return std::string(now.is_whole ? "whole " : "part ") + now.map + " " + std::to_string(now.blocks) + " " +
         std::to_string(lsn) + " " + (rows && !now.is_whole ? std::to_string(*rows) : "-");
}

std::vector<std::string> words_of(const std::string &text) {
  std::vector<std::string> words;
  for (size_t at = 0, end; at <= text.size(); at = end + 1) {
    end = std::min(text.find(' ', at), text.size());
    words.push_back(text.substr(at, end - at));
  }
  return words;
}

bool has_other_rows(Oid table, const std::vector<std::string> &text, const std::string &moment) {
  RowsMark mark{text[1], text[0] == "whole", static_cast<uint32_t>(std::stoul(text[2])), std::stoull(text[3]), moment};
  bool is_counted = text[4] != "-";
  if (is_counted) {
    // What was cleaned up is either missing now or was no row then.
    mark.lsn = kNoCleaning;
    mark.blocks = 0;
  }
  if (has_later_rows(table, mark, false).value_or(false)) return true;
  return is_counted && is_ordinary_table(table) && read_content(table, false).rows != std::stoull(text[4]);
}

std::optional<bool> has_later_rows(Oid table, const RowsMark &mark, bool by_map) {
  std::vector<uint64> running;
  Moment moment{};
  size_t first = mark.moment.find(':'), second = mark.moment.find(':', first + 1);
  moment.xmin = std::stoull(mark.moment);
  moment.xmax = std::stoull(mark.moment.substr(first + 1));
  for (size_t at = second + 1; at < mark.moment.size();
       at = std::min(mark.moment.find(',', at), mark.moment.size() - 1) + 1)
    running.push_back(std::stoull(mark.moment.substr(at)));
  moment.running = running.data();
  moment.count = running.size();
  moment.lsn = mark.lsn;
  const char *map = mark.map.c_str();
  bool was_whole = mark.is_whole;
  uint32 blocks = mark.blocks;
  int found = guarded([=] { return look_for_later_rows(table, map, blocks, moment, by_map, was_whole); });
  if (found < 0) return {};
  return found > 0;
}

std::optional<std::string> sequence_state(Oid sequence) {
  struct State {
    bool found, called;
    int64 value;
  };
  State state = guarded([sequence] {
    Relation relation = open_if_kind(sequence, RELKIND_SEQUENCE);
    if (relation == nullptr) return State{};
    Buffer buffer = ReadBuffer(relation, 0);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    Page page = BufferGetPage(buffer);
    HeapTupleData tuple{};
    tuple.t_data = (HeapTupleHeader)PageGetItem(page, PageGetItemId(page, FirstOffsetNumber));
    auto *row = (Form_pg_sequence_data)GETSTRUCT(&tuple);
    State found{true, row->is_called, row->last_value};
    UnlockReleaseBuffer(buffer);
    relation_close(relation, NoLock);
    return found;
  });
  if (!state.found) return {};
  return std::to_string(state.value) + (state.called ? ":t" : ":f");
}

bool is_ordinary_table(Oid table) {
  return guarded([table] {
    Relation relation = open_if_kind(table, RELKIND_RELATION);
    if (relation == nullptr) return false;
    relation_close(relation, NoLock);
    return true;
  });
}

}  // namespace pagila_repl
