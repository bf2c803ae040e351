// A load, from the request to the published copy.

#include "run/load.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "core/counted.hpp"
#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "run/database_object_findings.hpp"
#include "run/earlier_copies.hpp"
#include "run/run.hpp"
#include "settings.hpp"
#include "source/planned_large_objects.hpp"
#include "source/preflight_locks.hpp"
#include "source/read_dump.hpp"
#include "target/audit.hpp"
#include "target/database_objects.hpp"
#include "target/decoding.hpp"
#include "target/fill.hpp"
#include "target/large_objects.hpp"
#include "target/leftovers.hpp"
#include "target/lock_tries.hpp"
#include "target/manifest.hpp"
#include "target/publish.hpp"
#include "target/rebuild.hpp"
#include "target/row_security.hpp"
#include "target/skipped_objects.hpp"
#include "target/stage.hpp"
#include "target/stage_names.hpp"
#include "target/target_lock.hpp"
#include "target/verify.hpp"

namespace pagila_repl {

namespace {

// Everything that decides what the copy holds.
std::string fingerprint(const LoadPlan &plan, const LoadRequest &request) {
  std::string version = *query_value("SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'pagila_repl'");
  std::string text = "load " + version + (request.keep_owners ? " keep" : " skip") +
                     (request.extension_rows ? "" : " no extension rows") +
                     (plan.large_objects ? "" : " no large objects");
  for (const std::string &word : words_of(request.database_objects)) text += " " + word;
  for (const PlannedFile &file : plan.files) text += " " + file.sha256;
  Sha256 hash;
  hash.add(text.data(), text.size());
  return hash.hex();
}

PlannedWork planned_work(const LoadPlan &plan, const std::string &fingerprint) {
  PlannedWork work;
  work.schema_sha256 = plan.files[0].sha256;
  if (plan.files.size() > 1) work.data_sha256 = plan.files[1].sha256;
  work.fingerprint = fingerprint;
  work.schemas = plan.schemas;
  work.rows = plan.total_rows;
  work.bytes = plan.total_bytes;
  return work;
}

// The run whose copy is visible and is just what this one would make; 0 if there is none.
int64_t find_same(const LoadPlan &plan, const std::string &fingerprint, const Drift &drift, bool skip_objects) {
  int64_t run = run_behind(plan.schemas);
  if (run == 0 || !drift.none()) return 0;
  Value made_of = as_extension_owner([&] {
    return query_value("SELECT fingerprint FROM pagila_repl.run WHERE run_id = $1::bigint", {std::to_string(run)});
  });
  if (made_of != fingerprint || (!skip_objects && !remark_on_skipped(run).empty())) return 0;
  return run;
}

std::string summary(const LoadPlan &plan, const Stage &stage, const RunRecord &record) {
  std::set<std::pair<std::string, std::string>> tables;
  for (const PlannedRows &rows : plan.rows) tables.insert({rows.table.schema, rows.table.name});
  std::string text = counted(record.rows(), "{row|rows}") + " in " + counted(tables.size(), "{table|tables}");
  for (const auto *remarks : {&plan.remarks, &stage.remarks})
    for (const std::string &remark : *remarks) text += "; " + remark;
  if (std::string skipped = in_transaction([&] { return remark_on_skipped(record.id()); }); !skipped.empty())
    text += "; " + skipped;
  return text;
}

Dump read_files(const LoadRequest &request) {
  std::vector<std::string> paths{request.schema_file};
  if (request.data_file) paths.push_back(*request.data_file);
  return in_transaction([&] {
    Dump dump = read_dump(paths, request.strict, request.database_objects);
    // A directory of the path may have been swapped for a link since the caller was checked.
    for (size_t i = 0; i < paths.size(); i++) check_load_directories(dump.files[i]->real_path(), paths[i]);
    return dump;
  });
}

void build_stage(Dump &dump, Stage &stage, const LoadRequest &request, RunRecord &record) {
  if (stage.runs_own_code) in_transaction([&] { check_room_for_locks(locks_under_real_names(stage)); });
  enter(record, Phase::rows);
  tell("loading " + counted(dump.plan.total_rows, "{row|rows}") + ", " +
       counted(dump.plan.total_bytes, "{byte|bytes}"));
  ExpectedRows expected = fill_tables(
      dump.plan, stage, [&](const PlannedRows &rows, RowsAs form) { return open_rows(dump, rows, form); }, record);
  enter(record, Phase::indexes);
  tell("building indexes and constraints: " + std::to_string(stage.stripped.size()) + " to do");
  rebuild(stage, Stripped::Group::index, record);
  enter(record, Phase::constraints);
  rebuild(stage, Stripped::Group::constraint, record);
  rebuild(stage, Stripped::Group::trigger, record);
  rebuild(stage, Stripped::Group::setting, record);
  enter(record, Phase::sequences);
  set_sequences(dump.plan, stage, record);
  refresh_materialized_views(dump.plan, stage, record);
  in_transaction([&] { put_back_row_security(stage); });
  if (request.analyze) analyze(stage, record);
  enter(record, Phase::verify);
  tell("verifying");
  ContentHashes hashes = verify(stage, expected, request.verify_content, record);
  in_transaction([&] { check_names_again(stage); });
  in_transaction([&] { show_to_decoding(stage.stage_oids()); });
  make_outward_keys(stage, record);
  write_manifest(dump.plan, request, stage, record.id(), hashes);
}

// Nothing, if the dump holds none and no run of these schemas has made any, or if they are not wanted.
std::optional<LargeObjectWork> large_objects_of(Dump &dump) {
  if (!dump.plan.large_objects) return {};
  LargeObjectWork work{dump.plan.schemas, std::move(*dump.plan.large_objects), {}};
  work.read = [&dump](const PlannedLargeObject &object, const LargeObjectWork::Take &take) {
    read_large_object(dump.files, object, take);
  };
  return work;
}

void leave_out_large_objects(LoadPlan &plan) {
  if (!plan.large_objects->empty())
    plan.remarks.push_back(counted(plan.large_objects->size(), "large {object|objects} left out"));
  plan.large_objects.reset();
}

// As far as statements tell without being run: most of those that make no table make an index, a constraint or a default. How many
// exclusive locks these take is not known, so at least.
LockedObjects objects_of(const LoadPlan &plan) {
  LockedObjects objects;
  objects.tables = std::count_if(plan.shape.begin(), plan.shape.end(),
                                 [](const ShapeStatement &statement) { return statement.what.creates_table; });
  objects.sequences = static_cast<int64_t>(plan.sequences.size());
  objects.foreign_keys = static_cast<int64_t>(plan.shape.size()) - objects.tables;
  return objects;
}

void load(const LoadRequest &request, RunRecord &record) {
  PR_FAULT("fingerprint");
  Dump dump = read_files(request);
  const LoadPlan &plan = dump.plan;
  if (!request.large_objects.value_or(true)) leave_out_large_objects(dump.plan);
  std::string made_of = in_transaction([&] { return fingerprint(plan, request); });
  record.planned(planned_work(plan, made_of));
  in_transaction([&] { check_locks_of_load(objects_of(plan), plan.schemas); });

  enter(record, Phase::lock);
  in_transaction([&] { lock_schemas(plan.schemas); });
  PR_FAULT("lock");
  sweep(record.id(), kSweepPatience);

  enter(record, Phase::plan);
  std::vector<CarriedType> carried;
  std::vector<OtherCopy> others;
  Drift drift;
  std::optional<LargeObjectWork> large_objects = large_objects_of(dump);
  std::optional<DatabaseObjectWork> database_objects;
  in_transaction([&] {
    LockTries tries{request.swap_budget_ms, oids_of(plan.schemas), {}};
    if (request.database_objects.any()) tries.relation_oids = catalogs_of_database_objects();
    in_lock_tries(tries, [&](RelationLocks &) {
      check_may_replace(plan.schemas);
      others = find_other_copies({record.kind(), {}, {}, {}}, plan.schemas);
      check_other_copies(others, request);
      PR_FAULT("plan");
      carried = find_carried_types(plan, request);
      drift = find_drift(plan.schemas, carried);
      if (large_objects) find_large_object_drift(*large_objects, drift);
      if (request.database_objects.any())
        database_objects =
            wanted_database_objects(plan.database_objects, request.database_objects, plan.schemas, drift);
    });
  });
  if (int64_t same =
          request.force ? 0 : in_transaction([&] { return find_same(plan, made_of, drift, request.skip_objects); }))
    return record.skipped(same, nothing_changed_since(same));
  check_drift(drift, request);

  enter(record, Phase::shape);
  Stage stage = stage_shape(plan, request, carried, {}, record.id(),
                            [&](const PlannedRows &rows, RowsAs form) { return open_rows(dump, rows, form); });
  stage.large_objects = std::move(large_objects);
  stage.database_objects = std::move(database_objects);
  in_transaction([&] {
    check_event_trigger_functions(stage);
    record_skipped(stage, record);
  });
  std::vector<ShapeStatement>().swap(dump.plan.shape);  // done, and with many tables the largest part of the plan
  for (const std::string &remark : remarks_on(others, {})) stage.remarks.push_back(remark);
  try {
    build_stage(dump, stage, request, record);
  } catch (const Error &error) {
    // What the server misses first when the stage is gone, or a type that it has of the live schema, says little.
    if (!is_cancel(error)) in_transaction([&] { check_same_schemas(stage); });
    throw;
  }
  enter(record, Phase::publish);
  publish(stage, request, summary(plan, stage, record), record);
  clean(record);
}

std::string options_as_json(const LoadRequest &request) {
  return "{" + json_members(request) + ", \"strict\": " + (request.strict ? "true" : "false") + "}";
}

}  // namespace

void run_load(const LoadRequest &request) {
  RunIntent intent;
  intent.kind = "load";
  intent.schema_file = request.schema_file;
  intent.data_file = request.data_file;
  intent.options = options_as_json(request);
  do_run(intent, request, [&](RunRecord &record) { load(request, record); });
}

}  // namespace pagila_repl
