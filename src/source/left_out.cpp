// Lists what the source has and a copy does not get.

#include "source/left_out.hpp"

#include "source/answer.hpp"
#include "source/findings.hpp"

namespace pagila_repl {

namespace {

constexpr size_t kNamesShown = 10;

// One row per thing: what one is called, what several are, its name.
constexpr const char *kLeftOut = R"(
, other_server AS (
  SELECT s.oid, s.srvname
    FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
   WHERE w.fdwname <> 'pagila_repl'
     AND NOT EXISTS (SELECT FROM member m
                      WHERE m.classid = 'pg_catalog.pg_foreign_server'::pg_catalog.regclass AND m.objid = s.oid)
), of_extension AS (
  SELECT n.objid AS oid FROM member n JOIN pg_catalog.pg_extension e ON e.oid = n.extension AND e.extname <> 'pagila_repl'
   WHERE n.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
)
SELECT 'publication', 'publications', pubname::text FROM pg_catalog.pg_publication WHERE NOT $4::pg_catalog.bool
UNION ALL
SELECT 'setting', 'settings',
       pg_catalog.concat(pg_catalog.split_part(c.setting, '=', 1), ' for ' || pg_catalog.quote_ident(r.rolname))
  FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
       LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
       CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) c (setting)
 WHERE d.datname = pg_catalog.current_database() AND NOT $5::pg_catalog.bool AND c.setting NOT ILIKE 'pagila\_repl.%'
UNION ALL
SELECT 'subscription', 'subscriptions', subname FROM pg_catalog.pg_subscription
 WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
UNION ALL
SELECT 'event trigger', 'event triggers', e.evtname FROM pg_catalog.pg_event_trigger e
 WHERE NOT $6::pg_catalog.bool
   AND NOT EXISTS (SELECT FROM member m
                    WHERE m.classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass AND m.objid = e.oid)
UNION ALL
SELECT 'foreign-data wrapper', 'foreign-data wrappers', w.fdwname FROM pg_catalog.pg_foreign_data_wrapper w
 WHERE NOT EXISTS (SELECT FROM member m
                    WHERE m.classid = 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass AND m.objid = w.oid)
UNION ALL
SELECT 'server', 'servers', srvname FROM other_server
UNION ALL
SELECT 'user mapping', 'user mappings', s.srvname || ' for ' || u.usename
  FROM pg_catalog.pg_user_mappings u JOIN other_server s ON s.oid = u.srvid
UNION ALL
SELECT 'language', 'languages', l.lanname FROM pg_catalog.pg_language l
 WHERE l.oid >= 16384
   AND NOT EXISTS (SELECT FROM member m
                    WHERE m.classid = 'pg_catalog.pg_language'::pg_catalog.regclass AND m.objid = l.oid)
UNION ALL
SELECT 'access method', 'access methods', a.amname FROM pg_catalog.pg_am a
 WHERE a.oid >= 16384
   AND NOT EXISTS (SELECT FROM member m
                    WHERE m.classid = 'pg_catalog.pg_am'::pg_catalog.regclass AND m.objid = a.oid)
UNION ALL
SELECT 'database-wide default privileges of role', 'database-wide default privileges of roles',
       pg_catalog.pg_get_userbyid(defaclrole) || CASE defaclobjtype WHEN 'r' THEN ' on tables' WHEN 'S' THEN ' on sequences'
         WHEN 'f' THEN ' on functions' WHEN 'T' THEN ' on types' WHEN 'n' THEN ' on schemas' ELSE '' END
  FROM pg_catalog.pg_default_acl WHERE defaclnamespace = 0
UNION ALL
-- Its rows are seen in a table that comes.
SELECT 'inheriting table', 'inheriting tables', pg_catalog.concat(n.nspname, '.', c.relname)
  FROM gone JOIN pg_catalog.pg_class c ON c.oid = gone.oid AND NOT c.relispartition
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE EXISTS (SELECT FROM pg_catalog.pg_inherits i JOIN relation p ON p.oid = i.inhparent WHERE i.inhrelid = c.oid)
UNION ALL
SELECT 'table of an extension', 'tables of extensions', pg_catalog.concat(c.relnamespace::pg_catalog.regnamespace, '.', c.relname)
  FROM pg_catalog.pg_class c
       JOIN member m ON m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.objid = c.oid
 WHERE c.relkind IN ('r', 'p') AND c.relnamespace IN (SELECT oid FROM wanted)
   -- Of others the rows are copied, or said to be left out.
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE c.oid = ANY (e.extconfig))
UNION ALL
SELECT 'relation in the schema of an extension', 'relations in schemas of extensions',
       pg_catalog.concat(c.relnamespace::pg_catalog.regnamespace, '.', c.relname)
  FROM pg_catalog.pg_class c
 WHERE c.relnamespace IN (SELECT oid FROM of_extension) AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
   AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.objid = c.oid)
UNION ALL
SELECT 'function in the schema of an extension', 'functions in schemas of extensions',
       p.oid::pg_catalog.regprocedure::text
  FROM pg_catalog.pg_proc p
 WHERE p.pronamespace IN (SELECT oid FROM of_extension)
   AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND m.objid = p.oid)
UNION ALL
SELECT 'type in the schema of an extension', 'types in schemas of extensions', t.oid::pg_catalog.regtype::text
  FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
 WHERE t.typnamespace IN (SELECT oid FROM of_extension) AND t.typtype IN ('b', 'c', 'd', 'e', 'r')
   AND COALESCE(c.relkind = 'c', true)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid)
   AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND m.objid = t.oid)
 ORDER BY 1, 3)";

// Of a tree whose rows are routed again, the source is asked for all rows at once.
constexpr const char *kLeavesOfTrees = R"(
SELECT r.oid, n.nspname, c.relname, c.relkind, EXISTS (SELECT FROM gone WHERE gone.oid = c.oid)
  FROM pg_catalog.unnest($4::pg_catalog.oid[]) r (oid)
       CROSS JOIN LATERAL pg_catalog.pg_partition_tree(r.oid::pg_catalog.regclass) t
       JOIN pg_catalog.pg_class c ON c.oid = t.relid
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE t.isleaf AND (c.relkind <> 'r' OR EXISTS (SELECT FROM gone WHERE gone.oid = c.oid)) ORDER BY 2, 3)";

// A materialized view that has rows, made from one that has been emptied since.
constexpr const char *kNotToBeRefreshed = R"(
, reached (view, relation) AS (
  SELECT c.oid, c.oid FROM relation c WHERE c.relkind = 'm' AND c.relispopulated
  UNION
  SELECT s.view, d.refobjid
    FROM reached s JOIN pg_catalog.pg_rewrite r ON r.ev_class = s.relation
         JOIN pg_catalog.pg_depend d
         ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
)
SELECT c.nspname, c.relname, m.nspname, m.relname
  FROM reached s JOIN relation c ON c.oid = s.view JOIN relation m ON m.oid = s.relation
 WHERE m.relkind = 'm' AND NOT m.relispopulated ORDER BY 1, 2, 3, 4)";

Finding error(const std::string &check, const std::string &sqlstate, const std::string &message,
              const std::string &hint) {
  return {Finding::Severity::error, check, sqlstate, message, hint};
}

}  // namespace

std::vector<std::string> left_out_of_any_run(Connection &source, const Wanted &wanted,
                                             const DatabaseObjectKinds &kinds) {
  std::vector<std::string> remarks, names;
  std::vector<Value> parameters = parameters_for(wanted);
  for (bool is_asked_for : {kinds.publications, kinds.settings, kinds.event_triggers})
    parameters.emplace_back(is_asked_for ? "true" : "false");
  std::vector<Row> rows = source.query(std::string(kWantedRelations) + kLeftOut, parameters);
  for (size_t i = 0; i < rows.size(); i++) {
    names.push_back(text_in(rows[i], 2));
    if (i + 1 < rows.size() && text_in(rows[i + 1], 0) == text_in(rows[i], 0)) continue;
    remarks.push_back(
        (names.size() == 1 ? text_in(rows[i], 0) : std::to_string(names.size()) + " " + text_in(rows[i], 1)) +
        " left out: " + shown(names, kNamesShown));
    names.clear();
  }
  return remarks;
}

std::vector<Finding> what_cannot_be_copied(Connection &source, const SourceCatalog &catalog) {
  std::vector<Finding> findings;
  std::vector<Value> parameters = parameters_for({catalog.schemas, catalog.left_out});
  for (const Row &row : source.query(std::string(kWantedRelations) + kNotToBeRefreshed, parameters))
    findings.push_back(error("materialized view", "55000",
                             "materialized view " + quoted_name_in(row, 0) + " cannot be filled, since " +
                                 quoted_name_in(row, 2) + ", which it reads, is not populated",
                             "Refresh both on the source."));
  std::vector<std::string> trees;
  for (const RoutedTree &tree : catalog.routed) trees.push_back(std::to_string(tree.oid));
  if (trees.empty()) return findings;
  parameters.emplace_back(array_literal(trees));
  for (const Row &row : source.query(std::string(kWantedRelations) + kLeavesOfTrees, parameters))
    for (const RoutedTree &tree : catalog.routed)
      if (tree.oid == oid_in(row, 0))
        findings.push_back(
            error("partition", "0A000",
                  "partition " + quoted_name_in(row, 1) + " " +
                      (flag_in(row, 4) ? "cannot be left out" : "is a foreign table, which cannot be") +
                      ": rows of the tree may belong to another partition here, as " + tree.because,
                  "Leave out the partitioned table \"" + tree.root.schema + "." + tree.root.name + "\"."));
  return findings;
}

}  // namespace pagila_repl
