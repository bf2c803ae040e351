-- A load, what it leaves, and what the next one makes of it.
\set VERBOSITY default
\getenv directory PG_ABS_SRCDIR
\set shop :directory/test/dumps/shop.sql
\getenv results PG_ABS_BUILDDIR
\set changed :results/results/shop_changed.sql
\set orphan :results/results/shop_orphan.sql
\! sed 's/^\(3.*\)0\.01$/\10.02/' "$PG_ABS_SRCDIR/test/dumps/shop.sql" > "$PG_ABS_BUILDDIR/results/shop_changed.sql"
\! sed 's/^3\t2/3\t9/' "$PG_ABS_SRCDIR/test/dumps/shop.sql" > "$PG_ABS_BUILDDIR/results/shop_orphan.sql"
CREATE EXTENSION pagila_repl;

SELECT run_id, status, rows, bytes, duration > '0', message FROM pagila_load(:'shop');
SELECT * FROM shop.sales ORDER BY name, amount;
SELECT * FROM shop.totals ORDER BY customer_id;
SELECT nextval('shop.customer_customer_id_seq') = 3 AS next_value;

-- The sequence was advanced by hand.
SELECT status FROM pagila_load(:'shop');
SELECT status, message FROM pagila_load(:'shop', on_modified => 'overwrite');
-- Nothing changed.
SELECT status, rows, message FROM pagila_load(:'shop');
SELECT status, rows FROM pagila_load(:'shop', force => true);

-- Other rows are a new copy; a bad one changes nothing.
SELECT status, rows FROM pagila_load(:'changed');
SELECT sum(amount) FROM shop.sale;
SELECT status FROM pagila_load(:'orphan');
SELECT sum(amount) FROM shop.sale;

-- Rows touched by hand.
UPDATE shop.sale SET amount = 1 WHERE sale_id = 1;
SELECT status FROM pagila_load(:'changed');
UPDATE shop.sale SET amount = 10 WHERE sale_id = 1;
SELECT status FROM pagila_load(:'changed');

-- What no run created is not lost unless asked for.
CREATE TABLE shop.mine ();
SELECT status FROM pagila_load(:'shop');
SELECT status, message FROM pagila_load(:'shop', on_unmanaged => 'drop');
SELECT to_regclass('shop.mine');

-- Nor what depends on the copy from outside.
CREATE VIEW public.outside AS SELECT amount FROM shop.sale;
SELECT status FROM pagila_load(:'changed');
SELECT status, message FROM pagila_load(:'changed', on_dependents => 'drop');
SELECT to_regclass('public.outside');

-- In the background.
SELECT status IN ('running', 'succeeded') AS started FROM pagila_load(:'shop', wait => false);
SELECT status FROM pagila_wait((SELECT max(run_id) FROM pagila_repl.run));
SELECT pagila_cancel((SELECT max(run_id) FROM pagila_repl.run));

-- Counted only: then changed rows cannot be told from touched ones.
SELECT status FROM pagila_load(:'shop', verify => 'counts', force => true);
SELECT status FROM pagila_load(:'shop');

-- What is recorded.
SELECT run_id, kind, owner = current_user AS mine, status, phase, schemas, rows, total_rows, unchanged_since, sqlstate,
       error_message, options ->> 'verify' AS verify, schema_sha256 IS NOT NULL AS hashed
  FROM pagila_repl.run ORDER BY run_id;
SELECT step, kind, schema_name, object_name, rows, bytes, content_hash IS NOT NULL AS hashed
  FROM pagila_repl.run_step WHERE run_id = 1 ORDER BY step;
SELECT id, actor_count, film_count, customer_count, rental_count, succeeded FROM pagila_repl.pagila_load_audit ORDER BY id;
SELECT * FROM pagila_repl.progress;
SELECT schema_name, run_id = (SELECT max(run_id) FROM pagila_repl.run WHERE status = 'succeeded') AS newest FROM pagila_repl.copy;
SELECT count(*) FROM pagila_repl.leftover;
SELECT DISTINCT is_sequence, physical_state IS NOT NULL AS proved FROM pagila_repl.managed_content;
SELECT identity FROM pagila_repl.managed_object ORDER BY identity;

-- Without statistics.
SET pagila_repl.statistics = off;
SELECT status FROM pagila_load(:'shop', force => true);
SELECT count(*) FROM pagila_repl.run_step WHERE kind = 'analyze' AND run_id = (SELECT max(run_id) FROM pagila_repl.run);
RESET pagila_repl.statistics;

DROP EXTENSION pagila_repl;
DROP SCHEMA shop CASCADE;
