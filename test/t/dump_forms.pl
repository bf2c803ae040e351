# Every form of plain dump that pg_dump writes loads, and pg_dump of the result is what it was of the source.
use strict;
use warnings;
use lib 'test/t';
use DumpTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $node = new_node('forms');
my $dir = dumps_of($node);
# The sample's owner; there unless the server's own user has another name.
$node->psql('postgres', 'CREATE ROLE postgres');
$node->safe_psql('postgres', 'CREATE ROLE unusual_owner; CREATE ROLE "Unusual ""Reader"""');

#
# The sample, in every form
#

my $sample = by_psql(map { sample_dir() . "/$_.sql" } qw(schema data));
$node->safe_psql($sample, q{
  ALTER TABLE film OWNER TO unusual_owner;
  GRANT SELECT ON film TO "Unusual ""Reader""" WITH GRANT OPTION;
  COMMENT ON TABLE film IS 'films';
  REFRESH MATERIALIZED VIEW rental_by_category});
my $expected = dump_text($node, $sample);

# Into one database, so that each form also replaces what the form before it has made.
my $target = fresh();
for my $form (some_of(
    3,
    [],
    ['--inserts'],
    ['--column-inserts'],
    ['--rows-per-insert=100'],
    [ '--inserts', '--on-conflict-do-nothing' ],
    ['--load-via-partition-root'],
    [ '--load-via-partition-root', '--rows-per-insert=50' ],
    ['--quote-all-identifiers'],
    ['--disable-dollar-quoting'],
    [ '--encoding=UTF8', '--no-tablespaces', '--no-table-access-method', '--no-toast-compression' ],
)) {
    my $what = 'pg_dump' . join('', map { " $_" } @$form);
    loads_into($target, $what, [ dump_to_file($sample, @$form) ], force => 'true');
    same_text(dump_text($node, $target), $expected, "$what: the result is the source");
}
for my $form (some_of(
    3,
    [ ['--schema-only'], [ '--data-only', '--disable-triggers', '--column-inserts' ] ],
    [ ['--schema-only'], ['--data-only'] ],
    [ ['--schema-only'], [ '--data-only', '--disable-triggers' ] ],
    [ ['--section=pre-data'], [ '--section=data', '--section=post-data' ] ],
)) {
    my $what = 'pg_dump ' . join(' and ', map { "@$_" } @$form);
    my @files = map { dump_to_file($sample, @$_) } @$form;
    loads_into($target, $what, \@files, force => 'true');
    # Neither file of those with --schema-only refreshes the materialized view.
    same_text(dump_text($node, $target), dump_text($node, by_psql(@files)),
        "$what: the result is what psql makes of them");
}
# A schema that is there keeps what these leave out, so each loads into a database of its own.
for my $form (some_of(3, [ '--no-comments' ], [ '--no-owner' ], [ '--no-privileges' ],
    [ '--no-owner', '--no-privileges', '--inserts' ])) {
    my $file = dump_to_file($sample, @$form);
    my $db = fresh();
    loads_into($db, "pg_dump @$form", [$file]);
    same_text(dump_text($node, $db), dump_text($node, by_psql($file)),
        "pg_dump @$form: the result is what psql makes of it");
}
# This one begins with CREATE SCHEMA public, over which psql stumbles.
loads_into($target, 'pg_dump --schema=public', [ dump_to_file($sample, '--schema=public') ], force => 'true');
same_text(dump_text($node, $target), $expected, 'pg_dump --schema=public: the result is the source');
# Nothing of a dump runs as another role, so owners told in this way are lost, and that is told.
my $by_session = fresh();
loads_into($by_session, 'pg_dump --use-set-session-authorization',
    [ dump_to_file($sample, '--use-set-session-authorization') ]);
like((run_sql($node, 'SELECT message FROM pagila_repl.run', db => $by_session))[0],
    qr/[1-9]\d* objects made under another session authorization/,
    'pg_dump --use-set-session-authorization: the message counts whose owners are lost');
same_text(dump_text($node, $by_session, '--no-owner', '--no-privileges'),
    dump_text($node, $sample, '--no-owner', '--no-privileges'),
    'pg_dump --use-set-session-authorization: the result is the source but for owners and privileges');

#
# Headers and ways of writing of other versions
#

my $combined = slurp_file(sample_dir() . '/combined.sql');

sub of_version {
    my ($version, $text) = @_;
    return write_file("$dir/of_$version.sql", $text
        =~ s/^(-- Dump(ed from database|ed by pg_dump) version ).*/$1$version/mgr);
}

# Until 10.2 names were written without their schema, which the search path gave.
my $of_10 = $combined =~ s/\bpublic\.//gr =~ s/EXECUTE FUNCTION/EXECUTE PROCEDURE/gr
    =~ s/^SET default_table_access_method = heap;\n/SET default_with_oids = false;\n\n/mr
    =~ s/^SET idle_in_transaction_session_timeout = 0;\n//mr
    =~ s/^SELECT pg_catalog.set_config\('search_path'.*\n//mr
    =~ s/^SET row_security = off;\n\K/
--
-- Name: plpgsql; Type: EXTENSION; Schema: -; Owner:
--

CREATE EXTENSION IF NOT EXISTS plpgsql WITH SCHEMA pg_catalog;


--
-- Name: EXTENSION plpgsql; Type: COMMENT; Schema: -; Owner:
--

COMMENT ON EXTENSION plpgsql IS 'PL\/pgSQL procedural language';


SET search_path = public, pg_catalog;
/mr;
like($of_10, qr/^SET search_path = public, pg_catalog;\n.*^SET default_with_oids = false;\n/ms,
    'the header is that of 10.0');
unlike($of_10, qr/^(CREATE TABLE|COPY) public\./m, 'the names are those of 10.0');
my $of_12 = $combined
    =~ s/^SET idle_in_transaction_session_timeout = 0;\n\K/SET default_tablespace = '';\nSET default_table_access_method = heap;\n/mr;
my $of_18 = "\\restrict 3bQkZrT9\n\n" . $combined
    =~ s/^SET idle_in_transaction_session_timeout = 0;\n\K/SET transaction_timeout = 0;\n/mr
    =~ s/^(    (\w+) \w.*) NOT NULL(,?)$/$1 CONSTRAINT $2_not_null NOT NULL$3/mgr . "\n\\unrestrict 3bQkZrT9\n\n";
like($of_18, qr/^    film_id integer CONSTRAINT film_id_not_null NOT NULL,$/m, 'NOT NULL is written as by 18');
for my $version (some_of(3, [ '10.0', $of_10 ], [ '12.22', $of_12 ], [ '17.6', $of_18 ], [ '18.1', $of_18 ])) {
    my ($number, $text) = @$version;
    my $file = of_version($number, $text);
    my $db = fresh();
    loads_into($db, "a dump of $number", [$file]);
    # psql stumbles over the settings that this server does not have.
    my $reference = by_psql(write_file("$dir/reference.sql", slurp_file($file)
        =~ s/^SET (transaction_timeout|default_with_oids).*\n//mgr));
    same_text(dump_text($node, $db), dump_text($node, $reference),
        "a dump of $number: the result is what psql makes of it");
}

my $two_schemas = write_file("$dir/two_schemas.sql", <<'END');
--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET check_function_bodies = false;
SET client_min_messages = warning;
SET row_security = off;

CREATE SCHEMA one;
CREATE SCHEMA "Two";

SET search_path = one, pg_catalog;

CREATE TYPE colour AS ENUM ('red', 'green');
CREATE FUNCTION next_one(integer) RETURNS integer LANGUAGE sql AS $_$ SELECT $1 + 1 $_$;

SET default_tablespace = '';

SET default_with_oids = false;

CREATE TABLE thing (id integer NOT NULL, c colour DEFAULT 'red'::colour) PARTITION BY LIST (c);
CREATE TABLE thing_red PARTITION OF thing FOR VALUES IN ('red');
CREATE TABLE thing_green PARTITION OF thing (id DEFAULT 7) FOR VALUES IN ('green');
CREATE SEQUENCE thing_id_seq AS integer START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;

SET search_path = "Two", pg_catalog;

CREATE TABLE thing (id integer NOT NULL, c one.colour, name text);
CREATE VIEW things AS SELECT thing.id, thing.c FROM thing UNION ALL SELECT thing.id, thing.c FROM one.thing;

SET search_path = one, pg_catalog;

ALTER TABLE ONLY thing ALTER COLUMN id SET DEFAULT nextval('thing_id_seq'::regclass);

COPY thing_red (id, c) FROM stdin;
1	red
\.

COPY thing_green (id, c) FROM stdin;
2	green
3	green
\.

SELECT pg_catalog.setval('thing_id_seq', 3, true);

SET search_path = "Two", pg_catalog;

COPY thing (id, c, name) FROM stdin;
1	red	é
\.
INSERT INTO thing VALUES (2, 'green', 'inserted');

ALTER TABLE ONLY thing ADD CONSTRAINT thing_pkey PRIMARY KEY (id);
CREATE INDEX thing_name ON thing USING btree (name);

SET search_path = one, pg_catalog;

CREATE INDEX thing_red_id ON thing_red USING btree (id);
ALTER TABLE ONLY thing_red ADD CONSTRAINT to_two FOREIGN KEY (id) REFERENCES "Two".thing(id);

--
-- PostgreSQL database dump complete
--

END
my $two = fresh();
loads_into($two, 'a dump that changes its search path', [$two_schemas]);
my $two_by_psql = by_psql(write_file("$dir/reference.sql", slurp_file($two_schemas)
    =~ s/^SET default_with_oids.*\n//mr));
same_text(dump_text($node, $two), dump_text($node, $two_by_psql),
    'a dump that changes its search path: the result is what psql makes of it');

#
# Encodings
#

my @encodings = ([ 'LATIN1', "h\xC3\xA9 \xC3\xBF\xC2\xA7" ], [ 'EUC_JP', "\xE6\x97\xA5\xE6\x9C\xAC\xE3\x82\xA2" ], [ 'KOI8R', "\xD0\xB6\xD1\x8F" ]);
my @forms = ([], ['--inserts'], [ '--rows-per-insert=2', '--column-inserts' ]);
for my $number (0 .. $#encodings) {
    my ($encoding, $word) = @{ $encodings[$number] };
    my $source = by_psql(write_file("$dir/words.sql", <<"END"));
CREATE TYPE public."t $word" AS ENUM ('$word', 'a');
CREATE TABLE public."$word" ("c $word" text DEFAULT '$word', e public."t $word", n int GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
COMMENT ON TABLE public."$word" IS '$word;';
CREATE FUNCTION public."f $word"() RETURNS text LANGUAGE sql AS \$\$SELECT '$word'\$\$;
INSERT INTO public."$word" VALUES ('$word', '$word'), (E'$word\\n\\t\\\\', 'a'), (DEFAULT, NULL);
CREATE INDEX "i $word" ON public."$word" ("c $word") WHERE "c $word" <> '$word';
END
    for my $form (is_long() ? @forms : $forms[$number]) {
        my $file = dump_to_file($source, "--encoding=$encoding", @$form);
        unlike(slurp_file($file), qr/\Q$word\E/, "pg_dump --encoding=$encoding @$form is not in UTF-8");
        my $db = fresh();
        loads_into($db, "pg_dump --encoding=$encoding @$form", [$file]);
        same_text(dump_text($node, $db), dump_text($node, $source),
            "pg_dump --encoding=$encoding @$form: the result is the source");
    }
}

#
# Unusual objects
#

my $unusual = by_psql('test/dumps/unusual.sql');
my $unusual_file = dump_to_file($unusual);
$expected = dump_text($node, $unusual);
same_text(dump_text($node, by_psql($unusual_file)), $expected,
    'unusual objects: psql makes of the dump what it was of');
my $odd = fresh();
loads_into($odd, 'a dump of unusual objects', [$unusual_file]);
same_text(dump_text($node, $odd), $expected, 'unusual objects: the result is the source');
is((run_sql($node, load_sql($unusual_file), db => $odd))[0], 'skipped', 'unusual objects: the same again is skipped');
same_text(dump_text($node, $odd), $expected, 'unusual objects: nothing changed');
loads_into($odd, 'the same again by force', [$unusual_file], force => 'true');
same_text(dump_text($node, $odd), $expected, 'unusual objects: the result of force is the source');
# The key of the partitioned table is there before its rows, because a view groups by it.
my $through_key = q{SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT count(*) FROM odd.parted WHERE id > 0};
for my $form (some_of(3, ['--inserts'], ['--column-inserts'], [ '--rows-per-insert=7', '--load-via-partition-root' ],
    ['--load-via-partition-root'], ['--quote-all-identifiers'], ['--disable-dollar-quoting'])) {
    loads_into($odd, "unusual objects: pg_dump @$form", [ dump_to_file($unusual, @$form) ], force => 'true');
    same_text(dump_text($node, $odd), $expected, "unusual objects: pg_dump @$form: the result is the source");
    is($node->safe_psql($odd, $through_key), 60, "unusual objects: pg_dump @$form: the key finds every row");
}
my @pair = (dump_to_file($unusual, '--section=pre-data'), dump_to_file($unusual, '--section=data',
    '--section=post-data'));
loads_into($odd, 'unusual objects: two files', \@pair, force => 'true');
same_text(dump_text($node, $odd), $expected, 'unusual objects: two files: the result is the source');

# An egg of a hen that there is not: the foreign key fails when all rows are in.
my $broken = write_file("$dir/broken.sql", slurp_file($unusual_file) =~ s/^COPY odd\.egg .*\n\K/9\t99\n/mr);
my ($nothing, $why) = run_sql($node, load_sql($broken), db => $odd);
is(sqlstate_of($why), '23503', 'unusual objects: a broken foreign key is found') or diag $why;
same_text(dump_text($node, $odd), $expected, 'unusual objects: the target is unchanged');
no_residue($node, 'unusual objects that failed', db => $odd);

#
# What belongs to the database
#

my $database = by_psql(write_file("$dir/database.sql", <<'END'));
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER far FOREIGN DATA WRAPPER nowhere OPTIONS (a 'b');
CREATE TABLE public.kept (id integer PRIMARY KEY);
INSERT INTO public.kept VALUES (1);
CREATE FOREIGN TABLE public.foreigner (id integer OPTIONS (x 'y') NOT NULL) SERVER far OPTIONS (t 'u');
CREATE PUBLICATION news FOR TABLE public.kept;
CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION public.on_ddl();
END
my $database_file = dump_to_file($database);
my $elsewhere = fresh();
my ($out, $err) = run_sql($node, load_sql($database_file), db => $elsewhere);
is(sqlstate_of($err), '42704', 'a foreign server that is not there is not made');
like($err, qr/HINT:.*first/, 'but asked for');
$node->safe_psql($elsewhere,
    q{CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER far FOREIGN DATA WRAPPER nowhere OPTIONS (a 'b')});
loads_into($elsewhere, 'a dump with objects of the database', [$database_file]);
($out) = run_sql($node, 'SELECT message FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1', db => $elsewhere);
like($out, qr/7 statements about objects of the database, not of a schema, left out/,
    'publication and event trigger are left out and counted');
same_text(
    dump_text($node, $elsewhere),
    dump_text($node, $database, '--no-publications')
        =~ s/^--\n-- Name: watch; Type: EVENT TRIGGER.*?OWNER TO .*?\n\n//msr,
    'a dump with objects of the database: the rest is the source');

SKIP: {
    skip 'contrib is not installed', 7
        if $node->safe_psql('postgres',
            q{SELECT count(*) FROM pg_available_extensions WHERE name IN ('hstore', 'citext', 'btree_gist')}) < 3;
    my $source = by_psql(write_file("$dir/extensions.sql", <<'END'));
CREATE SCHEMA lib;
CREATE EXTENSION hstore SCHEMA lib;
CREATE EXTENSION citext;
CREATE EXTENSION btree_gist SCHEMA lib;
CREATE TABLE public.t (id int PRIMARY KEY, h lib.hstore, c citext UNIQUE, d daterange, EXCLUDE USING gist (id WITH =, d WITH &&));
INSERT INTO public.t VALUES (1, 'a=>1', 'Abc', '[2020-01-01,2020-02-01)'), (2, 'b=>NULL', 'abd', NULL);
CREATE INDEX ON public.t USING gin (h);
CREATE VIEW public.v AS SELECT h OPERATOR(lib.->) 'a' AS a, c FROM public.t;
CREATE FUNCTION public.f(citext) RETURNS lib.hstore LANGUAGE sql BEGIN ATOMIC SELECT lib.hstore('x', $1::text); END;
END
    my $file = dump_to_file($source);
    my $db = fresh();
    loads_into($db, 'a dump with extensions', [$file]);
    same_text(dump_text($node, $db), dump_text($node, $source), 'extensions: the result is the source');
    loads_into($db, 'a dump with extensions that are there', [$file], force => 'true');
    same_text(dump_text($node, $db), dump_text($node, $source), 'extensions: the result of force is the source');
}

done_testing();
