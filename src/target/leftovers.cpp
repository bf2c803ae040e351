// Removes what runs leave behind. Only registered schemas are touched, and only if name and OID agree.

#include "target/leftovers.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <optional>

#include "pg/boundary.hpp"
#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/audit.hpp"
#include "target/concurrent_changes.hpp"
#include "target/drop_guard.hpp"
#include "target/extension_parts.hpp"
#include "target/key_triggers.hpp"
#include "target/manifest.hpp"
#include "target/relation_locks.hpp"
#include "target/target_lock.hpp"

extern "C" {
#include "access/relation.h"
#include "access/table.h"
#include "catalog/storage.h"
#include "utils/rel.h"
}

namespace pagila_repl {

namespace {

using Clock = std::chrono::steady_clock;

// The schemas that a run left: they may need each other, so they go together.
struct Leftovers {
  std::string run;
  std::vector<std::string> oids, names;
};

void forget(const std::vector<std::string> &oids) {
  execute("DELETE FROM pagila_repl.leftover WHERE schema_oid = ANY ($1::oid[])", {array_literal(oids)});
}

Leftovers still_there(const Leftovers &leftovers) {
  Leftovers there;
  for (const Row &row : query(
           R"(SELECT oid, nspname FROM pg_catalog.pg_namespace n
               WHERE EXISTS (SELECT FROM ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::text[])) l (oid, name)
                              WHERE l.oid = n.oid AND l.name = n.nspname))",
           {array_literal(leftovers.oids), array_literal(leftovers.names)})) {
    there.oids.push_back(*row[0]);
    there.names.push_back(*row[1]);
  }
  return there;
}

std::string listed(const std::vector<std::string> &names) {
  std::string list = names.size() == 1 ? "schema" : "schemas";
  for (const std::string &name : names) list += (&name == &names[0] ? " \"" : ", \"") + name + "\"";
  return list;
}

// The statement knows the schemas by name, and their owner may have given the names to others since they were looked at. Returns what
// else would have been dropped.
std::string drop(const Leftovers &there) {
  if (there.names.empty()) return {};
  std::string other = drop_schemas(there.oids, there.names);
  if (!other.empty()) return other;
  if (!query("SELECT FROM pg_catalog.pg_namespace WHERE oid = ANY ($1::oid[])", {array_literal(there.oids)}).empty())
    throw Error("55000", listed(there.names) + " was renamed while it was dropped");
  return {};
}

// Why schemas stay, and what goes with them that others did.
struct Judgement {
  std::string kept_because, lost;
};

// What was recorded of a copy when it was replaced.
struct Replaced {
  std::vector<std::string> states;
  std::string moment;
};

Replaced recorded(const Leftovers &there) {
  Replaced replaced;
  for (
      const Row &row : query(
          R"(SELECT moment, s.state FROM pagila_repl.leftover l LEFT JOIN LATERAL pg_catalog.unnest(definitions) s (state) ON true
               WHERE schema_oid = ANY ($1::oid[]) AND moment IS NOT NULL)",
          {array_literal(there.oids)})) {
    replaced.moment = *row[0];
    if (row[1]) replaced.states.push_back(*row[1]);
  }
  return replaced;
}

// What others did to a copy that was visible, having found it by its name before it was replaced.
Judgement judge_changes(const Leftovers &there, const Replaced &replaced) {
  Judgement judgement;
  // By a version that did not record it.
  if (replaced.moment.empty()) return judgement;
  LaterChanges changes = later_changes(there.oids, replaced.states, replaced.moment);
  if (!changes.kept_because.empty()) judgement.kept_because = changes.kept_because + " while it was replaced";
  for (const std::string &what : changes.lost)
    judgement.lost += (judgement.lost.empty() ? "" : "; ") + what + " while it was replaced";
  return judgement;
}

// Casts are in no schema; the manifest may have forgotten them by now.
bool came_with(const Replaced &replaced, const Drift::Address &object) {
  std::string head = object.classid + " " + object.objid + " ";
  return std::any_of(replaced.states.begin(), replaced.states.end(),
                     [&](const std::string &state) { return state.compare(0, head.size(), head) == 0; });
}

// Nothing that someone hung onto a copy that was visible, or brought into it, goes with it. Nobody else can depend on a stage, or
// change it.
Judgement judge(const Leftovers &there, bool was_visible) {
  if (!was_visible) return {};
  for (const std::string &oid : there.oids)
    if (std::string extension = extension_in_the_way(static_cast<Oid>(std::stoul(oid))); !extension.empty())
      return {extension, {}};
  Replaced replaced = recorded(there);
  Drift drift;
  find_dependents(there.oids, {}, drift);
  for (size_t i = 0; i < drift.dependents.size(); i++)
    if (drift.addresses[i].is_member || !came_with(replaced, drift.addresses[i]))
      return {drift.dependents[i] + " depends on what is in there", {}};
  return judge_changes(there, replaced);
}

// What is there, locked: neither names nor contents can change any more, so they are looked at now.
Leftovers lock_leftovers(const Leftovers &leftovers, RelationLocks &locks) {
  locks.take(still_there(leftovers).oids);
  return still_there(leftovers);
}

// Drops them unless something is in the way.
Judgement drop_unless_needed(const Leftovers &leftovers, bool was_visible, RelationLocks &locks) {
  Leftovers there = lock_leftovers(leftovers, locks);
  Snapshot locked = remember_moment();
  ObjectSet inside = objects_inside(there.oids);
  Judgement judgement = judge(there, was_visible);
  if (judgement.kept_because.empty()) {
    remove_triggers_of_keys_out_of(there.oids);
    if (std::string other = drop(there); !other.empty()) {
      judgement = {"dropping it would also drop " + other, {}};
    } else {
      PR_FAULT("dropped");
      forget(leftovers.oids);
    }
  }
  check_no_changes_since(locked, inside);
  return judgement;
}

// Runs the body in a transaction, if no other run is at these schemas too, and returns its judgement. What it did is undone when
// it throws, which only the body's subtransaction may learn of: aborting the transaction would release locks of the run.
template <class Body>
Judgement at_leftovers(const Leftovers &leftovers, Body body) {
  std::exception_ptr failure;
  Judgement judgement;
  in_transaction([&] {
    as_extension_owner([&] {
      set_local("client_min_messages", "warning");
      set_local("lock_timeout", "1s");
      std::vector<Row> ours =
          query("SELECT 1 FROM pagila_repl.leftover WHERE schema_oid = ANY ($1::oid[]) FOR UPDATE SKIP LOCKED",
                {array_literal(leftovers.oids)});
      if (ours.size() < leftovers.oids.size()) return;
      try {
        in_subtransaction([&] { judgement = body(); });
      } catch (...) {
        failure = std::current_exception();
      }
    });
  });
  if (failure) std::rethrow_exception(failure);
  return judgement;
}

// Server code. Its owner may have moved it elsewhere before it was locked.
void empty_if_in(Oid relation, Oid schema) {
  Relation opened = try_relation_open(relation, AccessExclusiveLock);
  if (opened == nullptr) return;
  if (RelationGetNamespace(opened) == schema) {
    RelationTruncate(opened, 0);
    if (OidIsValid(opened->rd_rel->reltoastrelid)) {
      Relation toast = table_open(opened->rd_rel->reltoastrelid, AccessExclusiveLock);
      RelationTruncate(toast, 0);
      table_close(toast, NoLock);
    }
  }
  relation_close(opened, NoLock);
}

// Cuts every table down to nothing, at once and for good, without writing to the catalog.
void empty(const std::vector<std::string> &oids) {
  for (const Row &row : query(
           R"(SELECT oid, relnamespace FROM pg_catalog.pg_class
               WHERE relnamespace = ANY ($1::oid[]) AND relkind IN ('r', 'm', 'S'))",
           {array_literal(oids)})) {
    Oid relation = static_cast<Oid>(std::stoul(*row[0])), schema = static_cast<Oid>(std::stoul(*row[1]));
    guarded([=] { empty_if_in(relation, schema); });
  }
}

Judgement drop_making_room(const Leftovers &leftovers, bool was_visible, RelationLocks &locks) {
  auto drop = [&] {
    PR_FAULT("clean");
    return drop_unless_needed(leftovers, was_visible, locks);
  };
  try {
    return at_leftovers(leftovers, drop);
  } catch (const Error &error) {
    if (error.sqlstate != "53100") throw;
  }
  // A drop writes to the catalog, for which a full disk has no room.
  at_leftovers(leftovers, [&] {
    Leftovers there = lock_leftovers(leftovers, locks);
    Judgement judgement = judge(there, was_visible);
    if (judgement.kept_because.empty()) empty(there.oids);
    return judgement;
  });
  return at_leftovers(leftovers, drop);
}

// The time up to which statements may have begun that know the schemas' functions as visible; null for a stage.
Value visible_until(const Leftovers &leftovers) {
  return in_transaction([&] {
    return as_extension_owner([&] {
      return query_value(
          R"(SELECT LEAST(pg_catalog.clock_timestamp(), r.finished_at + pg_catalog.make_interval(secs => 1))
               FROM pagila_repl.leftover JOIN pagila_repl.run r USING (run_id)
              WHERE schema_oid = ANY ($1::oid[]) AND r.status = 'succeeded')",
          {array_literal(leftovers.oids)});
    });
  });
}

// A run that has not succeeded has published nothing.
bool is_stage(const Leftovers &leftovers) {
  return in_transaction([&] {
    return as_extension_owner([&] {
      return query_value(
                 R"(SELECT 1 FROM pagila_repl.leftover JOIN pagila_repl.run r USING (run_id)
                     WHERE schema_oid = ANY ($1::oid[]) AND r.status <> 'succeeded' LIMIT 1)",
                 {array_literal(leftovers.oids)})
          .has_value();
    });
  });
}

// Whether statements of that time still run: no lock tells of the functions they call. Those that only wait for a run, in
// pagila_load or pagila_wait or to drop the extension, call none.
bool may_be_called(const Value &time) {
  if (!time) return false;
  return in_transaction([&] {
    return as_extension_owner([&] {
      return query_value(
                 R"(SELECT 1 FROM pg_catalog.pg_stat_activity a
                     WHERE a.datid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
                       AND a.backend_type = 'client backend' AND a.wait_event_type IS DISTINCT FROM 'Extension'
                       AND (a.state IN ('active', 'fastpath function call') AND a.query_start <= $1::timestamptz
                            -- A cursor has its snapshot for as long as it is open.
                            OR a.xact_start <= $1::timestamptz AND a.backend_xmin IS NOT NULL)
                       AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l
                                        WHERE l.pid = a.pid AND NOT l.granted
                                          AND (l.locktype = 'advisory' AND l.objsubid > 2
                                               OR l.classid = 'pg_catalog.pg_extension'::pg_catalog.regclass))
                     LIMIT 1)",
                 {time})
          .has_value();
    });
  });
}

struct Outcome {
  bool is_gone = false;
  bool is_final = false;  // dropped, or kept for good
  std::string remark;     // on what stays, or was lost
};

Outcome outcome_of(const Judgement &judgement, const Leftovers &leftovers) {
  if (!judgement.kept_because.empty())
    return {false, true, listed(leftovers.names) + " kept: " + judgement.kept_because};
  return {true, true, judgement.lost};
}

// Readers of the replaced copy are given some time to be done; what they still need then the launcher or the next run drops.
Outcome drop_leftovers(const Leftovers &leftovers, Clock::time_point give_up) {
  RelationLocks locks;
  Value replaced_at = visible_until(leftovers);
  bool stage = is_stage(leftovers);
  for (;;) {
    std::string reason;
    try {
      if (!may_be_called(replaced_at)) return outcome_of(drop_making_room(leftovers, !stage, locks), leftovers);
      reason = "statements or cursors from before it was replaced are still open";
    } catch (const Error &error) {
      if (error.sqlstate == "57014") throw;
      reason = error.message;
      if (!is_lock_failure(error.sqlstate)) give_up = Clock::now();
    }
    if (Clock::now() >= give_up)
      return {false, false, listed(leftovers.names) + " could not be dropped yet: " + reason};
    locks.let_readers_pass();
  }
}

// By run, in order.
std::vector<Leftovers> by_run(const std::vector<Row> &rows) {
  std::map<int64_t, Leftovers> runs;
  for (const Row &row : rows) {
    Leftovers &leftovers = runs[std::stoll(*row[0])];
    leftovers.run = *row[0];
    leftovers.oids.push_back(*row[1]);
    leftovers.names.push_back(*row[2]);
  }
  std::vector<Leftovers> all;
  for (const auto &[run, leftovers] : runs) all.push_back(leftovers);
  return all;
}

void mark_crashed(const std::string &run) {
  count_rows_of_steps(std::stoll(run));
  execute(
      R"(UPDATE pagila_repl.run
            SET status = 'crashed', finished_at = pg_catalog.clock_timestamp(), sqlstate = '57P02',
                error_message = 'the leader of the run died', message = 'the leader of the run died'
          WHERE run_id = $1::bigint AND status = 'running')",
      {run});
}

// What became of the copy that a run replaced belongs to what is said of that run, once.
void tell(const Leftovers &leftovers, const std::string &remark) {
  in_transaction([&] {
    as_extension_owner([&] {
      execute(
          R"(UPDATE pagila_repl.run SET message = pg_catalog.concat_ws('; ', message, $2)
              WHERE run_id = $1::bigint AND pg_catalog.strpos(message, $2) = 0)",
          {leftovers.run, remark});
    });
  });
}

}  // namespace

void mark_crashed_runs(int64_t own_run) {
  as_extension_owner([&] {
    for (const Row &row : query("SELECT run_id FROM pagila_repl.run WHERE status = 'running' AND run_id <> $1::bigint",
                                {std::to_string(own_run)}))
      if (is_leader_gone(std::stoll(*row[0]))) mark_crashed(*row[0]);
  });
}

bool sweep(int64_t own_run, std::chrono::milliseconds patience) {
  std::vector<Row> leftovers = in_transaction([&] {
    mark_crashed_runs(own_run);
    return as_extension_owner([&] {
      return query(
          R"(SELECT l.run_id, l.schema_oid, l.schema_name FROM pagila_repl.leftover l LEFT JOIN pagila_repl.run r USING (run_id)
              WHERE l.run_id <> $1::bigint AND r.status IS DISTINCT FROM 'running')",
          {std::to_string(own_run)});
    });
  });
  bool clean = true;
  Clock::time_point give_up = Clock::now() + patience;
  for (const Leftovers &of_a_run : by_run(leftovers)) {
    Outcome outcome = drop_leftovers(of_a_run, give_up);
    clean = clean && outcome.is_gone;
    if (outcome.is_final && !outcome.remark.empty()) tell(of_a_run, outcome.remark);
  }
  return clean;
}

std::vector<std::string> registered_schemas(int64_t run_id) {
  return as_extension_owner([&] {
    std::vector<std::string> oids;
    for (const Row &row :
         query("SELECT schema_oid FROM pagila_repl.leftover WHERE run_id = $1::bigint", {std::to_string(run_id)}))
      oids.push_back(*row[0]);
    return oids;
  });
}

std::vector<std::string> drop_own_leftovers(int64_t run_id) {
  std::vector<Row> leftovers = in_transaction([&] {
    return as_extension_owner([&] {
      return query("SELECT run_id, schema_oid, schema_name FROM pagila_repl.leftover WHERE run_id = $1::bigint",
                   {std::to_string(run_id)});
    });
  });
  std::vector<std::string> remarks;
  for (const Leftovers &of_the_run : by_run(leftovers)) {
    std::string remark = drop_leftovers(of_the_run, Clock::now() + kSweepPatience).remark;
    if (!remark.empty()) remarks.push_back(remark);
  }
  return remarks;
}

}  // namespace pagila_repl
