// The staged copy: schemas under names of their own that hold the new copy before anyone sees it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/load_plan.hpp"
#include "core/run_options.hpp"
#include "pg/server.hpp"
#include "target/carried_types.hpp"
#include "target/database_object_work.hpp"
#include "target/database_parts.hpp"
#include "target/large_object_work.hpp"
#include "target/member_rows.hpp"
#include "target/resolved_names.hpp"
#include "target/schema_properties.hpp"
#include "target/skipped_objects.hpp"
#include "target/strip.hpp"

namespace pagila_repl {

struct StagedSchema {
  std::string name;           // as it is to be seen: "public"
  std::string stage;          // as it is called until then
  std::string old;            // as the replaced one is called after
  Oid live_oid = InvalidOid;  // of the schema there now, if any
  Oid stage_oid = InvalidOid;
  std::string live_properties;  // schema_properties of the schema there now, as they were carried over
  SchemaRights rights;          // that it is to have; until then it is closed to all but the session's role
};

// What a table held when it was noted: see text_of_rows.
struct NotedRows {
  Oid table = InvalidOid, file = InvalidOid;
  std::string state, moment;
};

// A statement about what stays, and the search_path that it was written for.
struct LaterStatement {
  ShapeStatement statement;
  std::string search_path;
};

struct Stage {
  int lock_budget_ms = 0;  // how long the run waits for locks of others in one go
  std::vector<StagedSchema> schemas;
  std::vector<StagedSchema> vanished;  // live copies of what the source has no more; nothing takes their place
  std::vector<Stripped> stripped;      // what is to be built again once the rows are in
  std::vector<CarriedType> carried;
  MemberRows members;                            // rows for tables of extensions, which stay
  std::vector<LaterStatement> later;             // about objects that stay: run when the copy is published
  std::vector<Oid> secured;                      // tables whose row-level security is off until the copy is complete
  std::vector<FilteredView> filtered;            // materialized views that their owners would fill through it
  DatabaseParts live_database_parts;             // set aside while the stage has its real names
  DatabaseParts database_parts;                  // of the stage; in place only then, and once it is published
  std::vector<std::string> remarks;              // what was skipped
  bool skips_objects = false;                    // that cannot be made
  std::vector<SkippedObject> skipped;            // those
  std::optional<LargeObjectWork> large_objects;  // to be written when the copy is published
  std::optional<DatabaseObjectWork> database_objects;  // likewise
  std::vector<ResolvedObject> resolved;                // what the definitions refer to, before anything was stripped
  std::vector<std::string> objects;   // what the schemas hold once stripped, by catalog and OID, sorted
  std::vector<std::string> parts;     // what that consists of, likewise: columns, defaults, policies and so on
  std::vector<NotedRows> noted_rows;  // of its tables, if any refers to a table elsewhere
  // Code of the dump runs while rows go in and indexes are built (a function in a CHECK constraint, a generated column,
  // an index), and may name objects as they will be seen; or rows do, such as those of a regclass column; or the stage has
  // parts that can be in place only under real names.
  bool runs_own_code = false;
  // Whether an index or a materialized view is among these, by the name that its schema will be seen by.
  bool is_skipped(const std::string &schema, const std::string &name) const;
  std::vector<std::string> stage_oids() const;
  std::vector<std::string> live_oids() const;
  // The staged schema for a name of the dump.
  const StagedSchema &of(const std::string &schema) const;
};

// Checks that the session's role may replace the schemas. Throws 42501. Needs a transaction.
void check_may_replace(const std::vector<std::string> &schemas);

// The name that a schema of the stage, or any other, will be seen by.
std::string seen_as(const Stage &stage, const std::string &stage_name);
// Server messages name the stage; a reader knows only the schema.
Error in_seen_names(const Error &error, const Stage &stage);

// Throws 42P01 if someone has dropped it.
void check_stage_is_there(const Stage &stage);

// Throws 55000 if a part of what it holds is gone: dropped with something elsewhere that it needs.
void check_parts_are_there(const Stage &stage);

// Makes the shape of the plan under its real names, hidden from everyone, and leaves it as stage schemas without
// indexes, constraints and triggers. One transaction, committed. Registers the stage as leftover of the run. `vanished`: as
// schemas_to_remove gave them. Throws 0A000 if definitions refer to something else here than the plan says of the source.
Stage stage_shape(const LoadPlan &plan, const RunOptions &options, const std::vector<CarriedType> &carried,
                  const std::vector<StagedSchema> &vanished, int64_t run_id, const OpenRows &open_rows);
// How many locks the transaction holds in the end that does all steps under the real names.
int64_t locks_under_real_names(const Stage &stage);
// Live schemas that publishing is to remove, for Stage::vanished, beside so many that are staged, each checked as below. Needs a
// transaction.
std::vector<StagedSchema> schemas_to_remove(const std::vector<std::string> &names, int64_t run_id, size_t staged);

// Throws 2BP01 if an extension is in a schema that is to be removed, or one of its objects. Needs a transaction.
void check_removable(const StagedSchema &schema);
constexpr const char *kMoveExtension =
    "Move it to another schema with ALTER EXTENSION ... SET SCHEMA, take the object out with ALTER EXTENSION ... DROP, or "
    "drop the extension.";

// Runs the work, within the caller's transaction, while the stage has the names and rights it is to be seen with. Nobody
// else sees that; DDL on those schemas waits until the transaction ends. Throws 55P03 if DDL of others keeps it from giving
// the names for as long as the stage's budget.
void under_real_names(const Stage &stage, const std::function<void()> &work);

// Runs steps, each in a transaction of its own, or under real names: then all in one, since giving names takes longer
// than most steps. `steps` gives them one by one to its argument.
using RunStep = std::function<void(const std::function<void()> &step)>;
void run_alone(const std::function<void()> &step);  // in a transaction
void in_steps(const Stage &stage, bool real_names, const std::function<void(const RunStep &)> &steps);

}  // namespace pagila_repl
