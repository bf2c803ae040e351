-- Looking at a source: this database itself, which is the one that is there, and what cannot be looked at.
\set SHOW_CONTEXT never
CREATE EXTENSION pagila_repl;
SELECT current_setting('unix_socket_directories') ~ '^/' AS by_socket,
       split_part(current_setting('unix_socket_directories'), ',', 1) AS host, current_setting('port') AS port,
       current_database() AS dbname, current_user AS me \gset
\if :by_socket
\else
\set host 'localhost'
\endif
CREATE SERVER regress_here FOREIGN DATA WRAPPER pagila_repl
  OPTIONS (host :'host', port :'port', dbname :'dbname', trusted 'true');
CREATE USER MAPPING FOR CURRENT_USER SERVER regress_here OPTIONS (user :'me', password_required 'false');
CREATE SCHEMA shop;
CREATE TABLE shop.film (film_id integer PRIMARY KEY, title text);
CREATE TABLE shop.actor (actor_id integer PRIMARY KEY, kind regclass);

SELECT subject, status, message, hint, sqlstate FROM pagila_check('regress_here', schemas => '{shop}')
 WHERE subject NOT IN ('connection', 'version', 'pg_dump', 'libpq', 'encoding', 'default collation', 'locks', 'left out');
SELECT schema_name, table_name, rows_estimate, format, format_reason, parts, routed, publish, refused
  FROM pagila_plan('regress_here', schemas => '{shop}') ORDER BY table_name;
SELECT table_name FROM pagila_plan('regress_here', include => '{film}', schemas => '{sh*}');
SELECT table_name FROM pagila_plan('regress_here', exclude => '{film}', schemas => '{sh*}');
-- In a transaction, too.
BEGIN READ ONLY;
SELECT count(*) FROM pagila_plan('regress_here', schemas => '{shop}');
COMMIT;

-- Misused.
SELECT * FROM pagila_check(NULL);
SELECT * FROM pagila_plan(NULL);
SELECT * FROM pagila_check('regress_nowhere');
SELECT * FROM pagila_plan('regress_nowhere');
CREATE FOREIGN DATA WRAPPER regress_wrapper;
CREATE SERVER regress_other FOREIGN DATA WRAPPER regress_wrapper;
SELECT * FROM pagila_check('regress_other');
SELECT * FROM pagila_plan('regress_other');
SELECT * FROM pagila_plan('regress_here', schemas => '{}');
SELECT * FROM pagila_plan('regress_here', include => '{NULL}');
SELECT * FROM pagila_plan('regress_here', exclude => '{{a,b},{c,NULL}}');
SELECT * FROM pagila_plan('regress_here', schemas => '{no_such_schema}');
SELECT * FROM pagila_plan('regress_here', schemas => '{shop}', include => '{no_such_table}');
SELECT * FROM pagila_plan('regress_here', schemas => '{"a.b"}');
SELECT * FROM pagila_check('regress_here', schemas => '{shop}', exclude => '{"f("}');
SELECT pagila_check('regress_here', schemas => '{shop}') LIMIT 0;
ALTER SERVER regress_here OPTIONS (DROP trusted);
SELECT * FROM pagila_check('regress_here');
CREATE ROLE regress_pagila_looker;
SET ROLE regress_pagila_looker;
SELECT * FROM pagila_check('regress_here');
SELECT * FROM pagila_plan('regress_here');
RESET ROLE;
GRANT pagila_repl_operator TO regress_pagila_looker;
SET ROLE regress_pagila_looker;
SELECT * FROM pagila_check('regress_here');
SELECT * FROM pagila_plan('regress_here');
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
DROP FOREIGN DATA WRAPPER regress_wrapper CASCADE;
DROP EXTENSION pagila_repl CASCADE;
DROP ROLE regress_pagila_looker;
