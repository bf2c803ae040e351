// Asks the source about single objects that a run may have to leave out.

#include "source/preflight_skips.hpp"

#include <map>
#include <set>

#include "core/counted.hpp"
#include "pg/label_providers.hpp"
#include "source/answer.hpp"
#include "source/findings.hpp"
#include "source/wanted.hpp"

namespace pagila_repl {

namespace {

constexpr const char *kSkipsThem = "on_object_error => 'skip' leaves the view without rows, and goes on.";

// What a populated view reads, through views and functions too: a server of a foreign table, or a function in a language of words
// that are looked up by the search_path of whoever calls it.
constexpr const char *kReads = R"(
SELECT c.nspname, c.relname, true, v.srvname
  FROM reached s JOIN relation c ON c.oid = s.view
       JOIN pg_catalog.pg_foreign_table f
       ON s.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND f.ftrelid = s.objid
       JOIN pg_catalog.pg_foreign_server v ON v.oid = f.ftserver
UNION
SELECT c.nspname, c.relname, false, p.oid::pg_catalog.regprocedure::text
  FROM reached s JOIN relation c ON c.oid = s.view
       JOIN pg_catalog.pg_proc p ON s.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = s.objid
       JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE p.oid >= 16384 AND l.lanname NOT IN ('c', 'internal') AND p.prosqlbody IS NULL AND p.prokind = 'f'
   AND NOT EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) e WHERE e LIKE 'search_path=%')
   AND NOT EXISTS (SELECT FROM member m
                    WHERE m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND m.objid = p.oid)
 ORDER BY 1, 2, 3, 4)";

// Of objects and their parts.
constexpr const char *kLabels = R"(
SELECT l.provider, pg_catalog.count(*)
  FROM pg_catalog.pg_seclabel l JOIN comes c ON c.classid = l.classoid AND c.objid = l.objoid
 GROUP BY 1 ORDER BY 1)";

}  // namespace

std::vector<Finding> find_views_at_risk(Connection &source, const SourceCatalog &catalog) {
  Findings found;
  std::map<std::string, std::vector<std::string>> functions;
  for (const Row &row : source.query(std::string(kWantedRelations) + kReachedByViews + kReads,
                                     parameters_for({catalog.schemas, catalog.left_out})))
    if (flag_in(row, 2))
      found.warning("materialized view",
                    "materialized view " + quoted_name_in(row, 0) + " reads foreign server \"" + text_in(row, 3) +
                        "\", which must answer here when the view is filled",
                    kSkipsThem);
    else
      functions[quoted_name_in(row, 0)].push_back(text_in(row, 3));
  for (const auto &[view, called] : functions)
    found.warning(
        "materialized view",
        "materialized view " + view + " calls " + shown(called) +
            ", in which names without a schema are not found when the view is filled",
        std::string("Give the function a search_path with ALTER FUNCTION ... SET search_path, or write names with "
                    "their schemas in it. ") +
            kSkipsThem);
  return found.take();
}

std::vector<Finding> find_foreign_labels(Connection &source, const SourceCatalog &catalog) {
  Findings found;
  for (const Row &row : source.query(std::string(kWantedRelations) + kWantedObjects + kLabels,
                                     parameters_for({catalog.schemas, catalog.left_out})))
    if (!is_label_provider(text_in(row, 0)))
      found.warning("security label",
                    counted(static_cast<uint64_t>(number_in(row, 1)), "{security label|security labels}") +
                        " of provider \"" + text_in(row, 0) + "\" left out, since it is not loaded here",
                    "Load its library with session_preload_libraries or shared_preload_libraries to have them.");
  return found.take();
}

std::vector<Finding> with_skips(std::vector<Finding> findings, bool skip_objects) {
  static const std::set<std::string> of_objects = {"extension",     "language",  "foreign server",
                                                   "access method", "superuser", "materialized view"};
  static const std::set<std::string> sqlstates = {"42501", "42704", "55000"};
  for (Finding &finding : findings) {
    bool is_skippable =
        finding.is_of_skippable || (of_objects.count(finding.check) != 0 && sqlstates.count(finding.sqlstate) != 0);
    if (finding.severity != Finding::Severity::error || !is_skippable) continue;
    if (skip_objects) {
      finding.severity = Finding::Severity::warning;
      finding.sqlstate.clear();
    } else {
      finding.hint += (finding.hint.empty() ? "" : " ") +
                      std::string(
                          "With on_object_error => 'skip' a run leaves out what needs it, unless that is a table, or "
                          "protects one.");
    }
  }
  return findings;
}

}  // namespace pagila_repl
