// Sets aside, makes again and records casts, transforms and default operator classes.

#include "target/database_parts.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "pg/boundary.hpp"
#include "pg/catalog_row.hpp"
#include "pg/transaction.hpp"
#include "target/definitions.hpp"

extern "C" {
#include "catalog/dependency.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_transform.h"
#include "storage/lmgr.h"
}

namespace pagila_repl {

namespace {

using Kind = DatabasePart::Kind;

std::string to_text(Oid oid) { return std::to_string(oid); }

// Casts, transforms and default operator classes that users have made for types outside of the schemas $1; carried types $2 are
// outside, as are those of extensions, whatever schema they are in for the moment. Last: whether it is of the schemas.
constexpr const char *kParts = R"(
WITH member AS MATERIALIZED (
  SELECT classid, objid FROM pg_catalog.pg_depend
   WHERE deptype = 'e' AND refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
), own_type AS MATERIALIZED (
  SELECT t.oid
    FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
         LEFT JOIN pg_catalog.pg_range r ON r.rngmultitypid = COALESCE(e.oid, t.oid)
   WHERE t.typnamespace = ANY ($1::oid[]) AND COALESCE(e.oid, t.oid) <> ALL ($2::oid[])
     AND NOT EXISTS (SELECT FROM member m WHERE m.classid = t.tableoid AND m.objid IN (t.oid, e.oid, r.rngtypid))
     AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                            AND m.objid IN (t.typrelid, e.typrelid))
), own_function AS MATERIALIZED (
  SELECT p.oid FROM pg_catalog.pg_proc p
   WHERE p.pronamespace = ANY ($1::oid[])
     AND NOT EXISTS (SELECT FROM member m WHERE m.classid = p.tableoid AND m.objid = p.oid)
), part AS (
  SELECT 'c' AS kind, c.tableoid, c.oid, c.castsource AS type, c.casttarget AS other, c.castfunc::oid AS function, 0::oid AS to_sql,
         c.castmethod AS method, c.castcontext AS context, c.casttarget AS second_type,
         c.castfunc::oid IN (SELECT oid FROM own_function) AS is_own
    FROM pg_catalog.pg_cast c
  UNION ALL
  SELECT 't', t.tableoid, t.oid, t.trftype, t.trflang, t.trffromsql::oid, t.trftosql::oid, '', '', t.trftype,
         t.trffromsql::oid IN (SELECT oid FROM own_function) OR t.trftosql::oid IN (SELECT oid FROM own_function)
    FROM pg_catalog.pg_transform t
  UNION ALL
  SELECT 'o', o.tableoid, o.oid, o.opcintype, o.opcmethod, 0::oid, 0::oid, '', '', o.opcintype, true
    FROM pg_catalog.pg_opclass o WHERE o.opcdefault AND o.opcnamespace = ANY ($1::oid[])
)
SELECT p.kind, p.oid, p.type, p.other, p.function, p.to_sql, p.method, p.context,
       (SELECT d.description FROM pg_catalog.pg_description d WHERE d.objoid = p.oid AND d.classoid = p.tableoid),
       (SELECT pg_catalog.string_agg(d.objid::text, ' ') FROM pg_catalog.pg_depend d
         WHERE p.kind = 't' AND d.refclassid = p.tableoid AND d.refobjid = p.oid
           AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.deptype = 'n'),
       p.is_own
  FROM part p
 WHERE p.oid >= 16384 AND p.type NOT IN (SELECT oid FROM own_type) AND p.second_type NOT IN (SELECT oid FROM own_type)
   AND NOT EXISTS (SELECT FROM member m WHERE m.classid = p.tableoid AND m.objid = p.oid)
   AND (p.kind = 'o' OR NOT EXISTS (SELECT FROM pg_catalog.pg_depend i
                                     WHERE i.classid = p.tableoid AND i.objid = p.oid AND i.deptype = 'i'))
 ORDER BY p.oid)";

Kind kind_of(const std::string &letter) {
  return letter == "c" ? Kind::cast : letter == "t" ? Kind::transform : Kind::default_class;
}

std::vector<Oid> oids_in(const Value &list) {
  std::vector<Oid> oids;
  const std::string text = list.value_or("");
  for (size_t at = 0; at < text.size(); at = std::min(text.find(' ', at), text.size() - 1) + 1)
    oids.push_back(static_cast<Oid>(std::stoul(text.substr(at))));
  return oids;
}

// `wanted` is asked with the part and whether it is of the schemas.
template <class Wanted>
DatabaseParts find_parts(const std::vector<std::string> &schema_oids, const std::vector<CarriedType> &carried,
                         Wanted wanted) {
  std::vector<std::string> types;
  for (const CarriedType &type : carried) types.push_back(to_text(type.oid));
  DatabaseParts parts;
  for (const Row &row : query(kParts, {array_literal(schema_oids), array_literal(types)})) {
    DatabasePart part;
    part.kind = kind_of(*row[0]);
    part.oid = to_oid(row[1]);
    part.type = to_oid(row[2]);
    part.other = to_oid(row[3]);
    part.function = to_oid(row[4]);
    part.to_sql = to_oid(row[5]);
    part.method = *row[6];
    part.context = *row[7];
    part.comment = row[8];
    part.functions = oids_in(row[9]);
    if (wanted(part, *row[10] == "t")) parts.push_back(part);
  }
  return parts;
}

// Casts and transforms that the runs made of which every visible copy is in the schemas.
std::set<Oid> made_by_runs_behind(const std::vector<std::string> &live_oids) {
  std::set<Oid> oids;
  for (const Row &row : as_extension_owner([&] {
         return query(
             R"(SELECT m.objid FROM pagila_repl.managed_object m
                 WHERE m.schema_name IS NULL
                   AND m.classid IN ('pg_catalog.pg_cast'::pg_catalog.regclass, 'pg_catalog.pg_transform'::pg_catalog.regclass)
                   AND EXISTS (SELECT FROM pagila_repl.copy c WHERE c.run_id = m.run_id)
                   AND NOT EXISTS (SELECT FROM pagila_repl.copy c JOIN pg_catalog.pg_namespace n ON n.nspname = c.schema_name
                                    WHERE c.run_id = m.run_id AND n.oid <> ALL ($1::oid[])))",
             {array_literal(live_oids)});
       }))
    oids.insert(to_oid(row[0]));
  return oids;
}

// Of no pair of types, no type and language: nothing looks these up. Server code.
void hide(Oid catalog, Oid oid) {
  if (catalog == CastRelationId)
    change_catalog_row<Form_pg_cast>(CastRelationId, CastOidIndexId, Anum_pg_cast_oid, oid, [oid](Form_pg_cast row) {
      row->castsource = InvalidOid;
      row->casttarget = oid;
    });
  else
    change_catalog_row<Form_pg_transform>(TransformRelationId, TransformOidIndexId, Anum_pg_transform_oid, oid,
                                          [oid](Form_pg_transform row) {
                                            row->trftype = InvalidOid;
                                            row->trflang = oid;
                                          });
}

// Server code.
void show(Oid catalog, Oid oid, Oid type, Oid other) {
  if (catalog == CastRelationId)
    change_catalog_row<Form_pg_cast>(CastRelationId, CastOidIndexId, Anum_pg_cast_oid, oid, [=](Form_pg_cast row) {
      row->castsource = type;
      row->casttarget = other;
    });
  else
    change_catalog_row<Form_pg_transform>(TransformRelationId, TransformOidIndexId, Anum_pg_transform_oid, oid,
                                          [=](Form_pg_transform row) {
                                            row->trftype = type;
                                            row->trflang = other;
                                          });
}

// Server code.
void set_default(Oid oid, bool is_default) {
  change_catalog_row<Form_pg_opclass>(OperatorClassRelationId, OpclassOidIndexId, Anum_pg_opclass_oid, oid,
                                      [is_default](Form_pg_opclass row) { row->opcdefault = is_default; });
}

void lock(const DatabasePart &part) {
  Oid catalog = catalog_of(part), oid = part.oid;
  guarded([=] { LockDatabaseObject(catalog, oid, 0, AccessExclusiveLock); });
  // By now whoever had it may have dropped it.
  if (!query_value("SELECT pg_catalog.pg_describe_object($1::oid, $2::oid, 0)", {to_text(catalog), to_text(oid)}))
    throw Error("55P03", "a cast, transform or operator class was dropped just now");
}

// "(source AS target)", "FOR type LANGUAGE language".
std::string named(const DatabasePart &part) {
  if (part.kind == Kind::cast)
    return "CAST " + *query_value(
                         "SELECT pg_catalog.format('(%s AS %s)', pg_catalog.format_type($1::oid, NULL),"
                         "                         pg_catalog.format_type($2::oid, NULL))",
                         {to_text(part.type), to_text(part.other)});
  return "TRANSFORM FOR " +
         *query_value(
             "SELECT pg_catalog.format('%s LANGUAGE %I', pg_catalog.format_type($1::oid, NULL), lanname)"
             "  FROM pg_catalog.pg_language WHERE oid = $2::oid",
             {to_text(part.type), to_text(part.other)});
}

std::string function_text(Oid function) {
  return *query_value("SELECT $1::oid::pg_catalog.regprocedure::text", {to_text(function)});
}

std::string how(const DatabasePart &part) {
  if (part.kind == Kind::transform) {
    std::string functions;
    if (OidIsValid(part.function)) functions = "FROM SQL WITH FUNCTION " + function_text(part.function);
    if (OidIsValid(part.to_sql))
      functions += (functions.empty() ? "" : ", ") + std::string("TO SQL WITH FUNCTION ") + function_text(part.to_sql);
    return " (" + functions + ")";
  }
  std::string method = part.method == "i"   ? " WITH INOUT"
                       : part.method == "b" ? " WITHOUT FUNCTION"
                                            : " WITH FUNCTION " + function_text(part.function);
  return method + (part.context == "i" ? " AS IMPLICIT" : part.context == "a" ? " AS ASSIGNMENT" : "");
}

// The OID of what is there as described, 0 if nothing is. Statements know types and functions by name, catalogs by OID.
Oid find_again(const DatabasePart &part) {
  Value oid = part.kind == Kind::cast
                  ? query_value(
                        "SELECT oid FROM pg_catalog.pg_cast WHERE castsource = $1::oid AND casttarget = $2::oid"
                        "   AND castfunc = $3::oid AND castmethod = $4 AND castcontext = $5",
                        {to_text(part.type), to_text(part.other), to_text(part.function), part.method, part.context})
                  : query_value(
                        "SELECT oid FROM pg_catalog.pg_transform WHERE trftype = $1::oid AND trflang = $2::oid"
                        "   AND trffromsql = $3::oid AND trftosql = $4::oid",
                        {to_text(part.type), to_text(part.other), to_text(part.function), to_text(part.to_sql)});
  return oid ? to_oid(oid) : InvalidOid;
}

void check_there(const DatabasePart &part, bool expected) {
  if (OidIsValid(find_again(part)) != expected)
    throw Error("55000", named(part) + " was replaced during the run", {}, "Run it again.");
}

// Server code. Functions may outlive the transform while another takes its place.
void forget_transform(Oid function, Oid transform) {
  (void)deleteDependencyRecordsForSpecific(ProcedureRelationId, function, DEPENDENCY_NORMAL, TransformRelationId,
                                           transform);
  CommandCounterIncrement();
}

// Server code.
void depend_on_transform(Oid function, Oid transform) {
  ObjectAddress dependent, referenced;
  ObjectAddressSet(dependent, ProcedureRelationId, function);
  ObjectAddressSet(referenced, TransformRelationId, transform);
  recordDependencyOn(&dependent, &referenced, DEPENDENCY_NORMAL);
  CommandCounterIncrement();
}

void make_again(DatabasePart &part) {
  execute("CREATE " + named(part) + how(part));
  check_there(part, true);
  part.oid = find_again(part);
  Oid oid = part.oid;
  for (Oid function : part.functions) guarded([=] { depend_on_transform(function, oid); });
  if (part.comment) execute("COMMENT ON " + named(part) + " IS " + quote_literal(*part.comment));
}

void make_default(const DatabasePart &part) {
  Oid oid = part.oid;
  guarded([=] { set_default(oid, true); });
  Value another = query_value(
      "SELECT pg_catalog.pg_describe_object(tableoid, oid, 0) FROM pg_catalog.pg_opclass"
      " WHERE opcdefault AND opcintype = $1::oid AND opcmethod = $2::oid AND oid <> $3::oid",
      {to_text(part.type), to_text(part.other), to_text(part.oid)});
  if (another)
    throw Error("42710", *another + " is the default for the same type by now", {},
                "Drop one of them, then run again.");
}

}  // namespace

Oid catalog_of(const DatabasePart &part) {
  switch (part.kind) {
    case Kind::cast: return CastRelationId;
    case Kind::transform: return TransformRelationId;
    default: return OperatorClassRelationId;
  }
}

std::set<Oid> all_casts_and_transforms() {
  std::set<Oid> oids;
  for (const Row &row : query("SELECT oid FROM pg_catalog.pg_cast WHERE oid >= 16384 UNION ALL "
                              "SELECT oid FROM pg_catalog.pg_transform WHERE oid >= 16384"))
    oids.insert(to_oid(row[0]));
  return oids;
}

DatabaseParts parts_of_copies(const std::vector<std::string> &live_oids, const std::vector<CarriedType> &carried) {
  if (live_oids.empty()) return {};
  std::set<Oid> made = made_by_runs_behind(live_oids);
  return find_parts(live_oids, carried,
                    [&](const DatabasePart &part, bool is_own) { return is_own || made.count(part.oid) > 0; });
}

DatabaseParts parts_made(const std::vector<std::string> &stage_oids, const std::vector<CarriedType> &carried,
                         const std::set<Oid> &before) {
  return find_parts(stage_oids, carried, [&](const DatabasePart &part, bool) {
    return part.kind == Kind::default_class || before.count(part.oid) == 0;
  });
}

DatabaseParts parts_by_oid(const std::set<Oid> &oids) {
  if (oids.empty()) return {};
  return find_parts({}, {}, [&](const DatabasePart &part, bool) { return oids.count(part.oid) > 0; });
}

void check_may_take_away(const DatabaseParts &parts) {
  for (const DatabasePart &part : parts) {
    if (part.kind == Kind::default_class) continue;
    Oid second = part.kind == Kind::cast ? part.other : part.type;
    if (query("SELECT FROM pg_catalog.pg_type WHERE oid IN ($1::oid, $2::oid)"
              "   AND pg_catalog.pg_has_role(session_user, typowner, 'USAGE')",
              {to_text(part.type), to_text(second)})
            .empty())
      throw Error("42501", "permission denied to drop " + named(part), "The copy that is to be replaced has it.",
                  "Run it as a superuser, or as a role that owns one of its types.");
  }
}

void set_aside(const DatabaseParts &parts) {
  for (const DatabasePart &part : parts) {
    lock(part);
    Oid catalog = catalog_of(part), oid = part.oid;
    if (part.kind == Kind::default_class)
      guarded([=] { set_default(oid, false); });
    else
      guarded([=] { hide(catalog, oid); });
  }
}

void put_back(const DatabaseParts &parts) {
  for (const DatabasePart &part : parts) {
    Oid catalog = catalog_of(part), oid = part.oid, type = part.type, other = part.other;
    if (part.kind == Kind::default_class)
      guarded([=] { set_default(oid, true); });
    else
      guarded([=] { show(catalog, oid, type, other); });
  }
}

void take_away(const DatabaseParts &parts) {
  for (const DatabasePart &part : parts) {
    Oid oid = part.oid;
    if (part.kind == Kind::default_class) {
      guarded([=] { set_default(oid, false); });
      continue;
    }
    for (Oid function : part.functions) guarded([=] { forget_transform(function, oid); });
    execute("DROP " + named(part));
    check_there(part, false);
  }
}

void put_in_place(DatabaseParts &parts) {
  for (DatabasePart &part : parts)
    if (part.kind == Kind::default_class)
      make_default(part);
    else
      make_again(part);
}

void record_parts(const DatabaseParts &parts, const std::string &run_id) {
  for (const DatabasePart &part : parts)
    if (part.kind != Kind::default_class)
      execute(
          "INSERT INTO pagila_repl.managed_object (run_id, classid, objid, identity, definition_hash)"
          " SELECT $2::bigint, classid, objid, pg_catalog.pg_describe_object(classid, objid, 0), hash FROM (" +
              definitions_sql() + ") o WHERE classid = $3::oid AND objid = $4::oid",
          {"{}", run_id, to_text(catalog_of(part)), to_text(part.oid)});
}

}  // namespace pagila_repl
