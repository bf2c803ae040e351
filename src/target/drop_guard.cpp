// Watches what the server drops, by a hook that it calls for every object before that is gone.

#include "target/drop_guard.hpp"

#include <algorithm>

#include "pg/lock_relief.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/inside.hpp"

extern "C" {
#include "catalog/objectaccess.h"
}

namespace pagila_repl {

namespace {

struct Object {
  Oid catalog, oid;
  bool operator<(const Object &other) const {
    return catalog != other.catalog ? catalog < other.catalog : oid < other.oid;
  }
};

// What the hook looks at: plain data, since it may leave by ereport.
struct Watch {
  const Object *allowed = nullptr;  // sorted
  size_t count = 0;
  bool is_tripped = false;
  Object what{};
  int column = 0;
};

Watch watch;
object_access_hook_type hook_before = nullptr;

void look_at_drop(ObjectAccessType access, Oid catalog, Oid oid, int column, void *arg) {
  if (hook_before != nullptr) hook_before(access, catalog, oid, column, arg);
  if (access != OAT_DROP) return;
  Object object{catalog, oid};
  if (std::binary_search(watch.allowed, watch.allowed + watch.count, object)) return;
  watch.is_tripped = true;
  watch.what = object;
  watch.column = column;
  ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
                  errmsg("dropping the schemas would drop object %u of catalog %u, too", oid, catalog)));
}

// While it lives the server drops only these.
class DropGuard {
 public:
  explicit DropGuard(const std::vector<Object> &allowed) {
    watch = Watch{};
    watch.allowed = allowed.data();
    watch.count = allowed.size();
    hook_before = object_access_hook;
    object_access_hook = look_at_drop;
  }
  ~DropGuard() { object_access_hook = hook_before; }
  DropGuard(const DropGuard &) = delete;
  DropGuard &operator=(const DropGuard &) = delete;
};

// A cast or transform that is a member of an extension would take that along.
std::vector<Object> allowed_in(const std::vector<std::string> &oids) {
  static const std::string sql =
      "WITH RECURSIVE " + inside_sql(Members::without) +
      " SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::oid, pg_catalog.unnest($1::oid[])"
      " UNION SELECT classid, objid FROM inside UNION " +
      kCastsInside +
      " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e"
      " WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')";
  std::vector<Object> objects;
  for (const Row &row : query(sql, {array_literal(oids), "{}"}))
    objects.push_back({static_cast<Oid>(std::stoul(*row[0])), static_cast<Oid>(std::stoul(*row[1]))});
  std::sort(objects.begin(), objects.end());
  return objects;
}

// By what it is a part of, such as the table of a row type.
std::string name_of(Object object, int column) {
  return query_value(
             R"(WITH RECURSIVE whole (classid, objid, objsubid, level) AS (
                  SELECT $1::oid, $2::oid, $3::integer, 0
                  UNION ALL
                  SELECT d.refclassid, d.refobjid, d.refobjsubid, w.level + 1
                    FROM whole w JOIN pg_catalog.pg_depend d ON d.classid = w.classid AND d.objid = w.objid AND d.deptype = 'i'
                   WHERE w.level < 5)
                SELECT pg_catalog.pg_describe_object(classid, objid, objsubid) FROM whole ORDER BY level DESC LIMIT 1)",
             {std::to_string(object.catalog), std::to_string(object.oid), std::to_string(column)})
      .value_or("an object with OID " + std::to_string(object.oid));
}

struct DropOf {
  const char *kind, *kinds;  // as the statement and as pg_class.relkind have it
};
// Partitions before what they are partitions of.
constexpr DropOf kDrops[] = {{"VIEW", "{v}"},  {"MATERIALIZED VIEW", "{m}"}, {"FOREIGN TABLE", "{f}"}, {"TABLE", "{r}"},
                             {"TABLE", "{p}"}, {"SEQUENCE", "{S}"}};

// As far as they have not gone with others.
void drop_relations(const std::string &kind, const std::vector<std::string> &oids) {
  Value names = query_value(
      R"(SELECT pg_catalog.string_agg(pg_catalog.format('%I.%I', n.nspname, c.relname), ', ')
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE c.oid = ANY ($1::oid[]))",
      {array_literal(oids)});
  if (!names) return;
  execute("DROP " + kind + " " + *names + " CASCADE");
  if (!query("SELECT FROM pg_catalog.pg_class WHERE oid = ANY ($1::oid[])", {array_literal(oids)}).empty())
    throw Error("55000", "a relation was renamed while it was dropped");
  LockRelief::let_go();
}

// A statement for each few relations: the time that one takes grows with the square of what it drops, and so many locks more it
// holds.
void drop_in_parts(const std::vector<std::string> &schema_oids) {
  constexpr size_t kRelationsAtOnce = 60;
  for (const DropOf &drop : kDrops) {
    std::vector<std::string> part;
    for (const Row &row : query(
             // What belongs to an extension that the run has made goes with it.
             R"(SELECT c.oid FROM pg_catalog.pg_class c
                 WHERE c.relnamespace = ANY ($1::oid[]) AND c.relkind = ANY ($2::"char"[])
                   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')
                 ORDER BY 1 DESC)",
             {array_literal(schema_oids), drop.kinds})) {
      part.push_back(*row[0]);
      if (part.size() < kRelationsAtOnce) continue;
      drop_relations(drop.kind, part);
      part.clear();
    }
    if (!part.empty()) drop_relations(drop.kind, part);
  }
}

}  // namespace

std::string drop_schemas(const std::vector<std::string> &oids, const std::vector<std::string> &names) {
  std::string list;
  for (const std::string &name : names) list += (list.empty() ? "" : ", ") + quote(name);
  std::vector<Object> allowed = allowed_in(oids);
  try {
    in_subtransaction([&] {
      DropGuard guard(allowed);
      LockRelief relief;
      drop_in_parts(oids);
      execute("DROP SCHEMA " + list + " CASCADE");
    });
    return {};
  } catch (const Error &) {
    if (!watch.is_tripped) throw;
  }
  return name_of(watch.what, watch.column);
}

}  // namespace pagila_repl
