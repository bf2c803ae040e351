// Applies the patterns of a selection to the source's relations.

#include "source/selection.hpp"

#include <map>
#include <set>

#include "core/error.hpp"
#include "core/name_pattern.hpp"

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

const char *const kWantedObjects = R"(
, object (classid, objid, relation, namespace, owner) AS MATERIALIZED (
  SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, c.oid, COALESCE(i.indrelid, c.oid), c.relnamespace,
         c.relowner
    FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
  UNION ALL
  SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, COALESCE(e.typrelid, t.typrelid), t.typnamespace, t.typowner
    FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type e ON e.typarray = t.oid
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

namespace {

// An eligible schema is one that a copy may contain.
constexpr const char *kSchemas = R"(
SELECT n.nspname FROM pg_catalog.pg_namespace n
 WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'pagila_repl')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.objid = n.oid
                      AND d.deptype = 'e'))";

// What is left out or not as a whole: a partition with its table, a sequence with the table it belongs to.
constexpr const char *kRelations = R"(
SELECT c.oid, c.nspname, c.relname, c.relkind,
       COALESCE((SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid AND c.relispartition),
                (SELECT d.refobjid FROM pg_catalog.pg_depend d
                  WHERE c.relkind = 'S' AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                    AND d.objsubid = 0 AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                    AND d.deptype IN ('a', 'i')), 0)
  FROM relation c ORDER BY 2, 3)";

constexpr const char *kMatches = R"(
SELECT c.oid FROM relation c
 WHERE c.relname OPERATOR(pg_catalog.~) $4 COLLATE pg_catalog.default
   AND ($5 IS NULL OR c.nspname OPERATOR(pg_catalog.~) $5 COLLATE pg_catalog.default))";

// The part of an object that depends, as a reader knows it, and the relation or other object it depends on.
constexpr const char *kBrokenDependencies = R"(
, lost AS MATERIALIZED (
  SELECT * FROM own
   WHERE namespace NOT IN (SELECT oid FROM wanted) OR EXISTS (SELECT FROM gone WHERE gone.oid = own.relation)
), pair (classid, objid, objsubid, needed_classid, needed_objid) AS (
  SELECT CASE WHEN r.rulename = '_RETURN' THEN 'pg_catalog.pg_class'::pg_catalog.regclass ELSE a.classid END,
         CASE WHEN r.rulename = '_RETURN' THEN a.relation ELSE a.objid END,
         CASE WHEN a.classid = 'pg_catalog.pg_class'::pg_catalog.regclass THEN d.objsubid ELSE 0 END,
         CASE WHEN b.relation <> 0 THEN 'pg_catalog.pg_class'::pg_catalog.regclass ELSE b.classid END,
         CASE WHEN b.relation <> 0 THEN b.relation ELSE b.objid END
    FROM pg_catalog.pg_depend d
         JOIN comes a ON a.classid = d.classid AND a.objid = d.objid
         JOIN lost b ON b.classid = d.refclassid AND b.objid = d.refobjid
         LEFT JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid
  UNION
  -- Rows of a partition elsewhere are rows of the table.
  SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, p.oid, 0, 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid
    FROM relation p
         JOIN pg_catalog.pg_inherits i ON i.inhparent = p.oid
         JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
   WHERE p.relkind = 'p' AND c.relnamespace NOT IN (SELECT oid FROM wanted)
)
SELECT DISTINCT a.type || ' ' || a.identity, b.type || ' ' || b.identity
  FROM pair p
       CROSS JOIN LATERAL pg_catalog.pg_identify_object(p.classid, p.objid, p.objsubid) a
       CROSS JOIN LATERAL pg_catalog.pg_identify_object(p.needed_classid, p.needed_objid, 0) b
 ORDER BY 1, 2)";

std::vector<Row> query_with_pattern(Connection &source, const std::string &sql, const std::vector<Value> &parameters,
                                    const std::string &pattern) {
  try {
    return source.query(sql, parameters);
  } catch (const Error &error) {
    if (error.sqlstate != "2201B") throw;
    throw Error("42601", "invalid pattern \"" + pattern + "\"", error.message,
                "Characters other than * and ? mean in a pattern what they mean in a regular expression.");
  }
}

std::vector<std::string> wanted_schemas(Connection &source, const Selection &selection) {
  std::set<std::string> names;
  auto add = [&](const std::vector<Row> &rows) {
    for (const Row &row : rows) names.insert(*row[0]);
    return !rows.empty();
  };
  if (selection.schemas.empty()) add(source.query(kSchemas));
  for (const std::string &pattern : selection.schemas)
    if (!add(query_with_pattern(
            source, std::string(kSchemas) + " AND n.nspname OPERATOR(pg_catalog.~) $1 COLLATE pg_catalog.default",
            {schema_pattern(pattern).name}, pattern)))
      throw Error("3F000", "no schema of the source matches \"" + pattern + "\"", {},
                  "Schemas of the server and of extensions are never copied.");
  return {names.begin(), names.end()};
}

struct Relation {
  QualifiedName name;
  bool is_sequence = false;
  std::string whole;  // OID of the partitioned table or of the table it belongs to
  bool included = true, excluded = false;
};
using Relations = std::map<std::string, Relation>;  // by OID

std::set<std::string> matches(Connection &source, const Wanted &wanted, const std::string &pattern) {
  NamePattern regex = relation_pattern(pattern);
  std::vector<Value> parameters = parameters_for(wanted);
  parameters.emplace_back(regex.name);
  parameters.emplace_back(regex.schema);
  std::set<std::string> oids;
  for (const Row &row : query_with_pattern(source, std::string(kWantedRelations) + kMatches, parameters, pattern))
    oids.insert(*row[0]);
  if (oids.empty())
    throw Error("42P01", "no relation of the source matches \"" + pattern + "\"", {},
                "Relations are looked for in the schemas that are wanted.");
  return oids;
}

bool is_excluded(const Relations &relations, const Relation &relation) {
  auto whole = relations.find(relation.whole);
  return relation.excluded || (whole != relations.end() && is_excluded(relations, whole->second));
}

// A partition comes with its table, unless it is excluded; the sequence of a column comes with it, always. One that is asked
// for without what it is part of is left for the check of dependencies to refuse.
bool comes(const Relations &relations, const Relation &relation) {
  auto whole = relations.find(relation.whole);
  if (whole != relations.end() && comes(relations, whole->second)) return relation.is_sequence || !relation.excluded;
  return relation.included && !is_excluded(relations, relation);
}

std::vector<QualifiedName> left_out(Connection &source, const Wanted &wanted, const Selection &selection) {
  if (selection.include.empty() && selection.exclude.empty()) return {};
  Relations relations;
  for (const Row &row : source.query(std::string(kWantedRelations) + kRelations, parameters_for(wanted)))
    relations[*row[0]] = {{*row[1], *row[2]}, row[3] == "S", *row[4], selection.include.empty(), false};
  for (const std::string &pattern : selection.include)
    for (const std::string &oid : matches(source, wanted, pattern)) relations[oid].included = true;
  for (const std::string &pattern : selection.exclude)
    for (const std::string &oid : matches(source, wanted, pattern)) relations[oid].excluded = true;
  std::vector<QualifiedName> names;
  for (const auto &[oid, relation] : relations)
    if (!comes(relations, relation)) names.push_back(relation.name);
  return names;
}

void check_dependencies(Connection &source, const Wanted &wanted) {
  std::string pairs;
  for (const Row &row :
       source.query(std::string(kWantedRelations) + kWantedObjects + kBrokenDependencies, parameters_for(wanted)))
    pairs += (pairs.empty() ? "" : "\n") + *row[0] + " depends on " + *row[1];
  if (!pairs.empty())
    throw Error("2BP01", "what is wanted depends on what is left out", pairs,
                "Want what is needed too, or leave out what depends on it.");
}

}  // namespace

std::vector<Value> parameters_for(const Wanted &wanted) {
  std::vector<std::string> schemas, names;
  for (const QualifiedName &name : wanted.left_out) {
    schemas.push_back(name.schema);
    names.push_back(name.name);
  }
  return {array_literal(wanted.schemas), array_literal(schemas), array_literal(names)};
}

Wanted find_wanted(Connection &source, const Selection &selection) {
  Wanted wanted{wanted_schemas(source, selection), {}};
  wanted.left_out = left_out(source, wanted, selection);
  check_dependencies(source, wanted);
  return wanted;
}

}  // namespace pagila_repl
