// Writes large objects and knows them again.
//
// What runs have made is in pagila_repl.managed_large_object. The rows of pg_largeobject say which transactions have written them, so
// that bytes are read again only where somebody has.

#include "target/large_objects.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/counted.hpp"
#include "pg/boundary.hpp"
#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/disk_reserve.hpp"
#include "target/permitted.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_largeobject.h"
#include "catalog/pg_largeobject_metadata.h"
#include "miscadmin.h"
#include "storage/large_object.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace pagila_repl {

// By pieces: a function takes no more than 1 GB.
const char *const kLargeObjectHashes = R"(
SELECT s.loid, s.size, pg_catalog.md5(pg_catalog.string_agg(
         pg_catalog.md5(pg_catalog.lo_get(s.loid, n * 1048576, 1048576)), '' ORDER BY n))
  FROM (SELECT d.loid, pg_catalog.lo_lseek64(d.fd, 0, 2) AS size, pg_catalog.lo_close(d.fd) AS closed
          FROM (SELECT l.loid, pg_catalog.lo_open(l.loid, 262144) AS fd
                  FROM pg_catalog.unnest($1::pg_catalog.oid[]) l (loid) OFFSET 0) d OFFSET 0) s
       CROSS JOIN LATERAL pg_catalog.generate_series(0, GREATEST(s.size - 1, 0) / 1048576) n
 WHERE s.closed = 0
 GROUP BY s.loid, s.size ORDER BY s.loid)";

namespace {

constexpr size_t kAtOnce = 1000;  // looked at

struct State {
  std::string definition;  // owner, privileges, comment
  std::string versions;    // of its rows
};

struct Managed {
  std::string content_hash, properties_hash;
  State state;
};

std::string text(uint32_t oid) { return std::to_string(oid); }
std::string named(uint32_t oid) { return "large object " + text(oid); }

// Reads the catalogs, of which one is for superusers alone.
std::map<uint32_t, State> states_of(const std::vector<std::string> &oids) {
  std::map<uint32_t, State> states;
  as_extension_owner([&] {
    for (const Row &row : query(
             R"(SELECT m.oid,
                       pg_catalog.concat_ws(' ', m.lomowner,
                         COALESCE((SELECT pg_catalog.string_agg(e::text, ' ' ORDER BY e::text COLLATE pg_catalog."C")
                                     FROM pg_catalog.aclexplode(m.lomacl) e), CASE WHEN m.lomacl IS NULL THEN '-' ELSE '' END),
                         pg_catalog.obj_description(m.oid, 'pg_largeobject')),
                       (SELECT pg_catalog.concat(pg_catalog.count(*), ' ',
                                 pg_catalog.sum(pg_catalog.hashint8extended(l.xmin::text::bigint, l.pageno)))
                          FROM pg_catalog.pg_largeobject l WHERE l.loid = m.oid)
                  FROM pg_catalog.pg_largeobject_metadata m WHERE m.oid = ANY ($1::oid[]))",
             {array_literal(oids)}))
      states[to_oid(row[0])] = {*row[1], *row[2]};
  });
  return states;
}

// Those that are this run's to replace.
std::map<uint32_t, Managed> managed_by(const std::vector<std::string> &schemas) {
  std::map<uint32_t, Managed> managed;
  as_extension_owner([&] {
    for (const Row &row : query(
             R"(SELECT loid, content_hash, properties_hash, definition, versions FROM pagila_repl.managed_large_object
                 WHERE schemas && $1::name[])",
             {array_literal(schemas)}))
      managed[to_oid(row[0])] = {*row[1], *row[2], {*row[3], *row[4]}};
  });
  return managed;
}

template <class Each>
void by_the_thousand(const std::vector<std::string> &oids, Each each) {
  for (size_t at = 0; at < oids.size(); at += kAtOnce)
    each(std::vector<std::string>(oids.begin() + static_cast<long>(at),
                                  oids.begin() + static_cast<long>(std::min(at + kAtOnce, oids.size()))));
}

std::map<uint32_t, State> states_of_all(const std::vector<std::string> &oids) {
  std::map<uint32_t, State> states;
  by_the_thousand(oids, [&](const std::vector<std::string> &some) { states.merge(states_of(some)); });
  return states;
}

std::string hash_of(uint32_t oid) {
  return as_extension_owner(
      [&] { return query(kLargeObjectHashes, {"{" + text(oid) + "}"}).at(0).at(2).value_or(""); });
}

std::vector<std::string> oids_of(const LargeObjectWork &work, const std::map<uint32_t, Managed> &managed) {
  std::set<uint32_t> oids;
  for (const PlannedLargeObject &object : work.wanted) oids.insert(object.oid);
  for (const auto &[oid, one] : managed) oids.insert(oid);
  std::vector<std::string> texts;
  for (uint32_t oid : oids) texts.push_back(text(oid));
  return texts;
}

struct Look {
  std::map<uint32_t, Managed> managed;
  std::map<uint32_t, State> here;
  std::set<uint32_t> touched;  // managed ones that others have changed
};

Look look(const LargeObjectWork &work, Drift &drift) {
  Look seen;
  seen.managed = managed_by(work.schemas);
  seen.here = states_of_all(oids_of(work, seen.managed));
  for (auto &[oid, one] : seen.managed) {
    auto here = seen.here.find(oid);
    std::string what;
    if (here == seen.here.end())
      what = " was dropped";
    else if (here->second.versions != one.state.versions && hash_of(oid) != one.content_hash)
      what = " holds other bytes";
    else if (here->second.definition != one.state.definition)
      what = " was altered";
    if (what.empty()) continue;
    drift.modified.push_back(named(oid) + what);
    seen.touched.insert(oid);
  }
  for (const PlannedLargeObject &object : work.wanted)
    if (seen.here.count(object.oid) > 0 && seen.managed.count(object.oid) == 0)
      drift.unmanaged.push_back(named(object.oid));
  return seen;
}

std::string properties_hash(const PlannedLargeObject &object, const RunOptions &options) {
  std::string texts = options.keep_owners ? "keep" : "skip";
  for (const ShapeStatement &statement : object.properties)
    texts += ";" + statement.session_role + ":" + statement.text;
  return *query_value("SELECT pg_catalog.md5($1)", {texts});
}

// Server and C++ count bytes alike.
constexpr size_t kPiece = 1 << 20;

class Writer {
 public:
  explicit Writer(uint32_t oid) : oid_(text(oid)) {}
  void take(const std::string &bytes) {
    waiting_ += bytes;
    if (waiting_.size() >= kPiece) write();
  }
  uint64_t end() {
    if (!waiting_.empty()) write();
    return written_;
  }

 private:
  void write() {
    static const char *digits = "0123456789abcdef";
    std::string hex = "\\x";
    hex.reserve(2 * waiting_.size() + 2);
    for (unsigned char c : waiting_) {
      hex += digits[c >> 4];
      hex += digits[c & 15];
    }
    query_value("SELECT pg_catalog.lo_put($1::oid, $2::bigint, $3::bytea)", {oid_, std::to_string(written_), hex});
    written_ += waiting_.size();
    waiting_.clear();
    reserve_.wrote(written_);
    PR_FAULT("large_object");
  }

  std::string oid_, waiting_;
  uint64_t written_ = 0;
  DiskReserve reserve_;
};

Error just_changed(uint32_t oid) { return Error("55P03", "another session has just changed " + named(oid)); }

void create(uint32_t oid) {
  try {
    execute("SELECT pg_catalog.lo_create($1::oid)", {text(oid)});
  } catch (const Error &error) {
    if (error.sqlstate != "42710" && error.sqlstate != "23505") throw;
    throw just_changed(oid);
  }
}

void write(const LargeObjectWork &work, const PlannedLargeObject &object) {
  create(object.oid);
  Writer writer(object.oid);
  work.read(object, [&](const std::string &bytes) { writer.take(bytes); });
  uint64_t written = writer.end();
  if (written != object.bytes)
    throw Error("XX001", named(object.oid) + " has " + std::to_string(written) + " bytes instead of " +
                             std::to_string(object.bytes));
}

// Owner, privileges and comment, by the policies of the options.
void set_properties(const PlannedLargeObject &object, const RunOptions &options, std::map<std::string, int> &skipped) {
  using Kind = Statement::Kind;
  for (const ShapeStatement &statement : object.properties) {
    const std::vector<std::string> &roles = statement.what.roles;
    if (statement.what.kind == Kind::owner) {
      if (!options.keep_owners)
        skipped["{owner|owners} skipped as asked"]++;
      else if (!roles.empty() && !role_exists(roles[0]))
        skipped["{owner|owners} skipped, {its role does|their roles do} not exist"]++;
      else if ((!roles.empty() && !is_own_role(roles[0])) || !run_if_permitted(statement.text))
        skipped["{owner|owners} skipped, the caller may not set {it|them}"]++;
    } else if (statement.what.kind == Kind::grant) {
      if (std::string why = make_grant(statement); !why.empty()) skipped[why]++;
    } else if (!run_if_permitted(statement.text)) {
      skipped["{comment|comments} on large objects skipped, the caller may not set {it|them}"]++;
    }
  }
}

// Statements about a large object lock it until the end of the transaction, and there may be more of them than locks. What this
// transaction has made nobody else sees, and who changes what it has removed meanwhile ends it.
void let_go_of(uint32_t oid) {
  guarded([oid] {
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, LargeObjectRelationId, oid, 0);
    for (LOCKMODE mode : {ShareUpdateExclusiveLock, AccessExclusiveLock})
      while (LockHeldByMe(&tag, mode) && LockRelease(&tag, mode, false)) {
      }
  });
}

// Waits for who is changing one of them, and keeps others from it.
void hold(const std::vector<std::string> &oids) {
  as_extension_owner([&] {
    by_the_thousand(oids, [](const std::vector<std::string> &some) {
      for (const char *rows : {"pg_catalog.pg_largeobject_metadata WHERE oid", "pg_catalog.pg_largeobject WHERE loid"})
        (void)query(
            "SELECT pg_catalog.count(*) FROM (SELECT FROM " + std::string(rows) + " = ANY ($1::oid[]) FOR UPDATE) r",
            {array_literal(some)});
    });
  });
}

// If it is still as it was seen. Comments and new pages are kept from nobody by its rows.
void remove(uint32_t oid, const Look &seen) {
  guarded([oid] { LockDatabaseObject(LargeObjectRelationId, oid, 0, AccessExclusiveLock); });
  std::map<uint32_t, State> now = states_of({text(oid)});
  const State &before = seen.here.at(oid);
  auto found = now.find(oid);
  if (found == now.end() || found->second.definition != before.definition || found->second.versions != before.versions)
    throw just_changed(oid);
  execute("SELECT pg_catalog.lo_unlink($1::oid)", {text(oid)});
}

bool is_as_wanted(const PlannedLargeObject &object, const std::string &properties, const Look &seen) {
  auto managed = seen.managed.find(object.oid);
  return managed != seen.managed.end() && seen.touched.count(object.oid) == 0 && seen.here.count(object.oid) > 0 &&
         !object.content_hash.empty() && managed->second.content_hash == object.content_hash &&
         managed->second.properties_hash == properties;
}

// What stays as it is, as it was seen: others may have changed it since.
void record(const LargeObjectWork &work, const Look &seen, int64_t run_id,
            const std::map<uint32_t, std::pair<std::string, std::string>> &hashes,
            const std::vector<std::string> &written) {
  std::vector<std::string> before = oids_of({work.schemas, {}, {}}, seen.managed), now;
  for (const auto &[oid, both] : hashes) now.push_back(text(oid));
  std::map<uint32_t, State> states = states_of_all(written);
  states.insert(seen.here.begin(), seen.here.end());
  as_extension_owner([&] {
    execute("DELETE FROM pagila_repl.managed_large_object WHERE loid = ANY ($1::oid[] || $2::oid[])",
            {array_literal(before), array_literal(now)});
    by_the_thousand(now, [&](const std::vector<std::string> &some) {
      std::vector<std::string> content, properties, definitions, versions;
      for (const std::string &oid : some) {
        auto number = static_cast<uint32_t>(std::stoul(oid));
        content.push_back(hashes.at(number).first);
        properties.push_back(hashes.at(number).second);
        definitions.push_back(states[number].definition);
        versions.push_back(states[number].versions);
      }
      execute(
          R"(INSERT INTO pagila_repl.managed_large_object (loid, run_id, schemas, content_hash, properties_hash, definition, versions)
             SELECT o.loid, $1::bigint, $2::name[], o.content, o.properties, o.definition, o.versions
               FROM ROWS FROM (pg_catalog.unnest($3::oid[]), pg_catalog.unnest($4::text[]), pg_catalog.unnest($5::text[]),
                               pg_catalog.unnest($6::text[]), pg_catalog.unnest($7::text[]))
                      o (loid, content, properties, definition, versions))",
          {std::to_string(run_id), array_literal(work.schemas), array_literal(some), array_literal(content),
           array_literal(properties), array_literal(definitions), array_literal(versions)});
    });
  });
}

}  // namespace

void find_large_object_drift(const LargeObjectWork &work, Drift &drift) { (void)look(work, drift); }

WrittenLargeObjects write_large_objects(const LargeObjectWork &work, const RunOptions &options, int64_t run_id) {
  Drift drift;
  Look seen = look(work, drift);
  check_drift(drift, options);
  WrittenLargeObjects result;
  std::map<std::string, int> skipped;
  std::map<uint32_t, std::pair<std::string, std::string>> hashes;
  std::set<uint32_t> wanted;
  std::vector<const PlannedLargeObject *> to_write;
  std::vector<std::string> replaced, written;
  for (const PlannedLargeObject &object : work.wanted) {
    wanted.insert(object.oid);
    std::string properties = properties_hash(object, options);
    hashes[object.oid] = {object.content_hash, properties};
    if (is_as_wanted(object, properties, seen)) continue;
    to_write.push_back(&object);
    if (seen.here.count(object.oid) > 0) replaced.push_back(text(object.oid));
  }
  std::vector<uint32_t> to_remove;
  for (const auto &[oid, one] : seen.managed)
    if (wanted.count(oid) == 0 && seen.here.count(oid) > 0) to_remove.push_back(oid);
  for (uint32_t oid : to_remove) replaced.push_back(text(oid));
  hold(replaced);
  for (const PlannedLargeObject *object : to_write) {
    if (seen.here.count(object->oid) > 0) {
      remove(object->oid, seen);
      result.replaced.push_back({object->oid, static_cast<int32_t>((object->bytes + LOBLKSIZE - 1) / LOBLKSIZE)});
    }
    write(work, *object);
    set_properties(*object, options, skipped);
    std::string hash = hash_of(object->oid);
    if (!object->content_hash.empty() && hash != object->content_hash)
      throw Error("XX001", "verification failed", named(object->oid) + " holds other bytes than the source.",
                  "The target is unchanged.");
    hashes[object->oid].first = hash;
    let_go_of(object->oid);
    written.push_back(text(object->oid));
  }
  for (uint32_t oid : to_remove) {
    remove(oid, seen);
    let_go_of(oid);
    result.replaced.push_back({oid, 0});
  }
  record(work, seen, run_id, hashes, written);
  if (!work.wanted.empty())
    result.remarks += "; " + counted(work.wanted.size(), "large {object|objects}") + ", " +
                      std::to_string(written.size()) + " written";
  if (!to_remove.empty()) result.remarks += "; " + counted(to_remove.size(), "large {object|objects} removed");
  for (const std::string &lost : drift.modified) result.remarks += "; overwritten: " + lost;
  for (const std::string &lost : drift.unmanaged) result.remarks += "; dropped: " + lost;
  for (const auto &[what, times] : skipped)
    result.remarks += "; " + counted(static_cast<uint64_t>(times), what) + " of large objects";
  return result;
}

namespace {

// Server code. Plain data: the first that others have written more pages of, committed or not; 0 if none.
struct Appended {
  uint32_t oid;
  bool is_under_way;
};

Appended find_appended(const WrittenLargeObjects::Replaced *objects, size_t count) {
  Appended found{};
  Relation relation = table_open(LargeObjectRelationId, AccessShareLock);
  for (size_t i = 0; i < count && found.oid == 0; i++) {
    CHECK_FOR_INTERRUPTS();
    SnapshotData dirty;
    InitDirtySnapshot(dirty);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_largeobject_loid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(objects[i].oid));
    ScanKeyInit(&keys[1], Anum_pg_largeobject_pageno, BTGreaterEqualStrategyNumber, F_INT4GE,
                Int32GetDatum(objects[i].pages));
    SysScanDesc scan = systable_beginscan(relation, LargeObjectLOidPNIndexId, true, &dirty, 2, keys);
    if (HeapTupleIsValid(systable_getnext(scan))) found = {objects[i].oid, TransactionIdIsValid(dirty.xmin)};
    systable_endscan(scan);
  }
  table_close(relation, AccessShareLock);
  return found;
}

}  // namespace

void check_large_objects_since(const std::vector<WrittenLargeObjects::Replaced> &replaced) {
  const WrittenLargeObjects::Replaced *objects = replaced.data();
  size_t count = replaced.size();
  Appended found = guarded([=] { return find_appended(objects, count); });
  if (found.oid == 0) return;
  if (found.is_under_way) throw Error("55P03", "another session is writing to " + named(found.oid));
  throw Error("55000", named(found.oid) + " was written to during the run", {}, "Run it again.");
}

std::vector<std::string> catalogs_of_large_objects() {
  return {text(LargeObjectRelationId), text(LargeObjectMetadataRelationId)};
}

}  // namespace pagila_repl
