// Tells by the catalogs' columns which objects are in a schema.

#include "target/inside.hpp"

namespace pagila_repl {

namespace {

struct Place {
  const char *catalog, *schema;
};

// Every catalog of objects that are in schemas, and the column that says in which.
constexpr Place kPlaces[] = {{"pg_class", "NULLIF(relnamespace, 'pg_toast'::pg_catalog.regnamespace)"},
                             {"pg_type", "typnamespace"},
                             {"pg_proc", "pronamespace"},
                             {"pg_operator", "oprnamespace"},
                             {"pg_opclass", "opcnamespace"},
                             {"pg_opfamily", "opfnamespace"},
                             {"pg_collation", "collnamespace"},
                             {"pg_conversion", "connamespace"},
                             {"pg_statistic_ext", "stxnamespace"},
                             {"pg_ts_config", "cfgnamespace"},
                             {"pg_ts_dict", "dictnamespace"},
                             {"pg_ts_parser", "prsnamespace"},
                             {"pg_ts_template", "tmplnamespace"}};

#define SCHEMA_OF_TABLE(column) "(SELECT c.relnamespace FROM pg_catalog.pg_class c WHERE c.oid = x." column ")"
#define SCHEMA_OF_FAMILY(column) "(SELECT f.opfnamespace FROM pg_catalog.pg_opfamily f WHERE f.oid = x." column ")"

// Every catalog of parts. What pg_constraint.connamespace says is not kept for all of them.
constexpr Place kWholes[] = {
    {"pg_constraint", "COALESCE(" SCHEMA_OF_TABLE(
                          "conrelid") ", (SELECT t.typnamespace FROM pg_catalog.pg_type t WHERE t.oid = x.contypid))"},
    {"pg_trigger", "CASE WHEN NOT tgisinternal THEN " SCHEMA_OF_TABLE("tgrelid") " END"},
    {"pg_rewrite", SCHEMA_OF_TABLE("ev_class")},
    {"pg_policy", SCHEMA_OF_TABLE("polrelid")},
    {"pg_attrdef", SCHEMA_OF_TABLE("adrelid")},
    {"pg_amop", SCHEMA_OF_FAMILY("amopfamily")},
    {"pg_amproc", SCHEMA_OF_FAMILY("amprocfamily")}};

#undef SCHEMA_OF_TABLE
#undef SCHEMA_OF_FAMILY

std::string when(const Place &place, const std::string &objid) {
  std::string catalog = std::string("pg_catalog.") + place.catalog;
  return "\n  WHEN '" + catalog + "'::pg_catalog.regclass THEN (SELECT " + place.schema + " FROM " + catalog +
         " x WHERE x.oid = " + objid + ")";
}

}  // namespace

std::string schema_of(const std::string &classid, const std::string &objid) {
  std::string expression = "CASE " + classid;
  for (const Place &place : kPlaces) expression += when(place, objid);
  return expression + " END";
}

std::string schema_of_whole(const std::string &classid, const std::string &objid) {
  std::string expression = "CASE " + classid;
  for (const Place &place : kPlaces) expression += when(place, objid);
  for (const Place &place : kWholes) expression += when(place, objid);
  return expression + " END";
}

std::string inside_sql(Members members) {
  const std::string stays = members == Members::with ? "" : R"(
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                      WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')
     -- A sequence that a column of a member owns is where that is.
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend o JOIN pg_catalog.pg_depend e
                            ON e.classid = o.refclassid AND e.objid = o.refobjid AND e.deptype = 'e'
                      WHERE o.classid = d.classid AND o.objid = d.objid AND o.refclassid = d.classid AND o.refobjsubid <> 0
                        AND o.deptype IN ('a', 'i') AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass)
     AND NOT (d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = ANY ($2::oid[])))";
  return R"(inside (classid, objid) AS (
  SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
   WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = ANY ($1::oid[]) AND d.deptype = 'n'
     AND d.refobjid = )" +
         schema_of("d.classid", "d.objid") + stays + R"(
  UNION
  -- Default privileges.
  SELECT tableoid, oid FROM pg_catalog.pg_default_acl WHERE defaclnamespace = ANY ($1::oid[])
  UNION
  SELECT p.classid, p.objid
    FROM inside i
         CROSS JOIN LATERAL (SELECT d.classid, d.objid, )" +
         schema_of_whole("d.classid", "d.objid") + R"( AS schema
                               FROM pg_catalog.pg_depend d
                              WHERE d.refclassid = i.classid AND d.refobjid = i.objid AND d.deptype IN ('a', 'i', 'P', 'S'))" +
         stays + R"( OFFSET 0) p
   -- What has a schema of its own, or is a part of what has, is where that is: a sequence owned by a table, its partition, its
   -- statistics, a trigger of another table.
   WHERE p.schema = ANY ($1::oid[])
      OR p.schema IS NULL AND p.classid IN ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_trigger'::pg_catalog.regclass)))";
}

const char *const kCastsInside = R"(
SELECT d.classid, d.objid FROM inside i JOIN pg_catalog.pg_depend d ON d.refclassid = i.classid AND d.refobjid = i.objid
 WHERE d.classid IN ('pg_catalog.pg_cast'::pg_catalog.regclass, 'pg_catalog.pg_transform'::pg_catalog.regclass))";

}  // namespace pagila_repl
