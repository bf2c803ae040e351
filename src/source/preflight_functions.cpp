// The validators of the languages parse and analyze a body, but do not plan it, so no function is called by that. Of PL/pgSQL
// only the types of variables are looked up.

#include "source/preflight_functions.hpp"

#include <map>

#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "source/answer.hpp"
#include "source/findings.hpp"
#include "source/wanted.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace pagila_repl {

namespace {

// What is evaluated while a copy is made, and whether it must be, then what that calls, down to functions. Indexes and statistics
// that may be skipped here are evaluated on the source when it plans the queries that verify the copy.
constexpr const char *kFunctions = R"(
, evaluated (what, is_needed, classid, objid) AS (
  SELECT pg_catalog.format('generated column %s.%I', a.attrelid::pg_catalog.regclass, a.attname), true, o.classid, o.objid
    FROM comes o JOIN pg_catalog.pg_attrdef f ON o.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND f.oid = o.objid
         JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
   WHERE a.attgenerated = 's'
  UNION ALL
  SELECT CASE c.relkind WHEN 'p' THEN 'partitioned table ' ELSE 'index ' END || c.oid::pg_catalog.regclass::text,
         true, o.classid, o.objid
    FROM comes o JOIN pg_catalog.pg_class c ON o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = o.objid
   WHERE c.relkind IN ('i', 'I', 'p')
  UNION ALL
  SELECT pg_catalog.format('statistics object %s.%I', s.stxnamespace::pg_catalog.regnamespace, s.stxname), true, o.classid, o.objid
    FROM comes o JOIN pg_catalog.pg_statistic_ext s
         ON o.classid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass AND s.oid = o.objid
  UNION ALL
  SELECT 'materialized view ' || c.oid::pg_catalog.regclass::text, false, o.classid, o.objid
    FROM comes o JOIN pg_catalog.pg_rewrite w ON o.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = o.objid
         JOIN pg_catalog.pg_class c ON c.oid = w.ev_class
   WHERE c.relkind = 'm' AND c.relispopulated
), called (what, is_needed, classid, objid) AS (
  SELECT * FROM evaluated
  UNION
  SELECT c.what, c.is_needed, n.classid, n.objid
    FROM called c
         JOIN pg_catalog.pg_depend d ON d.classid = c.classid AND d.objid = c.objid AND d.deptype = 'n' AND d.refobjid >= 16384
         LEFT JOIN pg_catalog.pg_class v
         ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND v.oid = d.refobjid AND v.relkind = 'v'
         LEFT JOIN pg_catalog.pg_rewrite w ON w.ev_class = v.oid
         CROSS JOIN LATERAL (
           SELECT d.refclassid, d.refobjid
            WHERE d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
           UNION ALL
           SELECT w.tableoid, w.oid WHERE w.oid IS NOT NULL) n (classid, objid)
)
SELECT p.oid, p.oid::pg_catalog.regprocedure::text, l.lanname, e.extname, e.extversion, pg_catalog.min(c.what), s.is_safe,
       pg_catalog.bool_or(c.what LIKE 'index %'), pg_catalog.bool_or(c.is_needed)
  FROM called c JOIN pg_catalog.pg_proc p ON c.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = c.objid
       JOIN pg_catalog.pg_language l ON l.oid = p.prolang
       LEFT JOIN member m ON m.classid = c.classid AND m.objid = p.oid
       LEFT JOIN pg_catalog.pg_extension e ON e.oid = m.extension
       CROSS JOIN LATERAL (
         SELECT p.prosqlbody IS NOT NULL
                OR EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) f (setting) WHERE f.setting LIKE 'search\_path=%')) s (is_safe)
 WHERE l.lanname IN ('sql', 'plpgsql') AND p.prokind IN ('f', 'w') AND (e.oid IS NOT NULL OR NOT s.is_safe)
   AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE') AND pg_catalog.has_language_privilege(l.oid, 'USAGE')
 GROUP BY p.oid, l.lanname, e.extname, e.extversion, s.is_safe ORDER BY 2)";

struct Function {
  std::string oid, signature, language;
  std::string extension, version;  // it belongs to; may be empty
  std::string called_by;
  bool is_safe = false;     // it has a search_path there, or needs none
  bool is_indexed = false;  // an index calls it
  bool is_needed = false;   // by what a copy cannot do without
};

Function function_in(const Row &row) {
  Function function;
  function.oid = std::to_string(oid_in(row, 0));
  function.signature = text_in(row, 1);
  function.language = text_in(row, 2);
  function.extension = optional_text_in(row, 3);
  function.version = optional_text_in(row, 4);
  function.called_by = text_in(row, 5);
  function.is_safe = flag_in(row, 6);
  function.is_indexed = flag_in(row, 7);
  function.is_needed = flag_in(row, 8);
  return function;
}

std::string validation_of(const std::string &language, const std::string &oids) {
  return "SELECT pg_catalog.pg_typeof(pg_catalog." +
         std::string(language == "sql" ? "fmgr_sql_validator" : "plpgsql_validator") +
         "(f.oid)) FROM pg_catalog.unnest(" + oids + "::pg_catalog.oid[]) f (oid)";
}

// Names that are missing, and what follows from what was found instead. Rights say nothing about names.
bool is_about_names(const Error &error) {
  return error.sqlstate == "3F000" || (error.sqlstate.compare(0, 2, "42") == 0 && error.sqlstate != "42501");
}

// The connection is lost, or was given up.
bool is_end(const Error &error) {
  std::string kind = error.sqlstate.substr(0, 2);
  return error.origin == Error::Origin::local || kind == "08" || kind == "57";
}

// Throws whatever the source finds wrong with any of them.
void analyze_there(Connection &source, const std::string &language, const std::vector<std::string> &functions) {
  source.execute("SAVEPOINT before_functions; SET LOCAL check_function_bodies = on; SET LOCAL lock_timeout = '1s'");
  try {
    (void)source.query(validation_of(language, "$1"), {array_literal(functions)});
  } catch (const Error &error) {
    if (!is_end(error)) source.execute("ROLLBACK TO before_functions; RELEASE before_functions");
    throw;
  }
  source.execute("ROLLBACK TO before_functions; RELEASE before_functions");
}

// The server's words without what was put before them.
std::string reason_of(const Error &error) {
  static const std::string source = "source: ";
  return error.message.compare(0, source.size(), source) == 0 ? error.message.substr(source.size()) : error.message;
}

class PathDependent {
 public:
  explicit PathDependent(Connection &source) : source_(source) {}

  void look_at(const std::string &language, const std::vector<Function> &functions) {
    std::map<std::string, Error> wrong = wrong_there(language, functions);
    for (const Function &function : functions) {
      auto found = wrong.find(function.oid);
      const Error *there = found == wrong.end() ? nullptr : &found->second;
      if (!function.extension.empty())
        tell_of_member(function, there);
      else if (there != nullptr)
        add(function, *there,
            "On the source, run ALTER FUNCTION " + function.signature +
                " SET search_path = ..., or write its body as BEGIN ATOMIC.");
    }
  }

  std::vector<Finding> take() {
    found_.else_ok("function", "no function that is evaluated is seen to need a search_path");
    return found_.take();
  }

 private:
  // By their OIDs. All are asked for at once, which mostly is enough.
  std::map<std::string, Error> wrong_there(const std::string &language, const std::vector<Function> &functions) {
    std::map<std::string, Error> wrong;
    std::vector<std::string> oids;
    for (const Function &function : functions)
      if (!function.is_safe) oids.push_back(function.oid);
    try {
      analyze_there(source_, language, oids);
      return wrong;
    } catch (const Error &error) {
      if (is_end(error)) throw;
    }
    for (const std::string &oid : oids) {
      try {
        analyze_there(source_, language, {oid});
      } catch (const Error &error) {
        if (is_end(error)) throw;
        if (is_about_names(error)) wrong.emplace(oid, error);
      }
    }
    return wrong;
  }

  // It is not copied: what is here counts. But to verify the rows the source plans queries, for which it looks at its indexes.
  void tell_of_member(const Function &function, const Error *there) {
    std::string alter = "ALTER FUNCTION " + function.signature + " SET search_path = ...";
    if (query("SELECT FROM pg_catalog.pg_extension WHERE extname = $1", {function.extension}).empty()) {
      if (there != nullptr &&
          !query("SELECT FROM pg_catalog.pg_available_extension_versions WHERE name = $1 AND version = $2",
                 {function.extension, function.version})
               .empty())
        add(function, *there, "Create the extension here first, then run " + alter + " here and on the source.");
      return;
    }
    bool matters_there = there != nullptr && function.is_indexed;
    if (std::optional<Error> here = wrong_here(function))
      add(function, *here, "Run " + alter + " here" + (matters_there ? " and on the source." : "."));
    else if (matters_there)
      add(function, *there, "Run " + alter + " on the source.");
  }

  std::optional<Error> wrong_here(const Function &function) {
    std::vector<Row> here = query(
        R"(SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
            WHERE p.oid = pg_catalog.to_regprocedure($1) AND l.lanname = $2 AND p.prosqlbody IS NULL
              AND NOT EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) s (setting) WHERE s.setting LIKE 'search\_path=%')
              AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE'))",
        {function.signature, function.language});
    if (here.empty()) return {};
    try {
      in_subtransaction([&] {
        // The transaction may be the caller's.
        int settings = guarded([] { return NewGUCNestLevel(); });
        set_local("check_function_bodies", "on");
        (void)query(validation_of(function.language, "$1"), {array_literal({*here[0][0]})});
        guarded([settings] { AtEOXact_GUC(false, settings); });
      });
    } catch (const Error &error) {
      if (is_about_names(error)) return error;
      if (error.sqlstate == "57014") throw;
    }
    return {};
  }

  void add(const Function &function, const Error &error, const std::string &hint) {
    found_.error("function", error.sqlstate,
                 "function " + function.signature +
                     (function.extension.empty() ? "" : " of extension \"" + function.extension + "\"") +
                     ", called by " + function.called_by + ", needs a search_path: " + reason_of(error),
                 hint, !function.is_needed);
  }

  Connection &source_;
  Findings found_;
};

}  // namespace

std::vector<Finding> find_path_dependent_functions(Connection &source, const SourceCatalog &catalog) {
  std::map<std::string, std::vector<Function>> by_language;
  for (const Row &row : source.query(std::string(kWantedRelations) + kWantedObjects + kFunctions,
                                     parameters_for({catalog.schemas, catalog.left_out}))) {
    Function function = function_in(row);
    by_language[function.language].push_back(function);
  }
  PathDependent found(source);
  for (const auto &[language, functions] : by_language) found.look_at(language, functions);
  return found.take();
}

}  // namespace pagila_repl
