// Looks at the catalog's rows about pagila_repl.job: who could change it, or make it show what does not stand in it.

#include "run/job_table_check.hpp"

#include "core/error.hpp"
#include "pg/spi.hpp"

namespace pagila_repl {

namespace {

// What is wrong with the table, null if nothing is.
constexpr const char *kMistake = R"(
WITH extension AS (
  SELECT oid, extowner FROM pg_catalog.pg_extension WHERE extname = 'pagila_repl'),
the_table AS (
  SELECT c.*
    FROM pg_catalog.pg_class c
   WHERE c.relname = 'job' AND c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'pagila_repl')),
unique_column AS (
  SELECT a.attname
    FROM the_table t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
         JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
   WHERE i.indisunique AND i.indisvalid AND i.indisready AND i.indislive AND i.indimmediate AND i.indnkeyatts = 1
     AND i.indpred IS NULL AND a.attnotnull)
SELECT CASE
    WHEN NOT EXISTS (SELECT FROM the_table) THEN 'It does not exist.'
    WHEN NOT EXISTS (SELECT FROM the_table t, pg_catalog.pg_depend d, extension e
                      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = t.oid AND d.deptype = 'e'
                        AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid)
      THEN 'It does not belong to the extension.'
    WHEN (SELECT t.relowner <> e.extowner FROM the_table t, extension e) THEN 'Its owner is not that of the extension.'
    WHEN (SELECT relkind <> 'r' OR relpersistence <> 'p' OR relispartition FROM the_table)
         OR EXISTS (SELECT FROM pg_catalog.pg_inherits i, the_table t WHERE t.oid IN (i.inhparent, i.inhrelid))
      THEN 'It is not an ordinary table.'
    WHEN NOT EXISTS (SELECT FROM unique_column WHERE attname = 'job_id') THEN 'It has no unique index on job_id.'
    WHEN NOT EXISTS (SELECT FROM unique_column WHERE attname = 'job_name') THEN 'It has no unique index on job_name.'
    WHEN EXISTS (SELECT FROM pg_catalog.pg_rewrite r, the_table t WHERE r.ev_class = t.oid) THEN 'It has rules.'
    WHEN EXISTS (SELECT FROM pg_catalog.pg_trigger g, the_table t WHERE g.tgrelid = t.oid AND NOT g.tgisinternal)
      THEN 'It has triggers.'
    WHEN (SELECT NOT relrowsecurity FROM the_table)
         OR (SELECT pg_catalog.array_agg(p.polname::text || p.polcmd::text || p.polpermissive::text || p.polroles::text
                                         || pg_catalog.pg_get_expr(p.polqual, p.polrelid))
               FROM pg_catalog.pg_policy p, the_table t WHERE p.polrelid = t.oid)
            IS DISTINCT FROM
            ARRAY['own_jobsrtrue{0}(pg_has_role(owner_oid, ''MEMBER''::text)'
                  || ' OR pg_has_role(''pagila_repl_monitor''::name, ''MEMBER''::text))']
      THEN 'Its row security was changed.'
  END)";

}  // namespace

void check_job_table() {
  Value mistake = query_value(kMistake);
  if (mistake)
    throw Error("55000", "table pagila_repl.job is not as the extension made it", *mistake,
                "Put it right, or create the extension anew and schedule the jobs again.");
}

}  // namespace pagila_repl
