-- A change of rows is found even after VACUUM has frozen the pages again, and VACUUM alone is no change.
\getenv directory PG_ABS_SRCDIR
\set dump :directory/test/dumps/unlogged.sql
CREATE EXTENSION pagila_repl;
SET client_min_messages = warning;
SELECT status FROM pagila_load(:'dump');
SELECT relpersistence FROM pg_class WHERE oid = 'swift.visit'::regclass;
VACUUM FREEZE swift.visit, swift.page;
VACUUM FULL swift.page;
SELECT status FROM pagila_load(:'dump');

UPDATE swift.visit SET page = 'other' WHERE id = 1;
VACUUM FREEZE swift.visit;
SELECT status FROM pagila_load(:'dump');
UPDATE swift.visit SET page = 'home' WHERE id = 1;
SELECT status FROM pagila_load(:'dump');

UPDATE swift.page SET name = 'other' WHERE name = 'home';
VACUUM FREEZE swift.page;
SELECT status FROM pagila_load(:'dump');
DROP EXTENSION pagila_repl;
DROP SCHEMA swift CASCADE;
