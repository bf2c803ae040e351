// Finds what depends on schemas from outside.

#include "target/dependents.hpp"

#include "target/inside.hpp"

namespace pagila_repl {

namespace {

// What is outside is told by EXCEPT, which sorts or hashes, since the planner does not know how much is inside.
constexpr const char *kOutside = R"(, bound AS MATERIALIZED (
  SELECT d.classid, d.objid, d.objsubid
    FROM inside i JOIN pg_catalog.pg_depend d ON d.refclassid = i.classid AND d.refobjid = i.objid
   WHERE d.deptype IN ('n', 'a', 'i', 'P', 'S')
  UNION
  -- What owns a part that is in here, as a range type does its constructors, cannot be without it.
  SELECT d.refclassid, d.refobjid, d.refobjsubid
    FROM inside i JOIN pg_catalog.pg_depend d ON d.classid = i.classid AND d.objid = i.objid
   WHERE d.deptype = 'i'
  UNION
  -- What has a schema as a constant. What is in the schema and stays depends on it once more.
  SELECT classid, objid, objsubid
    FROM pg_catalog.pg_depend
   WHERE refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND refobjid = ANY ($1::oid[])
     AND classid NOT IN ('pg_catalog.pg_extension'::pg_catalog.regclass, 'pg_catalog.pg_default_acl'::pg_catalog.regclass)
   GROUP BY classid, objid, objsubid, refobjid
  HAVING pg_catalog.count(*) > CASE WHEN refobjid = )";

constexpr const char *kOwning = R"( THEN 1 ELSE 0 END
), elsewhere AS MATERIALIZED (
  SELECT classid, objid FROM bound EXCEPT SELECT classid, objid FROM inside
), outside AS (
  SELECT classid, objid, objsubid FROM elsewhere JOIN bound USING (classid, objid)
), owning AS (
  -- A view's rule stands for the view, as does a column of its.
  SELECT DISTINCT COALESCE(v.refclassid, o.classid) AS classid, COALESCE(v.refobjid, o.objid) AS objid,
         CASE WHEN v.objid IS NULL AND w.oid IS NULL THEN o.objsubid ELSE 0 END AS objsubid
    FROM outside o LEFT JOIN pg_catalog.pg_depend v
         ON v.classid = o.classid AND v.objid = o.objid AND v.deptype = 'i'
            AND o.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
         LEFT JOIN pg_catalog.pg_class w
         ON o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND w.oid = o.objid AND w.relkind IN ('v', 'm')
)
SELECT o.classid, o.objid,
       pg_catalog.concat(pg_catalog.pg_describe_object(o.classid, o.objid, o.objsubid),
                         ' of extension "' || m.extname || '"'),
       CASE WHEN m.extname IS NOT NULL THEN NULL
            WHEN o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.relkind IN ('v', 'm') AND o.objsubid = 0
              THEN pg_catalog.format('DROP %s IF EXISTS %I.%I RESTRICT',
                     CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END, n.nspname, c.relname)
            WHEN o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.relkind IN ('i', 'I') AND NOT c.relispartition
                 AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid)
              THEN pg_catalog.format('DROP INDEX IF EXISTS %I.%I RESTRICT', n.nspname, c.relname)
            WHEN o.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.conrelid <> 0
              THEN pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I RESTRICT',
                                     k.conrelid::pg_catalog.regclass, k.conname)
            WHEN o.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass
              THEN pg_catalog.format('DROP TRIGGER IF EXISTS %I ON %s RESTRICT', t.tgname, t.tgrelid::pg_catalog.regclass)
            WHEN o.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
              THEN pg_catalog.format('DROP POLICY IF EXISTS %I ON %s', y.polname, y.polrelid::pg_catalog.regclass)
            WHEN o.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
              -- The values that a generated column has stay.
              THEN (SELECT pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I DROP %s', f.adrelid::pg_catalog.regclass, a.attname,
                                             CASE a.attgenerated WHEN '' THEN 'DEFAULT' ELSE 'EXPRESSION' END)
                      FROM pg_catalog.pg_attribute a WHERE a.attrelid = f.adrelid AND a.attnum = f.adnum)
            WHEN o.classid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass
              THEN (SELECT pg_catalog.format('DROP STATISTICS IF EXISTS %s.%I RESTRICT', s.stxnamespace::pg_catalog.regnamespace, s.stxname)
                      FROM pg_catalog.pg_statistic_ext s WHERE s.oid = o.objid)
            WHEN o.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend i
                                  WHERE i.classid = o.classid AND i.objid = o.objid AND i.deptype = 'i')
              THEN pg_catalog.format('DROP ROUTINE IF EXISTS %s RESTRICT', o.objid::pg_catalog.regprocedure)
       END, o.objsubid, m.extname IS NOT NULL
  FROM owning o
       LEFT JOIN pg_catalog.pg_class c ON o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = o.objid
       LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pg_catalog.pg_constraint k
              ON o.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = o.objid
       LEFT JOIN pg_catalog.pg_trigger t ON o.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND t.oid = o.objid
       LEFT JOIN pg_catalog.pg_policy y ON o.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND y.oid = o.objid
       LEFT JOIN pg_catalog.pg_attrdef f ON o.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND f.oid = o.objid
       LEFT JOIN LATERAL (SELECT e.extname
                            FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                           WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'e') m ON true
 ORDER BY 3)";

}  // namespace

const std::string &dependents_sql() {
  static const std::string sql =
      "WITH RECURSIVE " + inside_sql(Members::without) + kOutside + schema_of("classid", "objid") + kOwning;
  return sql;
}

}  // namespace pagila_repl
