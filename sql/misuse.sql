-- Every function, option and setting, misused.
\set SHOW_CONTEXT never
\getenv directory PG_ABS_SRCDIR
\set shop :directory/test/dumps/shop.sql
CREATE EXTENSION pagila_repl;

\set VERBOSITY sqlstate
SELECT pagila_load(NULL);
SELECT pagila_load('relative.sql');
SELECT pagila_load('/nonexistent/dump.sql');
SELECT pagila_load('/');
SELECT pagila_load(:'shop', :'shop');
SELECT pagila_load(:'shop', force => NULL);
SELECT pagila_load(:'shop', wait => NULL);
SELECT pagila_load(:'shop', strict => NULL);
SELECT pagila_load(:'shop', verify => NULL);
SELECT pagila_load(:'shop', verify => 'sha');
SELECT pagila_load(:'shop', on_modified => 'drop');
SELECT pagila_load(:'shop', on_unmanaged => 'overwrite');
SELECT pagila_load(:'shop', on_dependents => '');
SELECT pagila_load(:'shop', owners => 'postgres');
SELECT pagila_load(:'shop', on_other_source => 'overwrite');
SELECT pagila_load(:'shop', on_other_source => NULL);
SELECT pagila_load(:'shop', on_object_error => 'ignore');
SELECT pagila_load(:'shop', on_object_error => NULL);
BEGIN;
SELECT pagila_load(:'shop');
ROLLBACK;
SELECT pagila_wait(4711);
SELECT pagila_wait(NULL);
SELECT pagila_cancel(4711);
SELECT pagila_cancel(NULL);
BEGIN;
SELECT pagila_wait(1);
ROLLBACK;

\set VERBOSITY default
SELECT pagila_load(:'shop', verify => 'sha');
SELECT pagila_load('relative.sql');
SET pagila_repl.statistics = 'perhaps';
SET pagila_repl.swap_budget = '-1s';
SET pagila_repl.swap_budget = '5s';
SHOW pagila_repl.swap_budget;
SET pagila_repl.load_directories = '/';
SET pagila_repl.no_such_setting = 1;

-- Runs that failed are recorded.
SELECT count(*), array_agg(DISTINCT status), array_agg(DISTINCT phase) FROM pagila_repl.run;

-- The extension owns its schema alone.
CREATE EXTENSION pagila_repl;
ALTER EXTENSION pagila_repl SET SCHEMA public;
DROP EXTENSION pagila_repl;
CREATE SCHEMA pagila_repl;
CREATE EXTENSION pagila_repl;
DROP SCHEMA pagila_repl;
