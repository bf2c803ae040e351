-- Replicating to another database, and telling databases apart, as far as one server will do: this database is the only one
-- there is, so whatever is asked is refused.
\set SHOW_CONTEXT never
CREATE EXTENSION pagila_repl;
SELECT current_setting('unix_socket_directories') ~ '^/' AS by_socket,
       split_part(current_setting('unix_socket_directories'), ',', 1) AS host, current_setting('port') AS port,
       current_database() AS dbname, current_user AS me \gset
\if :by_socket
\else
\set host 'localhost'
\endif
CREATE SERVER regress_here FOREIGN DATA WRAPPER pagila_repl OPTIONS (host :'host', port :'port', dbname :'dbname');
CREATE USER MAPPING FOR CURRENT_USER SERVER regress_here OPTIONS (user :'me', password_required 'false');

SELECT i.system_identifier = c.system_identifier::text AS system, i.database_oid = d.oid AS database,
       i.database_name = current_database() AS name, i.server_version = current_setting('server_version_num')::integer AS version,
       i.is_standby, i.started_at = pg_postmaster_start_time() AS started
  FROM pagila_identify() i, pg_control_system() c, pg_database d WHERE d.datname = current_database();
-- Through a server that no superuser could copy from; in a transaction, too; whatever form dates have.
BEGIN READ ONLY;
SET LOCAL DateStyle = 'SQL, DMY';
SET LOCAL TimeZone = 'America/Caracas';
SELECT here = there AS same FROM pagila_identify() here, pagila_identify(server => 'regress_here') there;
COMMIT;
SELECT pagila_identify(NULL) = pagila_identify() AS same;

-- Misused. What is said of an old libpq, too, is not looked at here.
SET client_min_messages = error;
SELECT pagila_identify('regress_nowhere');
SELECT pagila_identify('');
SELECT * FROM pagila_replicate_to('regress_here');
SELECT * FROM pagila_replicate_to('regress_here', wait => NULL);
SELECT * FROM pagila_replicate_to(NULL);
SELECT * FROM pagila_replicate_to('regress_nowhere');
SELECT * FROM pagila_replicate_to('regress_here', workers => 0);
SELECT * FROM pagila_replicate_to('regress_here', workers => 65);
SELECT * FROM pagila_replicate_to('regress_here', schemas => '{}');
SELECT * FROM pagila_replicate_to('regress_here', force => NULL);
SELECT * FROM pagila_replicate_to('regress_here', verify => 'perhaps');
SELECT * FROM pagila_replicate_to('regress_here', on_modified => 'overwite');
SELECT * FROM pagila_replicate_to('regress_here', foreign_keys => 'maybe');
BEGIN;
SELECT * FROM pagila_replicate_to('regress_here');
ROLLBACK;
CREATE FOREIGN DATA WRAPPER regress_wrapper;
CREATE SERVER regress_other FOREIGN DATA WRAPPER regress_wrapper;
SELECT * FROM pagila_replicate_to('regress_other');
SELECT pagila_identify('regress_other');
CREATE ROLE regress_pagila_giver;
SET ROLE regress_pagila_giver;
SELECT pagila_identify();
SELECT * FROM pagila_replicate_to('regress_here');
RESET ROLE;
GRANT pagila_repl_operator TO regress_pagila_giver;
SET ROLE regress_pagila_giver;
SELECT is_standby FROM pagila_identify();
SELECT pagila_identify('regress_here');
SELECT * FROM pagila_replicate_to('regress_here');
RESET ROLE;

-- What was asked for is recorded, even where nothing came of it.
SELECT kind, status, phase, target_server, source_server, remote_run_id, sqlstate, error_message,
       options
  FROM pagila_repl.run ORDER BY run_id;

SET client_min_messages = warning;
DROP FOREIGN DATA WRAPPER regress_wrapper CASCADE;
DROP EXTENSION pagila_repl CASCADE;
DROP ROLE regress_pagila_giver;
