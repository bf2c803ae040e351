// The query for what definitions refer to.

#include "pg/resolved_names.hpp"

#include <algorithm>

namespace pagila_repl {

namespace {

constexpr char kSeparator = '\x1e';

// Every column of type pg_node_tree but pg_publication_rel.prqual: publications are no part of a copy. A part of a relation, function
// or type is told with it, since it is made by statements about that.
constexpr const char *kTrees = R"(
WITH wanted AS MATERIALIZED (
  SELECT oid, nspname FROM pg_catalog.pg_namespace WHERE nspname = ANY ($1::pg_catalog.name[])
), member AS MATERIALIZED (
  SELECT classid, objid FROM pg_catalog.pg_depend
   WHERE deptype = 'e' AND refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
), relation AS MATERIALIZED (
  SELECT c.oid, c.tableoid, n.nspname, c.relname, c.relkind, c.relpartbound
    FROM pg_catalog.pg_class c JOIN wanted n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
     AND NOT EXISTS (SELECT FROM member m WHERE m.classid = c.tableoid AND m.objid = c.oid)
), tree (classid, objid, kind, nspname, name, part, tree) AS MATERIALIZED (
  SELECT c.tableoid, c.oid, 'table', c.nspname, c.relname, ''::pg_catalog.text, pg_catalog.concat(c.relpartbound::text, ' ', p.partexprs::text)
    FROM relation c LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = c.oid
   WHERE p.partrelid IS NOT NULL OR c.relpartbound IS NOT NULL
  UNION ALL
  SELECT r.tableoid, r.oid, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'rule' END, c.nspname,
         c.relname, CASE WHEN c.relkind IN ('v', 'm') AND r.rulename = '_RETURN' THEN '' ELSE r.rulename END,
         pg_catalog.concat(r.ev_qual::text, ' ', r.ev_action::text)
    FROM relation c JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid
  UNION ALL
  SELECT d.tableoid, d.oid, CASE a.attgenerated WHEN '' THEN 'default' ELSE 'generated column' END, c.nspname, c.relname, a.attname,
         d.adbin::text
    FROM relation c JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid
         JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
  UNION ALL
  SELECT k.tableoid, k.oid, 'constraint', c.nspname, c.relname, k.conname, k.conbin::text
    FROM relation c JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid WHERE k.contype IN ('c', 'x')
  UNION ALL
  SELECT x.tableoid, x.oid, 'index', c.nspname, c.relname, x.relname, pg_catalog.concat(i.indexprs::text, ' ', i.indpred::text)
    FROM relation c JOIN pg_catalog.pg_index i ON i.indrelid = c.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
  UNION ALL
  SELECT t.tableoid, t.oid, 'trigger', c.nspname, c.relname, t.tgname, t.tgqual::text
    FROM relation c JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid WHERE NOT t.tgisinternal
  UNION ALL
  SELECT p.tableoid, p.oid, 'policy', c.nspname, c.relname, p.polname, pg_catalog.concat(p.polqual::text, ' ', p.polwithcheck::text)
    FROM relation c JOIN pg_catalog.pg_policy p ON p.polrelid = c.oid
  UNION ALL
  SELECT s.tableoid, s.oid, 'statistics object', n.nspname, s.stxname, '', s.stxexprs::text
    FROM pg_catalog.pg_statistic_ext s JOIN wanted n ON n.oid = s.stxnamespace JOIN relation c ON c.oid = s.stxrelid
  UNION ALL
  SELECT f.tableoid, f.oid, 'function', n.nspname, f.proname, pg_catalog.pg_get_function_identity_arguments(f.oid),
         pg_catalog.concat(f.proargdefaults::text, ' ', f.prosqlbody::text)
    FROM pg_catalog.pg_proc f JOIN wanted n ON n.oid = f.pronamespace
   WHERE (f.proargdefaults IS NOT NULL OR f.prosqlbody IS NOT NULL)
     AND NOT EXISTS (SELECT FROM member m WHERE m.classid = f.tableoid AND m.objid = f.oid)
  UNION ALL
  SELECT t.tableoid, t.oid, 'type', n.nspname, t.typname, '', t.typdefaultbin::text
    FROM pg_catalog.pg_type t JOIN wanted n ON n.oid = t.typnamespace
   WHERE t.typdefaultbin IS NOT NULL
     AND NOT EXISTS (SELECT FROM member m WHERE m.classid = t.tableoid AND m.objid = t.oid)
  UNION ALL
  SELECT k.tableoid, k.oid, 'constraint', n.nspname, t.typname, k.conname, k.conbin::text
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_type t ON t.oid = k.contypid JOIN wanted n ON n.oid = t.typnamespace
   WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = t.tableoid AND m.objid = t.oid)
))";

// A space in a name is escaped in a node tree, so nothing but a field of a node looks like one. Types and collations are taken from
// pg_depend alone: printed and parsed again the same expression may have its elements cast instead of their array, and the other
// way round, by which nodes come and go, though no operator does.
constexpr const char *kReferences = R"(
, reference (classid, objid, refclassid, refobjid, times) AS (
  SELECT t.classid, t.objid,
         CASE WHEN m.field[1] ~ '(opnos?|op)$' THEN 'pg_catalog.pg_operator'::pg_catalog.regclass
              ELSE 'pg_catalog.pg_proc'::pg_catalog.regclass END::pg_catalog.oid, o.oid, 1
    FROM tree t
         CROSS JOIN LATERAL pg_catalog.regexp_matches(t.tree,
           E'(?<!\\\\):(opnos?|\\w*(?:eq|ne|sort)op|funcid|aggfnoid|winfnoid|startInRangeFunc|endInRangeFunc|tsmhandler) (?:\\(o )?([0-9 ]+)',
           'g') m (field)
         CROSS JOIN LATERAL pg_catalog.unnest(
           ('{' || pg_catalog.replace(pg_catalog.btrim(m.field[2]), ' ', ',') || '}')::pg_catalog.oid[]) o (oid)
   WHERE o.oid <> 0
  UNION ALL
  -- Arrays count as what they are of.
  SELECT t.classid, t.objid, d.refclassid, COALESCE(e.oid, d.refobjid), 0
    FROM tree t JOIN pg_catalog.pg_depend d ON d.classid = t.classid AND d.objid = t.objid AND d.objsubid = 0
         LEFT JOIN pg_catalog.pg_type a ON d.refclassid = a.tableoid AND a.oid = d.refobjid
         LEFT JOIN pg_catalog.pg_type e ON e.oid = a.typelem AND e.typarray = a.oid
   WHERE d.deptype IN ('n', 'a')
     AND d.refclassid IN ('pg_catalog.pg_operator'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass,
                          'pg_catalog.pg_type'::pg_catalog.regclass, 'pg_catalog.pg_collation'::pg_catalog.regclass,
                          'pg_catalog.pg_opclass'::pg_catalog.regclass, 'pg_catalog.pg_opfamily'::pg_catalog.regclass,
                          'pg_catalog.pg_ts_config'::pg_catalog.regclass, 'pg_catalog.pg_ts_dict'::pg_catalog.regclass)
), counted AS MATERIALIZED (
  SELECT classid, objid, refclassid, refobjid, pg_catalog.sum(times) AS times FROM reference GROUP BY 1, 2, 3, 4
), called AS MATERIALIZED (
  SELECT r.refclassid, r.refobjid, i.type || ' ' || i.identity AS identity,
         CASE r.refclassid WHEN 'pg_catalog.pg_operator'::pg_catalog.regclass
                THEN (SELECT n.nspname FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
                       WHERE o.oid = r.refobjid)
              WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass
                THEN (SELECT n.nspname FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                       WHERE p.oid = r.refobjid)
         END AS nspname
    FROM (SELECT DISTINCT refclassid, refobjid FROM counted) r
         CROSS JOIN LATERAL pg_catalog.pg_identify_object(r.refclassid, r.refobjid, 0) i
))";

constexpr const char *kAll = R"(
SELECT t.kind, t.nspname, t.name, t.part,
       pg_catalog.string_agg(c.identity || CASE WHEN n.times > 1 AND c.identity LIKE 'operator %' THEN pg_catalog.concat(' (', n.times, ' times)')
                                                ELSE '' END, E'\x1e'),
       pg_catalog.string_agg(DISTINCT NULLIF(c.nspname, 'pg_catalog'), E'\x1e')
  FROM tree t LEFT JOIN counted n USING (classid, objid) LEFT JOIN called c USING (refclassid, refobjid)
 GROUP BY t.classid, t.objid, t.kind, t.nspname, t.name, t.part
HAVING $2::pg_catalog.bool OR pg_catalog.count(c.identity) > 0)";

// What is built in is in no pg_depend, and its OIDs are below those of what a database is made with.
constexpr const char *kUsers = R"(
SELECT t.kind, t.nspname, t.name, t.part, pg_catalog.string_agg(c.identity, E'\x1e'),
       pg_catalog.string_agg(DISTINCT NULLIF(c.nspname, 'pg_catalog'), E'\x1e')
  FROM tree t LEFT JOIN counted n ON n.classid = t.classid AND n.objid = t.objid AND n.refobjid >= 16384
       LEFT JOIN called c USING (refclassid, refobjid)
 GROUP BY t.classid, t.objid, t.kind, t.nspname, t.name, t.part
HAVING $2::pg_catalog.bool OR pg_catalog.count(c.identity) > 0)";

std::vector<std::string> split(const std::string &list) {
  std::vector<std::string> parts;
  for (size_t at = 0, end; at < list.size(); at = end + 1) {
    end = std::min(list.find(kSeparator, at), list.size());
    parts.push_back(list.substr(at, end - at));
  }
  std::sort(parts.begin(), parts.end());
  return parts;
}

}  // namespace

std::string resolved_names_sql(NamesCompared compared) {
  return std::string(kTrees) + kReferences + (compared == NamesCompared::all ? kAll : kUsers);
}

ResolvedObject resolved_object(const Row &row) {
  return {row[0].value_or(""), row[1].value_or(""),        row[2].value_or(""),
          row[3].value_or(""), split(row[4].value_or("")), split(row[5].value_or(""))};
}

}  // namespace pagila_repl
