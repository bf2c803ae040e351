// Removes what runs leave behind. Only registered schemas are touched, and only if name and OID agree.

#include "target/leftovers.hpp"

#include "pg/boundary.hpp"
#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/manifest.hpp"
#include "target/target_lock.hpp"

extern "C" {
#include "access/relation.h"
#include "catalog/storage.h"
#include "utils/rel.h"
}

namespace pagila_repl {

namespace {

void forget(const std::string &oid) {
  execute("DELETE FROM pagila_repl.leftover WHERE schema_oid = $1::oid", {oid});
}

// Nothing that someone hung onto the schema goes with it: then it stays, and the reason is returned.
std::string drop_unless_needed(const std::string &oid, const std::string &name) {
  if (!query_value("SELECT 1 FROM pg_catalog.pg_namespace WHERE oid = $1::oid AND nspname = $2", {oid, name})) {
    forget(oid);
    return {};
  }
  Drift drift;
  find_dependents({oid}, {}, drift);
  if (!drift.dependents.empty())
    return "schema \"" + name + "\" was kept, " + drift.dependents[0] + " depends on it";
  execute("DROP SCHEMA " + quote(name) + " CASCADE");
  forget(oid);
  return {};
}

// Runs the body in a transaction that nothing can hold up for long; empty if another run is at this schema too.
template <class Body>
std::string at_leftover(const std::string &oid, Body body) {
  return in_transaction([&] {
    return as_extension_owner([&]() -> std::string {
      set_local("client_min_messages", "warning");
      set_local("lock_timeout", "5s");
      if (!query_value("SELECT 1 FROM pagila_repl.leftover WHERE schema_oid = $1::oid FOR UPDATE SKIP LOCKED", {oid}))
        return {};
      return body();
    });
  });
}

// Cuts every table down to nothing, at once and for good, without writing to the catalog.
void empty(const std::string &oid) {
  for (const Row &row : query(
           R"(SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace = $1::oid AND c.relkind IN ('r', 'm', 'S')
              UNION ALL
              SELECT c.reltoastrelid FROM pg_catalog.pg_class c WHERE c.relnamespace = $1::oid AND c.reltoastrelid <> 0)",
           {oid})) {
    Oid relation = static_cast<Oid>(std::stoul(*row[0]));
    guarded([relation] {
      Relation opened = relation_open(relation, AccessExclusiveLock);
      RelationTruncate(opened, 0);
      relation_close(opened, NoLock);
    });
  }
}

std::string drop_making_room(const std::string &oid, const std::string &name) {
  auto drop = [&] {
    PR_FAULT("clean");
    return drop_unless_needed(oid, name);
  };
  try {
    return at_leftover(oid, drop);
  } catch (const Error &error) {
    if (error.sqlstate != "53100") throw;
  }
  // A drop writes to the catalog, for which a full disk has no room.
  at_leftover(oid, [&] {
    empty(oid);
    return std::string();
  });
  return at_leftover(oid, drop);
}

std::string drop_leftover(const std::string &oid, const std::string &name) {
  try {
    return drop_making_room(oid, name);
  } catch (const Error &error) {
    if (error.sqlstate == "57014") throw;
    return "schema \"" + name + "\" could not be dropped yet: " + error.message;
  }
}

void mark_crashed(const std::string &run) {
  execute(
      R"(UPDATE pagila_repl.run
            SET status = 'crashed', finished_at = pg_catalog.clock_timestamp(), sqlstate = '57P02',
                error_message = 'the leader of the run died', message = 'the leader of the run died'
          WHERE run_id = $1::bigint AND status = 'running')",
      {run});
}

}  // namespace

void sweep(int64_t own_run) {
  std::string own = std::to_string(own_run);
  std::vector<Row> leftovers = in_transaction([&] {
    return as_extension_owner([&] {
      for (const Row &row : query("SELECT run_id FROM pagila_repl.run WHERE status = 'running' AND run_id <> $1::bigint", {own}))
        if (is_leader_gone(std::stoll(*row[0]))) mark_crashed(*row[0]);
      return query(
          R"(SELECT l.schema_oid, l.schema_name FROM pagila_repl.leftover l LEFT JOIN pagila_repl.run r USING (run_id)
              WHERE l.run_id <> $1::bigint AND r.status IS DISTINCT FROM 'running')",
          {own});
    });
  });
  for (const Row &row : leftovers) drop_leftover(*row[0], *row[1]);
}

std::vector<std::string> drop_own_leftovers(int64_t run_id) {
  std::vector<Row> leftovers = in_transaction([&] {
    return as_extension_owner([&] {
      return query("SELECT schema_oid, schema_name FROM pagila_repl.leftover WHERE run_id = $1::bigint",
                   {std::to_string(run_id)});
    });
  });
  std::vector<std::string> remarks;
  for (const Row &row : leftovers) {
    std::string remark = drop_leftover(*row[0], *row[1]);
    if (!remark.empty()) remarks.push_back(remark);
  }
  return remarks;
}

}  // namespace pagila_repl
