// Finds and moves the types that a run leaves as they are.

#include "target/carried_types.hpp"

#include <algorithm>

#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/extension_parts.hpp"
#include "target/inside.hpp"
#include "target/manifest.hpp"
#include "target/row_checks.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace pagila_repl {

namespace {

// Rows need not pass a check that is not what it was when they were written.
bool has_passing_check(const CarriedType &type) {
  for (const Row &row : query("SELECT oid FROM pg_catalog.pg_constraint WHERE contypid = $1::oid AND contype = 'c'",
                              {std::to_string(type.oid)}))
    if (scope_of_check(to_oid(row[0])) == CheckScope::not_fixed) return true;
  return false;
}

std::vector<CarriedType> find_unaltered(const LoadPlan &plan, const RunOptions &options) {
  std::vector<CarriedType> types;
  std::string oids = array_literal(oids_of(plan.schemas));
  for (const PlannedType &planned : plan.types) {
    Value oid = as_extension_owner([&] {
      return query_value(
          R"(SELECT m.objid FROM pagila_repl.managed_object m JOIN pagila_repl.copy USING (run_id, schema_name)
                  JOIN pg_catalog.pg_type t ON t.oid = m.objid AND t.typname = $2::name
              WHERE m.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND schema_name = $1::name
                AND m.statement_hash = $3 AND t.typtype IN ('e', 'd')
                -- Rows of the dump need not pass a constraint that is NOT VALID.
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND NOT k.convalidated)
                -- Its owner may add a check to it at any time, which is evaluated as the owner of a table that has it.
                AND (pg_catalog.pg_has_role(t.typowner, session_user, 'USAGE')
                     OR NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
                                     WHERE a.atttypid IN (t.oid, t.typarray) AND c.relkind IN ('r', 'p', 'm')
                                       AND NOT pg_catalog.pg_has_role(t.typowner, c.relowner, 'USAGE')))
                -- There can be only one cast between two types, so the dump could not make it again.
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                                 WHERE d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid = t.oid
                                   AND d.classid IN ('pg_catalog.pg_cast'::pg_catalog.regclass,
                                                     'pg_catalog.pg_transform'::pg_catalog.regclass,
                                                     'pg_catalog.pg_opclass'::pg_catalog.regclass)))",
          {planned.type.schema, planned.type.name, statement_hash(planned, options)});
    });
    if (oid) types.push_back({static_cast<Oid>(std::stoul(*oid)), planned.type.schema, planned.type.name});
  }
  types.erase(std::remove_if(types.begin(), types.end(), has_passing_check), types.end());
  if (types.empty()) return types;
  // One look at the definitions for all of them.
  std::vector<Row> altered = as_extension_owner([&] { return query(altered_objects_sql(), {oids}); });
  types.erase(std::remove_if(types.begin(), types.end(),
                             [&](const CarriedType &type) {
                               for (const Row &row : altered)
                                 if (*row[0] == std::to_string(type.oid)) return true;
                               return false;
                             }),
              types.end());
  return types;
}

std::string oid_list(const std::vector<CarriedType> &types) {
  std::vector<std::string> oids;
  for (const CarriedType &type : types) oids.push_back(std::to_string(type.oid));
  return array_literal(oids);
}

// A domain over a type, or with a check by a function, that is replaced would hold on to the old copy.
bool needs_what_is_replaced(const CarriedType &type, const std::string &schema_oids, const std::string &carried) {
  return query_value(
             R"(SELECT 1 FROM pg_catalog.pg_depend d
                WHERE ((d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = $1::oid)
                       OR (d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
                           AND d.objid IN (SELECT oid FROM pg_catalog.pg_constraint WHERE contypid = $1::oid)))
                  AND CASE WHEN d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
                           THEN EXISTS (SELECT FROM pg_catalog.pg_type t
                                               LEFT JOIN pg_catalog.pg_type element ON element.oid = t.typelem AND element.typarray = t.oid
                                         WHERE t.oid = d.refobjid AND t.typnamespace = ANY ($2::oid[])
                                           AND COALESCE(element.oid, t.oid) <> $1::oid
                                           AND COALESCE(element.oid, t.oid) <> ALL ($3::oid[]))
                           WHEN d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                           -- As a constant, beside that the type is in it.
                           THEN d.refobjid = ANY ($2::oid[])
                                AND (d.classid <> 'pg_catalog.pg_type'::pg_catalog.regclass
                                     OR (SELECT pg_catalog.count(*) FROM pg_catalog.pg_depend n
                                          WHERE n.classid = d.classid AND n.objid = d.objid AND n.refclassid = d.refclassid
                                            AND n.refobjid = d.refobjid) > 1)
                           ELSE )" +
                 schema_of_whole("d.refclassid", "d.refobjid") + R"( = ANY ($2::oid[])
                                -- Something elsewhere may have the schema as a constant.
                                OR EXISTS (SELECT FROM pg_catalog.pg_depend n
                                            WHERE n.classid = d.refclassid AND n.objid = d.refobjid
                                              AND n.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                                              AND n.refobjid = ANY ($2::oid[]))
                      END
                LIMIT 1)",
             {std::to_string(type.oid), schema_oids, carried})
      .has_value();
}

}  // namespace

std::string statement_hash(const PlannedType &type, const RunOptions &options) {
  return type.sha256 + (options.keep_owners ? " keep" : " skip");
}

std::vector<CarriedType> find_carried_types(const LoadPlan &plan, const RunOptions &options) {
  std::vector<CarriedType> types = find_unaltered(plan, options);
  std::string schema_oids = array_literal(oids_of(plan.schemas));
  // One that cannot be carried takes those along that are made of it.
  for (size_t before = types.size() + 1; before != types.size();) {
    before = types.size();
    std::string carried = oid_list(types);
    types.erase(
        std::remove_if(types.begin(), types.end(),
                       [&](const CarriedType &type) { return needs_what_is_replaced(type, schema_oids, carried); }),
        types.end());
  }
  return types;
}

void move_types(const std::vector<CarriedType> &types, const std::string &of, Oid from, Oid to) {
  std::vector<SchemaObject> objects;
  for (const CarriedType &type : types)
    if (type.schema == of) objects.push_back({TypeRelationId, type.oid});
  move_objects(objects, from, to);
}

}  // namespace pagila_repl
