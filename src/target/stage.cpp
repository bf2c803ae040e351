// Makes the shape by the real parser under its real names.
//
// In one transaction each live schema is renamed aside, a new one takes its name, the dump's statements run as they are,
// the new one is renamed to its stage name and the live one gets its name back. Other sessions see none of it; only DDL
// on those schemas waits.

#include "target/stage.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "core/counted.hpp"
#include "core/hidden_names.hpp"
#include "pg/boundary.hpp"
#include "pg/fault.hpp"
#include "pg/function_guard.hpp"
#include "pg/lock_relief.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/decoding.hpp"
#include "target/default_privileges.hpp"
#include "target/extension_parts.hpp"
#include "target/foreign_code.hpp"
#include "target/held_back_keys.hpp"
#include "target/inside.hpp"
#include "target/lock_tries.hpp"
#include "target/manifest.hpp"
#include "target/outside_changes.hpp"
#include "target/outward_keys.hpp"
#include "target/real_names.hpp"
#include "target/row_security.hpp"
#include "target/schema_properties.hpp"
#include "target/shape_maker.hpp"
#include "target/stage_names.hpp"
#include "target/statement_in_stage.hpp"

extern "C" {
#include "port.h"
}

namespace pagila_repl {

namespace {

std::string to_text(Oid oid) { return std::to_string(oid); }

Oid schema_oid(const std::string &name) {
  return to_oid(query_value("SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1", {name}));
}

void rename_schema(const std::string &from, const std::string &to) {
  execute("ALTER SCHEMA " + quote(from) + " RENAME TO " + quote(to));
}

uint64_t random_number() {
  uint64 random;
  if (!guarded([&random] { return pg_strong_random(&random, sizeof random); }))
    throw Error("XX000", "could not generate a random name for a schema");
  return random;
}

std::vector<StagedSchema> name_schemas(const LoadPlan &plan, int64_t run_id) {
  std::vector<StagedSchema> schemas;
  for (size_t i = 0; i < plan.schemas.size(); i++) {
    StagedSchema schema;
    schema.name = plan.schemas[i];
    schema.stage = stage_name(run_id, i + 1, random_number());
    schema.old = old_name(run_id, i + 1, random_number());
    schema.live_oid = schema_oid(plan.schemas[i]);
    schemas.push_back(schema);
  }
  return schemas;
}

// What is moved from a live schema to the one that has its name for a while, and back.
using MovedParts = std::map<Oid, ExtensionParts>;

void move_there(const StagedSchema &schema, const std::vector<CarriedType> &carried, MovedParts &moved) {
  moved[schema.live_oid] = extension_parts_in(schema.live_oid);
  move_extension_parts(moved[schema.live_oid], schema.live_oid, schema.stage_oid);
  move_types(carried, schema.name, schema.live_oid, schema.stage_oid);
}

// Extensions made by the dump stay in the stage.
void move_back(const StagedSchema &schema, const std::vector<CarriedType> &carried, const MovedParts &moved) {
  if (schema.live_oid == InvalidOid) return;
  move_extension_parts(moved.at(schema.live_oid), schema.stage_oid, schema.live_oid);
  move_types(carried, schema.name, schema.stage_oid, schema.live_oid);
}

void take_place_of_live(StagedSchema &schema) {
  if (schema.live_oid != InvalidOid) rename_schema(schema.name, schema.old);
  execute("CREATE SCHEMA " + quote(schema.name));
  schema.stage_oid = schema_oid(schema.name);
  if (schema.live_oid == InvalidOid) return;
  schema.live_properties = schema_properties(schema.live_oid);
  carry_schema_properties(schema.live_oid, schema.stage_oid);
}

// Before the objects are made, they get what default privileges say, unless the dump sets default privileges itself: then
// its grants say all that its objects are to have.
bool are_default_privileges_first(const LoadPlan &plan, const std::string &schema) {
  return std::none_of(plan.shape.begin(), plan.shape.end(), [&](const ShapeStatement &statement) {
    return statement.what.default_privileges && statement.what.schema == schema;
  });
}

void carry_defaults(const LoadPlan &plan, const std::vector<StagedSchema> &schemas, bool first) {
  for (const StagedSchema &schema : schemas)
    if (schema.live_oid != InvalidOid && are_default_privileges_first(plan, schema.name) == first)
      carry_default_privileges(schema.live_oid, schema.stage_oid);
}

void remark_on_default_privileges(const LoadPlan &plan, Stage &stage) {
  std::vector<std::string> remarks{remark_on_defaults_of_database()};
  for (const StagedSchema &schema : stage.schemas)
    if (schema.live_oid != InvalidOid && are_default_privileges_first(plan, schema.name))
      remarks.push_back(remark_on_defaults_of_schema(schema.name, schema.stage_oid, stage.carried));
  for (const std::string &remark : remarks)
    if (!remark.empty()) stage.remarks.push_back(remark);
}

// Closed to others until it is published: what they own in it they could change under the run's feet.
void close_to_others(const StagedSchema &schema) { give_rights(schema.stage_oid, {GetSessionUserId(), nullptr}); }

void take_names_back(const StagedSchema &schema) {
  rename_schema(schema.name, schema.stage);
  if (schema.live_oid != InvalidOid) rename_schema(schema.old, schema.name);
}

std::vector<std::string> objects_in(const Stage &stage) {
  std::vector<std::string> objects;
  for (const Row &row : query(
           R"(SELECT DISTINCT pg_catalog.concat(classid, ' ', objid) FROM pg_catalog.pg_depend
               WHERE refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND refobjid = ANY ($1::oid[])
                 AND deptype = 'n' AND refobjid = )" +
               schema_of("classid", "objid"),
           {array_literal(stage.stage_oids())}))
    objects.push_back(*row[0]);
  std::sort(objects.begin(), objects.end());
  return objects;
}

std::vector<std::string> parts_in(const Stage &stage) {
  std::vector<std::string> parts;
  // Not TOAST tables, of which a materialized view gets another when it is filled.
  for (const Row &row : query(
           R"(WITH RECURSIVE part (classid, objid) AS (
                SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::oid, pg_catalog.unnest($1::oid[])
                UNION
                SELECT d.classid, d.objid
                  FROM part p JOIN pg_catalog.pg_depend d ON d.refclassid = p.classid AND d.refobjid = p.objid
                 WHERE (d.deptype IN ('a', 'i', 'P', 'S')
                        OR d.deptype = 'n' AND p.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass)
                   AND NOT EXISTS (SELECT FROM pg_catalog.pg_class t
                                    WHERE d.classid = t.tableoid AND t.oid = d.objid AND t.relkind = 't'))
              SELECT pg_catalog.concat(classid, ' ', objid) FROM part
              UNION ALL
              SELECT pg_catalog.concat('column ', a.attrelid, ' ', a.attnum)
                FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
               WHERE c.relnamespace = ANY ($1::oid[]) AND c.relkind IN ('r', 'p', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped)",
           {array_literal(stage.stage_oids())}))
    parts.push_back(*row[0]);
  std::sort(parts.begin(), parts.end());
  return parts;
}

void register_leftover(const StagedSchema &schema, int64_t run_id) {
  as_extension_owner([&] {
    execute("INSERT INTO pagila_repl.leftover (schema_oid, schema_name, run_id) VALUES ($1::oid, $2, $3::bigint)",
            {to_text(schema.stage_oid), schema.stage, std::to_string(run_id)});
  });
}

}  // namespace

bool Stage::is_skipped(const std::string &schema, const std::string &name) const {
  return std::any_of(skipped.begin(), skipped.end(), [&](const SkippedObject &object) {
    return object.schema == schema && object.name == name &&
           (object.kind == "materialized view" || object.kind == "index");
  });
}

std::vector<std::string> Stage::stage_oids() const {
  std::vector<std::string> oids;
  for (const StagedSchema &schema : schemas) oids.push_back(to_text(schema.stage_oid));
  return oids;
}

std::vector<std::string> Stage::live_oids() const {
  std::vector<std::string> oids;
  for (const auto *replaced : {&schemas, &vanished})
    for (const StagedSchema &schema : *replaced)
      if (schema.live_oid != InvalidOid) oids.push_back(to_text(schema.live_oid));
  return oids;
}

const StagedSchema &Stage::of(const std::string &name) const {
  for (const StagedSchema &schema : schemas)
    if (schema.name == name) return schema;
  throw Error("3F000", "schema \"" + name + "\" does not exist", "The dump creates nothing in it.");
}

std::string seen_as(const Stage &stage, const std::string &stage_name) {
  for (const StagedSchema &schema : stage.schemas)
    if (schema.stage == stage_name) return schema.name;
  return stage_name;
}

// Server messages name the stage; a reader knows only the schema.
Error in_seen_names(const Error &error, const Stage &stage) {
  Error seen = error;
  for (const StagedSchema &schema : stage.schemas)
    for (std::string *text : {&seen.message, &seen.detail, &seen.hint})
      for (size_t at = text->find(schema.stage); at != std::string::npos; at = text->find(schema.stage, at))
        text->replace(at, schema.stage.size(), schema.name);
  return seen;
}

void check_stage_is_there(const Stage &stage) {
  for (const StagedSchema &schema : stage.schemas)
    if (!query_value("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1 AND oid = $2::oid",
                     {schema.stage, to_text(schema.stage_oid)}))
      throw Error("42P01", "the stage of the run was dropped", "Schema \"" + schema.stage + "\" is gone.",
                  "Run it again.");
  std::vector<std::string> now = objects_in(stage), gone;
  std::set_difference(stage.objects.begin(), stage.objects.end(), now.begin(), now.end(), std::back_inserter(gone));
  if (!gone.empty())
    throw Error("42P01", "part of the stage of the run was dropped",
                counted(gone.size(), "{object is|objects are} gone."), "Run it again.");
}

void check_parts_are_there(const Stage &stage) {
  std::vector<std::string> now = parts_in(stage), gone;
  std::set_difference(stage.parts.begin(), stage.parts.end(), now.begin(), now.end(), std::back_inserter(gone));
  if (gone.empty()) return;
  std::string what = std::to_string(gone.size()) + (gone.size() == 1 ? " part was" : " parts were");
  for (const std::string &part : gone)
    if (part.compare(0, 7, "column ") == 0) {
      std::string table = part.substr(7, part.find(' ', 7) - 7);
      what = *query_value("SELECT pg_catalog.concat('A column of ', $1::oid::pg_catalog.regclass, ' was')", {table});
      break;
    }
  throw in_seen_names(Error("55000", "a part of the new copy is gone",
                            what + " dropped during the run with something elsewhere that it needs.", "Run it again."),
                      stage);
}

void check_may_replace(const std::vector<std::string> &schemas) {
  if (*query_value("SELECT pg_catalog.has_database_privilege(session_user, pg_catalog.current_database(), 'CREATE')") !=
      "t")
    throw Error("42501",
                "permission denied for database \"" + *query_value("SELECT pg_catalog.current_database()") + "\"",
                "A run creates schemas.", "Grant CREATE on the database to the role that runs it.");
  for (const Row &row : query(
           R"(SELECT nspname, pg_catalog.pg_has_role(session_user, nspowner, 'USAGE') FROM pg_catalog.pg_namespace
               WHERE nspname = ANY ($1::text[]) ORDER BY 1)",
           {array_literal(schemas)}))
    if (*row[1] != "t")
      throw Error("42501", "must be owner of schema \"" + *row[0] + "\"", "A run replaces the schema as a whole.",
                  "Run it as a role that owns the schema.");
  check_no_schema_of_extension(schemas);
}

void check_removable(const StagedSchema &schema) {
  std::string extension = extension_in_the_way(schema.live_oid);
  if (extension.empty()) return;
  throw Error("2BP01", "an extension is in a schema that the source has no more", extension + ".", kMoveExtension);
}

std::vector<StagedSchema> schemas_to_remove(const std::vector<std::string> &names, int64_t run_id, size_t staged) {
  std::vector<StagedSchema> schemas;
  for (const std::string &name : names) {
    StagedSchema schema;
    schema.name = name;
    schema.old = old_name(run_id, staged + schemas.size() + 1, random_number());
    schema.live_oid = schema_oid(name);
    if (schema.live_oid == InvalidOid) continue;
    schema.live_properties = schema_properties(schema.live_oid);
    check_removable(schema);
    schemas.push_back(schema);
  }
  return schemas;
}

void under_real_names(const Stage &stage, const std::function<void()> &work) {
  MovedParts moved;
  in_lock_tries({stage.lock_budget_ms, stage.live_oids()}, [&](RelationLocks &) {
    moved.clear();
    lock_schema_rows(stage.live_oids());
    set_aside(stage.live_database_parts);
    for (const StagedSchema &schema : stage.schemas) {
      if (schema.live_oid != InvalidOid) rename_schema(schema.name, schema.old);
      rename_schema(schema.stage, schema.name);
      give_rights(schema.stage_oid, schema.rights);
      if (schema.live_oid != InvalidOid) move_there(schema, stage.carried, moved);
    }
  });
  DatabaseParts parts = stage.database_parts;
  put_in_place(parts);
  lend_member_rows(stage.members);
  work();
  take_back_member_rows(stage.members);
  take_away(parts);
  for (const StagedSchema &schema : stage.schemas) {
    move_back(schema, stage.carried, moved);
    close_to_others(schema);
    take_names_back(schema);
  }
  put_back(stage.live_database_parts);
}

int64_t locks_under_real_names(const Stage &stage) {
  auto indexes = std::count_if(stage.stripped.begin(), stage.stripped.end(),
                               [](const Stripped &stripped) { return stripped.group == Stripped::Group::index; });
  // A table's TOAST table and its index go with it.
  return static_cast<int64_t>(indexes) +
         std::stoll(*query_value(
             R"(SELECT COALESCE(pg_catalog.sum(CASE WHEN reltoastrelid <> 0 THEN 3 ELSE 1 END), 0)
                  FROM pg_catalog.pg_class WHERE relnamespace = ANY ($1::oid[]) AND relkind IN ('r', 'p', 'm', 'i', 'I'))",
             {array_literal(stage.stage_oids())}));
}

void run_alone(const std::function<void()> &step) { in_transaction(step); }

void in_steps(const Stage &stage, bool real_names, const std::function<void(const RunStep &)> &steps) {
  if (!real_names) return steps(run_alone);
  in_transaction([&] {
    under_real_names(stage, [&] {
      steps([](const std::function<void()> &step) {
        // As at the beginning of a transaction: code of the dump may have changed them.
        reset_settings();
        step();
      });
    });
  });
}

namespace {

// Extensions in the schemas that neither the dump nor the source has stay, which is not what they say.
void remark_on_other_extensions(Stage &stage, const LoadPlan &plan, const MovedParts &moved) {
  std::vector<std::string> wanted, there;
  for (const ShapeStatement &statement : plan.shape)
    if (statement.what.kind == Statement::Kind::extension) wanted.push_back(statement.what.name);
  for (const auto &[schema, parts] : moved)
    for (Oid extension : parts.extensions) there.push_back(to_text(extension));
  for (const Row &row : query(
           R"(SELECT extname FROM pg_catalog.pg_extension
               WHERE oid = ANY ($1::oid[]) AND extname <> ALL ($2::text[]) ORDER BY 1)",
           {array_literal(there), array_literal(wanted)}))
    stage.remarks.push_back("extension \"" + *row[0] + "\" stays, " +
                            (plan.files.empty() ? "which is only here" : "of which the dump says nothing"));
}

// Returns statements that are still to be run.
std::vector<HeldBackKeys::Held> make_shape(Stage &stage, const LoadPlan &plan, const RunOptions &options,
                                           int64_t run_id, const OpenRows &open_rows, NameHints &hints,
                                           ObjectErrors errors) {
  // What the server says of the statements is not news to the caller; errors come anyway.
  set_local("client_min_messages", "warning");
  stage.schemas = name_schemas(plan, run_id);
  lock_schema_rows(stage.live_oids());
  std::set<Oid> casts_before = all_casts_and_transforms();
  stage.live_database_parts = parts_of_copies(stage.live_oids(), stage.carried);
  check_may_take_away(stage.live_database_parts);
  set_aside(stage.live_database_parts);
  MovedParts moved;
  std::vector<HeldBackKeys::Held> held_back;
  std::optional<LockRelief> relief;
  std::vector<Oid> made_extensions;
  bool may_be_missing = false;
  without_default_privileges([&] {
    for (StagedSchema &schema : stage.schemas) {
      take_place_of_live(schema);
      if (schema.live_oid != InvalidOid) move_there(schema, stage.carried, moved);
    }
    trust_functions_in(stage.stage_oids());
    PR_FAULT("shape");
    relief.emplace();

    carry_defaults(plan, stage.schemas, true);
    ShapeMaker maker(plan, options, stage, hints, errors);
    maker.make();
    stage.skipped = maker.skipped();
    stage.remarks = maker.remarks();
    stage.later = maker.later();
    made_extensions = maker.made_extensions();
    may_be_missing = !maker.missing_extensions().empty();
    held_back = maker.held_back();
  });
  remark_on_default_privileges(plan, stage);
  remark_on_other_extensions(stage, plan, moved);
  check_nothing_outside(stage.stage_oids());
  check_made_inside(stage.stage_oids(), stage.live_database_parts);
  check_foreign_code(stage.stage_oids(), stage.carried);

  set_local("search_path", "pg_catalog, pg_temp");
  set_local("default_tablespace", "");
  set_local("standard_conforming_strings", "on");
  compare_names(stage, plan, hints);
  carry_defaults(plan, stage.schemas, false);
  MemberPlaces places{run_id, stage_name(run_id, plan.schemas.size() + 1, random_number()), plan.schemas,
                      made_extensions, may_be_missing};
  stage.members = hold_member_rows(plan, options, places, open_rows, stage.remarks);
  set_local("search_path", "pg_catalog, pg_temp");
  stage.database_parts = parts_made(stage.stage_oids(), stage.carried, casts_before);
  stage.runs_own_code = !stage.database_parts.empty() || needs_real_names(stage.stage_oids(), made_extensions) ||
                        reads_pending_rows(stage.members, stage.stage_oids());
  lift_row_security(plan, stage);
  Checks checks = plan.files.empty() ? Checks::trusted : Checks::looked_at;
  // The definitions are printed with the names that hold when they are run again.
  if (stage.runs_own_code) stage.stripped = strip(stage.stage_oids(), stage.carried, checks);
  for (StagedSchema &schema : stage.schemas) {
    schema.rights = rights_of(schema.stage_oid);
    move_back(schema, stage.carried, moved);
    take_names_back(schema);
    close_to_others(schema);
    register_leftover(schema, run_id);
  }
  take_away(stage.database_parts);
  put_back(stage.live_database_parts);
  if (!stage.runs_own_code) stage.stripped = strip(stage.stage_oids(), stage.carried, checks);
  use_search_paths(stage, hints);
  // Not before the extensions of the live schemas are back there.
  hide_from_decoding(stage.stage_oids());
  stage.objects = objects_in(stage);
  stage.parts = parts_in(stage);
  PR_FAULT("shaped");
  return held_back;
}

void add_held_back(const Stage &stage, const HeldBackKeys::Held &held) {
  try {
    run_in_stage(stage, held.statement->text, held.referred, RowsOfKeys::compared);
  } catch (const Error &error) {
    throw placed(in_seen_names(error, stage), *held.statement);
  }
}

// Whether they can be made is seen before any row is copied. In a transaction of its own, as short as can be, since others may not
// write to the tables referred to until it ends.
void try_held_back(Stage &stage, const std::vector<HeldBackKeys::Held> &statements) {
  if (statements.empty()) return;
  LockTries tries{stage.lock_budget_ms, {}, {}};
  for (const HeldBackKeys::Held &held : statements)
    if (OidIsValid(held.referred)) tries.relation_oids.push_back(to_text(held.referred));
  std::vector<Stripped> keys;
  in_transaction([&] {
    set_local("client_min_messages", "warning");
    in_lock_tries(tries, [&](RelationLocks &) {
      for (const HeldBackKeys::Held &held : statements) add_held_back(stage, held);
      keys = strip_foreign_keys(stage.stage_oids());
      PR_FAULT("keys_tried");
    });
  });
  stage.stripped.insert(stage.stripped.end(), keys.begin(), keys.end());
}

}  // namespace

Stage stage_shape(const LoadPlan &plan, const RunOptions &options, const std::vector<CarriedType> &carried,
                  const std::vector<StagedSchema> &vanished, int64_t run_id, const OpenRows &open_rows) {
  Stage made;
  std::vector<HeldBackKeys::Held> held_back;
  NameHints hints;
  auto shape = [&](ObjectErrors errors) {
    auto make = [&](RelationLocks &) {
      Stage stage;
      stage.lock_budget_ms = options.swap_budget_ms;
      stage.skips_objects = options.skip_objects;
      stage.carried = carried;
      stage.vanished = vanished;
      held_back = make_shape(stage, plan, options, run_id, open_rows, hints, errors);
      made = std::move(stage);
    };
    in_transaction([&] {
      for (;;) {
        try {
          return in_lock_tries({options.swap_budget_ms, oids_of(plan.schemas), {}}, make);
        } catch (const NamesDiffer &) {
          // Each time it knows more of them.
        }
      }
    });
  };
  try {
    shape(options.skip_objects ? ObjectErrors::make_again : ObjectErrors::end_the_run);
  } catch (const ObjectFailure &) {
    shape(ObjectErrors::skip);
  }
  try_held_back(made, held_back);
  in_transaction([&] { set_outward_keys_apart(made); });
  return made;
}

}  // namespace pagila_repl
