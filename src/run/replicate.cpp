// A replication, from the request to the published copy.

#include "run/replicate.hpp"

#include <algorithm>

#include "core/counted.hpp"
#include "pg/boundary.hpp"
#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "run/crew.hpp"
#include "run/database_object_findings.hpp"
#include "run/earlier_copies.hpp"
#include "run/pull_work.hpp"
#include "run/run.hpp"
#include "run/source_content.hpp"
#include "run/unchanged.hpp"
#include "settings.hpp"
#include "source/connect.hpp"
#include "source/dump_child.hpp"
#include "source/dump_file.hpp"
#include "source/member_relations.hpp"
#include "source/preflight.hpp"
#include "source/preflight_extensions.hpp"
#include "source/preflight_locks.hpp"
#include "source/read_catalog.hpp"
#include "source/read_database_objects.hpp"
#include "source/read_large_objects.hpp"
#include "source/resolved_names.hpp"
#include "source/snapshot.hpp"
#include "target/content.hpp"
#include "target/database_objects.hpp"
#include "target/decoding.hpp"
#include "target/large_objects.hpp"
#include "target/leftovers.hpp"
#include "target/lock_tries.hpp"
#include "target/manifest.hpp"
#include "target/publish.hpp"
#include "target/rebuild.hpp"
#include "target/row_security.hpp"
#include "target/skipped_objects.hpp"
#include "target/stage_names.hpp"
#include "target/target_lock.hpp"
#include "target/verify.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace pagila_repl {

namespace {

// The source as this run sees it.
struct Source {
  SourceServer server;
  Snapshot snapshot;
  LoadPlan plan;  // the shape, sequences and materialized views
  std::string shape_sha256;
  std::string encoding;  // it is asked to send
  bool in_utf8 = false;  // text is compared in UTF-8, since the encodings differ
  const SourceCatalog &catalog() const { return snapshot.catalog; }
};

void read_objects_of_database(Source &source, const ReplicateRequest &request) {
  SourceDatabaseObjects read = in_transaction(
      [&] { return read_database_objects(*source.snapshot.holder, source.catalog(), request.database_objects); });
  check_findings(read.findings);
  source.plan.database_objects = std::move(read.objects);
  for (const std::string &remark : read.remarks) source.plan.remarks.push_back(remark);
}

Source read_source(const ReplicateRequest &request, RunRecord &record) {
  Source source;
  source.server = in_transaction([&] { return find_server(request.server); });
  source.encoding = GetDatabaseEncodingName();
  source.snapshot =
      take_snapshot(source.server, request.selection, request, "leader of run " + std::to_string(record.id()));
  pin(source.server, source.snapshot.holder->reached());
  warn_of_libpq();
  source.in_utf8 = source.catalog().encoding != source.encoding;
  enter(record, Phase::fingerprint);
  PR_FAULT("fingerprint");
  source.plan = in_transaction([&] {
    return dump_shape(source.server, source.catalog(), request.selection, source.snapshot.id, source.shape_sha256);
  });
  source.plan.sequences = read_sequences(*source.snapshot.holder, source.catalog());
  if (request.extension_rows) read_member_rows(*source.snapshot.holder, source.catalog(), source.plan);
  for (const std::string &remark : remarks_on_members(source.catalog(), request.extension_rows))
    source.plan.remarks.push_back(remark);
  if (request.large_objects.value_or(request.selection.everything()))
    source.plan.large_objects = list_large_objects(*source.snapshot.holder, kLargeObjectHashes);
  else if (source.catalog().large_objects > 0)
    source.plan.remarks.push_back(counted(source.catalog().large_objects, "large {object|objects} left out"));
  if (request.database_objects.any()) read_objects_of_database(source, request);
  source.plan.extension_versions = source.catalog().extension_versions;
  source.plan.immutable_functions =
      in_transaction([&] { return find_altered_functions(*source.snapshot.holder, source.catalog()); });
  source.plan.refreshes = source.catalog().refreshes;
  source.plan.source_settings = read_text_settings(*source.snapshot.holder);
  for (const SourceTable &table : source.catalog().tables) {
    source.plan.total_bytes += table.bytes;
    source.plan.total_rows += static_cast<uint64_t>(std::max(table.rows_estimate, 0.0));
  }
  return source;
}

// Rows that have been read already.
class TextSource : public ByteSource {
 public:
  explicit TextSource(const std::string &text) : text_(text) {}
  size_t read(char *buffer, size_t size) override {
    size_t got = text_.copy(buffer, size, at_);
    at_ += got;
    return got;
  }

 private:
  const std::string &text_;
  size_t at_ = 0;
};

// Everything that decides what the copy holds, but the rows of its tables.
std::string fingerprint(const Source &source, const ReplicateRequest &request) {
  std::string version = *query_value("SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'pagila_repl'");
  std::string text = "replicate " + version + (request.keep_owners ? " keep " : " skip ") +
                     source.catalog().system_identifier + " " + std::to_string(source.catalog().database_oid) + " " +
                     source.shape_sha256;
  for (const QualifiedName &view : source.plan.refreshes) text += " " + quote(view.schema, view.name);
  for (const SequenceState &state : source.plan.member_sequences)
    text += " " + quote(state.sequence.schema, state.sequence.name) + " " + std::to_string(state.value) +
            (state.called ? " called" : "");
  if (!source.plan.large_objects) text += " no large objects";
  for (const PlannedLargeObject &object : source.plan.large_objects.value_or(std::vector<PlannedLargeObject>())) {
    text += " " + std::to_string(object.oid) + " " + object.content_hash;
    for (const ShapeStatement &statement : object.properties) text += " " + statement.text;
  }
  for (const std::string &word : words_of(request.database_objects)) text += " " + word;
  for (const PlannedDatabaseObject &object : source.plan.database_objects)
    for (const PlannedDatabaseObject::Part &part : object.parts) text += " " + part.statement.text;
  Sha256 hash;
  hash.add(text.data(), text.size());
  for (const PlannedRows &rows : source.plan.member_rows) {
    std::string table = " " + quote(rows.table.schema, rows.table.name) + " " + std::to_string(rows.text.size()) + " ";
    hash.add(table.data(), table.size());
    hash.add(rows.text.data(), rows.text.size());
  }
  return hash.hex();
}

PlannedWork planned_work(const Source &source, const ReplicateRequest &request) {
  PlannedWork work;
  work.schema_sha256 = source.shape_sha256;
  work.source = source.snapshot.holder->where();
  work.source_identity = source.catalog().system_identifier + "/" + std::to_string(source.catalog().database_oid);
  work.fingerprint = in_transaction([&] { return fingerprint(source, request); });
  work.schemas = source.plan.schemas;
  work.rows = source.plan.total_rows;
  work.bytes = source.plan.total_bytes;
  return work;
}

// Schemas that earlier runs copied from this server and that it has no more. Only who wants everything wants them gone, and
// of another database that the server led to before only who wants it replaced.
std::vector<std::string> vanished_schemas(const ReplicateRequest &request, const CopyOrigin &origin,
                                          const LoadPlan &plan) {
  if (!request.selection.everything()) return {};
  return in_transaction([&] { return find_vanished_schemas(origin, plan.schemas, request.replace_others); });
}

// What the workers found, compared. Also what the manifest is to know of each table.
ContentHashes compare(const std::vector<WorkItem> &items, const Harvest &harvest) {
  ContentHashes hashes;
  std::vector<std::string> mismatches;
  for (size_t i = 0; i < items.size(); i++) {
    const WorkItem &item = items[i];
    if (item.kind != WorkItem::Kind::verify) continue;
    const Verified &found = harvest.verified[i];
    std::string name = "table \"" + item.schema + "." + item.object + "\"";
    if (found.rows != found.source_rows)
      mismatches.push_back(name + " holds " + counted(found.rows, "{row|rows}") + " instead of " +
                           std::to_string(found.source_rows));
    else if (found.hash != found.source_hash)
      mismatches.push_back(name + " holds other rows than the source");
    if (!found.hash.empty()) hashes[item.table] = found.hash;
  }
  check_mismatches(mismatches);
  return hashes;
}

// Rows of these trees may lie in other leaves here, so each tree is compared as a whole.
void verify_routed(const Source &source, const Stage &stage, ContentHashes &hashes) {
  if (source.catalog().routed.empty()) return;
  std::vector<std::string> mismatches;
  auto verify_tree = [&](const RoutedTree &tree) {
    Content here = no_content(), there = no_content();
    for (const SourceTable &leaf : source.catalog().tables) {
      if (leaf.root != tree.oid) continue;
      Oid staged = staged_table(stage, leaf.name);
      std::string query =
          content_query(staged, "ONLY " + quote(leaf.name.schema, leaf.name.name), true, source.in_utf8);
      SourceContent asked(*source.snapshot.holder, query, leaf.oid, leaf.bytes);
      Content part = read_content(staged, true, source.in_utf8);
      hashes[staged] = part.hash;
      here = sum_of(here, part);
      there = sum_of(there, asked.take());
    }
    if (here.rows != there.rows || here.hash != there.hash)
      mismatches.push_back("partitioned table \"" + tree.root.schema + "." + tree.root.name +
                           "\" holds other rows than the source");
  };
  in_steps(stage, stage.runs_own_code, [&](const RunStep &run) {
    for (const RoutedTree &tree : source.catalog().routed) run([&] { verify_tree(tree); });
  });
  check_mismatches(mismatches);
}

// What views hold there that are filled through policies, to tell whether it is what the policies show.
void hash_filtered_views(Source &source, const Stage &stage) {
  source.plan.filtered.emplace();
  for (const FilteredSource &filtered : source.catalog().filtered) {
    if (stage.is_skipped(filtered.view.schema, filtered.view.name)) continue;
    FilteredView view{filtered.view, filtered.owner, {}, source.in_utf8};
    if (filtered.can_be_read) {
      std::string query = content_query(staged_table(stage, filtered.view),
                                        quote(filtered.view.schema, filtered.view.name), true, source.in_utf8);
      view.content_hash = SourceContent(*source.snapshot.holder, query, 0, 0).take().hash;
    }
    source.plan.filtered->push_back(view);
  }
}

// Empty if this server does not know that of the source.
std::string known_toast_compression(const LoadPlan &plan) {
  for (const auto &[name, value] : plan.source_settings)
    if (name == "default_toast_compression" && in_transaction([&] {
          return query_value("SELECT 1 FROM pg_catalog.pg_settings WHERE name = $1 AND $2 = ANY (enumvals)",
                             {name, value})
              .has_value();
        }))
      return value;
  return {};
}

void build_stage(Source &source, Stage &stage, const ReplicateRequest &request, RunRecord &record,
                 std::vector<std::string> &remarks) {
  if (stage.runs_own_code) in_transaction([&] { check_room_for_locks(locks_under_real_names(stage)); });
  enter(record, Phase::rows);
  std::vector<WorkItem> items =
      in_transaction([&] { return plan_pull(stage, source.catalog(), request, source.in_utf8); });
  PullJob job{record.id(),
              record.reserve_steps(static_cast<int>(items.size())),
              request.server,
              source.snapshot.holder->reached(),
              source.snapshot.id,
              source.encoding,
              request.connect_timeout_ms,
              request.stall_timeout_ms,
              request.disk_reserve_mb,
              longest_lock_wait_ms(request),
              source.in_utf8,
              known_toast_compression(source.plan)};
  Harvest harvest = do_items(items, job, request.workers, stage, *source.snapshot.holder, record);
  record.add_rows(harvest.rows, harvest.bytes);
  in_transaction([&] { take_skipped(stage, record.id()); });
  remarks.insert(remarks.end(), harvest.remarks.begin(), harvest.remarks.end());
  ContentHashes hashes = compare(items, harvest);
  if (request.verify_content) verify_routed(source, stage, hashes);
  in_transaction([&] { hash_filtered_views(source, stage); });
  // Nothing is asked of the source any more.
  if (!stage.large_objects || stage.large_objects->wanted.empty()) source.snapshot.holder.reset();

  enter(record, Phase::constraints);
  rebuild(stage, Stripped::Group::trigger, record);
  rebuild(stage, Stripped::Group::setting, record);
  enter(record, Phase::sequences);
  set_sequences(source.plan, stage, record);
  refresh_materialized_views(source.plan, stage, record);
  in_transaction([&] { put_back_row_security(stage); });
  if (request.analyze) analyze(stage, record, "{m}");
  enter(record, Phase::verify);
  std::vector<std::string> mismatches;
  in_transaction([&] { find_invalid(stage, mismatches); });
  check_mismatches(mismatches);
  in_transaction([&] { check_names_again(stage); });
  in_transaction([&] { show_to_decoding(stage.stage_oids()); });
  make_outward_keys(stage, record);
  write_manifest(source.plan, request, stage, record.id(), hashes);
}

std::string summary(const Source &source, const std::string &where, const Stage &stage,
                    const std::vector<std::string> &remarks, const RunRecord &record) {
  std::string text = counted(record.rows(), "{row|rows}") + " in " +
                     counted(source.catalog().tables.size(), "{table|tables}") + " from " + where;
  for (const auto *more : {&source.plan.remarks, &source.catalog().remarks, &stage.remarks, &remarks})
    text += joined(*more);
  if (std::string skipped = in_transaction([&] { return remark_on_skipped(record.id()); }); !skipped.empty())
    text += "; " + skipped;
  return text;
}

// Nothing, if they are not wanted. `schemas`: all that the run replaces or removes.
std::optional<LargeObjectWork> large_objects_of(Source &source, const std::vector<std::string> &schemas) {
  if (!source.plan.large_objects) return {};
  LargeObjectWork work{schemas, std::move(*source.plan.large_objects), {}};
  work.read = [&source](const PlannedLargeObject &object, const LargeObjectWork::Take &take) {
    read_large_object(*source.snapshot.holder, object, take);
  };
  return work;
}

void pull(const ReplicateRequest &request, RunRecord &record) {
  Source source = read_source(request, record);
  PlannedWork work = planned_work(source, request);
  CopyOrigin origin{record.kind(), *work.source_identity, request.server, *work.source};
  std::vector<std::string> vanished = vanished_schemas(request, origin, source.plan);
  work.schemas.insert(work.schemas.end(), vanished.begin(), vanished.end());
  record.planned(work);
  const std::vector<std::string> &all = work.schemas;

  enter(record, Phase::lock);
  in_transaction([&] { lock_schemas(all); });
  PR_FAULT("lock");
  sweep(record.id(), kSweepPatience);

  enter(record, Phase::plan);
  std::vector<CarriedType> carried;
  std::vector<StagedSchema> removed;
  std::vector<OtherCopy> others;
  Drift drift;
  std::optional<LargeObjectWork> large_objects = large_objects_of(source, all);
  std::optional<DatabaseObjectWork> database_objects;
  in_transaction([&] {
    LockTries tries{request.swap_budget_ms, oids_of(all), {}};
    if (request.database_objects.any()) tries.relation_oids = catalogs_of_database_objects();
    in_lock_tries(tries, [&](RelationLocks &) {
      check_may_replace(all);
      others = find_other_copies(origin, source.plan.schemas);
      check_other_copies(others, request);
      PR_FAULT("plan");
      carried = find_carried_types(source.plan, request);
      removed = schemas_to_remove(vanished, record.id(), source.plan.schemas.size());
      drift = find_drift(all, carried);
      if (large_objects) find_large_object_drift(*large_objects, drift);
      if (request.database_objects.any())
        database_objects = wanted_database_objects(source.plan.database_objects, request.database_objects, all, drift);
    });
  });
  if (!request.force && removed.empty() && drift.none())
    if (int64_t same = find_unchanged(*source.snapshot.holder, source.plan, source.catalog(), work.fingerprint,
                                      source.in_utf8, request.skip_objects))
      return record.skipped(same, nothing_changed_since(same) + joined(libpq_remarks()));
  check_drift(drift, request);

  enter(record, Phase::shape);
  source.plan.resolved = read_resolved_names(*source.snapshot.holder, source.catalog());
  Stage stage = stage_shape(source.plan, request, carried, removed, record.id(),
                            [](const PlannedRows &rows, RowsAs) { return std::make_unique<TextSource>(rows.text); });
  // Done, and with many tables the largest parts of the plan.
  std::vector<ShapeStatement>().swap(source.plan.shape);
  std::vector<ResolvedObject>().swap(source.plan.resolved.objects);
  stage.large_objects = std::move(large_objects);
  stage.database_objects = std::move(database_objects);
  in_transaction([&] {
    check_event_trigger_functions(stage);
    record_skipped(stage, record);
  });
  for (const std::string &remark : remarks_on(others, removed)) stage.remarks.push_back(remark);
  std::vector<std::string> remarks = libpq_remarks();
  try {
    build_stage(source, stage, request, record, remarks);
  } catch (const Error &error) {
    // What the server misses first when the stage is gone, or a type that it has of the live schema, says little.
    if (!is_cancel(error)) in_transaction([&] { check_same_schemas(stage); });
    throw;
  }
  enter(record, Phase::publish);
  publish(stage, request, summary(source, *work.source, stage, remarks, record), record);
  source.snapshot.holder.reset();
  clean(record);
}

// A standby cancels what is in the way of its replay; the run begins anew with another snapshot.
void replicate(const ReplicateRequest &request, RunRecord &record) {
  constexpr int kTries = 3;
  for (int i = 1;; i++) {
    try {
      return pull(request, record);
    } catch (const Error &error) {
      if (error.sqlstate != "40001" || error.origin != Error::Origin::source || i == kTries) throw;
      warn(error.message + "; the run starts again");
    }
    for (const std::string &remark : drop_own_leftovers(record.id())) warn(remark);
    record.start_again();
    enter(record, Phase::connect);
  }
}

}  // namespace

std::string json_text(const std::string &text) {
  std::string json = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      static const char *digits = "0123456789abcdef";
      json += std::string("\\u00") + digits[c >> 4] + digits[c & 15];
    } else {
      json += c;
    }
  }
  return json + "\"";
}

namespace {

std::string json_array(const std::vector<std::string> &texts) {
  std::string json;
  for (const std::string &text : texts) json += (json.empty() ? "" : ", ") + json_text(text);
  return "[" + json + "]";
}

}  // namespace

std::string options_as_json(const ReplicateRequest &request) {
  return "{" + json_members(request) +
         ", \"workers\": " + (request.workers == 0 ? "null" : std::to_string(request.workers)) +
         ", \"foreign_keys\": \"" + (request.check_foreign_keys ? "check" : "trust") + "\"" +
         ", \"schemas\": " + json_array(request.selection.schemas) +
         ", \"include\": " + json_array(request.selection.include) +
         ", \"exclude\": " + json_array(request.selection.exclude) + "}";
}

void run_replicate(const ReplicateRequest &request) {
  RunIntent intent;
  intent.kind = "replicate";
  intent.source_server = request.server;
  intent.options = options_as_json(request);
  intent.first_phase = Phase::connect;
  do_run(intent, request, [&](RunRecord &record) {
    use_timeouts(request.connect_timeout_ms, request.stall_timeout_ms);
    replicate(request, record);
  });
}

}  // namespace pagila_repl
