// Keeps policies out of the making of a copy.
//
// Functions in constraints, foreign keys being checked and materialized views being filled read the staged tables as their owners,
// who are subject to policies where a table has FORCE ROW LEVEL SECURITY. So it is off until the last view is filled. Nobody else
// can reach the stage meanwhile.

#include "target/row_security.hpp"

#include "pg/boundary.hpp"
#include "pg/catalog_row.hpp"
#include "pg/filtered_views.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/content.hpp"

extern "C" {
#include "catalog/pg_class.h"
}

namespace pagila_repl {

namespace {

// By OID: the tables may belong to any role that the session's is a member of.
void set_row_security(const std::vector<Oid> &tables, bool on) {
  for (Oid table : tables)
    guarded([table, on] {
      change_catalog_row<Form_pg_class>(RelationRelationId, ClassOidIndexId, Anum_pg_class_oid, table,
                                        [on](Form_pg_class row) { row->relrowsecurity = on; });
    });
}

const FilteredView *find(const std::vector<FilteredView> &views, const QualifiedName &view) {
  for (const FilteredView &filtered : views)
    if (filtered.view.schema == view.schema && filtered.view.name == view.name) return &filtered;
  return nullptr;
}

// The owner that the dump gives to the view; empty if it gives none.
std::string owner_in(const LoadPlan &plan, const QualifiedName &view) {
  std::string owner;
  for (const ShapeStatement &statement : plan.shape)
    if (statement.what.kind == Statement::Kind::owner && statement.what.schema == view.schema &&
        statement.what.name == view.name && !statement.what.roles.empty())
      owner = statement.what.roles[0];
  return owner;
}

void fill_by_policies(const Stage &stage, const std::function<void()> &refresh) {
  set_row_security(stage.secured, true);
  set_local("row_security", "on");
  refresh();
  set_row_security(stage.secured, false);
}

void fill_with_everything(const std::function<void()> &refresh) {
  // Those of tables elsewhere end the run rather than hide rows.
  set_local("row_security", "off");
  refresh();
}

Oid oid_of(const Stage &stage, const QualifiedName &view) {
  return to_oid(query_value("SELECT oid FROM pg_catalog.pg_class WHERE relnamespace = $1::oid AND relname = $2",
                            {std::to_string(stage.of(view.schema).stage_oid), view.name}));
}

bool holds_the_same(Oid view, const FilteredView &there) {
  if (there.content_hash.empty()) return false;
  // Those of the source, by which it was filled, write values otherwise.
  reset_settings();
  return read_content(view, true, there.in_utf8).hash == there.content_hash;
}

// Its owner may have been a superuser when it was filled there, so what it holds is the measure. Where that is not known, or is
// older than the tables, it is what filling it there would give.
void fill_as_filtered(const Stage &stage, const FilteredView &there, bool is_same_owner,
                      const std::function<void()> &refresh) {
  Oid view = oid_of(stage, there.view);
  std::optional<Error> failure;
  auto by_policies = [&] { in_subtransaction([&] { fill_by_policies(stage, refresh); }); };
  if (is_same_owner) {
    try {
      by_policies();
      if (there.content_hash.empty() || holds_the_same(view, there)) return;
    } catch (const Error &error) {
      if (error.sqlstate == "57014" || there.content_hash.empty()) throw;
      failure = error;
    }
  }
  fill_with_everything(refresh);
  if (holds_the_same(view, there)) return;
  if (failure) throw *failure;
  if (!is_same_owner)
    throw Error("42501",
                "materialized view \"" + there.view.schema + "." + there.view.name +
                    "\" holds what row-level security shows to its owner \"" + there.owner +
                    "\", a role that cannot own it here",
                "Policies would show other rows to another role.",
                "Create the role, without SUPERUSER and BYPASSRLS, and grant it to the role that runs.");
  by_policies();
}

}  // namespace

void lift_row_security(const LoadPlan &plan, Stage &stage) {
  std::string schemas = array_literal(stage.stage_oids());
  for (const Row &row : query(R"(SELECT oid FROM pg_catalog.pg_class c
                 WHERE relnamespace = ANY ($1::oid[]) AND relrowsecurity
                   -- Members of extensions are the live ones, which only pass through the stage.
                   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                                      AND d.deptype = 'e')
                 ORDER BY 1)",
                              {schemas}))
    stage.secured.push_back(to_oid(row[0]));
  for (const Row &row : query(
           R"(WITH RECURSIVE relation AS (
                SELECT c.*, n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.oid = ANY ($1::oid[])))" +
               std::string(kFilteredViews) +
               " SELECT c.nspname, c.relname, f.owner FROM filtered f JOIN relation c ON c.oid = f.view",
           {schemas})) {
    FilteredView view{{*row[0], *row[1]}, *row[2], {}, false};
    // A dump does not say who filled it. Under the owner that it had there it is what that owner sees.
    if (plan.files.empty() || owner_in(plan, view.view) == view.owner) stage.filtered.push_back(view);
  }
  set_row_security(stage.secured, false);
}

void put_back_row_security(const Stage &stage) { set_row_security(stage.secured, true); }

void find_unsecured(const Stage &stage, std::vector<std::string> &mismatches) {
  std::vector<std::string> oids;
  for (Oid table : stage.secured) oids.push_back(std::to_string(table));
  for (const Row &row :
       query("SELECT relname FROM pg_catalog.pg_class WHERE oid = ANY ($1::oid[]) AND NOT relrowsecurity ORDER BY 1",
             {array_literal(oids)}))
    mismatches.push_back("row-level security of table " + *row[0] + " is not on");
}

void fill_as_on_source(const LoadPlan &plan, const Stage &stage, const QualifiedName &view,
                       const std::function<void()> &refresh) {
  const FilteredView *here = find(stage.filtered, view);
  if (plan.filtered) {
    const FilteredView *there = find(*plan.filtered, view);
    if (there == nullptr) return fill_with_everything(refresh);
    return fill_as_filtered(stage, *there, here != nullptr && here->owner == there->owner, refresh);
  }
  if (here != nullptr) return fill_by_policies(stage, refresh);
  fill_with_everything(refresh);
}

}  // namespace pagila_repl
