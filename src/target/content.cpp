// Hashes what tables hold and proves them untouched.

#include "target/content.hpp"

#include <vector>

#include "pg/boundary.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "access/nbtree.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/visibilitymap.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "storage/bufmgr.h"
#include "storage/smgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"
}

namespace pagila_repl {

namespace {

// True if equal values of the type are the same bytes, so that the type's own hash tells all differences apart.
bool is_equality_identity(Oid type, Oid collation) {
  TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY | TYPECACHE_HASH_EXTENDED_PROC);
  if (!OidIsValid(entry->btree_opf) || !OidIsValid(entry->hash_extended_proc)) return false;
  Oid base = entry->btree_opintype;
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

std::string qualified(Oid table) {
  return *query_value(
      R"(SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid)",
      {std::to_string(table)});
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

// Server code; null if not every page is all-frozen.
const char *frozen_state_of(Oid table) {
  Relation relation = table_open(table, AccessShareLock);
  // Only a logged heap has a visibility map with LSNs.
  if (relation->rd_rel->relam != HEAP_TABLE_AM_OID || relation->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT) {
    table_close(relation, NoLock);
    return nullptr;
  }
  BlockNumber blocks = RelationGetNumberOfBlocks(relation), visible, frozen;
  visibilitymap_count(relation, &visible, &frozen);
  XLogRecPtr last = last_change_of_map(relation);
  Oid file = relation->rd_rel->relfilenode;
  table_close(relation, NoLock);
  if (frozen != blocks) return nullptr;
  return psprintf("%u:%u:" UINT64_FORMAT, file, blocks, last);
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
  std::vector<Row> rows = query(content_query(table, "ONLY " + qualified(table), with_hash, in_utf8));
  return content_of(rows[0]);
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
  const char *state = guarded([table] { return frozen_state_of(table); });
  if (state == nullptr) return {};
  return std::string(state);
}

std::string sequence_state(Oid sequence) {
  return *query_value("SELECT pg_catalog.concat(last_value, ':', is_called) FROM " + qualified(sequence));
}

}  // namespace pagila_repl
