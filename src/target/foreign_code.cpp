// Finds code of others that a copy would call.

#include "target/foreign_code.hpp"

#include "core/error.hpp"
#include "pg/spi.hpp"

namespace pagila_repl {

namespace {

// What is evaluated, and as whom: relations of the schemas $3 with their constraints, generated columns, statistics, and what
// materialized views read; defaults $4. Then all that these refer to, down to functions.
constexpr const char *kForeignCode = R"(
WITH RECURSIVE relation AS (
  SELECT oid, relowner, relkind FROM pg_catalog.pg_class
   WHERE relnamespace = ANY ($3::oid[]) AND relkind IN ('r', 'p', 'm', 'i', 'I')
), evaluated (relation, owner, classid, objid) AS (
  SELECT COALESCE(i.indrelid, r.oid), r.relowner, 'pg_catalog.pg_class'::pg_catalog.regclass::oid, r.oid
    FROM relation r LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = r.oid
  UNION
  SELECT r.oid, r.relowner, 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid
    FROM relation r JOIN pg_catalog.pg_constraint k ON k.conrelid = r.oid
  UNION
  SELECT r.oid, r.relowner, 'pg_catalog.pg_attrdef'::pg_catalog.regclass, f.oid
    FROM relation r JOIN pg_catalog.pg_attrdef f ON f.adrelid = r.oid
         JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated <> ''
  UNION
  SELECT c.oid, c.relowner, 'pg_catalog.pg_attrdef'::pg_catalog.regclass, f.oid
    FROM pg_catalog.pg_attrdef f JOIN pg_catalog.pg_class c ON c.oid = f.adrelid WHERE f.oid = ANY ($4::oid[])
  UNION
  SELECT r.oid, r.relowner, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid
    FROM relation r JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = r.oid
  UNION
  SELECT r.oid, r.relowner, 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid
    FROM relation r JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.oid WHERE r.relkind = 'm'
  UNION
  SELECT e.relation, e.owner, n.classid, n.objid
    FROM evaluated e
         CROSS JOIN LATERAL (
           -- Functions, operators, casts, operator classes; of types their base, element, range and functions.
           SELECT d.refclassid, d.refobjid FROM pg_catalog.pg_depend d
            WHERE d.classid = e.classid AND d.objid = e.objid AND d.deptype IN ('n', 'a', 'i') AND d.refobjid >= 16384
              AND d.refclassid NOT IN ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_namespace'::pg_catalog.regclass,
                                       'pg_catalog.pg_extension'::pg_catalog.regclass)
           UNION ALL
           SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid FROM pg_catalog.pg_constraint k
            WHERE e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND k.contypid = e.objid
           UNION ALL
           -- The columns of a composite type.
           SELECT d.refclassid, d.refobjid
             FROM pg_catalog.pg_type t
                  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = t.typrelid
            WHERE e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = e.objid AND t.typrelid <> 0
              AND d.objsubid > 0 AND d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
           UNION ALL
           -- By these the type is compared and hashed, whatever uses it.
           SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, o.oid FROM pg_catalog.pg_opclass o
            WHERE e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND o.opcintype = e.objid AND o.opcdefault
           UNION ALL
           SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.amproc::oid
             FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_amproc p ON p.amprocfamily = o.opcfamily
            WHERE e.classid = 'pg_catalog.pg_opclass'::pg_catalog.regclass AND o.oid = e.objid AND p.amproc::oid >= 16384
           UNION ALL
           SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, p.amopopr
             FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_amop p ON p.amopfamily = o.opcfamily
            WHERE e.classid = 'pg_catalog.pg_opclass'::pg_catalog.regclass AND o.oid = e.objid AND p.amopopr >= 16384
           UNION ALL
           -- A view that is read, and what it calls.
           SELECT v.classid, v.objid
             FROM pg_catalog.pg_depend d
                  JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.relkind = 'v'
                  JOIN pg_catalog.pg_rewrite w ON w.ev_class = c.oid
                  CROSS JOIN LATERAL (VALUES (d.refclassid, c.oid), (w.tableoid, w.oid)) v (classid, objid)
            WHERE e.classid IN ('pg_catalog.pg_rewrite'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass)
              AND d.classid = e.classid AND d.objid = e.objid
              AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid <> e.relation
           UNION ALL
           -- A foreign table that is read, and the server that it leads to.
           SELECT f.classid, f.objid
             FROM pg_catalog.pg_depend d
                  JOIN pg_catalog.pg_foreign_table t ON t.ftrelid = d.refobjid
                  CROSS JOIN LATERAL (VALUES (d.refclassid, t.ftrelid),
                                             ('pg_catalog.pg_foreign_server'::pg_catalog.regclass, t.ftserver)) f (classid, objid)
            WHERE e.classid IN ('pg_catalog.pg_rewrite'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass)
              AND d.classid = e.classid AND d.objid = e.objid
              AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass) n (classid, objid)
), code (classid, objid, schema, owner) AS (
  SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, pronamespace, proowner FROM pg_catalog.pg_proc
  UNION ALL
  SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, oid, relnamespace, relowner FROM pg_catalog.pg_class WHERE relkind IN ('v', 'f')
  UNION ALL
  SELECT 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, oid, 0, srvowner FROM pg_catalog.pg_foreign_server
  UNION ALL
  -- A carried one is the live one, whatever schema it is in for the moment.
  SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, CASE WHEN oid = ANY ($2::oid[]) THEN 0 ELSE typnamespace END, typowner
    FROM pg_catalog.pg_type WHERE typtype IN ('d', 'c')
)
SELECT DISTINCT pg_catalog.format('%s of role "%s" would be evaluated for %s as role "%s"',
         pg_catalog.pg_describe_object(e.classid, e.objid, 0), pg_catalog.pg_get_userbyid(c.owner),
         pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, e.relation, 0),
         pg_catalog.pg_get_userbyid(e.owner)) AS sentence
  FROM evaluated e JOIN code c USING (classid, objid)
 WHERE c.objid >= 16384
   AND (c.schema <> ALL ($1::oid[])
        -- A member of an extension may have come with it from the schema that is replaced.
        OR EXISTS (SELECT FROM pg_catalog.pg_depend m
                    WHERE m.classid = e.classid AND m.objid = e.objid AND m.deptype = 'e'))
   AND NOT pg_catalog.pg_has_role(c.owner, e.owner, 'USAGE')
 ORDER BY 1)";

void check(const std::vector<std::string> &stage_oids, const std::vector<CarriedType> &carried,
           const std::vector<std::string> &schemas, const std::vector<std::string> &defaults) {
  std::string all;
  std::vector<std::string> types;
  for (const CarriedType &type : carried) types.push_back(std::to_string(type.oid));
  for (const Row &row : query(kForeignCode, {array_literal(stage_oids), array_literal(types), array_literal(schemas),
                                             array_literal(defaults)}))
    all += (all.empty() ? "" : "\n") + *row[0];
  if (all.empty()) return;
  throw Error("42501", "the copy depends on functions, views or types of roles that would gain the rights of others",
              all, "Change their owner, or the owner of the tables.");
}

}  // namespace

void check_foreign_code(const std::vector<std::string> &stage_oids, const std::vector<CarriedType> &carried) {
  check(stage_oids, carried, stage_oids, {});
}

void check_foreign_defaults(const std::vector<std::string> &stage_oids, const std::vector<CarriedType> &carried,
                            const std::vector<std::string> &defaults) {
  if (!defaults.empty()) check(stage_oids, carried, {}, defaults);
}

}  // namespace pagila_repl
