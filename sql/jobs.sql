-- Jobs: who may do what with them, and what they refuse. None of them is ever due, so no launcher is needed.
\set SHOW_CONTEXT never
\getenv directory PG_ABS_SRCDIR
\set shop :directory/test/dumps/shop.sql
CREATE EXTENSION pagila_repl;
CREATE ROLE regress_pagila_job_one LOGIN IN ROLE pagila_repl_operator, pg_read_server_files;
CREATE ROLE regress_pagila_job_two LOGIN IN ROLE pagila_repl_operator;
CREATE ROLE regress_pagila_job_watcher LOGIN IN ROLE pagila_repl_operator, pagila_repl_monitor;
CREATE ROLE regress_pagila_job_nobody LOGIN;
SELECT format('GRANT CREATE ON DATABASE %I TO regress_pagila_job_one', current_database()) \gexec

-- A superuser can write the table; everybody else needs the functions.
CREATE FUNCTION pg_temp.add_job(name text, owner regrole, kind text, server text, file text, options jsonb DEFAULT '{}')
RETURNS void LANGUAGE sql AS $$
  INSERT INTO pagila_repl.job (job_id, job_name, owner_oid, database_oid, kind, source_server, schema_file, options, schedule,
                               created_at)
  SELECT nextval('pagila_repl.job_id_seq'), name, owner, d.oid, kind, server, file, options, '0 0 30 2 *', now()
    FROM pg_database d WHERE d.datname = current_database()
$$;
SELECT pg_temp.add_job('shop', 'regress_pagila_job_one', 'load', NULL, :'shop', '{"verify": "counts", "strict": true}'),
       pg_temp.add_job('nowhere', 'regress_pagila_job_two', 'replicate', 'regress_nowhere', NULL);

-- Run now, as the owner, whoever of those who may asks for it.
SET ROLE regress_pagila_job_one;
SELECT run_id, status, rows, message FROM pagila_run_job('shop');
SELECT status IN ('running', 'skipped') AS started FROM pagila_run_job('shop', wait => false);
SELECT status FROM pagila_wait((SELECT max(run_id) FROM pagila_repl.run));
RESET ROLE;
SELECT status, rows FROM pagila_run_job(job_name => 'shop');
SELECT run_id, r.kind, owner, j.job_name, status, r.options ->> 'verify' AS verify
  FROM pagila_repl.run r JOIN pagila_repl.job j USING (job_id) ORDER BY run_id;
SELECT schemaname, tableowner FROM pg_tables WHERE schemaname = 'shop' LIMIT 1;

-- What each role sees.
SET ROLE regress_pagila_job_one;
SELECT job_id, job_name, owner, kind, source = :'shop' AS source, schedule, status, last_success_at IS NOT NULL AS succeeded,
       next_run_at, failures, suspended_at, suspended_because
  FROM pagila_repl.job_status;
SELECT job_name FROM pagila_repl.job;
SET ROLE regress_pagila_job_two;
SELECT job_name, owner, source, status, current_run_id, last_run_id, last_status, last_started_at, last_finished_at, last_message
  FROM pagila_repl.job_status;
SELECT job_name, source_server, schema_file, data_file, options, time_zone, enabled, last_due_at, login_failures
  FROM pagila_repl.job;
SET ROLE regress_pagila_job_watcher;
SELECT job_name FROM pagila_repl.job_status ORDER BY job_id;
SELECT job_name FROM pagila_repl.job ORDER BY job_id;
SET ROLE regress_pagila_job_nobody;
SELECT job_name FROM pagila_repl.job_status;
SELECT job_name FROM pagila_repl.job;

-- What each role may do.
\set VERBOSITY sqlstate
SELECT pagila_schedule('mine', '1 hour', schema_file => '/x.sql');
SELECT pagila_alter_job('shop', enabled => false);
SELECT pagila_unschedule('shop');
SELECT pagila_run_job('shop');
\set VERBOSITY default
SET ROLE regress_pagila_job_two;
SELECT pagila_alter_job('shop', enabled => false);
SELECT pagila_unschedule('shop');
SELECT pagila_run_job('shop');
INSERT INTO pagila_repl.job SELECT * FROM pagila_repl.job;
UPDATE pagila_repl.job SET enabled = false;
DELETE FROM pagila_repl.job;
TRUNCATE pagila_repl.job;
SELECT nextval('pagila_repl.job_id_seq');
DELETE FROM pagila_repl.job_status;
SET ROLE regress_pagila_job_watcher;
SELECT pagila_alter_job('shop', enabled => false);
SELECT pagila_unschedule('shop');
SELECT pagila_run_job('shop');
RESET ROLE;
-- Members of the owner's role may do what he may.
GRANT regress_pagila_job_one TO regress_pagila_job_watcher;
SET ROLE regress_pagila_job_watcher;
SELECT pagila_alter_job('shop', enabled => false);
SELECT job_name, status FROM pagila_repl.job_status ORDER BY job_id;
SELECT status FROM pagila_run_job('shop');
SELECT DISTINCT owner FROM pagila_repl.run;
RESET ROLE;
REVOKE regress_pagila_job_one FROM regress_pagila_job_watcher;

-- Changed by its owner; what is left out stays as it is.
SET ROLE regress_pagila_job_one;
SELECT pagila_alter_job('shop', options => '{"strict": null, "force": true, "owners": "skip"}', time_zone => 'Europe/Zurich');
SELECT schedule, time_zone, schema_file = :'shop' AS same_file, data_file, options, enabled FROM pagila_repl.job;
SELECT pagila_alter_job('shop', enabled => true, time_zone => '', data_file => '/nonexistent/data.sql');
SELECT time_zone, data_file, enabled FROM pagila_repl.job;
SELECT pagila_alter_job('shop', data_file => '', schedule => '0 0 31 2 *', options => '{"force": false}');
SELECT schedule, data_file, options FROM pagila_repl.job;
SELECT pagila_alter_job('shop');
RESET ROLE;
-- Enabling forgives.
UPDATE pagila_repl.job SET failures = 3, login_failures = 5, suspended_at = now(), suspended_because = 'told so' WHERE job_name = 'shop';
SELECT status, failures, suspended_because FROM pagila_repl.job_status WHERE job_name = 'shop';
SELECT pagila_alter_job('shop', schedule => '0 0 30 2 *');
SELECT status, failures, suspended_because FROM pagila_repl.job_status WHERE job_name = 'shop';
SELECT pagila_alter_job('shop', enabled => true);
SELECT status, failures, suspended_at, suspended_because FROM pagila_repl.job_status WHERE job_name = 'shop';
-- Undone with its transaction.
BEGIN;
SELECT pagila_alter_job('shop', enabled => false);
SELECT pagila_unschedule('shop');
SELECT count(*) FROM pagila_repl.job;
ROLLBACK;
SELECT job_name, enabled FROM pagila_repl.job ORDER BY job_id;

-- Wrong changes.
SELECT pagila_alter_job('shop', source => 'regress_nowhere');
SELECT pagila_alter_job('nowhere', schema_file => :'shop');
SELECT pagila_alter_job('nowhere', data_file => :'shop');
SELECT pagila_alter_job('nowhere', source => 'regress_nowhere');
SELECT pagila_alter_job('shop', options => '[]');
SELECT pagila_alter_job('shop', options => '{"strickt": null}');
SELECT pagila_alter_job('shop', options => '{"workers": 2}');
SELECT pagila_alter_job('shop', options => '{"wait": false}');
SELECT pagila_alter_job('shop', schema_file => 'relative.sql');
SELECT pagila_alter_job('shop', schema_file => '');
SELECT pagila_alter_job('shop', data_file => '/tmp/../x.sql');
SELECT pagila_alter_job('shop', data_file => :'shop');
\set VERBOSITY sqlstate
SELECT pagila_alter_job(NULL);
SELECT pagila_alter_job('no such job');
SELECT pagila_alter_job('shop', schedule => 'now and then');
SELECT pagila_alter_job('shop', schedule => '9 seconds');
SELECT pagila_alter_job('shop', schedule => '1 month');
SELECT pagila_alter_job('shop', schedule => '60 * * * *');
SELECT pagila_alter_job('shop', schedule => repeat('0', 1001));
SELECT pagila_alter_job('shop', time_zone => 'Mars/Olympus');
SELECT pagila_alter_job('shop', options => jsonb_build_object('verify', repeat('x', 100000)));
SELECT pagila_unschedule('no such job');
SELECT pagila_unschedule(NULL);
SELECT pagila_run_job('no such job');
SELECT pagila_run_job(NULL);
SELECT pagila_run_job('shop', wait => NULL);
BEGIN;
SELECT pagila_run_job('shop');
ROLLBACK;
\set VERBOSITY default
-- Only disabling asks for nothing.
UPDATE pagila_repl.job SET options = '{"no_such": 1}', schedule = 'never' WHERE job_name = 'nowhere';
SELECT pagila_alter_job('nowhere', enabled => false);
SELECT enabled FROM pagila_repl.job WHERE job_name = 'nowhere';

-- Wrong jobs are refused at once.
SELECT pagila_schedule('', '1 hour', schema_file => '/x.sql');
SELECT pagila_schedule(E'a\tb', '1 hour', schema_file => '/x.sql');
SELECT pagila_schedule('regress', '1 hour');
SELECT pagila_schedule('regress', '1 hour', source => 'x', schema_file => '/x.sql');
SELECT pagila_schedule('regress', '1 hour', source => 'x', data_file => '/x.sql');
SELECT pagila_schedule('regress', '1 hour', source => 'regress_nowhere');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', verify => 'counts', options => '{"verify": "counts"}');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', options => '"verify"');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', options => '{"on_modifyed": "refuse"}');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', options => '{"colour": "red"}');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', options => '{"wait": true}');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', options => '{"force": "yes"}');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', options => '{"verify": 1}');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', foreign_keys => 'check');
SELECT pagila_schedule('regress', '1 hour', source => 'x', strict => true);
SELECT pagila_schedule('regress', '1 hour', source => 'x', options => '{"workers": 65}');
SELECT pagila_schedule('regress', '1 hour', source => 'x', options => '{"workers": 1.5}');
SELECT pagila_schedule('regress', '1 hour', source => 'x', options => '{"schemas": "a"}');
SELECT pagila_schedule('regress', '1 hour', source => 'x', options => '{"schemas": []}');
SELECT pagila_schedule('regress', '1 hour', source => 'x', options => '{"include": ["a", 1]}');
\set VERBOSITY sqlstate
SELECT pagila_schedule(NULL, '1 hour', schema_file => '/x.sql');
SELECT pagila_schedule(repeat('x', 201), '1 hour', schema_file => '/x.sql');
SELECT pagila_schedule('regress', NULL, schema_file => '/x.sql');
SELECT pagila_schedule('regress', 'now and then', schema_file => '/x.sql');
SELECT pagila_schedule('regress', '9 seconds', schema_file => '/x.sql');
SELECT pagila_schedule('regress', '* * * *', schema_file => '/x.sql');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', time_zone => 'Mars/Olympus');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', time_zone => 'GMT+24');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', time_zone => '+03:00');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', time_zone => '3');
SELECT pagila_schedule('regress', '1 hour', schema_file => 'x.sql');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', data_file => '/x.sql');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', verify => 'sha');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', on_modified => 'drop');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', on_unmanaged => 'overwrite');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', on_dependents => '');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', owners => 'postgres');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', on_other_source => 'overwrite');
SELECT pagila_schedule('regress', '1 hour', source => 'x', workers => 0);
SELECT pagila_schedule('regress', '1 hour', source => 'x', schemas => '{}');
SELECT pagila_schedule('regress', '1 hour', source => 'x', include => '{NULL}');
SELECT pagila_schedule('regress', '1 hour', source => 'x', exclude => '{a.b.c}');
SELECT pagila_schedule('regress', '1 hour', source => 'x', foreign_keys => 'drop');
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql', force => true, options => '{"force": null}');
SET ROLE regress_pagila_job_two;
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql');
RESET ROLE;
SET ROLE pagila_repl_operator;
SELECT pagila_schedule('regress', '1 hour', schema_file => '/x.sql');
RESET ROLE;
\set VERBOSITY default

-- An owner who may not run it any more.
CREATE FUNCTION pg_temp.attempt() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  reason text;
BEGIN
  PERFORM pagila_alter_job('shop', enabled => true);
  RETURN 'may';
EXCEPTION
  WHEN insufficient_privilege THEN
    GET STACKED DIAGNOSTICS reason = PG_EXCEPTION_DETAIL;
    RETURN reason;
END
$$;
SELECT pagila_alter_job('shop', enabled => false);
SELECT pg_temp.attempt();
ALTER ROLE regress_pagila_job_one NOLOGIN;
SELECT pg_temp.attempt();
SELECT pagila_run_job('shop');
ALTER ROLE regress_pagila_job_one LOGIN;
REVOKE pagila_repl_operator FROM regress_pagila_job_one;
SELECT pg_temp.attempt();
GRANT pagila_repl_operator TO regress_pagila_job_one;
REVOKE pg_read_server_files FROM regress_pagila_job_one;
SELECT pg_temp.attempt();
GRANT pg_read_server_files TO regress_pagila_job_one;
SELECT format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SELECT pg_temp.attempt();
SELECT format('GRANT CONNECT ON DATABASE %I TO PUBLIC', current_database()) \gexec
SELECT pg_temp.attempt();
UPDATE pagila_repl.job SET database_oid = 1 WHERE job_name = 'shop';
SELECT pagila_run_job('shop');
SELECT pg_temp.attempt();
SELECT job_name FROM pagila_repl.job WHERE database_oid = 1;
UPDATE pagila_repl.job SET owner_oid = 1 WHERE job_name = 'shop';
SELECT pg_temp.attempt();
SELECT owner FROM pagila_repl.job_status WHERE job_name = 'shop';
UPDATE pagila_repl.job SET owner_oid = 'regress_pagila_job_one'::regrole WHERE job_name = 'shop';
-- Of a replication, also the server and the user mapping.
CREATE SERVER regress_nowhere FOREIGN DATA WRAPPER pagila_repl OPTIONS (host '127.0.0.1', port '1', dbname 'x');
UPDATE pagila_repl.job SET options = '{}', schedule = '0 0 30 2 *' WHERE job_name = 'nowhere';
SELECT pagila_run_job('nowhere');
GRANT USAGE ON FOREIGN SERVER regress_nowhere TO regress_pagila_job_two;
SELECT pagila_run_job('nowhere');
CREATE USER MAPPING FOR regress_pagila_job_two SERVER regress_nowhere OPTIONS (user 'x', password 'x');
SELECT pagila_alter_job('nowhere', enabled => true, source => 'regress_nowhere');
ALTER ROLE regress_pagila_job_two SUPERUSER;
SELECT pagila_run_job('nowhere');
ALTER ROLE regress_pagila_job_two NOSUPERUSER;
SELECT pagila_run_job('nowhere', wait => true);
SELECT kind, owner, status, sqlstate FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1;

-- Settings.
SHOW pagila_repl.time_zone;
SHOW pagila_repl.max_concurrent_runs;
SHOW pagila_repl.max_jobs_per_role;
SHOW pagila_repl.retry_delay;
SHOW pagila_repl.max_retry_delay;
SHOW pagila_repl.history_age;
SHOW pagila_repl.history_runs;
SET pagila_repl.time_zone = 'UTC';
SET pagila_repl.max_concurrent_runs = 1;
SET pagila_repl.max_jobs_per_role = 1;
SET pagila_repl.retry_delay = 1;
SET pagila_repl.max_retry_delay = 1;
SET pagila_repl.history_age = 1;
SET pagila_repl.history_runs = 1;
ALTER SYSTEM SET pagila_repl.time_zone = 'Mars/Olympus';
ALTER SYSTEM SET pagila_repl.time_zone = 'GMT+3';
ALTER SYSTEM SET pagila_repl.max_concurrent_runs = 0;
ALTER SYSTEM SET pagila_repl.max_concurrent_runs = 65;
ALTER SYSTEM SET pagila_repl.max_jobs_per_role = -1;
ALTER SYSTEM SET pagila_repl.retry_delay = 0;
ALTER SYSTEM SET pagila_repl.max_retry_delay = '2d';
ALTER SYSTEM SET pagila_repl.history_age = -1;
ALTER SYSTEM SET pagila_repl.history_runs = -1;

SELECT pagila_unschedule('shop');
SELECT job_name FROM pagila_repl.job;
SELECT count(*) > 0 AS runs_are_kept FROM pagila_repl.run WHERE job_id = 1;
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
DROP EXTENSION pagila_repl CASCADE;
SELECT format('REVOKE CREATE ON DATABASE %I FROM regress_pagila_job_one', current_database()) \gexec
DROP ROLE regress_pagila_job_one, regress_pagila_job_two, regress_pagila_job_watcher, regress_pagila_job_nobody;
