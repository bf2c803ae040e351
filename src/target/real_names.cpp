// Tells whether a stage can be filled and indexed only under its real names.

#include "target/real_names.hpp"

#include "pg/spi.hpp"

namespace pagila_repl {

namespace {

// True if a function written in the dump, or one of any language of an extension that the run has made and that knows the name of
// its schema, is called by a constraint, a column's expression, an index, a statistics object, a
// domain or an operator.
bool calls_own_functions(const std::string &schemas, const std::string &made_extensions) {
  return query_value(
             R"(SELECT 1 FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid
                     JOIN pg_catalog.pg_language l ON l.oid = p.prolang
                WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.pronamespace = ANY ($1::oid[])
                  AND (l.lanname NOT IN ('c', 'internal')
                       OR d.classid IN ('pg_catalog.pg_constraint'::pg_catalog.regclass,
                                        'pg_catalog.pg_attrdef'::pg_catalog.regclass,
                                        'pg_catalog.pg_class'::pg_catalog.regclass,
                                        'pg_catalog.pg_statistic_ext'::pg_catalog.regclass)
                          AND EXISTS (SELECT FROM pg_catalog.pg_depend m JOIN pg_catalog.pg_extension e ON e.oid = m.refobjid
                                       WHERE m.classid = p.tableoid AND m.objid = p.oid AND m.deptype = 'e'
                                         AND e.oid = ANY ($2::oid[]) AND NOT e.extrelocatable))
                  AND d.classid IN ('pg_catalog.pg_constraint'::pg_catalog.regclass,
                                    'pg_catalog.pg_attrdef'::pg_catalog.regclass,
                                    'pg_catalog.pg_class'::pg_catalog.regclass,
                                    'pg_catalog.pg_type'::pg_catalog.regclass,
                                    'pg_catalog.pg_operator'::pg_catalog.regclass,
                                    'pg_catalog.pg_amproc'::pg_catalog.regclass,
                                    'pg_catalog.pg_statistic_ext'::pg_catalog.regclass,
                                    'pg_catalog.pg_cast'::pg_catalog.regclass)
                LIMIT 1)",
             {schemas, made_extensions})
      .has_value();
}

// True if values of a table's columns, or something in them, are names of objects.
bool holds_names(const std::string &schemas) {
  return query_value(
             R"(WITH RECURSIVE held (type) AS (
                  SELECT a.atttypid FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
                   WHERE c.relnamespace = ANY ($1::oid[]) AND c.relkind IN ('r', 'p') AND a.attnum > 0
                UNION
                  SELECT part.type FROM held JOIN pg_catalog.pg_type t ON t.oid = held.type
                         CROSS JOIN LATERAL (VALUES (t.typelem), (t.typbasetype)
                           UNION ALL SELECT atttypid FROM pg_catalog.pg_attribute
                                      WHERE attrelid = t.typrelid AND attnum > 0
                           UNION ALL SELECT rngsubtype FROM pg_catalog.pg_range
                                      WHERE t.oid IN (rngtypid, rngmultitypid)) part (type))
                SELECT 1 FROM held JOIN pg_catalog.pg_type t ON t.oid = held.type
                 WHERE t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
                   AND t.typname IN ('regclass', 'regcollation', 'regconfig', 'regdictionary', 'regnamespace', 'regoper',
                                     'regoperator', 'regproc', 'regprocedure', 'regtype')
                 LIMIT 1)",
             {schemas})
      .has_value();
}

}  // namespace

bool needs_real_names(const std::vector<std::string> &stage_oids, const std::vector<Oid> &made_extensions) {
  std::string schemas = array_literal(stage_oids);
  std::vector<std::string> made;
  for (Oid extension : made_extensions) made.push_back(std::to_string(extension));
  return calls_own_functions(schemas, array_literal(made)) || holds_names(schemas);
}

}  // namespace pagila_repl
