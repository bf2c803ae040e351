// Rebuilds the staged copy around its rows.

#include "target/rebuild.hpp"

#include <algorithm>

#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/differences.hpp"
#include "target/disk_reserve.hpp"
#include "target/lock_tries.hpp"
#include "target/outward_keys.hpp"
#include "target/row_security.hpp"
#include "target/staged_rows.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "commands/vacuum.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace pagila_repl {

namespace {

// Undoes the work if the object cannot be made: the step is one that is skipped then.
template <class Work>
void work_or_skip(RunRecord &record, const Stage &stage, std::vector<SkippedObject> &skipped,
                  const SkippedObject &object, Work work) {
  try {
    in_subtransaction(work);
  } catch (const Error &error) {
    if (!is_of_object(error)) throw;
    skipped.push_back({object.kind, object.schema, object.name, in_seen_names(error, stage)});
    return record.skip_step(skipped.back().error);
  }
  record.end_step();
}

// `skipped`: where it is noted if it cannot be made; null if that ends the run.
template <class Work>
void step(const RunStep &run, RunRecord &record, const Stage &stage, const SkippedObject &object,
          std::vector<SkippedObject> *skipped, Work work) {
  try {
    run([&] {
      record.begin_step(object.kind, object.schema, object.name);
      if (skipped != nullptr) return work_or_skip(record, stage, *skipped, object, work);
      work();
      record.end_step();
    });
  } catch (const Error &error) {
    Error seen = in_seen_names(with_hint_at_difference(error), stage);
    seen.context = object.kind + " \"" + object.name + "\" in schema \"" + object.schema + "\"";
    throw seen;
  }
}

template <class Work>
void step(const RunStep &run, RunRecord &record, const Stage &stage, const std::string &kind, const std::string &schema,
          const std::string &object, Work work) {
  step(run, record, stage, SkippedObject{kind, schema, object, Error("00000", "")}, nullptr, work);
}

std::vector<SkippedObject> *where_to_note(Stage &stage, bool may_be_skipped = true) {
  return stage.skips_objects && may_be_skipped ? &stage.skipped : nullptr;
}

SkippedObject object_of(const Stage &stage, const Stripped &stripped) {
  return {stripped.kind, seen_as(stage, stripped.schema), stripped.object, Error("00000", "")};
}

// Of an index that was skipped, or goes with one.
bool is_skipped(const Stage &stage, const Stripped &stripped) {
  return stripped.may_be_skipped && stage.is_skipped(seen_as(stage, stripped.schema), stripped.object);
}

void forget_skipped(Stage &stage) {
  stage.stripped.erase(std::remove_if(stage.stripped.begin(), stage.stripped.end(),
                                      [&](const Stripped &stripped) { return is_skipped(stage, stripped); }),
                       stage.stripped.end());
}

}  // namespace

void record_skipped(const Stage &stage, RunRecord &record) {
  for (const SkippedObject &object : stage.skipped)
    record.skip_object(object.kind, object.schema, object.name, object.error);
}

void take_skipped(Stage &stage, int64_t run_id) {
  if (!stage.skips_objects) return;
  stage.skipped = skipped_steps(run_id);
  for (SkippedObject &object : stage.skipped) object.error = in_seen_names(object.error, stage);
  tell_skipped_in(run_id, stage.skipped);
  forget_skipped(stage);
}

void build(const std::vector<std::string> &statements, const std::string &tablespace, const std::string &search_path) {
  if (!tablespace.empty()) set_local("default_tablespace", tablespace);
  if (!search_path.empty()) set_local("search_path", search_path);
  for (const std::string &statement : statements) execute_restricted(statement);
}

void analyze_partitioned(Oid table) {
  guarded([table] {
    VacuumParams how;
    memset(&how, 0, sizeof how);
    how.options = VACOPT_ANALYZE;
    how.log_min_duration = -1;
    PushActiveSnapshot(GetTransactionSnapshot());
    analyze_rel(table, nullptr, &how, NIL, true, GetAccessStrategy(BAS_VACUUM));
    PopActiveSnapshot();
    CommandCounterIncrement();
  });
}

void rebuild(Stage &stage, Stripped::Group group, RunRecord &record) {
  if (std::none_of(stage.stripped.begin(), stage.stripped.end(), [&](const Stripped &s) { return s.group == group; }))
    return;
  in_steps(stage, stage.runs_own_code, [&](const RunStep &run) {
    for (const Stripped &stripped : stage.stripped) {
      if (stripped.group != group || is_skipped(stage, stripped)) continue;
      if (group == Stripped::Group::index) check_disk_reserve();
      step(run, record, stage, object_of(stage, stripped), where_to_note(stage, stripped.may_be_skipped),
           [&] { build(stripped.create, stripped.tablespace, stripped.search_path); });
      PR_FAULT(group == Stripped::Group::index ? "index" : "constraint");
    }
  });
  forget_skipped(stage);
}

void make_outward_keys(Stage &stage, RunRecord &record) {
  if (!tables_referred_to(stage).empty()) in_transaction([&] { note_staged_rows(stage); });
  LockTries tries{stage.lock_budget_ms, {}, tables_referred_to(stage)};
  RunStep run = [&](const std::function<void()> &work) {
    in_transaction([&] { in_lock_tries(tries, [&](RelationLocks &) { work(); }); });
  };
  for (const Stripped &stripped : stage.stripped) {
    if (stripped.group != Stripped::Group::outward) continue;
    step(run, record, stage, stripped.kind, seen_as(stage, stripped.schema), stripped.object,
         [&] { make_outward_key(stage, stripped); });
  }
  PR_FAULT("outward");
}

namespace {

// What a view computes from times, texts and amounts must be what it computes on the source. A value that this server does not
// know, such as a locale, is passed over.
void use_settings_of_source(const LoadPlan &plan) {
  for (const auto &[name, value] : plan.source_settings) {
    try {
      in_subtransaction([&] { set_local(name, value); });
    } catch (const Error &error) {
      if (error.sqlstate != "22023") throw;
    }
  }
}

}  // namespace

void refresh_materialized_views(const LoadPlan &plan, Stage &stage, RunRecord &record) {
  if (plan.refreshes.empty()) return;
  // Functions that a view calls name tables as they will be seen.
  in_steps(stage, true, [&](const RunStep &run) {
    for (const QualifiedName &view : plan.refreshes) {
      if (stage.is_skipped(view.schema, view.name)) continue;
      SkippedObject object{"materialized view", view.schema, view.name, Error("00000", "")};
      step(run, record, stage, object, where_to_note(stage), [&] {
        fill_as_on_source(plan, stage, view, [&] {
          use_settings_of_source(plan);
          execute_restricted("REFRESH MATERIALIZED VIEW " + quote(view.schema, view.name));
        });
        PR_FAULT("refresh");
      });
    }
  });
}

void set_sequence(const SequenceState &state, const Stage &stage) {
  Value set = query_value(
      R"(SELECT pg_catalog.setval((SELECT c.oid FROM pg_catalog.pg_class c
                                  WHERE c.relnamespace = $1::oid AND c.relname = $2 AND c.relkind = 'S')
                                 ::pg_catalog.regclass, $3::bigint, $4::boolean))",
      {std::to_string(stage.of(state.sequence.schema).stage_oid), state.sequence.name, std::to_string(state.value),
       state.called ? "true" : "false"});
  if (!set)
    throw Error("42P01", "sequence \"" + state.sequence.schema + "." + state.sequence.name + "\" does not exist");
}

void set_sequences(const LoadPlan &plan, const Stage &stage, RunRecord &record) {
  for (const SequenceState &state : plan.sequences) {
    if (state.is_set) continue;
    try {
      step(run_alone, record, stage, "sequence", state.sequence.schema, state.sequence.name,
           [&] { set_sequence(state, stage); });
    } catch (const Error &error) {
      throw error.within(state.place.text());
    }
    PR_FAULT("sequence");
  }
}

void analyze(const Stage &stage, RunRecord &record, const std::string &kinds) {
  std::vector<Row> tables = in_transaction([&] {
    return query(
        // Not what has foreign tables below it: to ask their servers is not for a run.
        R"(WITH RECURSIVE above_foreign (oid) AS (
             SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class f ON f.oid = i.inhrelid
              WHERE f.relkind = 'f'
             UNION SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN above_foreign a ON a.oid = i.inhrelid)
           SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relnamespace = ANY ($1::oid[]) AND c.relkind = ANY ($2::"char"[])
              AND c.oid NOT IN (SELECT oid FROM above_foreign) ORDER BY c.relkind = 'p', 1, 2)",
        {array_literal(stage.stage_oids()), kinds});
  });
  if (tables.empty()) return;
  in_steps(stage, stage.runs_own_code, [&](const RunStep &run) {
    for (const Row &row : tables)
      step(run, record, stage, "analyze", seen_as(stage, *row[0]), *row[1], [&] {
        execute_restricted("ANALYZE " + quote(stage.runs_own_code ? seen_as(stage, *row[0]) : *row[0], *row[1]));
        PR_FAULT("analyze");
      });
  });
}

}  // namespace pagila_repl
