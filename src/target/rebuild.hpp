// Puts back what was stripped, fills materialized views, sets sequences, gathers statistics. Every item is a step of the
// run in a transaction of its own, so that workers can take them one by one.
#pragma once

#include "core/load_plan.hpp"
#include "target/audit.hpp"
#include "target/stage.hpp"

namespace pagila_repl {

// Records what the shape has skipped. Needs a transaction.
void record_skipped(const Stage &stage, RunRecord &record);
// Notes in the stage what workers have skipped. Needs a transaction.
void take_skipped(Stage &stage, int64_t run_id);

// Runs statements of Stripped::create within the caller's transaction, with its settings.
void build(const std::vector<std::string> &statements, const std::string &tablespace, const std::string &search_path);

// Statistics of a partitioned table over the rows of all its partitions; ANALYZE of it would analyze each of these as
// well. Needs a transaction.
void analyze_partitioned(Oid table);

// What is skipped is noted in the stage, and is stripped for good.
void rebuild(Stage &stage, Stripped::Group group, RunRecord &record);
// Those of the group outward, each in a short transaction, since it keeps others from writing to the table that it refers to.
void make_outward_keys(Stage &stage, RunRecord &record);
void refresh_materialized_views(const LoadPlan &plan, Stage &stage, RunRecord &record);
// In a transaction.
void set_sequence(const SequenceState &state, const Stage &stage);
// Sequences last: setval is not transactional, so nothing that may fail on them comes after. Those that are not set yet.
void set_sequences(const LoadPlan &plan, const Stage &stage, RunRecord &record);
// `kinds`: array literal of relkinds.
void analyze(const Stage &stage, RunRecord &record, const std::string &kinds = "{r,p,m}");

}  // namespace pagila_repl
