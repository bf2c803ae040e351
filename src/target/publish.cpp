// Publishing by rename.
//
// A rename alone would let one statement resolve one name before it and another after it. Holding all old relations
// exclusively shuts that out: who has resolved one of them makes us wait, who waits for one of them resolves its name
// again once we have committed. Rows of the new copy are frozen, so transactions with older snapshots see them too.

#include "target/publish.hpp"

#include <algorithm>
#include <chrono>
#include <random>

#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/manifest.hpp"

extern "C" {
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/wait_event.h"
}

namespace pagila_repl {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// One try may hold up readers for this long; below deadlock_timeout, so that nobody is cancelled because of us.
milliseconds longest_try() { return milliseconds(std::min(200, std::max(1, DeadlockTimeout / 2))); }

std::vector<Oid> relations_to_lock(const Stage &stage) {
  std::vector<Oid> relations;
  for (const Row &row : query(
           R"(SELECT oid FROM pg_catalog.pg_class
               WHERE relnamespace = ANY ($1::oid[]) AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S'))",
           {array_literal(stage.live_oids())}))
    relations.push_back(static_cast<Oid>(std::stoul(*row[0])));
  return relations;
}

void lock_within(const std::vector<Oid> &relations, Clock::time_point deadline) {
  for (Oid relation : relations) {
    auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) throw Error("55P03", "no time is left for the locks");
    bool free = guarded([relation] { return ConditionalLockRelationOid(relation, AccessExclusiveLock); });
    if (free) continue;
    set_local("lock_timeout", std::to_string(left) + "ms");
    guarded([relation] { LockRelationOid(relation, AccessExclusiveLock); });
  }
}

// Between the plan and now the schemas may have been dropped, made or renamed by someone.
void check_same_schemas(const Stage &stage) {
  for (const StagedSchema &schema : stage.schemas) {
    Value now = query_value("SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1", {schema.name});
    Oid oid = now ? static_cast<Oid>(std::stoul(*now)) : InvalidOid;
    if (oid != schema.live_oid)
      throw Error("55000", "schema \"" + schema.name + "\" was created, dropped or replaced during the run", {},
                  "Run it again.");
    Value stage_there = query_value("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1 AND oid = $2::oid",
                                    {schema.stage, std::to_string(schema.stage_oid)});
    if (!stage_there)
      throw Error("42P01", "the stage of the run was dropped", "Schema \"" + schema.stage + "\" is gone.", "Run it again.");
  }
}

std::vector<std::string> names_of(const Stage &stage) {
  std::vector<std::string> names;
  for (const StagedSchema &schema : stage.schemas) names.push_back(schema.name);
  return names;
}

// What the target was like just before the locks, so that little is left to look at while readers wait for them.
struct LastLook {
  std::string signature;
  Drift drift;
};

LastLook look(const Stage &stage, const LoadRequest &request) {
  LastLook look;
  look.signature = catalog_signature();
  look.drift = find_drift(names_of(stage), stage.carried);
  check_drift(look.drift, request);
  return look;
}

// With the locks held: definitions are looked at again only if some have changed since, rows always.
Drift look_again(const Stage &stage, const LastLook &last) {
  if (catalog_signature() != last.signature) return find_drift(names_of(stage), stage.carried);
  Drift drift = last.drift;
  drift.modified.clear();
  find_changed_content(names_of(stage), drift);
  for (const std::string &modified : last.drift.modified)
    if (std::find(drift.modified.begin(), drift.modified.end(), modified) == drift.modified.end())
      drift.modified.push_back(modified);
  return drift;
}

// Returns remarks on what is lost because the request allows it.
std::string drop_what_is_allowed(const Drift &drift, const LoadRequest &request) {
  check_drift(drift, request);
  for (const std::string &drop : drift.drops) execute(drop);
  std::string remarks;
  for (const std::string &lost : drift.modified) remarks += "; overwritten: " + lost;
  for (const std::string &lost : drift.unmanaged) remarks += "; dropped: " + lost;
  for (const std::string &lost : drift.dependents) remarks += "; dropped: " + lost;
  return remarks;
}

void swap_names(const Stage &stage) {
  for (const StagedSchema &schema : stage.schemas) {
    if (schema.live_oid != InvalidOid)
      execute("ALTER SCHEMA " + quote(schema.name) + " RENAME TO " + quote(schema.old));
    execute("ALTER SCHEMA " + quote(schema.stage) + " RENAME TO " + quote(schema.name));
    give_rights(schema.stage_oid, schema.rights);
    if (schema.live_oid == InvalidOid) continue;
    move_extensions(schema.live_oid, schema.name);
    move_types(stage.carried, schema.name, schema.old, schema.name);
  }
}

void record_swap(const Stage &stage, int64_t run_id) {
  std::string run = std::to_string(run_id);
  as_extension_owner([&] {
    for (const StagedSchema &schema : stage.schemas) {
      execute("DELETE FROM pagila_repl.leftover WHERE schema_oid = $1::oid", {std::to_string(schema.stage_oid)});
      if (schema.live_oid != InvalidOid)
        execute("INSERT INTO pagila_repl.leftover (schema_oid, schema_name, run_id) VALUES ($1::oid, $2, $3::bigint)",
                {std::to_string(schema.live_oid), schema.old, run});
      execute(
          R"(INSERT INTO pagila_repl.copy (schema_name, run_id) VALUES ($1, $2::bigint)
             ON CONFLICT (schema_name) DO UPDATE SET run_id = excluded.run_id)",
          {schema.name, run});
    }
  });
}

void try_to_publish(const Stage &stage, const LoadRequest &request, const std::string &message,
                    const std::vector<Oid> &relations, RunRecord &record) {
  LastLook last = look(stage, request);
  lock_within(relations, Clock::now() + longest_try());
  set_local("lock_timeout", std::to_string(longest_try().count()) + "ms");
  std::string lost = drop_what_is_allowed(look_again(stage, last), request);
  swap_names(stage);
  record_swap(stage, record.id());
  record.succeeded(message + lost);
}

bool may_pass(const Error &error) { return error.sqlstate == "55P03" || error.sqlstate == "40P01"; }

void pause(milliseconds time) {
  guarded([time] {
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, time.count(), PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  });
}

}  // namespace

void publish(const Stage &stage, const LoadRequest &request, const std::string &message, RunRecord &record) {
  std::mt19937 random{std::random_device{}()};
  Clock::time_point give_up = Clock::now() + milliseconds(request.swap_budget_ms);
  // A try that fails undoes a subtransaction: aborting the transaction would release the locks of the run.
  in_transaction([&] {
    set_local("synchronous_commit", "on");
    for (;;) {
      check_same_schemas(stage);
      std::vector<Oid> relations = relations_to_lock(stage);
      std::shuffle(relations.begin(), relations.end(), random);
      try {
        in_subtransaction([&] { try_to_publish(stage, request, message, relations, record); });
        break;
      } catch (const Error &error) {
        if (!may_pass(error)) throw;
      }
      if (Clock::now() >= give_up)
        throw Error("55P03", "could not lock the schemas to replace within the swap budget",
                    "Other sessions held locks on their tables at every try for " +
                        std::to_string(request.swap_budget_ms) + " ms.",
                    "End long transactions that read the target, or raise pagila_repl.swap_budget.");
      // Longer pauses than tries, so that readers are free most of the time.
      pause(milliseconds(std::uniform_int_distribution<int>(200, 600)(random)));
    }
    PR_FAULT("publish");
  });
  PR_FAULT("published");
}

}  // namespace pagila_repl
