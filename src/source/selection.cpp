// Applies the patterns of a selection to the source's relations.

#include "source/selection.hpp"

#include <map>
#include <set>

#include "core/error.hpp"
#include "core/hidden_names.hpp"
#include "core/name_pattern.hpp"
#include "source/answer.hpp"

namespace pagila_repl {

namespace {

// An eligible schema is one that a copy may contain: not what a run into the source has staged or is about to drop.
std::string eligible_schemas() {
  return std::string(R"(
SELECT n.nspname FROM pg_catalog.pg_namespace n
 WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'pagila_repl')
   AND n.nspname !~ '^)") +
         kHiddenNames + R"($'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.objid = n.oid
                      AND d.deptype = 'e'))";
}

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
 WHERE c.relname OPERATOR(pg_catalog.~) $4::pg_catalog.text COLLATE pg_catalog.default
   AND ($5::pg_catalog.text IS NULL OR c.nspname OPERATOR(pg_catalog.~) $5::pg_catalog.text COLLATE pg_catalog.default))";

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
  -- Rows of a partition or a child elsewhere are rows of the table. Other sessions see no rows of a temporary child.
  SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, p.oid, 0, 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid
    FROM relation p
         JOIN pg_catalog.pg_inherits i ON i.inhparent = p.oid
         JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
   WHERE p.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND c.relnamespace NOT IN (SELECT oid FROM wanted)
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
    throw Error("42601", "invalid pattern \"" + pattern + "\"", "Reason: " + error.message + ".",
                "Characters other than * and ? mean in a pattern what they mean in a regular expression.");
  }
}

std::vector<std::string> wanted_schemas(Connection &source, const Selection &selection) {
  std::set<std::string> names;
  auto add = [&](const std::vector<Row> &rows) {
    for (const Row &row : rows) names.insert(text_in(row, 0));
    return !rows.empty();
  };
  if (selection.schemas.empty()) add(source.query(eligible_schemas()));
  for (const std::string &pattern : selection.schemas)
    if (!add(query_with_pattern(
            source,
            eligible_schemas() + " AND n.nspname OPERATOR(pg_catalog.~) $1::pg_catalog.text COLLATE pg_catalog.default",
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
    oids.insert(text_in(row, 0));
  if (oids.empty())
    throw Error("42P01", "no relation of the source matches \"" + pattern + "\"", {},
                "Relations are looked for in the schemas that are wanted.");
  return oids;
}

// A partition comes with its table, unless it is excluded; the sequence of a column comes with it, always. One that is asked
// for without what it is part of is left for the check of dependencies to refuse.
bool comes(const Relations &relations, const Relation &relation) {
  std::vector<const Relation *> path{&relation};  // from the part to the whole
  for (auto whole = relations.find(relation.whole); whole != relations.end();
       whole = relations.find(path.back()->whole)) {
    path.push_back(&whole->second);
    if (path.size() > relations.size()) throw Error("08P01", "source: a relation is part of itself");
  }
  bool comes = false, excluded_above = false;
  for (auto part = path.rbegin(); part != path.rend(); ++part) {
    comes =
        comes ? (*part)->is_sequence || !(*part)->excluded : (*part)->included && !(*part)->excluded && !excluded_above;
    excluded_above = excluded_above || (*part)->excluded;
  }
  return comes;
}

std::vector<QualifiedName> left_out(Connection &source, const Wanted &wanted, const Selection &selection) {
  if (selection.include.empty() && selection.exclude.empty()) return {};
  Relations relations;
  for (const Row &row : source.query(std::string(kWantedRelations) + kRelations, parameters_for(wanted)))
    relations[text_in(row, 0)] = {name_in(row, 1), text_in(row, 3) == "S", text_in(row, 4), selection.include.empty(),
                                  false};
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
    pairs += (pairs.empty() ? "" : "\n") + text_in(row, 0) + " depends on " + text_in(row, 1);
  if (!pairs.empty())
    throw Error("2BP01", "what is wanted depends on what is left out", pairs,
                "Want what is needed too, or leave out what depends on it.");
}

}  // namespace

Wanted find_wanted(Connection &source, const Selection &selection) {
  Wanted wanted{wanted_schemas(source, selection), {}};
  wanted.left_out = left_out(source, wanted, selection);
  check_dependencies(source, wanted);
  return wanted;
}

}  // namespace pagila_repl
