// The SQL by which queries over the source's catalog know what is wanted.

#include "source/wanted.hpp"

namespace pagila_repl {

const char *const kWantedRelations = R"(
WITH RECURSIVE wanted AS MATERIALIZED (
  SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ANY ($1::pg_catalog.name[])
), gone AS MATERIALIZED (
  SELECT c.oid FROM ROWS FROM (pg_catalog.unnest($2::pg_catalog.name[]), pg_catalog.unnest($3::pg_catalog.name[])) l (s, r)
         JOIN pg_catalog.pg_namespace n ON n.nspname = l.s
         JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = l.r
), member (classid, objid, extension) AS MATERIALIZED (
  SELECT classid, objid, refobjid FROM pg_catalog.pg_depend
   WHERE deptype = 'e' AND refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
  UNION
  -- Its parts, such as the array type of a type.
  SELECT d.classid, d.objid, m.extension
    FROM member m JOIN pg_catalog.pg_depend d ON d.refclassid = m.classid AND d.refobjid = m.objid
   WHERE d.deptype = 'i'
), relation AS MATERIALIZED (
  SELECT c.*, n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE n.oid IN (SELECT oid FROM wanted) AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
     AND NOT EXISTS (SELECT FROM gone WHERE gone.oid = c.oid)
     AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.objid = c.oid)
))";

const char *const kReachedByViews = R"(
, reached (view, classid, objid) AS (
  SELECT c.oid, 'pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid, r.oid
    FROM relation c JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid WHERE c.relkind = 'm' AND c.relispopulated
  UNION
  SELECT s.view, n.classid, n.objid
    FROM reached s
         JOIN pg_catalog.pg_depend d ON d.classid = s.classid AND d.objid = s.objid
         LEFT JOIN pg_catalog.pg_rewrite r
         ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND r.ev_class = d.refobjid AND d.refobjid <> s.view
         CROSS JOIN LATERAL (
           SELECT d.refclassid, d.refobjid
           UNION ALL
           SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, r.oid WHERE r.oid IS NOT NULL) n (classid, objid)
   WHERE d.deptype = 'n'
     AND d.refclassid IN ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass)
))";

const char *const kWantedObjects = R"(
, object (classid, objid, relation, namespace, owner) AS MATERIALIZED (
  SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, c.oid, COALESCE(i.indrelid, c.oid), c.relnamespace,
         c.relowner
    FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
  UNION ALL
  SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, COALESCE(e.typrelid, t.typrelid), t.typnamespace, t.typowner
    FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
  UNION ALL
  SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid, conrelid, connamespace, 0 FROM pg_catalog.pg_constraint
  UNION ALL
  SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, d.oid, c.oid, c.relnamespace, 0
    FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_class c ON c.oid = d.adrelid
  UNION ALL
  SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, r.oid, c.oid, c.relnamespace, 0
    FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
  UNION ALL
  -- Those of foreign keys are also on the table referred to.
  SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid, c.oid, c.relnamespace, 0
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal
  UNION ALL
  SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid, c.oid, c.relnamespace, 0
    FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
  UNION ALL
  SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, oid, stxrelid, stxnamespace, stxowner
    FROM pg_catalog.pg_statistic_ext
  UNION ALL
  SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, 0, pronamespace, proowner FROM pg_catalog.pg_proc
  UNION ALL
  SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, oid, 0, oprnamespace, oprowner FROM pg_catalog.pg_operator
  UNION ALL
  SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, oid, 0, opfnamespace, opfowner FROM pg_catalog.pg_opfamily
  UNION ALL
  SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, oid, 0, opcnamespace, opcowner FROM pg_catalog.pg_opclass
  UNION ALL
  SELECT 'pg_catalog.pg_amop'::pg_catalog.regclass, o.oid, 0, f.opfnamespace, 0
    FROM pg_catalog.pg_amop o JOIN pg_catalog.pg_opfamily f ON f.oid = o.amopfamily
  UNION ALL
  SELECT 'pg_catalog.pg_amproc'::pg_catalog.regclass, p.oid, 0, f.opfnamespace, 0
    FROM pg_catalog.pg_amproc p JOIN pg_catalog.pg_opfamily f ON f.oid = p.amprocfamily
  UNION ALL
  SELECT 'pg_catalog.pg_collation'::pg_catalog.regclass, oid, 0, collnamespace, collowner FROM pg_catalog.pg_collation
  UNION ALL
  SELECT 'pg_catalog.pg_conversion'::pg_catalog.regclass, oid, 0, connamespace, conowner FROM pg_catalog.pg_conversion
  UNION ALL
  SELECT 'pg_catalog.pg_ts_config'::pg_catalog.regclass, oid, 0, cfgnamespace, cfgowner FROM pg_catalog.pg_ts_config
  UNION ALL
  SELECT 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, oid, 0, dictnamespace, dictowner FROM pg_catalog.pg_ts_dict
  UNION ALL
  SELECT 'pg_catalog.pg_ts_parser'::pg_catalog.regclass, oid, 0, prsnamespace, 0 FROM pg_catalog.pg_ts_parser
  UNION ALL
  SELECT 'pg_catalog.pg_ts_template'::pg_catalog.regclass, oid, 0, tmplnamespace, 0 FROM pg_catalog.pg_ts_template
), own AS MATERIALIZED (
  SELECT o.* FROM object o
   WHERE o.objid >= 16384
     AND NOT EXISTS (SELECT FROM member m WHERE m.classid = o.classid AND m.objid = o.objid)
     AND NOT EXISTS (SELECT FROM member m
                      WHERE m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.objid = o.relation)
), comes AS MATERIALIZED (
  SELECT * FROM own
   WHERE namespace IN (SELECT oid FROM wanted) AND NOT EXISTS (SELECT FROM gone WHERE gone.oid = own.relation)
))";

std::vector<Value> parameters_for(const Wanted &wanted) {
  std::vector<std::string> schemas, names;
  for (const QualifiedName &name : wanted.left_out) {
    schemas.push_back(name.schema);
    names.push_back(name.name);
  }
  return {array_literal(wanted.schemas), array_literal(schemas), array_literal(names)};
}

}  // namespace pagila_repl
