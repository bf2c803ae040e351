# Whatever psql restores loads: the frames that services, frameworks and people put around a dump, objects without a schema, and
# INSERTs of any values. What cannot be loaded is refused by name, and nothing is left in schemas that no run replaces.
use strict;
use warnings;
use lib 'test/t';
use DumpTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('statements');
my $dir = dumps_of($node);
my $user = getpwuid($<);
$node->psql('postgres', $_) for 'CREATE ROLE postgres', 'CREATE ROLE helper';
# What belongs to the server, in every database that is loaded into.
my $of_server = q{
SELECT count(*) FROM (
  SELECT relnamespace FROM pg_class UNION ALL SELECT typnamespace FROM pg_type UNION ALL SELECT pronamespace FROM pg_proc
  UNION ALL SELECT oprnamespace FROM pg_operator UNION ALL SELECT opcnamespace FROM pg_opclass
  UNION ALL SELECT opfnamespace FROM pg_opfamily UNION ALL SELECT collnamespace FROM pg_collation
  UNION ALL SELECT connamespace FROM pg_conversion UNION ALL SELECT cfgnamespace FROM pg_ts_config
  UNION ALL SELECT dictnamespace FROM pg_ts_dict UNION ALL SELECT prsnamespace FROM pg_ts_parser
  UNION ALL SELECT tmplnamespace FROM pg_ts_template) o (n)
 WHERE n IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace);
SELECT count(*), (SELECT count(*) FROM pg_cast), (SELECT count(*) FROM pg_event_trigger), (SELECT count(*) FROM pg_language),
       (SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace) FROM pg_description};

# A text is refused; nothing that belongs to the server is more or other than before.
sub refused {
    my ($what, $text, $state, %expected) = @_;
    my $db = fresh();
    my ($before) = run_sql($node, $of_server, db => $db);
    my ($out, $err) = run_sql($node, load_sql(write_file("$dir/refused.sql", $text)), db => $db);
    is(sqlstate_of($err), $state, "$what: refused with $state") or diag $err;
    like($err, $expected{says}, "$what: the message") if $expected{says};
    like($err, qr/HINT:  ./, "$what: there is a hint") if $state !~ /^(22|54)/ && !$expected{no_hint};
    my ($place) = run_sql($node, 'SELECT error_context FROM pagila_repl.run', db => $db);
    like($place, qr/\bline $expected{line}\b/, "$what: names line $expected{line}") if $expected{line};
    unlike("$err$place", qr/CANARY/, "$what: shows nothing else of the file");
    is((run_sql($node, $of_server, db => $db))[0], $before, "$what: what belongs to the server is as it was");
    no_residue($node, $what, db => $db);
    return;
}

#
# Frames
#

my $table = "CREATE TABLE public.t (id integer PRIMARY KEY, note text);\n";
my $rows = "COPY public.t (id, note) FROM stdin;\n1\tone\n2\ttwo\n\\.\n";

my $service = as_psql('a dump of a service', <<'END');
SET session_replication_role = replica;

--
-- PostgreSQL database dump
--

-- \restrict abc

SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.t (id int NOT NULL, note text);

INSERT INTO "public"."t" ("id", "note") VALUES
	(1, 'first
-- a line of the value that looks like a comment
\. and one like an end mark'),
	(2, 'x');

ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id);
--
-- PostgreSQL database dump complete
--

-- \unrestrict abc

RESET ALL;
END
like(message_of($service), qr/2 rows in 1 table; 1 setting of the session passed over/, 'what was passed over is counted');

my $statistics = "SELECT * FROM pg_catalog.pg_restore_relation_stats(\n\t'version', '180000'::integer,\n\t'schemaname', 'public',\n"
    . "\t'relname', 't',\n\t'reltuples', '2'::real\n);\n"
    . "SELECT * FROM pg_catalog.pg_restore_attribute_stats(\n\t'version', '180000'::integer,\n\t'attname', 'id',\n\t'null_frac', '0'::real\n);\n";
my $of_18 = as_psql('statistics of 18', $table . $rows . $statistics, psql => $table . $rows);
like(message_of($of_18), qr/2 statements about statistics passed over/, 'statistics are counted');

my $rails = as_psql("Rails' structure.sql", <<'END');
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: plpgsql; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS plpgsql WITH SCHEMA pg_catalog;


--
-- Name: EXTENSION plpgsql; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON EXTENSION plpgsql IS 'PL/pgSQL procedural language';

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.ar_internal_metadata (key character varying NOT NULL, value character varying, created_at timestamp(6) without time zone NOT NULL);
CREATE TABLE public.schema_migrations (version character varying NOT NULL);
CREATE TABLE public.users (id bigint NOT NULL, email character varying DEFAULT ''::character varying NOT NULL);
CREATE SEQUENCE public.users_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.users_id_seq OWNED BY public.users.id;
ALTER TABLE ONLY public.users ALTER COLUMN id SET DEFAULT nextval('public.users_id_seq'::regclass);
ALTER TABLE ONLY public.schema_migrations ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX index_users_on_email ON public.users USING btree (email);

SET search_path TO "$user", public;

INSERT INTO "schema_migrations" (version) VALUES
('20240102030405'),
('20230102030405');


END
like(message_of($rails), qr/^2 rows in 1 table$/, 'nothing of it is left out');

as_psql('BEGIN and COMMIT around the whole', "BEGIN;\n$table${rows}COMMIT;\n");
as_psql('blocks one after the other', "START TRANSACTION;\n${table}END;\nBEGIN ISOLATION LEVEL SERIALIZABLE;\nSET CONSTRAINTS ALL DEFERRED;\n${rows}COMMIT WORK;\n");
as_psql('savepoints to which nothing goes back', "BEGIN;\n${table}SAVEPOINT a;\n${rows}RELEASE a;\nSAVEPOINT b;\nCOMMIT;\n");
refused('a meta-command', "\\set ON_ERROR_STOP on\n$table", '42601', says => qr/meta-command \\set .*\\restrict.*Take it out/s, line => 1);
as_psql('settings of a block', "CREATE SCHEMA a;\nCREATE SCHEMA b;\nSET search_path = a;\nBEGIN;\nSET LOCAL search_path = b;\n"
    . "CREATE TABLE in_b (x int);\nCOMMIT;\nCREATE TABLE in_a (x int);\nSET LOCAL search_path = b;\nINSERT INTO in_a VALUES (1);\n");
my $analyzed = as_psql('ANALYZE and VACUUM', "$table${rows}ANALYZE;\nANALYZE public.t;\nVACUUM (ANALYZE) public.t;\n");
like(message_of($analyzed), qr/3 ANALYZE or VACUUM statements passed over/, 'ANALYZE and VACUUM are counted');
as_psql('settings of the server', "SET synchronous_commit TO off;\nSET maintenance_work_mem = '64MB';\nSET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;\n"
    . "SET TRANSACTION READ WRITE;\nSET xmloption TO DEFAULT;\nSET client_min_messages TO DEFAULT;\n$table$rows");
as_psql('settings that are reset', "CREATE SCHEMA a;\nSET search_path = a;\nCREATE TABLE one (x text);\nRESET search_path;\nCREATE TABLE two (x text);\n"
    . "SET search_path = a;\nCREATE TABLE three (x text);\nSET search_path TO DEFAULT;\nCREATE TABLE four (x text);\nSET search_path = a;\n"
    . "SET standard_conforming_strings = off;\nSET escape_string_warning = off;\nINSERT INTO one VALUES ('a\\\\b');\nRESET ALL;\nCREATE TABLE five (x text);\nINSERT INTO five VALUES ('a\\\\b');\n"
    . "SET client_encoding = 'LATIN1';\nINSERT INTO five VALUES ('\xE9');\nRESET client_encoding;\nINSERT INTO five VALUES ('\xC3\xA9');\n");
my $roles = as_psql('SET ROLE', "SET ROLE $user;\n${table}RESET ROLE;\n${rows}SET ROLE NONE;\nSET SESSION AUTHORIZATION DEFAULT;\nCREATE TABLE public.u ();\n");
like(message_of($roles), qr/1 object made under another session authorization or role/, 'what another role makes is counted');

#
# Objects without a schema
#

my $unqualified = <<'END';
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TYPE pair AS (a integer, b text);
CREATE TYPE span AS RANGE (subtype = integer, multirange_type_name = spans);
CREATE FUNCTION twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
CREATE FUNCTION same(pair, pair) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1.a = $2.a';
CREATE OPERATOR === (LEFTARG = pair, RIGHTARG = pair, FUNCTION = same, COMMUTATOR = ===);
CREATE OPERATOR FAMILY pairs USING hash;
CREATE FUNCTION hash_of(pair) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1.a';
CREATE OPERATOR CLASS pair_ops FOR TYPE pair USING hash FAMILY pairs AS OPERATOR 1 ===, FUNCTION 1 hash_of(pair);
CREATE FUNCTION pair_of(integer) RETURNS pair LANGUAGE sql IMMUTABLE AS 'SELECT ROW($1, NULL)::pair';
CREATE CAST (integer AS pair) WITH FUNCTION pair_of(integer);
CREATE COLLATION french FROM "C";
CREATE CONVERSION to_latin FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = pg_catalog.simple);
CREATE TEXT SEARCH CONFIGURATION plain (PARSER = pg_catalog."default");
ALTER TEXT SEARCH CONFIGURATION plain ADD MAPPING FOR word WITH words;
CREATE TABLE item (id serial PRIMARY KEY, m mood, p positive, q pair, s span, name text COLLATE french, twice integer GENERATED ALWAYS AS (twice(p)) STORED);
CREATE SEQUENCE counter;
CREATE TABLE part (id integer, m mood) PARTITION BY LIST (m);
CREATE TABLE part_sad PARTITION OF part FOR VALUES IN ('sad');
CREATE VIEW names AS SELECT name FROM item WHERE m = 'happy';
CREATE MATERIALIZED VIEW happy AS SELECT count(*) FROM item;
CREATE INDEX item_name ON item (name);
CREATE INDEX ON item (p);
CREATE STATISTICS both_columns ON m, p FROM item;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE UPDATE ON item FOR EACH ROW EXECUTE FUNCTION touch();
CREATE RULE none AS ON DELETE TO names DO INSTEAD NOTHING;
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON item USING (true);
ALTER INDEX item_name SET (fillfactor = 70);
COMMENT ON TABLE item IS 'items';
COMMENT ON INDEX item_name IS 'by name';
COMMENT ON FUNCTION twice(integer) IS 'twice';
COMMENT ON TYPE mood IS 'moods';
GRANT SELECT ON item, names TO helper;
GRANT EXECUTE ON FUNCTION twice(integer) TO helper;
COPY item (id, m, p, q, s, name) FROM stdin;
1	happy	3	(1,x)	[1,4)	abc
2	sad	4	(2,)	empty	\N
\.
INSERT INTO part VALUES (1, 'sad'), (2, 'sad');
SELECT setval('item_id_seq', 7);
SELECT pg_catalog.setval('counter'::regclass, 3, false);
REFRESH MATERIALIZED VIEW happy;
END
my $plain = as_psql('objects without a schema', $unqualified);
is((run_sql($node, q{SELECT count(*) FROM pg_class WHERE relname = 'item' AND relnamespace = 'public'::regnamespace}, db => $plain))[0], '1', 'they are in public');
as_psql('the first schema of a path that exists', "SET search_path = missing, public;\n$unqualified");
as_psql('a path that names the role', "CREATE SCHEMA \"$user\";\n$unqualified");
as_psql('a path with the server\'s schema behind', "CREATE SCHEMA one;\nSET search_path = one, pg_catalog;\n$unqualified");
as_psql('a schema that is made later', "SET search_path = later, public;\nCREATE TABLE a (x int);\nCREATE SCHEMA later;\nCREATE TABLE b (x int);\nINSERT INTO a VALUES (1);\nINSERT INTO b VALUES (2);\n");
as_psql('names found further on in the path', "CREATE SCHEMA one;\nCREATE SCHEMA two;\nSET search_path = two;\nCREATE TABLE t (x int, y serial);\nSET search_path = one, two;\n"
    . "ALTER TABLE t ADD z text;\nCOPY t (x) FROM stdin;\n1\n\\.\nINSERT INTO t (x) VALUES (2);\nCREATE INDEX t_x ON t (x);\nCOMMENT ON TABLE t IS 'two''s';\nCREATE TABLE u (x int);\n");
refused('no schema of the path exists', "SET search_path = missing;\nCREATE TABLE t (x int);\n", '3F000', says => qr/no schema is given for "t"/, line => 2);
for my $case (
    [ 'a function', 'CREATE FUNCTION pg_catalog.f() RETURNS int LANGUAGE sql AS \'SELECT 1\'' ],
    [ 'a function by path', "SET search_path = pg_catalog, public;\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'" ],
    [ 'an operator', 'CREATE OPERATOR pg_catalog.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)' ],
    [ 'a type', "CREATE TYPE pg_catalog.mood AS ENUM ('a')" ],
    [ 'a table', 'CREATE TABLE information_schema.t (x int)' ],
    [ 'a name of three parts', "CREATE FUNCTION postgres.pg_catalog.f() RETURNS int LANGUAGE sql AS 'SELECT 1'" ],
    [ 'a comment', "COMMENT ON FUNCTION now() IS 'mine'" ],
    [ 'a comment on a type', "COMMENT ON TYPE text IS 'mine'" ],
    [ 'a comment on an operator', "COMMENT ON OPERATOR + (integer, integer) IS 'mine'" ],
    [ 'a comment on a text search object', "COMMENT ON TEXT SEARCH CONFIGURATION english IS 'mine'" ],
    [ 'an owner', 'ALTER FUNCTION now() OWNER TO helper' ],
    [ 'an attribute', 'ALTER FUNCTION now() COST 7' ],
    [ 'a grant', 'GRANT UPDATE ON pg_class TO helper' ],
    [ 'a grant among others', 'GRANT SELECT ON pg_catalog.pg_authid, public.t TO helper' ],
    [ 'a grant on a function', 'GRANT EXECUTE ON FUNCTION pg_read_file(text) TO helper' ],
) {
    my ($what, $statement) = @$case;
    my $db = fresh();
    my ($before) = run_sql($node, "$of_server;\nSELECT sum(hashtext(p::text)) FROM pg_proc p; SELECT relacl FROM pg_class WHERE oid IN ('pg_class'::regclass, 'pg_authid'::regclass)", db => $db);
    my ($out, $err) = run_sql($node, load_sql(write_file("$dir/catalog.sql", "$table$statement;\n")), db => $db);
    my ($after) = run_sql($node, "$of_server;\nSELECT sum(hashtext(p::text)) FROM pg_proc p; SELECT relacl FROM pg_class WHERE oid IN ('pg_class'::regclass, 'pg_authid'::regclass)", db => $db);
    like(sqlstate_of($err), qr/\A(0A000|42501|42883|42704)\z/, "$what in the server's schema is refused") or diag "$out$err";
    is($after, $before, "$what in the server's schema: it is as it was");
}

# Nor in any other schema that the dump does not replace, where the server would find a name there first.
{
    my $db = fresh();
    $node->safe_psql($db, q{CREATE SCHEMA other; CREATE TABLE other.t (id integer, note text); INSERT INTO other.t VALUES (7, 'kept');
      CREATE FUNCTION other.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TYPE other.mood AS ENUM ('sad')});
    my $before = dump_text($node, $db);
    for my $statement (
        'ALTER TABLE t ADD z integer', 'ALTER TABLE t ALTER note SET DEFAULT 7', 'ALTER TABLE t OWNER TO helper', 'ALTER TABLE t ADD CHECK (id > 0)',
        'ALTER TABLE t SET (fillfactor = 50)', 'ALTER TABLE t ENABLE ROW LEVEL SECURITY', 'ALTER FUNCTION f() COST 7', "ALTER TYPE mood ADD VALUE 'happy'",
        'CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING', 'CREATE POLICY p ON t USING (true)', 'CREATE INDEX ON t (id)',
        'CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION other.f()', 'GRANT SELECT ON t TO helper', 'GRANT SELECT (id) ON t TO helper',
        "COMMENT ON TABLE t IS 'mine'", 'DROP TABLE t', 'DROP TABLE IF EXISTS t', "COPY t FROM stdin;\n1\tx\n\\.\n", "INSERT INTO t VALUES (1, 'x')", "INSERT INTO t VALUES (1, upper('x'))",
        'GRANT SELECT (rolpassword) ON pg_authid TO helper', 'GRANT SELECT ON pg_statistic TO helper',
    ) {
        my ($out, $err) = run_sql($node, load_sql(write_file("$dir/other.sql", "${table}CREATE FUNCTION public.f() RETURNS integer LANGUAGE sql AS 'SELECT 1';\n"
            . "CREATE TYPE public.mood AS ENUM ('sad');\nSET search_path = other, public;\n$statement;\n"), undef, force => 'true'), db => $db);
        like(sqlstate_of($err), qr/\A(0A000|42P01|42501)\z/, "$statement of another schema is refused") or diag "$out$err";
        same_text(dump_text($node, $db), $before, "$statement of another schema: it is as it was");
        is($node->safe_psql($db, q{SELECT string_agg(a.attacl::text, '') FROM pg_attribute a WHERE attrelid = 'pg_authid'::regclass}), '', "$statement: nor is the server's");
    }
}
as_psql('a path that names another role', "CREATE SCHEMA helper;\nGRANT ALL ON SCHEMA helper TO helper;\nCREATE TABLE public.a (x int);\nSET ROLE helper;\nCREATE TABLE t (x int);\nINSERT INTO t VALUES (1);\n"
    . "RESET ROLE;\nCREATE TABLE u (x int);\n", psql => "CREATE SCHEMA helper;\nGRANT ALL ON SCHEMA helper TO helper;\nCREATE TABLE public.a (x int);\nCREATE TABLE helper.t (x int);\n"
    . "INSERT INTO helper.t VALUES (1);\nCREATE TABLE public.u (x int);\n");

#
# What --clean and --create write
#

my $full = by_psql(map { sample_dir() . "/$_.sql" } qw(schema data));
my $expected = dump_text($node, $full);
for my $form ([qw(--clean --if-exists)], ['--clean']) {
    my $db = fresh();
    my $file = dump_to_file($full, @$form);
    loads_into($db, "pg_dump @$form", [$file]);
    same_text(dump_text($node, $db), $expected, "pg_dump @$form: the result is the source");
    like(message_of($db), qr/\d+ statements that take away what the run replaces passed over/, "pg_dump @$form: it is counted");
    loads_into($db, "pg_dump @$form, again", [$file], force => 'true');
    same_text(dump_text($node, $db), $expected, "pg_dump @$form: the result of the second run is the source");
}
for my $form ([qw(--create)], [qw(--create --clean --if-exists)]) {
    # The database itself is called as the dump says.
    my $file = dump_to_file($full, @$form);
    my ($out, $err) = run_sql($node, load_sql($file), db => fresh());
    is(sqlstate_of($err), '0A000', "pg_dump @$form of another database is refused");
    like($err, qr/the dump is of database "$full", and this is database "fresh_\d+"/, "pg_dump @$form: the message names both");
    $node->safe_psql('postgres', "ALTER DATABASE $full RENAME TO aside; CREATE DATABASE $full");
    $node->safe_psql($full, 'CREATE EXTENSION pagila_repl');
    loads_into($full, "pg_dump @$form", [$file]);
    same_text(dump_text($node, $full), $expected, "pg_dump @$form: the result is the source");
    $node->safe_psql('postgres', "DROP DATABASE $full; ALTER DATABASE aside RENAME TO $full");
}
as_psql('drops between', "DROP TABLE IF EXISTS public.t;\n${table}DROP TABLE IF EXISTS u CASCADE;\nCREATE TABLE u (x int);\n$rows");
as_psql('a drop of what the dump has made', "CREATE TABLE a (x int);\nDROP TABLE a;\nCREATE TABLE a (y int);\nCREATE VIEW v AS SELECT 1 AS one;\nDROP VIEW IF EXISTS v;\n"
    . "CREATE INDEX a_y ON a (y);\nDROP INDEX a_y;\nALTER TABLE a ADD CONSTRAINT c CHECK (y > 0);\nALTER TABLE a DROP CONSTRAINT c;\nCREATE TYPE m AS (x int);\n");
as_psql('a view on which another depends', "CREATE OR REPLACE VIEW public.v AS\nSELECT\n    NULL::integer AS id,\n    NULL::text AS note;\nDROP VIEW IF EXISTS public.v;\n${table}"
    . "CREATE VIEW public.v AS SELECT id, note FROM public.t GROUP BY id;\n", psql => "${table}CREATE VIEW public.v AS SELECT id, note FROM public.t GROUP BY id;\n");
refused('a drop of a schema that is not replaced', "DROP SCHEMA IF EXISTS elsewhere CASCADE;\n$table", '0A000', says => qr/drops schema "elsewhere", which the run does not replace/, line => 1);
refused('a drop of a table that is not replaced', "$table\nDROP TABLE IF EXISTS elsewhere.t;\n", '0A000', says => qr/drops "elsewhere\.t"/, line => 3);
refused('a drop of an extension', "DROP EXTENSION IF EXISTS hstore;\n$table", '0A000', says => qr/drops extension "hstore"/, line => 1);
refused('a drop of rows', "$table${rows}DROP TABLE public.t;\n", '0A000', says => qr/may not drop "public\.t" after/, line => 6);

#
# Owners of schemas that CREATE SCHEMA tells
#

as_psql('CREATE SCHEMA with an owner', "CREATE SCHEMA a AUTHORIZATION helper;\nCREATE SCHEMA IF NOT EXISTS \"B c\" AUTHORIZATION helper;\n"
    . "CREATE SCHEMA IF NOT EXISTS \"B c\" AUTHORIZATION $user;\nCREATE SCHEMA AUTHORIZATION helper;\nCREATE SCHEMA IF NOT EXISTS public AUTHORIZATION helper;\n"
    . "CREATE SCHEMA c AUTHORIZATION CURRENT_USER;\nCREATE TABLE a.t ();\nCREATE TABLE helper.t ();\nCREATE TABLE public.t ();\n");
my $nobody = fresh();
loads_into($nobody, 'CREATE SCHEMA with an owner that is not here', [ write_file("$dir/nobody.sql", "CREATE SCHEMA a AUTHORIZATION nobody_here;\nCREATE TABLE a.t ();\n") ]);
like(message_of($nobody), qr/1 owner skipped, its role does not exist/, 'CREATE SCHEMA with an owner that is not here: it is counted');

#
# Extensions without a schema
#

SKIP: {
    skip 'contrib is not installed', 1 if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name IN ('hstore', 'citext')}) < 2;
    as_psql('CREATE EXTENSION without a schema', "DROP EXTENSION IF EXISTS hstore CASCADE;\nCREATE EXTENSION hstore;\nCREATE SCHEMA lib;\nSET search_path = missing, lib, public;\n"
        . "CREATE EXTENSION IF NOT EXISTS citext;\nRESET search_path;\nCREATE TABLE t (h hstore, c lib.citext UNIQUE);\nINSERT INTO t VALUES ('a=>1', 'X'), (hstore('b', 'c'), 'y');\n");
}

#
# What comes between rows
#

as_psql('sequences that are set between rows', <<'END');
CREATE TABLE t (id serial, x text);
CREATE TABLE i (id integer GENERATED BY DEFAULT AS IDENTITY, x text);
CREATE TABLE p (id serial, x text) PARTITION BY LIST (x);
CREATE TABLE p_a PARTITION OF p FOR VALUES IN ('a');
CREATE TABLE p_b PARTITION OF p DEFAULT;
CREATE TABLE only_restarted (id serial, x text);
INSERT INTO t (x) VALUES ('a'), ('b');
INSERT INTO i VALUES (1, 'a'), (2, 'b');
INSERT INTO only_restarted (x) VALUES ('a');
ALTER SEQUENCE t_id_seq RESTART WITH 100;
ALTER SEQUENCE only_restarted_id_seq RESTART 50;
SELECT setval('i_id_seq', 20, false);
SELECT setval('p_id_seq', 10);
INSERT INTO t (x) VALUES ('c'), (upper('d'));
INSERT INTO i VALUES (DEFAULT, 'c');
COPY i (x) FROM stdin;
d
\.
INSERT INTO p (x) VALUES ('a'), ('b');
INSERT INTO p_a (x) VALUES ('a');
SELECT setval('t_id_seq', 500);
END
as_psql('columns that change after rows which stay the same', <<'END');
CREATE TABLE t (id integer, x text, z text);
CREATE SEQUENCE s;
INSERT INTO t VALUES (1, 'a');
INSERT INTO t (x, id) VALUES ('b', 2);
COPY t (x, id) FROM stdin;
c	3
\.
ALTER TABLE t ALTER id SET DEFAULT nextval('s'), ALTER x SET NOT NULL, ADD y integer DEFAULT 7;
ALTER TABLE t DROP COLUMN z;
END
my $before_rows = "CREATE TABLE t (id integer, x text, g integer GENERATED ALWAYS AS (id * 2) STORED);\n";
for my $case (
    [ 'a default for INSERT with columns', "INSERT INTO t (id) VALUES (1);\nALTER TABLE t ALTER x SET DEFAULT 'later';\n", 'x' ],
    [ 'a default for INSERT without columns', "INSERT INTO t VALUES (1);\nALTER TABLE t ALTER x SET DEFAULT 'later';\n", 'x' ],
    [ 'a default for DEFAULT VALUES', "INSERT INTO t DEFAULT VALUES;\nALTER TABLE t ALTER x SET DEFAULT 'later';\n", 'x' ],
    [ 'a default for expressions', "INSERT INTO t VALUES (1 + 1, DEFAULT);\nALTER TABLE t ALTER x SET DEFAULT 'later';\n", 'x' ],
    [ 'a default for COPY', "COPY t (id) FROM stdin;\n1\n\\.\nALTER TABLE ONLY public.t ALTER x SET DEFAULT 'later';\n", 'x' ],
    [ 'a default that goes', "INSERT INTO t VALUES (1);\nALTER TABLE t ADD y integer DEFAULT 7;\nALTER TABLE t ALTER y DROP DEFAULT;\n", 'y' ],
    [ 'a type', "INSERT INTO t VALUES (1, '5');\nALTER TABLE t ALTER x TYPE integer USING x::integer * 10;\n", 'x' ],
    [ 'a column that is made again', "INSERT INTO t (id, x) VALUES (1, '5');\nALTER TABLE t DROP COLUMN x, ADD x text;\n", 'x' ],
    [ 'a column that is generated no more', "INSERT INTO t (id) VALUES (1);\nALTER TABLE t ALTER g DROP EXPRESSION;\n", 'g' ],
) {
    my ($what, $statements, $column) = @$case;
    refused("$what, after rows", $before_rows . $statements, '0A000', says => qr/may not change column "$column" of table "public\.t" after rows.*line 2/s,
        line => ($before_rows . $statements) =~ tr/\n//);
}
for my $case ([ 'LATIN1', "\xE9" ], [ 'latin1', "\xC3\xA9" ]) {
    my ($encoding, $word) = @$case;
    my $client = $word eq "\xE9" ? "SET client_encoding = 'LATIN1';\n" : '';
    as_psql("COPY in an encoding of its own, $encoding", "${client}CREATE TABLE t (x text);\nCOPY t FROM stdin (ENCODING '$encoding');\n$word\n\\.\nCOPY t FROM stdin;\n$word\n\\.\n"
        . "COPY t FROM stdin ENCODING 'UTF8';\n\xC3\xA9\n\\.\n");
}
refused('COPY in an encoding that is none', "CREATE TABLE t (x text);\nCOPY t FROM stdin (ENCODING 'nothing');\na\n\\.\n", '22023', says => qr/encoding/);

#
# INSERTs
#

my $values = <<'END';
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN code AS character varying(5);
CREATE FUNCTION shout(text) RETURNS text LANGUAGE sql AS 'SELECT upper($1) || current_schema()';
CREATE TABLE v (id serial, t text, i integer, n numeric(10,2), f double precision, r real, b boolean, d date, ts timestamp, tz timestamptz,
  m mood, p pair, a integer[], ta text[], j jsonb, bi bit(5), vb bit varying, by bytea, c code, v character varying(10), x xml, iv interval, u uuid, mo money, g integer GENERATED ALWAYS AS (i * 2) STORED);
INSERT INTO v (t, i, n) VALUES ('plain', 1, 1.5), ('more', -2, +3);
INSERT INTO v (t, i, n, f) VALUES (01, 1.5, 1e2, 1e-5), (1e3, '7', .5, 5.), (-0.0, - 3, 1.005, 3::float8 / 7);
INSERT INTO v (t) VALUES (TRUE), (B'101'), (X'1F'), (1.50), (12345678901234567890), (NULL), (DEFAULT);
INSERT INTO v (t) VALUES (E'a\tb\\c\'d'), ($$dollar ' \ $$), ($a$x$$y$a$), (U&'d\0061t\+000061'), ('one'
  'two'), (E'one\n'
  'two\n'), (N'national'), ('a' || 'b;c' || chr(10)), ('it''s');
INSERT INTO v (d, ts, tz, iv) VALUES (DATE '2020-02-29', TIMESTAMP '2020-01-01 10:00', '2020-01-01 10:00+02'::timestamptz, INTERVAL '1 day 2 hours'),
  ('2020-02-29'::date + 1, '2020-01-01'::date, TIMESTAMPTZ '2020-01-01 00:00+00', INTERVAL '3' HOUR), (to_date('2020-03-04', 'YYYY-MM-DD'), CAST('2021-01-01' AS timestamp), NULL, '1 mon'::interval * 2);
INSERT INTO v (m, p, a, ta, j) VALUES ('happy'::mood, ROW(1, 'x'), ARRAY[1, 2, 3], ARRAY['a', 'b,c', NULL, 'd"e'], '{"a": [1, 2]}'::jsonb),
  ('sad', ROW(2, NULL)::pair, '{4,5}', '{}'::text[], jsonb_build_object('k', 'v')), (CAST('sad' AS public.mood), (3, 'y'), ARRAY[]::integer[], string_to_array('p q', ' '), 'null');
INSERT INTO v (bi, vb, by, c, v, x, u, mo, r, b) VALUES (B'10101', B'1', '\x00ff5c'::bytea, 'abc'::varchar, 'text'::text, '<a/>'::xml, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, 12.5, 1.1, 1 = 1),
  (X'1F'::bit(5), X'ff', decode('00ff', 'hex'), upper('abc'), repeat('x', 10), xmlelement(name b), NULL, '$3.00', 0.1::real, 'yes'), (21::bit(5), DEFAULT, E'\\000\\377', DEFAULT, NULL, NULL, NULL, 7, 3, false);
INSERT INTO v (t, i) VALUES (shout('loud'), length('four')), (coalesce(NULL, 'c'), CASE WHEN true THEN 1 ELSE 2 END), (greatest('a', 'b'), GREATEST(1, 2)), (nullif('a', 'a'), @ -5), (concat('a', 1), (2 + 3) * 4);
INSERT INTO v VALUES (100, 'whole');
INSERT INTO v VALUES (DEFAULT, 'whole', DEFAULT), (102, upper('w'), 3);
INSERT INTO v (t, g) VALUES ('g', DEFAULT), (lower('G'), DEFAULT);
INSERT INTO public.v (t) VALUES ('after'::text) ON CONFLICT DO NOTHING;
INSERT INTO v (t) VALUES ('plain again');
END
my $inserted = as_psql('INSERTs of values of any form', $values);
like(message_of($inserted), qr/^\d+ rows in 1 table$/, 'blocks are not taken for tables');
as_psql('INSERTs of what functions do not give twice alike', "CREATE TABLE t (x text, y boolean);\nINSERT INTO t VALUES (set_config('my.x', 'b', true), random() < 2), (lower('C'), clock_timestamp() > now());\n");
as_psql('INSERTs of defaults', "CREATE TABLE e ();\nINSERT INTO e DEFAULT VALUES;\nINSERT INTO public.e DEFAULT VALUES;\nCREATE TABLE t (id serial, x int DEFAULT 7);\n"
    . "INSERT INTO t DEFAULT VALUES;\nINSERT INTO t VALUES (DEFAULT, DEFAULT), (DEFAULT, 8);\nINSERT INTO t DEFAULT VALUES ON CONFLICT DO NOTHING;\nINSERT INTO t (x) VALUES (DEFAULT), (DEFAULT), (9);\nINSERT INTO t VALUES (10);\n");
as_psql('INSERTs into an identity', "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, x text);\nINSERT INTO t (id, x) OVERRIDING SYSTEM VALUE VALUES (7, upper('a')), (DEFAULT, 'b');\n"
    . "INSERT INTO t VALUES (DEFAULT, 'c');\nINSERT INTO t (x) VALUES ('d'), (lower('E'));\nINSERT INTO t OVERRIDING SYSTEM VALUE VALUES (9, 'f');\n");
as_psql('INSERTs of values in another encoding', "SET client_encoding = 'LATIN1';\nCREATE TABLE t (x text);\nINSERT INTO t VALUES ('\xE9t\xE9'::text), (upper('\xE9'));\n");
as_psql('INSERTs without standard_conforming_strings', "SET standard_conforming_strings = off;\nSET escape_string_warning = off;\nCREATE TABLE t (x text);\nINSERT INTO t VALUES (upper('a\\\\b\\'c')), ('d\\\\e'\n'f\\\\g');\n");
as_psql('INSERTs of values into partitions', "CREATE TABLE p (id int, d date) PARTITION BY RANGE (d);\nCREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');\n"
    . "CREATE TABLE p2 (d date, id int);\nALTER TABLE p ATTACH PARTITION p2 DEFAULT;\nINSERT INTO p VALUES (1, DATE '2020-05-05'), (2, '2030-01-01'::date);\nINSERT INTO p1 VALUES (3, to_date('2020', 'YYYY'));\n");
as_psql('an INSERT of values that is long', "CREATE TABLE t (id int, x text);\nINSERT INTO t VALUES (0, 'a');\nINSERT INTO t VALUES\n"
    . join(",\n", map { "($_, '" . ('x' x 200) . "')" } 1 .. 20_000) . ",\n(20001, upper('last'));\nINSERT INTO t VALUES (20002, 'b');\n");
as_psql('an INSERT that is long and has DEFAULT in other places', "CREATE TABLE t (id int, x text DEFAULT 'd');\nINSERT INTO t VALUES (0, 'a');\nINSERT INTO t VALUES\n"
    . join(",\n", map { "($_, '" . ('x' x 200) . "')" } 1 .. 10_000) . ",\n(20001, DEFAULT);\n");
refused('a query in INSERT', "CREATE TABLE t (x int);\nINSERT INTO t\nVALUES (1),\n ((SELECT max(x) FROM t));\n", '0A000', says => qr/queries in the values of INSERT/, line => 4);
refused('a column in INSERT', "CREATE TABLE t (x int);\nINSERT INTO t VALUES\n (some_column);\n", '0A000', says => qr/column references in the values of INSERT, at "some_column"/, line => 3);
refused('INSERT of a query', "CREATE TABLE t (x int);\nINSERT INTO t SELECT 1;\n", '0A000', says => qr/at "SELECT"/, line => 2);
refused('INSERT with RETURNING', "CREATE TABLE t (x int);\nINSERT INTO t VALUES (1) RETURNING abs(x);\n", '0A000', says => qr/at "\("/, line => 2);
refused('INSERT of an expression with RETURNING', "CREATE TABLE t (x int);\nINSERT INTO t VALUES (1 + 1)\n RETURNING x, abs(x);\n", '0A000', says => qr/expressions after RETURNING, at "abs"/, line => 3);
as_psql('INSERTs as Alembic writes them', "BEGIN;\nCREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));\n"
    . "INSERT INTO alembic_version (version_num) VALUES ('1975ea83b712') RETURNING alembic_version.version_num;\n"
    . "INSERT INTO alembic_version VALUES (lower('A')), ('b') RETURNING *;\nINSERT INTO alembic_version VALUES ('c') RETURNING version_num AS \"x;\";\nCOMMIT;\n");
as_psql('INSERTs with conflicts of some kind', "CREATE TABLE t (id integer PRIMARY KEY, x text UNIQUE);\nINSERT INTO t VALUES (1, 'a') ON CONFLICT (id) DO NOTHING;\n"
    . "INSERT INTO t VALUES (2, 'b') ON CONFLICT ON CONSTRAINT t_pkey DO NOTHING RETURNING id;\nINSERT INTO t VALUES (3, lower('C')) ON CONFLICT (id) DO NOTHING;\n"
    . "INSERT INTO t VALUES (4, 'd') ON CONFLICT (x) WHERE x IS NOT NULL DO NOTHING;\n");
refused('INSERT of a row that ON CONFLICT (id) would leave out', "CREATE TABLE t (id integer PRIMARY KEY);\nINSERT INTO t VALUES (1), (1) ON CONFLICT (id) DO NOTHING;\n", '23505', no_hint => 1);
refused('INSERT with ON CONFLICT', "CREATE TABLE t (x int);\nINSERT INTO t VALUES (1 + 1) ON CONFLICT (x) DO UPDATE SET x = 1;\n", '0A000', says => qr/this ON CONFLICT, at "ON"/, line => 2);
refused('a function that does not exist', "CREATE TABLE t (x int);\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (no_such('CANARY'));\n", '42883', says => qr/no_such/, line => 3);
refused('a value that its column does not take', "CREATE TABLE t (x int);\nINSERT INTO t VALUES (1 + 1);\nINSERT INTO t VALUES ('CANARY'::text::int);\n", '22P02', line => 3);
refused('a syntax error in INSERT', "CREATE TABLE t (x int);\nINSERT INTO t VALUES\n (1),\n (2 +);\n", '42601', says => qr/syntax error in a statement of the dump at "\)"/, line => 4);
refused('rows of different lengths', "CREATE TABLE t (x int);\nINSERT INTO t VALUES (1 + 1), (1, 2);\n", '42601', line => 2);

# A function of somebody else is not called as the superuser who loads, whatever calls it.
{
    my $db = fresh();
    $node->safe_psql($db, q{CREATE SCHEMA lent AUTHORIZATION helper; GRANT USAGE ON SCHEMA lent TO PUBLIC; SET ROLE helper;
      CREATE TABLE lent.seen (who text); CREATE FUNCTION lent.trap() RETURNS text LANGUAGE sql AS $$ SELECT current_user::text $$;
      CREATE OPERATOR lent.## (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_catalog.textcat);
      CREATE DOMAIN lent.shown AS text CHECK (set_config('my.seen', VALUE, false) <> '');
      CREATE FUNCTION lent.upper(character varying) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN current_user; END $$});
    for my $value ("'a'::text OPERATOR(lent.##) 'b'", "'a' ## 'b'", "'a'::lent.shown", "lower('A')::shown", 'lent.trap()', "lent.upper('x')", "upper('x'::character varying)") {
        my ($out, $err) = run_sql($node, load_sql(write_file("$dir/trap.sql", "CREATE SCHEMA s;\nCREATE TABLE s.t (x text);\nSET search_path = lent, s;\nINSERT INTO s.t VALUES ($value);\n")), db => $db);
        is(sqlstate_of($err), '42501', "$value of another role is not called") or diag "$out$err";
        no_residue($node, $value, db => $db);
    }
}

#
# What is refused says what, where, and what to do
#

refused('a syntax error', "$table\nCREATE TABLE public.u (\n  a integer,\n  b integer not not null\n);\n", '42601', says => qr/syntax error in a statement of the dump at "not"/, line => 5);
refused('a syntax error at a name', "${table}CREATE TABLE public.u (a integer b);\n", '42601', says => qr/at "b"/, line => 2);
refused('a syntax error at a name of what may be no dump', "CREATE TABLE public.u (a CANARY CANARY);\n", '42601', says => qr/at a name or number/, line => 1);
refused('a syntax error at a word of SQL', "CREATE TABLE public.u (a integer INTEGER);\n", '42601', says => qr/at "INTEGER"/, line => 1);
refused('a syntax error at a string', "${table}COMMENT ON TABLE public.t\n 'CANARY';\n", '42601', says => qr/at a string constant/, line => 3);
refused('a syntax error at the end', "${table}CREATE TABLE\n;\n", '42601', says => qr/at the end of the statement/, line => 3);
refused('a syntax error behind other characters', "${table}COMMENT ON TABLE public.t IS\n'\xC3\xA9\xC3\xA9\xC3\xA9' \xC3\xA9x;\n", '42601', says => qr/at "\xC3\xA9x"/, line => 3);
for my $case (
    [ 'ROLLBACK', "BEGIN;\n${table}ROLLBACK;\n", qr/may not contain ROLLBACK/, 3, qr/BEGIN, COMMIT/ ],
    [ 'BEGIN without COMMIT', "$table\nBEGIN;\n$rows", qr/BEGIN without COMMIT/, 3, qr/cut off/ ],
    [ 'going back to a savepoint', "BEGIN;\nSAVEPOINT a;\nROLLBACK TO a;\n", qr/ROLLBACK TO SAVEPOINT/, 3, qr/COMMIT/ ],
    [ 'a new name', "$table\nALTER TABLE public.t RENAME TO u;\n", qr/may not contain ALTER TABLE \.\.\. RENAME/, 3, qr/last name/ ],
    [ 'a new name of a column', "$table\nALTER TABLE public.t RENAME id TO u;\n", qr/may not contain ALTER TABLE \.\.\. RENAME/, 3, qr/last name/ ],
    [ 'another schema', "$table\nALTER TABLE public.t SET SCHEMA s;\n", qr/may not contain ALTER TABLE \.\.\. SET SCHEMA/, 3, qr/in the schema/ ],
    [ 'DO', "$table\nDO \$\$ BEGIN END \$\$;\n", qr/may not contain DO/, 3, qr/by hand/ ],
    [ 'UPDATE', "$table\nUPDATE public.t\n SET id = 1;\n", qr/may not contain UPDATE/, 3, qr/by hand/ ],
    [ 'a query', "$table\nSELECT 1;\n", qr/may not contain queries/, 3, qr/setval/ ],
    [ 'a call', "$table\nSELECT\n pg_sleep(1);\n", qr/a call of function "pg_sleep", at "pg_sleep"/, 4, qr/setval/ ],
    [ 'setval of a query', "$table\nSELECT setval('s', (SELECT 1));\n", qr/setval that is not of constants, at "setval"/, 3, qr/number/ ],
    [ 'a time zone', "SET TIME ZONE 'UTC';\n", qr/may not set parameter "timezone"/, 1, qr/database or role/ ],
    [ 'another setting', "SET plpgsql.extra_errors = 'all';\n", qr/parameter "plpgsql.extra_errors"/, 1, qr/database or role/ ],
    [ 'a large object from a file', "SELECT pg_catalog.lo_import('/etc/passwd');\n", qr/large objects in this form, at "pg_catalog"/, 1, qr/as pg_dump does/ ],
    [ 'an index made concurrently', "${table}CREATE INDEX CONCURRENTLY i ON public.t (id);\n", qr/CONCURRENTLY/, 2, qr/Leave out/ ],
    [ 'another database', "\\connect elsewhere\n$table", qr/the dump is of database "elsewhere"/, 1, qr/without --create/ ],
    [ 'another database of an odd name', "\\connect -reuse-previous=on \"dbname='else''where'\"\n$table", qr/\\connect is not in the form|the dump is of database/, undef, qr/\w/ ],
    [ 'a connection as somebody', "\\c postgres helper\n$table", qr/\\connect is not in the form/, 1, qr/Remove the line/ ],
) {
    my ($what, $text, $says, $line, $hint) = @$case;
    refused($what, $text, $what =~ /connection|odd/ ? ($what =~ /odd/ ? '0A000' : '42601') : '0A000', says => qr/$says.*HINT:.*$hint/s, line => $line);
}

#
# Two files
#

my $view = by_psql(write_file("$dir/view.sql", "${table}${rows}CREATE MATERIALIZED VIEW public.m AS SELECT * FROM public.t;\nCREATE MATERIALIZED VIEW public.n AS SELECT * FROM public.m;\n"));
my @two = (dump_to_file($view, '-s'), dump_to_file($view, '-a'));
my $from_two = fresh();
loads_into($from_two, 'two files', \@two);
same_text(dump_text($node, $from_two), dump_text($node, by_psql(@two)), 'two files: the result is what psql makes of them');
like(message_of($from_two), qr/2 materialized views are not populated/, 'two files: the message says so');
my $from_one = fresh();
loads_into($from_one, 'one file', [ dump_to_file($view) ]);
unlike(message_of($from_one), qr/populated/, 'one file: they are populated');
as_psql('one without rows', "${table}CREATE MATERIALIZED VIEW public.m AS SELECT * FROM public.t WITH NO DATA;\n");

#
# Another encoding here
#

$node->safe_psql('postgres', q{CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'});
{
    local $ENV{PGCLIENTENCODING} = 'UTF8';
    $node->safe_psql('latin', 'CREATE EXTENSION pagila_repl');
    my $domain = "--\n-- Name: b\xc4\xb1g\xc4\xb1nt; Type: DOMAIN; Schema: public; Owner: postgres\n--\n\nCREATE DOMAIN public.\"b\xc4\xb1g\xc4\xb1nt\" AS bigint;\n";
    my ($out, $err) = run_sql($node, load_sql(write_file("$dir/turkish.sql", $table . $domain)), db => 'latin');
    is(sqlstate_of($err), '22P05', 'a name that this encoding lacks');
    like($err, qr/line 6, DOMAIN public\.b\\\+000131g\\\+000131nt/, 'a name that this encoding lacks: place and object');
    ($out, $err) = run_sql($node, load_sql(write_file("$dir/turkish.sql", "${table}COPY public.t (id, note) FROM stdin;\n1\tx\n2\t\xc4\xb1\n\\.\n")), db => 'latin');
    is(sqlstate_of($err), '22P05', 'a value that this encoding lacks');
    like($err, qr/line 4.*table "public\.t"/, 'a value that this encoding lacks: place and table');
    ($out, $err) = run_sql($node, load_sql(write_file("$dir/turkish.sql", "${table}INSERT INTO public.t VALUES (1, 'x');\nINSERT INTO public.t VALUES (2, upper('\xc4\xb1'));\n")), db => 'latin');
    is(sqlstate_of($err), '22P05', 'an expression that this encoding lacks');
    like($err, qr/line 3/, 'an expression that this encoding lacks: place');
    ($out, $err) = run_sql($node, load_sql(write_file("$dir/turkish.sql", "${table}INSERT INTO public.t VALUES (2, upper('\xc3\xa9'));\n")), db => 'latin');
    is($out, 'succeeded', 'one that it has loads') or diag $err;
}

#
# Values that are too large
#

refused('a value of more than 1 GB as text', "CREATE TABLE t (b bytea);\nINSERT INTO t VALUES (convert_to(repeat('x', 540000000), 'UTF8'));\n", '54000',
    says => qr/too large.*1 GB/s, line => 2);

done_testing();
