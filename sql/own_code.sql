-- Functions of the dump run while rows go in, indexes are built and views filled, and name tables as they will be seen.
\getenv directory PG_ABS_SRCDIR
\set dump :directory/test/dumps/own_code.sql
CREATE EXTENSION pagila_repl;
SELECT status, rows, message FROM pagila_load(:'dump');
SELECT * FROM o.t ORDER BY a;
SELECT * FROM o.m ORDER BY a;
-- With the old copy in place the names still mean the new one.
UPDATE o.rates SET v = 99;
SELECT status, rows FROM pagila_load(:'dump', on_modified => 'overwrite');
SELECT * FROM o.m ORDER BY a;
SELECT conname, convalidated FROM pg_constraint WHERE conrelid = 'o.t'::regclass;
SELECT pg_get_indexdef('o.i'::regclass);
DROP EXTENSION pagila_repl;
\set VERBOSITY terse
DROP SCHEMA o CASCADE;
