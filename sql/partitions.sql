-- Rows that go through a partitioned table are routed to its leaves, frozen as all others.
\getenv directory PG_ABS_SRCDIR
\set dump :directory/test/dumps/partitions.sql
\getenv results PG_ABS_BUILDDIR
\set missing :results/results/partitions_missing.sql
\set bad :results/results/partitions_bad.sql
\! sed '/event_other DEFAULT/d' "$PG_ABS_SRCDIR/test/dumps/partitions.sql" > "$PG_ABS_BUILDDIR/results/partitions_missing.sql"
\set large :results/results/partitions_large.sql
\! sed 's/^20\tb/99999999999\tb/' "$PG_ABS_SRCDIR/test/dumps/partitions.sql" > "$PG_ABS_BUILDDIR/results/partitions_large.sql"
\! sed 's/^20\tb/x\tb/' "$PG_ABS_SRCDIR/test/dumps/partitions.sql" > "$PG_ABS_BUILDDIR/results/partitions_bad.sql"
CREATE EXTENSION pagila_repl;
CREATE EXTENSION pageinspect;
SET client_min_messages = warning;
SELECT status, rows FROM pagila_load(:'dump');
SELECT tableoid::regclass, * FROM parts.event ORDER BY id;
-- Every row is visible to transactions older than the run.
SELECT c.relname, count(*) AS rows, bool_and(h.frozen) AS frozen
  FROM pg_class c, LATERAL (
         SELECT lp, t_infomask & 768 = 768 AS frozen FROM heap_page_items(get_raw_page(c.oid::regclass::text, 0))) h
 WHERE c.relnamespace = 'parts'::regnamespace AND c.relkind = 'r' GROUP BY 1 ORDER BY 1;
SELECT relname, relispartition FROM pg_class WHERE relnamespace = 'parts'::regnamespace ORDER BY 1;
SELECT indexrelid::regclass, indisvalid FROM pg_index
 WHERE indrelid IN (SELECT relid FROM pg_partition_tree('parts.event')) ORDER BY indexrelid::regclass::text;
SELECT status FROM pagila_load(:'dump');
SELECT status, rows FROM pagila_load(:'dump', force => true);
-- The place is the file's, also when a row finds no partition; what the row holds is not told.
\set VERBOSITY sqlstate
SELECT status FROM pagila_load(:'missing');
SELECT status FROM pagila_load(:'bad');
SELECT status FROM pagila_load(:'large');
\set VERBOSITY default
SELECT replace(error_context, :'results', '...') AS error_context, sqlstate,
       error_message, error_detail FROM pagila_repl.run WHERE status = 'failed' ORDER BY run_id;
DROP EXTENSION pagila_repl, pageinspect;
DROP SCHEMA parts CASCADE;
