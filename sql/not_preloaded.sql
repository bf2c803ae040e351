-- Schedules need the launcher. The other expected output is that of a server that preloads the module.
CREATE EXTENSION pagila_repl;
SELECT pagila_schedule('regress', '0 0 30 2 *', schema_file => '/nonexistent/dump.sql');
SELECT count(*) FROM pagila_repl.job;
DROP EXTENSION pagila_repl;
