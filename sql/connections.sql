-- Which options a source may have, and who may set them. Nothing is connected to.
CREATE EXTENSION pagila_repl;
CREATE ROLE regress_pagila_source;
GRANT USAGE ON FOREIGN DATA WRAPPER pagila_repl TO regress_pagila_source;

-- The SQLSTATE of creating a server, or a user mapping, with the option.
CREATE FUNCTION pg_temp.attempt(place text, name text, value text, as_role text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('role', as_role, true);
  CASE place
    WHEN 'server' THEN
      EXECUTE format('CREATE SERVER attempt FOREIGN DATA WRAPPER pagila_repl OPTIONS (%I %L)', name, value);
    WHEN 'mapping' THEN
      CREATE SERVER attempt FOREIGN DATA WRAPPER pagila_repl;
      EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER attempt OPTIONS (%I %L)', name, value);
  END CASE;
  RAISE EXCEPTION USING ERRCODE = 'P0009';
EXCEPTION
  WHEN SQLSTATE 'P0009' THEN RETURN 'allowed';
  WHEN OTHERS THEN RETURN SQLSTATE;
END
$$;

-- Every option of libpq 15 and some of later ones, each with a value that libpq accepts, and our own.
SELECT name, value,
       pg_temp.attempt('server', name, value, 'regress_pagila_source') AS server,
       pg_temp.attempt('server', name, value, 'none') AS by_superuser,
       pg_temp.attempt('mapping', name, value, 'regress_pagila_source') AS mapping,
       pg_temp.attempt('mapping', name, value, 'none') AS by_superuser
  FROM (VALUES
    ('service', 'x'), ('user', 'x'), ('password', 'x'), ('passfile', '/x'), ('channel_binding', 'require'),
    ('connect_timeout', '3'), ('dbname', 'x'), ('host', 'x'), ('hostaddr', '10.0.0.1'), ('port', '5432'),
    ('client_encoding', 'UTF8'), ('options', '-c geqo=off'), ('application_name', 'x'),
    ('fallback_application_name', 'x'), ('keepalives', '1'), ('keepalives_idle', '1'), ('keepalives_interval', '1'),
    ('keepalives_count', '1'), ('tcp_user_timeout', '1'), ('sslmode', 'verify-full'), ('sslcompression', '0'),
    ('sslcert', '/x'), ('sslkey', '/x'), ('sslpassword', 'x'), ('sslrootcert', '/x'), ('sslcrl', '/x'),
    ('sslcrldir', '/x'), ('sslsni', '1'), ('requirepeer', 'x'), ('ssl_min_protocol_version', 'TLSv1.2'),
    ('ssl_max_protocol_version', 'TLSv1.3'), ('gssencmode', 'disable'), ('krbsrvname', 'x'), ('gsslib', 'gssapi'),
    ('replication', 'database'), ('target_session_attrs', 'any'),
    ('sslcertmode', 'disable'), ('require_auth', 'none'), ('gssdelegation', '0'), ('load_balance_hosts', 'disable'),
    ('sslnegotiation', 'direct'), ('sslkeylogfile', '/x'), ('servicefile', '/x'), ('oauth_issuer', 'x'),
    ('min_protocol_version', '3.0'), ('scram_client_key', 'x'),
    ('trusted', 'true'), ('trusted', 'false'), ('allow_sql_ascii', 'true'),
    ('password_required', 'false'), ('password_required', 'true')) options (name, value);

-- Less protection, and sockets of this machine, are for superusers to say.
SELECT name, value,
       pg_temp.attempt('server', name, value, 'regress_pagila_source') AS server,
       pg_temp.attempt('server', name, value, 'none') AS by_superuser
  FROM (VALUES
    ('sslmode', 'disable'), ('sslmode', 'allow'), ('sslmode', 'prefer'), ('sslmode', 'require'),
    ('sslmode', 'verify-ca'), ('channel_binding', 'prefer'), ('channel_binding', 'disable'),
    ('ssl_min_protocol_version', 'TLSv1'), ('ssl_min_protocol_version', 'TLSv1.1'),
    ('host', '/tmp'), ('host', '@x'), ('host', 'x,/tmp'), ('trusted', 'on')) options (name, value);

-- Values that make no sense.
SELECT name, value, pg_temp.attempt('server', name, value, 'none') AS server
  FROM (VALUES
    ('host', ''), ('host', 'x,'), ('hostaddr', 'x'), ('port', '0'), ('port', '65536'), ('port', 'x'), ('dbname', ''),
    ('dbname', 'host=x'), ('dbname', 'postgresql://x/'), ('dbname', 'postgres://x/'), ('sslmode', 'on'),
    ('sslrootcert', 'x'), ('sslcrl', 'x'), ('channel_binding', 'on'), ('ssl_min_protocol_version', '1.2'),
    ('target_session_attrs', 'x'), ('connect_timeout', '0'), ('connect_timeout', '1s'), ('keepalives', 'on'),
    ('keepalives_idle', '-1'), ('keepalives_interval', 'x'), ('keepalives_count', '200'), ('tcp_user_timeout', 'x'),
    ('application_name', ''), ('trusted', 'x'), ('allow_sql_ascii', '')) options (name, value)
UNION ALL
SELECT name, value, pg_temp.attempt('mapping', name, value, 'none')
  FROM (VALUES ('user', ''), ('password', ''), ('password_required', 'x'), ('sslcert', 'x'), ('sslkey', 'x'))
       options (name, value);

-- What one reads then.
CREATE SERVER source FOREIGN DATA WRAPPER pagila_repl OPTIONS (hots 'x');
CREATE SERVER source FOREIGN DATA WRAPPER pagila_repl OPTIONS (user 'x');
CREATE SERVER source FOREIGN DATA WRAPPER pagila_repl OPTIONS (service 'x');
CREATE SERVER source FOREIGN DATA WRAPPER pagila_repl OPTIONS (port 'x');
CREATE SERVER source FOREIGN DATA WRAPPER pagila_repl OPTIONS (sslmode 'x');
CREATE SERVER source FOREIGN DATA WRAPPER pagila_repl OPTIONS (host 'x', port '5432', dbname 'x', trusted 'true');
CREATE USER MAPPING FOR regress_pagila_source SERVER source OPTIONS (pasword 'x');
CREATE USER MAPPING FOR regress_pagila_source SERVER source OPTIONS (port '5432');
CREATE FOREIGN DATA WRAPPER other VALIDATOR pagila_repl_validator OPTIONS (host 'x');
CREATE FOREIGN TABLE source_table (i integer) SERVER source OPTIONS (host 'x');

-- Who may not trust a server may not change one that is trusted, nor a user mapping that needs no password.
GRANT USAGE ON FOREIGN SERVER source TO regress_pagila_source;
CREATE USER MAPPING FOR regress_pagila_source SERVER source OPTIONS (user 'x', password_required 'false');
ALTER SERVER source OWNER TO regress_pagila_source;
SET ROLE regress_pagila_source;
ALTER SERVER source OPTIONS (SET host 'y');
ALTER SERVER source OPTIONS (SET host '/tmp', DROP trusted);
ALTER SERVER source OPTIONS (SET host 'y', DROP trusted);
ALTER USER MAPPING FOR CURRENT_USER SERVER source OPTIONS (SET user 'y');
ALTER USER MAPPING FOR CURRENT_USER SERVER source OPTIONS (SET user 'y', DROP password_required);
RESET ROLE;
SELECT srvoptions FROM pg_foreign_server WHERE srvname = 'source';

-- Only those who were granted the wrapper may make servers.
CREATE ROLE regress_pagila_stranger;
SET ROLE regress_pagila_stranger;
CREATE SERVER stranger FOREIGN DATA WRAPPER pagila_repl;
SELECT pagila_repl_validator('{}', 0);
RESET ROLE;

-- Settings.
SET pagila_repl.connect_timeout = '99ms';
SET pagila_repl.connect_timeout = '3s';
SHOW pagila_repl.connect_timeout;
SET pagila_repl.stall_timeout = '-1';
SET pagila_repl.stall_timeout = '1min';
SET pagila_repl.run_timeout = '-1';
SET pagila_repl.run_timeout = '1h';
SET pagila_repl.workers = 0;
SET pagila_repl.workers = 65;
SET pagila_repl.workers = 64;
SET pagila_repl.allowed_hosts = 'x';
SET pagila_repl.pg_dump = 'pg_dump';
SET pagila_repl.pg_dump = '/usr/bin/pg_dump';
SET pagila_repl.disk_reserve = -2;
SET pagila_repl.disk_reserve = '2GB';
SET pagila_repl.old_libpq = 'ignore';
SET pagila_repl.old_libpq = 'error';
SET ROLE regress_pagila_stranger;
SET pagila_repl.pg_dump = '/bin/true';
SET pagila_repl.disk_reserve = 0;
SET pagila_repl.old_libpq = 'warn';
RESET ROLE;

DROP SERVER source CASCADE;
REVOKE USAGE ON FOREIGN DATA WRAPPER pagila_repl FROM regress_pagila_source;
DROP EXTENSION pagila_repl;
DROP ROLE regress_pagila_source, regress_pagila_stranger;
