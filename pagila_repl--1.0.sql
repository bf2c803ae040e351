\echo Use "CREATE EXTENSION pagila_repl" to load this file. \quit

-- CREATE EXTENSION sets the same, as the control file names the schema. Here it stands for who reads the script alone.
SET LOCAL search_path = pg_catalog, pg_temp;

-- Roles are of the whole cluster, so another database may have made them already.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) 'pagila_repl_monitor') THEN
    CREATE ROLE pagila_repl_monitor NOLOGIN;
    COMMENT ON ROLE pagila_repl_monitor IS 'may see every run and job of pagila_repl';
  END IF;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) 'pagila_repl_operator') THEN
    CREATE ROLE pagila_repl_operator NOLOGIN;
    COMMENT ON ROLE pagila_repl_operator IS 'may start and schedule runs of pagila_repl and see the own ones';
  END IF;
END
$$;

CREATE SCHEMA pagila_repl;
COMMENT ON SCHEMA pagila_repl IS 'state of the extension pagila_repl: runs, their steps, what they created, jobs';
GRANT USAGE ON SCHEMA pagila_repl TO pagila_repl_operator, pagila_repl_monitor;

--
-- What is recorded. Only the extension writes here.
--

CREATE SEQUENCE pagila_repl.run_id_seq AS bigint;
COMMENT ON SEQUENCE pagila_repl.run_id_seq IS 'numbers of runs';

CREATE TABLE pagila_repl.run (
  run_id bigint PRIMARY KEY,
  kind text NOT NULL,
  owner name NOT NULL,
  owner_oid oid NOT NULL,
  job_id bigint,
  status text NOT NULL
    CHECK (status IN ('running', 'succeeded', 'skipped', 'failed', 'cancelled', 'aborted', 'crashed')),
  phase text NOT NULL,
  schemas text[],
  schema_file text,
  data_file text,
  source_server text,
  source text,
  source_identity text,
  target_server text,
  target text,
  remote_run_id bigint,
  schema_sha256 text,
  data_sha256 text,
  fingerprint text,
  options jsonb NOT NULL,
  leader_pid integer NOT NULL,
  worker_pids integer[],
  started_at timestamptz NOT NULL,
  finished_at timestamptz,
  rows bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  total_rows bigint,
  total_bytes bigint,
  unchanged_since bigint,
  message text,
  sqlstate text,
  error_message text,
  error_detail text,
  error_hint text,
  error_context text
);
COMMENT ON TABLE pagila_repl.run IS 'one row per run, whatever became of it';
COMMENT ON COLUMN pagila_repl.run.run_id IS 'number of the run';
COMMENT ON COLUMN pagila_repl.run.kind IS
  'what the run does: load, replicate (a source into this database) or replicate_to (this database, by a run of the target)';
COMMENT ON COLUMN pagila_repl.run.owner IS 'role that asked for the run and that it runs as';
COMMENT ON COLUMN pagila_repl.run.owner_oid IS 'its OID';
COMMENT ON COLUMN pagila_repl.run.job_id IS 'job that it is a run of, started by the launcher or by pagila_run_job; null for others';
COMMENT ON COLUMN pagila_repl.run.status IS
  'running, succeeded, skipped (nothing to do), failed (error), cancelled (by request), aborted (server shut down or leader terminated), crashed (leader died)';
COMMENT ON COLUMN pagila_repl.run.phase IS
  'phase reached: connect, fingerprint, lock, plan, shape, rows, indexes, constraints, sequences, verify, publish, clean, done';
COMMENT ON COLUMN pagila_repl.run.schemas IS 'schemas the run replaces or removes; null until they are known';
COMMENT ON COLUMN pagila_repl.run.schema_file IS 'first dump file of a load';
COMMENT ON COLUMN pagila_repl.run.data_file IS 'second dump file of a load, if any';
COMMENT ON COLUMN pagila_repl.run.source_server IS 'foreign server that a replication copies from';
COMMENT ON COLUMN pagila_repl.run.source IS 'host, port and database it reached there';
COMMENT ON COLUMN pagila_repl.run.source_identity IS 'system identifier and OID of the database it reached there, with a slash between';
COMMENT ON COLUMN pagila_repl.run.target_server IS 'foreign server that this database was replicated to';
COMMENT ON COLUMN pagila_repl.run.target IS 'host, port and database it reached there';
COMMENT ON COLUMN pagila_repl.run.remote_run_id IS 'number of the run there';
COMMENT ON COLUMN pagila_repl.run.schema_sha256 IS
  'SHA-256 of the first file, or of the shape of the source, in hexadecimal';
COMMENT ON COLUMN pagila_repl.run.data_sha256 IS 'SHA-256 of the second file, in hexadecimal';
COMMENT ON COLUMN pagila_repl.run.fingerprint IS 'SHA-256 over everything that decides what the copy holds';
COMMENT ON COLUMN pagila_repl.run.options IS 'options the run was asked for with';
COMMENT ON COLUMN pagila_repl.run.leader_pid IS 'process id of the background worker that runs or ran it; 0 if it could not be started';
COMMENT ON COLUMN pagila_repl.run.worker_pids IS 'process ids of its workers, if steps are done by several processes';
COMMENT ON COLUMN pagila_repl.run.started_at IS 'when the run was recorded';
COMMENT ON COLUMN pagila_repl.run.finished_at IS 'when it ended; null while running';
COMMENT ON COLUMN pagila_repl.run.rows IS 'rows loaded so far, as of a second ago at most';
COMMENT ON COLUMN pagila_repl.run.bytes IS 'bytes of row data loaded so far';
COMMENT ON COLUMN pagila_repl.run.total_rows IS 'rows the run has to load, as far as known';
COMMENT ON COLUMN pagila_repl.run.total_bytes IS 'bytes of row data the run has to load, as far as known';
COMMENT ON COLUMN pagila_repl.run.unchanged_since IS 'run whose copy a skipped run found unchanged';
COMMENT ON COLUMN pagila_repl.run.message IS 'what a reader should know about the outcome';
COMMENT ON COLUMN pagila_repl.run.sqlstate IS 'SQLSTATE of the error that ended the run';
COMMENT ON COLUMN pagila_repl.run.error_message IS 'its message';
COMMENT ON COLUMN pagila_repl.run.error_detail IS 'its detail';
COMMENT ON COLUMN pagila_repl.run.error_hint IS 'its hint';
COMMENT ON COLUMN pagila_repl.run.error_context IS 'its context: file, line, table';

CREATE INDEX run_unfinished ON pagila_repl.run (run_id) WHERE status = 'running';
CREATE INDEX run_of_job ON pagila_repl.run (job_id, run_id) WHERE job_id IS NOT NULL;

CREATE TABLE pagila_repl.run_step (
  run_id bigint NOT NULL REFERENCES pagila_repl.run ON DELETE CASCADE,
  step integer NOT NULL,
  kind text NOT NULL,
  schema_name name,
  object_name text NOT NULL,
  method text,
  rows bigint,
  bytes bigint,
  started_at timestamptz NOT NULL,
  finished_at timestamptz,
  content_hash text,
  sqlstate text,
  error text,
  status text NOT NULL DEFAULT 'done' CHECK (status IN ('done', 'failed', 'skipped')),
  PRIMARY KEY (run_id, step)
);
COMMENT ON TABLE pagila_repl.run_step IS 'one row per table, index, constraint and so on that a run made or skipped';
COMMENT ON COLUMN pagila_repl.run_step.run_id IS 'the run';
COMMENT ON COLUMN pagila_repl.run_step.step IS 'number of the step within the run';
COMMENT ON COLUMN pagila_repl.run_step.kind IS
  'table, index, constraint, trigger, rule, setting, sequence, materialized view, analyze or verify; of what was skipped the kind of object';
COMMENT ON COLUMN pagila_repl.run_step.schema_name IS 'schema of the object, as it is named once published';
COMMENT ON COLUMN pagila_repl.run_step.object_name IS 'name of the object';
COMMENT ON COLUMN pagila_repl.run_step.method IS
  'how the rows of a table came from the source: binary copy or text copy; null for other steps and for loads';
COMMENT ON COLUMN pagila_repl.run_step.rows IS 'rows loaded, of verify rows found';
COMMENT ON COLUMN pagila_repl.run_step.bytes IS 'bytes of row data read for it';
COMMENT ON COLUMN pagila_repl.run_step.started_at IS 'when the step began';
COMMENT ON COLUMN pagila_repl.run_step.finished_at IS 'when it ended; null if it failed or is under way';
COMMENT ON COLUMN pagila_repl.run_step.content_hash IS 'rows, sum of their hashes, sum of the hashes of these, with verify => ''content''';
COMMENT ON COLUMN pagila_repl.run_step.sqlstate IS 'SQLSTATE if the step failed or was skipped';
COMMENT ON COLUMN pagila_repl.run_step.error IS 'message if the step failed or was skipped';
COMMENT ON COLUMN pagila_repl.run_step.status IS
  'done, failed, or skipped: the object could not be made, and on_object_error was ''skip''';

CREATE INDEX run_step_skipped ON pagila_repl.run_step (run_id) WHERE status = 'skipped';
CREATE INDEX run_step_of_table ON pagila_repl.run_step (run_id, schema_name, object_name) WHERE kind = 'table';

CREATE TABLE pagila_repl.copy (
  schema_name name PRIMARY KEY,
  run_id bigint NOT NULL
);
COMMENT ON TABLE pagila_repl.copy IS 'which run made the copy that is now visible in a schema';
COMMENT ON COLUMN pagila_repl.copy.schema_name IS 'the schema';
COMMENT ON COLUMN pagila_repl.copy.run_id IS 'the run that published it';

CREATE TABLE pagila_repl.managed_object (
  run_id bigint NOT NULL,
  classid oid NOT NULL,
  objid oid NOT NULL,
  schema_name name,
  identity text NOT NULL,
  definition_hash text,
  statement_hash text,
  PRIMARY KEY (run_id, classid, objid)
);
COMMENT ON TABLE pagila_repl.managed_object IS
  'every object of a copy as it was when published; counts as long as pagila_repl.copy names the run for the schema';
COMMENT ON COLUMN pagila_repl.managed_object.run_id IS 'the run that made it';
COMMENT ON COLUMN pagila_repl.managed_object.classid IS 'catalog the object is in';
COMMENT ON COLUMN pagila_repl.managed_object.objid IS 'its OID there';
COMMENT ON COLUMN pagila_repl.managed_object.schema_name IS
  'schema it is in; null for an object outside the schemas that came with the copy, such as a cast';
COMMENT ON COLUMN pagila_repl.managed_object.identity IS 'what it was called';
COMMENT ON COLUMN pagila_repl.managed_object.definition_hash IS 'hash of its catalog rows';
COMMENT ON COLUMN pagila_repl.managed_object.statement_hash IS
  'of an enum or domain: hash of the statements that made it; equal statements leave it as it is. Of a materialized view without rows: definition_hash once it has some';

CREATE TABLE pagila_repl.managed_content (
  run_id bigint NOT NULL,
  relid oid NOT NULL,
  schema_name name NOT NULL,
  is_sequence boolean NOT NULL,
  physical_state text,
  content_hash text,
  PRIMARY KEY (run_id, relid)
);
COMMENT ON TABLE pagila_repl.managed_content IS 'what the tables and sequences of a copy held when published';
COMMENT ON COLUMN pagila_repl.managed_content.run_id IS 'the run that made it';
COMMENT ON COLUMN pagila_repl.managed_content.relid IS 'the table or sequence';
COMMENT ON COLUMN pagila_repl.managed_content.schema_name IS 'schema it is in';
COMMENT ON COLUMN pagila_repl.managed_content.is_sequence IS 'a sequence, whose state is its last value';
COMMENT ON COLUMN pagila_repl.managed_content.physical_state IS
  'file, blocks and visibility map: as long as it is the same, no row has been touched; null if there is no such proof';
COMMENT ON COLUMN pagila_repl.managed_content.content_hash IS
  'rows, sum of their hashes, sum of the hashes of these; null if they were only counted';

CREATE TABLE pagila_repl.managed_large_object (
  loid oid PRIMARY KEY,
  run_id bigint NOT NULL,
  schemas name[] NOT NULL,
  content_hash text NOT NULL,
  properties_hash text NOT NULL,
  definition text NOT NULL,
  versions text NOT NULL
);
COMMENT ON TABLE pagila_repl.managed_large_object IS 'large objects that runs have made, as they were when published';
COMMENT ON COLUMN pagila_repl.managed_large_object.loid IS 'its OID';
COMMENT ON COLUMN pagila_repl.managed_large_object.run_id IS 'the run that published it last';
COMMENT ON COLUMN pagila_repl.managed_large_object.schemas IS 'schemas that were replaced with it; a later run of one of them replaces it, too';
COMMENT ON COLUMN pagila_repl.managed_large_object.content_hash IS 'hash of its bytes';
COMMENT ON COLUMN pagila_repl.managed_large_object.properties_hash IS 'hash of what the source or the dump says of its owner, privileges and comment';
COMMENT ON COLUMN pagila_repl.managed_large_object.definition IS 'owner, privileges and comment that it has got here';
COMMENT ON COLUMN pagila_repl.managed_large_object.versions IS 'which transactions have written its rows: as long as they are the same, so are its bytes';

CREATE TABLE pagila_repl.managed_database_object (
  kind text NOT NULL CHECK (kind IN ('publication', 'setting', 'comment', 'event trigger')),
  name text NOT NULL,
  roleid oid NOT NULL,
  run_id bigint NOT NULL,
  schemas name[] NOT NULL,
  definition text NOT NULL,
  PRIMARY KEY (kind, name, roleid)
);
COMMENT ON TABLE pagila_repl.managed_database_object IS 'publications, event triggers, settings and the comment of the database that runs have made, as they were when published';
COMMENT ON COLUMN pagila_repl.managed_database_object.kind IS 'publication, event trigger, setting, or comment (of the database)';
COMMENT ON COLUMN pagila_repl.managed_database_object.name IS 'name of the publication, event trigger or setting; empty for the comment';
COMMENT ON COLUMN pagila_repl.managed_database_object.roleid IS 'the role that a setting is for, 0 for all';
COMMENT ON COLUMN pagila_repl.managed_database_object.run_id IS 'the run that made it last';
COMMENT ON COLUMN pagila_repl.managed_database_object.schemas IS 'schemas that a publication is about, that the function of an event trigger is in, or that were replaced with the object; a later run of one of them replaces it, too';
COMMENT ON COLUMN pagila_repl.managed_database_object.definition IS 'the object as it was made here';

CREATE TABLE pagila_repl.member_row (
  run_id bigint NOT NULL,
  relid oid NOT NULL,
  columns text[] NOT NULL,
  row_hash text NOT NULL,
  PRIMARY KEY (run_id, relid, row_hash)
);
COMMENT ON TABLE pagila_repl.member_row IS 'rows that runs have written to tables of extensions';
COMMENT ON COLUMN pagila_repl.member_row.run_id IS 'the run that wrote the row, or kept it';
COMMENT ON COLUMN pagila_repl.member_row.relid IS 'the table';
COMMENT ON COLUMN pagila_repl.member_row.columns IS 'columns that were compared, quoted';
COMMENT ON COLUMN pagila_repl.member_row.row_hash IS 'hash of these columns as text';

CREATE TABLE pagila_repl.leftover (
  schema_oid oid PRIMARY KEY,
  schema_name name NOT NULL,
  run_id bigint NOT NULL,
  definitions text[],
  moment pg_snapshot
);
COMMENT ON TABLE pagila_repl.leftover IS 'schemas of runs under way, of runs that died, and replaced copies that were still in use: to be removed';
COMMENT ON COLUMN pagila_repl.leftover.schema_oid IS 'the schema';
COMMENT ON COLUMN pagila_repl.leftover.schema_name IS 'its name';
COMMENT ON COLUMN pagila_repl.leftover.run_id IS 'the run that made it, or that replaced it';
COMMENT ON COLUMN pagila_repl.leftover.definitions IS
  'catalog, OID and hash of the definition of every object of a replaced copy, value of its sequences, files of its tables, when it was replaced; null for a stage';
COMMENT ON COLUMN pagila_repl.leftover.moment IS
  'the transactions that had ended when the copy was replaced: what later ones did to its rows keeps it; null for a stage';

CREATE SEQUENCE pagila_repl.job_id_seq AS bigint;
COMMENT ON SEQUENCE pagila_repl.job_id_seq IS 'numbers of jobs';

CREATE TABLE pagila_repl.job (
  job_id bigint PRIMARY KEY,
  job_name text NOT NULL UNIQUE,
  owner_oid oid NOT NULL,
  database_oid oid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('replicate', 'load')),
  source_server text,
  schema_file text,
  data_file text,
  options jsonb NOT NULL DEFAULT '{}',
  schedule text NOT NULL,
  time_zone text,
  enabled boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL,
  next_run_at timestamptz,
  last_due_at timestamptz,
  current_run_id bigint,
  last_run_id bigint,
  failures integer NOT NULL DEFAULT 0,
  login_failures integer NOT NULL DEFAULT 0,
  suspended_at timestamptz,
  suspended_because text
);
COMMENT ON TABLE pagila_repl.job IS 'what is to be done again and again, and how it stands';
COMMENT ON COLUMN pagila_repl.job.job_id IS 'number of the job';
COMMENT ON COLUMN pagila_repl.job.job_name IS 'its name, by which functions know it';
COMMENT ON COLUMN pagila_repl.job.owner_oid IS 'role that scheduled it and that its runs run as';
COMMENT ON COLUMN pagila_repl.job.database_oid IS 'database it runs in; in a copy of that database it does not, until it is enabled there';
COMMENT ON COLUMN pagila_repl.job.kind IS 'what its runs do: replicate or load';
COMMENT ON COLUMN pagila_repl.job.source_server IS 'foreign server that is replicated from';
COMMENT ON COLUMN pagila_repl.job.schema_file IS 'first dump file of a load';
COMMENT ON COLUMN pagila_repl.job.data_file IS 'second dump file of a load, if any';
COMMENT ON COLUMN pagila_repl.job.options IS 'further arguments of pagila_replicate_from or pagila_load, by name';
COMMENT ON COLUMN pagila_repl.job.schedule IS 'interval, or cron expression of five fields';
COMMENT ON COLUMN pagila_repl.job.time_zone IS 'time zone of the cron expression; null: as pagila_repl.time_zone says';
COMMENT ON COLUMN pagila_repl.job.enabled IS 'whether it runs at all';
COMMENT ON COLUMN pagila_repl.job.created_at IS 'when it was scheduled';
COMMENT ON COLUMN pagila_repl.job.next_run_at IS 'when it is due; null if it never is';
COMMENT ON COLUMN pagila_repl.job.last_due_at IS 'when the run was due that was started last';
COMMENT ON COLUMN pagila_repl.job.current_run_id IS 'run that was started for it and whose end is not taken note of yet';
COMMENT ON COLUMN pagila_repl.job.last_run_id IS 'run that ended last';
COMMENT ON COLUMN pagila_repl.job.failures IS 'runs that failed since the last one that did not';
COMMENT ON COLUMN pagila_repl.job.login_failures IS 'how many of the last runs the source refused to let in';
COMMENT ON COLUMN pagila_repl.job.suspended_at IS 'since when it does not run until it is enabled again';
COMMENT ON COLUMN pagila_repl.job.suspended_because IS 'why';

ALTER TABLE pagila_repl.run ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_runs ON pagila_repl.run FOR SELECT TO PUBLIC
  USING (pg_catalog.pg_has_role(owner_oid, 'MEMBER') OR pg_catalog.pg_has_role('pagila_repl_monitor', 'MEMBER'));
ALTER TABLE pagila_repl.run_step ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_runs ON pagila_repl.run_step FOR SELECT TO PUBLIC
  USING (EXISTS (SELECT FROM pagila_repl.run r WHERE r.run_id OPERATOR(pg_catalog.=) run_step.run_id));
ALTER TABLE pagila_repl.job ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_jobs ON pagila_repl.job FOR SELECT TO PUBLIC
  USING (pg_catalog.pg_has_role(owner_oid, 'MEMBER') OR pg_catalog.pg_has_role('pagila_repl_monitor', 'MEMBER'));
GRANT SELECT ON pagila_repl.run, pagila_repl.run_step, pagila_repl.job TO pagila_repl_operator, pagila_repl_monitor;
GRANT SELECT ON pagila_repl.copy, pagila_repl.managed_object, pagila_repl.managed_content, pagila_repl.managed_large_object,
  pagila_repl.managed_database_object, pagila_repl.member_row,
  pagila_repl.leftover TO pagila_repl_monitor;

-- Kept out of logical decoding, or a subscriber to a publication FOR ALL TABLES would stop at a table that it does not have.
-- The server passes over changes of relations that have this set, as of heaps that a statement rewrites a table into.
UPDATE pg_catalog.pg_class r SET relrewrite = r.oid
  FROM pg_catalog.pg_class t
 WHERE t.relnamespace OPERATOR(pg_catalog.=) 'pagila_repl'::pg_catalog.regnamespace::oid
   AND t.relkind OPERATOR(pg_catalog.=) 'r'
   AND (r.oid OPERATOR(pg_catalog.=) t.oid OR r.oid OPERATOR(pg_catalog.=) t.reltoastrelid);

--
-- Views. Barriers, as they show what row-level security would hide: no function of the reader's sees rows before they are
-- chosen.
--

CREATE VIEW pagila_repl.progress WITH (security_barrier) AS
SELECT r.run_id,
       r.owner,
       r.phase,
       r.leader_pid,
       COALESCE(c.tables, i.tables) AS current_table,
       d.rows + COALESCE(c.rows, 0) AS rows,
       r.total_rows,
       d.bytes + COALESCE(c.bytes, 0) AS bytes,
       r.total_bytes,
       d.steps AS steps_done,
       pg_catalog.clock_timestamp() - r.started_at AS elapsed,
       CASE WHEN r.phase = 'rows' AND d.bytes + COALESCE(c.bytes, 0) > 0 AND r.total_bytes > 0
            THEN (pg_catalog.clock_timestamp() - r.started_at)
                 * GREATEST(r.total_bytes::float8 / (d.bytes + COALESCE(c.bytes, 0)::float8) - 1, 0)
       END AS estimated_remaining
  FROM pagila_repl.run r
       CROSS JOIN LATERAL (
         -- What has been relayed from another server has no steps here.
         SELECT pg_catalog.count(s.finished_at) AS steps,
                CASE WHEN r.kind = 'replicate_to' THEN r.rows
                     ELSE COALESCE(pg_catalog.sum(s.rows) FILTER (WHERE s.kind = 'table'), 0)::bigint END AS rows,
                CASE WHEN r.kind = 'replicate_to' THEN r.bytes
                     ELSE COALESCE(pg_catalog.sum(s.bytes) FILTER (WHERE s.kind = 'table'), 0)::bigint END AS bytes
           FROM pagila_repl.run_step s WHERE s.run_id = r.run_id) d
       LEFT JOIN LATERAL (
         SELECT pg_catalog.string_agg(t.relname, ', ' ORDER BY t.relname) AS tables,
                pg_catalog.sum(p.tuples_processed)::bigint AS rows, pg_catalog.sum(p.bytes_processed)::bigint AS bytes
           FROM pg_catalog.pg_stat_progress_copy p LEFT JOIN pg_catalog.pg_class t ON t.oid = p.relid
          WHERE p.pid = ANY (r.leader_pid || r.worker_pids) AND r.phase = 'rows'
            AND p.datname = pg_catalog.current_database()) c ON true
       LEFT JOIN LATERAL (
         SELECT pg_catalog.string_agg(t.relname, ', ' ORDER BY t.relname) AS tables
           FROM pg_catalog.pg_stat_progress_create_index p LEFT JOIN pg_catalog.pg_class t ON t.oid = p.relid
          WHERE p.pid = ANY (r.leader_pid || r.worker_pids) AND p.datname = pg_catalog.current_database()) i ON true
 WHERE r.status = 'running'
   AND (pg_catalog.pg_has_role(r.owner_oid, 'MEMBER') OR pg_catalog.pg_has_role('pagila_repl_monitor', 'MEMBER'));
COMMENT ON VIEW pagila_repl.progress IS 'runs under way and how far they are';
COMMENT ON COLUMN pagila_repl.progress.run_id IS 'number of the run';
COMMENT ON COLUMN pagila_repl.progress.owner IS 'role it runs as';
COMMENT ON COLUMN pagila_repl.progress.phase IS 'phase it is in';
COMMENT ON COLUMN pagila_repl.progress.leader_pid IS 'process id of its background worker';
COMMENT ON COLUMN pagila_repl.progress.current_table IS 'tables being loaded or indexed';
COMMENT ON COLUMN pagila_repl.progress.rows IS 'rows loaded so far';
COMMENT ON COLUMN pagila_repl.progress.total_rows IS 'rows to load, as far as known';
COMMENT ON COLUMN pagila_repl.progress.bytes IS 'bytes of row data loaded so far';
COMMENT ON COLUMN pagila_repl.progress.total_bytes IS 'bytes of row data to load, as far as known';
COMMENT ON COLUMN pagila_repl.progress.steps_done IS 'steps finished';
COMMENT ON COLUMN pagila_repl.progress.elapsed IS 'time since the run was recorded';
COMMENT ON COLUMN pagila_repl.progress.estimated_remaining IS 'time the remaining rows will take at the pace so far';

CREATE VIEW pagila_repl.pagila_load_audit WITH (security_barrier) AS
SELECT r.run_id AS id,
       r.finished_at AS loaded_at,
       r.schema_sha256,
       r.data_sha256,
       n.actor_count,
       n.film_count,
       n.customer_count,
       n.rental_count,
       r.status IN ('succeeded', 'skipped') AS succeeded
  FROM pagila_repl.run r
       LEFT JOIN LATERAL (
         SELECT pg_catalog.sum(s.rows) FILTER (WHERE s.object_name = 'actor')::bigint AS actor_count,
                pg_catalog.sum(s.rows) FILTER (WHERE s.object_name = 'film')::bigint AS film_count,
                pg_catalog.sum(s.rows) FILTER (WHERE s.object_name = 'customer')::bigint AS customer_count,
                pg_catalog.sum(s.rows) FILTER (WHERE s.object_name = 'rental')::bigint AS rental_count
           FROM pagila_repl.run_step s
          WHERE s.kind = 'table' AND s.run_id = COALESCE(r.unchanged_since, r.run_id)) n ON true
 WHERE r.kind = 'load' AND r.status <> 'running'
   AND (pg_catalog.pg_has_role(r.owner_oid, 'MEMBER') OR pg_catalog.pg_has_role('pagila_repl_monitor', 'MEMBER'));
COMMENT ON VIEW pagila_repl.pagila_load_audit IS 'finished loads, in the columns of the hand-made audit table of the same name';
COMMENT ON COLUMN pagila_repl.pagila_load_audit.id IS 'number of the run';
COMMENT ON COLUMN pagila_repl.pagila_load_audit.loaded_at IS 'when the run ended';
COMMENT ON COLUMN pagila_repl.pagila_load_audit.schema_sha256 IS 'SHA-256 of the schema file, in hexadecimal';
COMMENT ON COLUMN pagila_repl.pagila_load_audit.data_sha256 IS 'SHA-256 of the data file, in hexadecimal';
COMMENT ON COLUMN pagila_repl.pagila_load_audit.actor_count IS 'rows loaded into tables named actor';
COMMENT ON COLUMN pagila_repl.pagila_load_audit.film_count IS 'rows loaded into tables named film';
COMMENT ON COLUMN pagila_repl.pagila_load_audit.customer_count IS 'rows loaded into tables named customer';
COMMENT ON COLUMN pagila_repl.pagila_load_audit.rental_count IS 'rows loaded into tables named rental';
COMMENT ON COLUMN pagila_repl.pagila_load_audit.succeeded IS 'the target holds what the files say';

CREATE VIEW pagila_repl.job_status WITH (security_barrier) AS
SELECT j.job_id,
       j.job_name,
       pg_catalog.pg_get_userbyid(j.owner_oid) AS owner,
       j.kind,
       COALESCE(j.source_server, pg_catalog.concat_ws(', ', j.schema_file, j.data_file)) AS source,
       j.schedule,
       CASE WHEN j.current_run_id IS NOT NULL THEN 'running'
            WHEN NOT j.enabled THEN 'disabled'
            WHEN j.suspended_at IS NOT NULL THEN 'suspended'
            WHEN j.next_run_at IS NULL THEN 'never due'
            WHEN j.next_run_at <= pg_catalog.clock_timestamp() THEN 'due'
            ELSE 'scheduled'
       END AS status,
       j.current_run_id,
       l.run_id AS last_run_id,
       l.status AS last_status,
       l.started_at AS last_started_at,
       l.finished_at AS last_finished_at,
       l.message AS last_message,
       (SELECT pg_catalog.max(s.finished_at) FROM pagila_repl.run s
         WHERE s.job_id = j.job_id AND s.status IN ('succeeded', 'skipped')) AS last_success_at,
       CASE WHEN j.enabled AND j.suspended_at IS NULL THEN j.next_run_at END AS next_run_at,
       j.failures,
       j.suspended_at,
       j.suspended_because
  FROM pagila_repl.job j
       LEFT JOIN pagila_repl.run l ON l.run_id = j.last_run_id
 WHERE pg_catalog.pg_has_role(j.owner_oid, 'MEMBER') OR pg_catalog.pg_has_role('pagila_repl_monitor', 'MEMBER');
COMMENT ON VIEW pagila_repl.job_status IS 'jobs, how their last run ended and when the next one is due';
COMMENT ON COLUMN pagila_repl.job_status.job_id IS 'number of the job';
COMMENT ON COLUMN pagila_repl.job_status.job_name IS 'its name';
COMMENT ON COLUMN pagila_repl.job_status.owner IS 'role its runs run as; "unknown (OID=...)" if it is gone';
COMMENT ON COLUMN pagila_repl.job_status.kind IS 'replicate or load';
COMMENT ON COLUMN pagila_repl.job_status.source IS 'foreign server or files';
COMMENT ON COLUMN pagila_repl.job_status.schedule IS 'interval or cron expression';
COMMENT ON COLUMN pagila_repl.job_status.status IS
  'running, scheduled, due (waits for its turn), suspended (see suspended_because), disabled or never due';
COMMENT ON COLUMN pagila_repl.job_status.current_run_id IS 'run under way';
COMMENT ON COLUMN pagila_repl.job_status.last_run_id IS 'run that ended last; null once it is no longer kept';
COMMENT ON COLUMN pagila_repl.job_status.last_status IS 'how it ended';
COMMENT ON COLUMN pagila_repl.job_status.last_started_at IS 'when it began';
COMMENT ON COLUMN pagila_repl.job_status.last_finished_at IS 'when it ended';
COMMENT ON COLUMN pagila_repl.job_status.last_message IS 'what it said';
COMMENT ON COLUMN pagila_repl.job_status.last_success_at IS 'when a run of the job last ended well, among those that are kept';
COMMENT ON COLUMN pagila_repl.job_status.next_run_at IS 'when it is due; null if it is not';
COMMENT ON COLUMN pagila_repl.job_status.failures IS 'runs that failed since the last one that did not';
COMMENT ON COLUMN pagila_repl.job_status.suspended_at IS 'since when it does not run until it is enabled again';
COMMENT ON COLUMN pagila_repl.job_status.suspended_because IS 'why';

GRANT SELECT ON pagila_repl.progress, pagila_repl.pagila_load_audit, pagila_repl.job_status TO pagila_repl_operator, pagila_repl_monitor;

--
-- Functions
--

CREATE FUNCTION pagila_load(
  schema_file text,
  data_file text DEFAULT NULL,
  force boolean DEFAULT false,
  wait boolean DEFAULT true,
  verify text DEFAULT 'content',
  on_modified text DEFAULT 'refuse',
  on_unmanaged text DEFAULT 'refuse',
  on_dependents text DEFAULT 'refuse',
  owners text DEFAULT 'keep',
  strict boolean DEFAULT true,
  on_other_source text DEFAULT 'refuse',
  on_object_error text DEFAULT 'fail',
  large_objects boolean DEFAULT NULL,
  database_objects text[] DEFAULT NULL,
  OUT run_id bigint, OUT status text, OUT rows bigint, OUT bytes bigint, OUT duration interval, OUT message text)
RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pagila_load';
COMMENT ON FUNCTION pagila_load IS 'load a plain-text dump: the schemas it creates objects in become what it says, at one stroke';

CREATE FUNCTION pagila_replicate_from(
  server text,
  workers integer DEFAULT NULL,
  schemas text[] DEFAULT NULL,
  include text[] DEFAULT NULL,
  exclude text[] DEFAULT NULL,
  force boolean DEFAULT false,
  wait boolean DEFAULT true,
  verify text DEFAULT 'content',
  on_modified text DEFAULT 'refuse',
  on_unmanaged text DEFAULT 'refuse',
  on_dependents text DEFAULT 'refuse',
  owners text DEFAULT 'keep',
  foreign_keys text DEFAULT 'trust',
  on_other_source text DEFAULT 'refuse',
  on_object_error text DEFAULT 'fail',
  large_objects boolean DEFAULT NULL,
  database_objects text[] DEFAULT NULL,
  OUT run_id bigint, OUT status text, OUT rows bigint, OUT bytes bigint, OUT duration interval, OUT message text)
RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pagila_replicate_from';
COMMENT ON FUNCTION pagila_replicate_from IS
  'copy another database: its schemas here become what they are there, in one snapshot and at one stroke';

CREATE FUNCTION pagila_check(
  server text,
  schemas text[] DEFAULT NULL,
  include text[] DEFAULT NULL,
  exclude text[] DEFAULT NULL,
  database_objects text[] DEFAULT NULL,
  OUT subject text, OUT status text, OUT message text, OUT hint text, OUT sqlstate text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pagila_check';
COMMENT ON FUNCTION pagila_check IS 'look whether another database can be copied from: connects, compares, touches nothing';

CREATE FUNCTION pagila_plan(
  server text,
  schemas text[] DEFAULT NULL,
  include text[] DEFAULT NULL,
  exclude text[] DEFAULT NULL,
  OUT schema_name name, OUT table_name name, OUT bytes bigint, OUT rows_estimate bigint, OUT format text,
  OUT format_reason text, OUT parts integer, OUT routed text, OUT publish text, OUT refused text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pagila_plan';
COMMENT ON FUNCTION pagila_plan IS
  'say what copying another database would do with each of its tables, and with schemas here that it would remove or may not replace; touches nothing';

CREATE FUNCTION pagila_schedule(
  job_name text,
  schedule text,
  source text DEFAULT NULL,
  schema_file text DEFAULT NULL,
  data_file text DEFAULT NULL,
  time_zone text DEFAULT NULL,
  workers integer DEFAULT NULL,
  schemas text[] DEFAULT NULL,
  include text[] DEFAULT NULL,
  exclude text[] DEFAULT NULL,
  force boolean DEFAULT NULL,
  verify text DEFAULT NULL,
  on_modified text DEFAULT NULL,
  on_unmanaged text DEFAULT NULL,
  on_dependents text DEFAULT NULL,
  owners text DEFAULT NULL,
  foreign_keys text DEFAULT NULL,
  strict boolean DEFAULT NULL,
  options jsonb DEFAULT NULL,
  on_other_source text DEFAULT NULL,
  on_object_error text DEFAULT NULL,
  large_objects boolean DEFAULT NULL,
  database_objects text[] DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pagila_schedule';
COMMENT ON FUNCTION pagila_schedule IS 'have another database replicated here, or dump files loaded, again and again; returns the number of the job';

CREATE FUNCTION pagila_alter_job(
  job_name text,
  enabled boolean DEFAULT NULL,
  schedule text DEFAULT NULL,
  source text DEFAULT NULL,
  schema_file text DEFAULT NULL,
  data_file text DEFAULT NULL,
  time_zone text DEFAULT NULL,
  options jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pagila_alter_job';
COMMENT ON FUNCTION pagila_alter_job IS 'enable, disable or change a job; arguments left out stay as they are';

CREATE FUNCTION pagila_unschedule(job_name text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pagila_unschedule';
COMMENT ON FUNCTION pagila_unschedule IS 'remove a job; a run under way goes on';

CREATE FUNCTION pagila_run_job(
  job_name text,
  wait boolean DEFAULT true,
  OUT run_id bigint, OUT status text, OUT rows bigint, OUT bytes bigint, OUT duration interval, OUT message text)
RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pagila_run_job';
COMMENT ON FUNCTION pagila_run_job IS 'run a job now, as its owner, whenever it is due next';

CREATE FUNCTION pagila_replicate_to(
  server text,
  source text DEFAULT NULL,
  workers integer DEFAULT NULL,
  schemas text[] DEFAULT NULL,
  include text[] DEFAULT NULL,
  exclude text[] DEFAULT NULL,
  force boolean DEFAULT false,
  wait boolean DEFAULT true,
  verify text DEFAULT 'content',
  on_modified text DEFAULT 'refuse',
  on_unmanaged text DEFAULT 'refuse',
  on_dependents text DEFAULT 'refuse',
  owners text DEFAULT 'keep',
  foreign_keys text DEFAULT 'trust',
  on_other_source text DEFAULT 'refuse',
  on_object_error text DEFAULT 'fail',
  large_objects boolean DEFAULT NULL,
  database_objects text[] DEFAULT NULL,
  OUT run_id bigint, OUT status text, OUT rows bigint, OUT bytes bigint, OUT duration interval, OUT message text)
RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pagila_replicate_to';
COMMENT ON FUNCTION pagila_replicate_to IS 'have another database copy this one: the same run, asked for from the side of the source';

CREATE FUNCTION pagila_identify(
  server text DEFAULT NULL,
  OUT system_identifier text, OUT database_oid oid, OUT database_name text, OUT server_version integer, OUT is_standby boolean,
  OUT started_at timestamptz)
RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pagila_identify';
COMMENT ON FUNCTION pagila_identify IS 'say which database this is, or the one that a server reaches';

CREATE FUNCTION pagila_wait(
  INOUT run_id bigint, OUT status text, OUT rows bigint, OUT bytes bigint, OUT duration interval, OUT message text)
RETURNS record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pagila_wait';
COMMENT ON FUNCTION pagila_wait IS 'wait until a run has ended, and say how';

CREATE FUNCTION pagila_cancel(run_id bigint) RETURNS boolean
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pagila_cancel';
COMMENT ON FUNCTION pagila_cancel IS 'ask a run to stop; false if it is not running any more';

REVOKE EXECUTE ON FUNCTION pagila_load, pagila_replicate_from, pagila_check, pagila_plan, pagila_wait, pagila_cancel,
  pagila_schedule, pagila_alter_job, pagila_unschedule, pagila_run_job, pagila_replicate_to, pagila_identify FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pagila_load, pagila_replicate_from, pagila_check, pagila_plan, pagila_wait, pagila_cancel,
  pagila_schedule, pagila_alter_job, pagila_unschedule, pagila_run_job, pagila_replicate_to, pagila_identify TO pagila_repl_operator;

--
-- Sources: foreign servers of this wrapper. It has no handler, as nothing is read through them.
--

CREATE FUNCTION pagila_repl_validator(options text[], catalog oid) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'pagila_repl_validator';
COMMENT ON FUNCTION pagila_repl_validator IS 'refuse options that servers and user mappings of pagila_repl may not have';
REVOKE EXECUTE ON FUNCTION pagila_repl_validator FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER pagila_repl NO HANDLER VALIDATOR pagila_repl_validator;
COMMENT ON FOREIGN DATA WRAPPER pagila_repl IS 'databases that can be copied from, or asked to copy this one';
