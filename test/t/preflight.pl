# What pagila_check finds, and that a run is refused for it before anything is touched.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Cluster;
use Test::More;

my $user = getpwuid($<);
my ($source, $target) = new_pair('preflight', source => { streaming => 1, conf => "max_prepared_transactions = 1\n" });

# What pagila_check says, as lines "status|sqlstate|message" of one subject. Options: server, selection, as => role.
sub found {
    my ($subject, %options) = @_;
    my $arguments = join(', ', "'" . ($options{server} // 'source') . "'", $options{selection} // ());
    my ($out, $err) = run_sql($target, "SELECT status, sqlstate, message FROM pagila_check($arguments) WHERE subject = '$subject'",
        psql => { extra_params => $options{as} ? [ '-U', $options{as} ] : [] });
    return $err eq '' ? join("\n", sort split /\n/, $out) : $err;
}

# A run is refused with the SQLSTATE and words, in a phase in which nothing has been touched.
sub refused {
    my ($sqlstate, $words, $what, %options) = @_;
    my (undef, $err) = run_sql($target, pull_sql($options{server} // 'source', %{ $options{with} // {} }),
        psql => { extra_params => $options{as} ? [ '-U', $options{as} ] : [] });
    is(sqlstate_of($err), $sqlstate, "$what: the run is refused");
    like($err, $words, "$what: with the reason");
    is(last_run($target, 'status, sqlstate, phase'), "failed|$sqlstate|connect", "$what: it is recorded");
    return no_residue($target, $what);
}

sub on_source { return $source->safe_psql('pagila', shift) }
sub on_target { return $target->safe_psql('pagila', shift) }

on_source(q{CREATE SCHEMA shop; CREATE TABLE shop.film (id serial PRIMARY KEY, title text); INSERT INTO shop.film (title) VALUES ('a'), ('b')});
is((run_sql($target, pull_sql('source', schemas => q{'{shop}'})))[0], 'succeeded', 'a first copy');
my $before = copy_of($target);

#
# Nothing in the way
#

is((run_sql($target, q{SELECT string_agg(subject, ', ') FROM pagila_check('source') WHERE status = 'ok'}))[0],
    'connection, version, pg_dump, recovery, same database, encoding, default collation, rights, table, locks, publication, extension, collation, role, '
      . 'tablespace, access method, foreign server, language, superuser, function, text search, compression, other source, vanished schema, changed by hand, unmanaged object, dependent', 'all that is looked at is fine');
is((run_sql($target, q{SELECT count(*) FROM pagila_check('source') WHERE status <> 'ok' AND subject <> 'libpq'}))[0], 0, 'and nothing else is said');
like(found('connection'), qr/^ok\|\|connected to 127\.0\.0\.1:\d+\/pagila as role "$user"$/, 'it says what it is connected to');

#
# Who may read what
#

on_source(q{
    CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA shop TO reader; GRANT SELECT ON shop.film TO reader;
    CREATE TABLE shop.secret (i int); CREATE TABLE shop.own (who name);
    INSERT INTO shop.own SELECT CASE WHEN n < 4 THEN 'reader' ELSE 'other' END FROM generate_series(1, 10) n;
    ALTER TABLE shop.own ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON shop.own USING (who = current_user);
    GRANT SELECT ON shop.own TO reader;
    CREATE TABLE shop.columns (a int, b int); GRANT SELECT (a, b) ON shop.columns TO reader;
    CREATE TABLE shop.parted (i int) PARTITION BY LIST (i); CREATE TABLE shop.parted_1 PARTITION OF shop.parted DEFAULT;
    GRANT SELECT ON shop.parted_1 TO reader});
on_target(q{CREATE ROLE puller LOGIN; GRANT pagila_repl_operator TO puller; GRANT USAGE ON FOREIGN SERVER source TO puller;
    GRANT CREATE ON DATABASE pagila TO puller; ALTER SCHEMA shop OWNER TO puller;
    CREATE USER MAPPING FOR puller SERVER source OPTIONS (user 'reader', password_required 'false')});
is(found('table', as => 'puller'),
    join("\n", sort 'error|42501|partitioned table "shop.parted" cannot be read: no SELECT on it',
        'error|42501|sequence "shop.film_id_seq" cannot be read: no SELECT on it',
        'error|42501|table "shop.columns" cannot be read: no SELECT on it',
        'error|42501|table "shop.own" cannot be read: row security would hide rows of it',
        'error|42501|table "shop.secret" cannot be read: no SELECT on it'),
    'all relations that cannot be read are named');
is((run_sql($target, q{SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM pagila_plan('source') WHERE refused IS NOT NULL},
        psql => { extra_params => [ '-U', 'puller' ] }))[0], 'columns own secret', 'pagila_plan tells the tables, too');
refused('42501', qr/5 things are in the way of the run\nDETAIL:  table "shop\.own".*\ntable "shop\.columns".*\ntable "shop\.secret".*\nsequence "shop\.film_id_seq".*\npartitioned table "shop\.parted".*\nHINT/,
    'tables that cannot be read', as => 'puller', with => { schemas => q{'{shop}'} });
on_source('REVOKE USAGE ON SCHEMA shop FROM reader');
like(found('table', as => 'puller'), qr/table "shop\.film" cannot be read: no USAGE on its schema/, 'the schema counts, too');
on_source('DROP TABLE shop.secret, shop.own, shop.columns, shop.parted; GRANT USAGE ON SCHEMA shop TO reader; GRANT SELECT ON ALL SEQUENCES IN SCHEMA shop TO reader');
is(found('table', as => 'puller'), 'ok||the table can be read', 'what can be read is fine');

on_source('CREATE SCHEMA stock');
on_target('REVOKE CREATE ON DATABASE pagila FROM puller; CREATE SCHEMA stock');
is(found('rights', as => 'puller'),
    join("\n", sort 'error|42501|the role may not create schemas in this database',
        'error|42501|the role does not own the schema "public", which is to be replaced',
        'error|42501|the role does not own the schema "stock", which is to be replaced'), 'rights that are missing here');
refused('42501', qr/may not create schemas.*does not own the schema "stock"/s, 'rights', as => 'puller', with => { schemas => q{'{shop,stock}'} });
on_target('DROP SCHEMA stock; GRANT CREATE ON DATABASE pagila TO puller');
on_source('DROP SCHEMA stock');

#
# What the objects need here
#

my %missing = (
    'an extension' => [ extension => 'CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE TABLE shop.t (h ext.hstore[])',
        '42704', 'extension "hstore" does not exist here; needed by table shop.t', 'DROP TABLE shop.t; DROP SCHEMA ext CASCADE' ],
    'an extension without files' => [ extension => q{CREATE EXTENSION citext SCHEMA shop; CREATE TABLE shop.t (t shop.citext); UPDATE pg_extension SET extname = 'never_made' WHERE extname = 'citext'},
        '42704', 'extension "never_made" does not exist here and is not installed; needed by table shop.t', q{DROP TABLE shop.t; UPDATE pg_extension SET extname = 'citext' WHERE extname = 'never_made'; DROP EXTENSION citext} ],
    'a collation' => [ collation => 'CREATE TABLE shop.t (t text COLLATE "af-x-icu")',
        '42704', 'collation "pg_catalog.af-x-icu" does not exist here', 'DROP TABLE shop.t', q{DELETE FROM pg_collation WHERE collname = 'af-x-icu'} ],
    'a locale' => [ collation => q{CREATE COLLATION shop.far (provider = libc, locale = 'C.UTF-8'); UPDATE pg_collation SET collcollate = 'xx_XX.utf8' WHERE collname = 'far'},
        '42704', 'collation "shop.far" needs the locale "xx_XX.utf8", which this machine lacks', 'DROP COLLATION shop.far' ],
    'a role of a policy' => [ role => 'CREATE ROLE watcher; CREATE POLICY p ON shop.film TO watcher', '42704', 'role "watcher", which policies are for, does not exist here', 'DROP POLICY p ON shop.film; DROP ROLE watcher' ],
    'an access method' => [ 'access method' => 'CREATE ACCESS METHOD heaps TYPE TABLE HANDLER heap_tableam_handler; CREATE TABLE shop.t () USING heaps',
        '42704', 'access method "heaps" does not exist here', 'DROP ACCESS METHOD heaps CASCADE' ],
    'a foreign server' => [ 'foreign server' => 'CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE shop.t (i int) SERVER far',
        '42704', 'server "far" of foreign tables does not exist here', 'DROP FOREIGN DATA WRAPPER w CASCADE' ],
    'a language' => [ language => q{CREATE LANGUAGE pl_x HANDLER plpgsql_call_handler; CREATE FUNCTION shop.f() RETURNS int LANGUAGE pl_x AS 'BEGIN RETURN 1; END'},
        '42704', 'language "pl_x" of shop.f() does not exist here', 'DROP LANGUAGE pl_x CASCADE' ]);
for my $what (sort keys %missing) {
    my ($subject, $make, $sqlstate, $message, $undo, $here) = @{ $missing{$what} };
    on_source($make);
    on_target($here) if $here;
    like(found($subject, selection => q{schemas => '{shop}'}), qr/^error\|$sqlstate\|\Q$message\E$/m, "$what that is missing");
    refused($sqlstate, qr/\Q$message\E/, $what, with => { schemas => q{'{shop}'} });
    on_source($undo);
}
$source->safe_psql('pagila', q{SET allow_in_place_tablespaces = on; CREATE TABLESPACE fast LOCATION ''});
on_source('CREATE TABLE shop.t (i int); CREATE INDEX ON shop.t (i) TABLESPACE fast');
is(found('tablespace'), 'error|42704|tablespace "fast" does not exist here', 'a tablespace that is missing, of an index');
$target->safe_psql('pagila', q{SET allow_in_place_tablespaces = on; CREATE TABLESPACE fast LOCATION ''});
is(found('tablespace'), 'ok||all tablespaces that are needed are here', 'once it is there it is fine');
is(found('tablespace', as => 'puller'), 'error|42501|the role may not create in tablespace "fast"', 'for those who may use it');
on_source('DROP TABLE shop.t; DROP TABLESPACE fast');

on_source('CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE TABLE shop.t (h ext.hstore)');
is(found('extension'), 'warning||extension "hstore" does not exist here; the run creates it in schema "ext"', 'an extension that comes along');
on_target('CREATE EXTENSION hstore');
is(found('extension'), 'error|42704|extension "hstore" is in schema "ext" on the source and in "public" here', 'an extension in another schema');
on_target(q{CREATE SCHEMA ext; ALTER EXTENSION hstore SET SCHEMA ext; UPDATE pg_extension SET extversion = '1.4' WHERE extname = 'hstore'});
like(found('extension'), qr/^warning\|\|extension "hstore" has version 1\.8 on the source and 1\.4 here; used by table shop\.t$/, 'another version of an extension');
on_target('DROP EXTENSION hstore; DROP SCHEMA ext');
on_source('DROP TABLE shop.t; DROP SCHEMA ext CASCADE; CREATE EXTENSION pageinspect SCHEMA shop; REVOKE ALL ON SCHEMA shop FROM PUBLIC');
is(found('extension', as => 'puller'), 'warning||extension "pageinspect" does not exist here, and the role may not create it; nothing needs it, and it is left out',
    'an extension for superusers that nothing needs');
on_source('CREATE VIEW shop.pages AS SELECT * FROM shop.page_header($$$$)');
is(found('extension', as => 'puller'), 'error|42501|extension "pageinspect" does not exist here, and the role may not create it; needed by view shop.pages',
    'one that is needed');
on_source('DROP VIEW shop.pages');
on_source('DROP EXTENSION pageinspect');

on_source(q{CREATE FUNCTION shop.plus(int, int) RETURNS int LANGUAGE internal AS 'int4pl';
    CREATE FUNCTION shop.f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'});
is(found('language'), 'ok||all languages that are needed are here', 'a superuser may create functions in any language');
on_target('REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC');
is(found('language', as => 'puller'),
    join("\n", sort 'error|42501|the role may not create functions in language "internal": shop.plus(integer,integer)',
        'error|42501|the role may not create functions in language "plpgsql": shop.f()'), 'others may not');
on_target('GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC');
on_source('DROP FUNCTION shop.plus, shop.f');

on_source('CREATE ROLE clerk; CREATE ROLE boss; ALTER TABLE shop.film OWNER TO boss; GRANT USAGE ON SCHEMA shop TO clerk');
is(found('role'), "warning||roles \"boss\", \"clerk\", \"reader\" missing here", 'owners and grantees that are missing');
is((run_sql($target, pull_sql('source', schemas => q{'{shop}'}, on_modified => q{'overwrite'})))[0], 'succeeded', 'are no reason to refuse');
$before = copy_of($target);
on_source("REASSIGN OWNED BY boss TO $user; DROP OWNED BY clerk; DROP ROLE clerk, boss");

#
# What cannot be copied
#

on_source('SELECT lo_create(n) FROM generate_series(4711, 4717) n');
is(found('large object'), 'ok||7 large objects can be copied', 'large objects');
is(found('large object', selection => q{schemas => '{shop}'}), '', 'who wants some schemas wants none of them');
is(found('left out', selection => q{schemas => '{shop}'}), 'warning||7 large objects left out', 'but is told');
on_source('SELECT lo_unlink(oid) FROM pg_largeobject_metadata');

on_source('CREATE MATERIALIZED VIEW shop.a AS SELECT 1 AS i; CREATE VIEW shop.b AS SELECT * FROM shop.a;
    CREATE MATERIALIZED VIEW shop.c AS SELECT * FROM shop.b; REFRESH MATERIALIZED VIEW shop.a WITH NO DATA');
is(found('materialized view'), 'error|55000|materialized view "shop.c" cannot be filled, since "shop.a", which it reads, is not populated',
    'a materialized view of one that is empty');
on_source('DROP MATERIALIZED VIEW shop.a CASCADE');

on_source(q{CREATE PUBLICATION news; CREATE PUBLICATION sport; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader;
    CREATE FUNCTION shop.e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER seen ON ddl_command_end EXECUTE FUNCTION shop.e();
    CREATE SUBSCRIPTION paper CONNECTION 'dbname=x' PUBLICATION news WITH (connect = false)});
is(found('left out'), join("\n", sort "warning||database-wide default privileges of role left out: $user on tables", 'warning||event trigger left out: seen',
        'warning||2 publications left out: news, sport', 'warning||subscription left out: paper'), 'what no run brings is named');
on_source(q{DROP PUBLICATION news, sport; ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM reader; DROP EVENT TRIGGER seen; DROP FUNCTION shop.e;
    ALTER SUBSCRIPTION paper SET (slot_name = NONE); DROP SUBSCRIPTION paper});

on_target('SET client_min_messages = error; CREATE PUBLICATION everything FOR ALL TABLES; CREATE PUBLICATION "All" FOR ALL TABLES;
    CREATE PUBLICATION nothing');
is(found('publication'), join("\n", map { qq{warning||publication "$_" is FOR ALL TABLES, and no subscriber receives the rows that a run copies} }
        qw(All everything)), 'publications FOR ALL TABLES of the target are named');
on_target('DROP PUBLICATION everything, "All"');
is(found('publication'), 'ok||no publication here is FOR ALL TABLES', 'no other one is');
on_target('DROP PUBLICATION nothing');

on_source('CREATE EXTENSION hstore SCHEMA shop; CREATE SCHEMA theirs; ALTER EXTENSION hstore ADD SCHEMA theirs; CREATE TABLE theirs.t (i int)');
on_source('CREATE FUNCTION theirs.f() RETURNS int LANGUAGE sql RETURN 1; CREATE TYPE theirs.e AS ENUM (); CREATE DOMAIN theirs.d AS int');
my @theirs = ('function in the schema of an extension left out: theirs.f()', 'relation in the schema of an extension left out: theirs.t',
    '2 types in schemas of extensions left out: theirs.d, theirs.e');
is(found('left out'), join("\n", sort map { "warning||$_" } @theirs), 'a schema of an extension is left to it');
on_target('CREATE EXTENSION hstore SCHEMA shop');
is((run_sql($target, pull_sql('source', on_modified => q{'overwrite'}, on_unmanaged => q{'drop'})))[0], 'succeeded', 'which is no obstacle');
like(last_run($target, 'message'), qr/\Q$_\E(;|$)/, "and said: $_") for @theirs;
is(on_target(q{SELECT count(*) FROM pg_namespace WHERE nspname = 'theirs'}), '0', 'nothing of it is copied');
on_source('CREATE VIEW shop.of_theirs AS SELECT * FROM theirs.t');
like((run_sql($target, pull_sql('source')))[1], qr/2BP01: .*left out\nDETAIL:  view shop\.of_theirs depends on table theirs\.t/, 'what depends on it is');
on_source('DROP VIEW shop.of_theirs');
$before = copy_of($target);
on_source('ALTER EXTENSION hstore DROP SCHEMA theirs; DROP EXTENSION hstore; DROP SCHEMA theirs CASCADE');

#
# Encodings and orders
#

sub add_database {
    my ($name, $options, %server) = @_;
    $source->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE template0 $options");
    add_source($target, $name, port => $source->port, server => { dbname => $name, %server });
    return;
}
my $by_key = q{CREATE TABLE by_text (t text) PARTITION BY HASH (t); CREATE TABLE by_text_0 PARTITION OF by_text FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    CREATE TABLE by_int (i int, t text) PARTITION BY HASH (i); CREATE TABLE by_int_0 PARTITION OF by_int FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    CREATE TABLE by_order (t text) PARTITION BY RANGE (t); CREATE TABLE by_order_0 PARTITION OF by_order DEFAULT;
    CREATE TABLE by_bytes (t text) PARTITION BY RANGE (t COLLATE "C"); CREATE TABLE by_bytes_0 PARTITION OF by_bytes DEFAULT;
    CREATE TABLE by_list (t text) PARTITION BY LIST (t); CREATE TABLE by_list_0 PARTITION OF by_list DEFAULT};
my $routed = q{SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM pagila_plan('%s') WHERE routed IS NOT NULL};

add_database('latin1', "ENCODING 'LATIN1' LOCALE 'C'");
is(found('encoding', server => 'latin1'), 'warning||the encoding is LATIN1 on the source and UTF8 here: text is converted', 'another encoding is converted');
$source->safe_psql('latin1', $by_key);
is((run_sql($target, sprintf $routed, 'latin1'))[0], 'by_bytes_0 by_order_0 by_text_0', 'partitions by text are routed again then');

add_database('ascii', "ENCODING 'SQL_ASCII' LOCALE 'C'");
like(found('encoding', server => 'ascii'), qr/^error\|22P05\|the encoding is SQL_ASCII on the source and UTF8 here, so what the bytes of text mean is not known$/,
    'an unknown encoding is refused');
refused('22P05', qr/allow_sql_ascii/, 'an unknown encoding', server => 'ascii');
on_target(q{ALTER SERVER ascii OPTIONS (ADD allow_sql_ascii 'true')});
is(found('encoding', server => 'ascii'), 'warning||the encoding is SQL_ASCII on the source and UTF8 here: bytes are taken as they are', 'unless that is allowed');

add_database('mule', "ENCODING 'MULE_INTERNAL' LOCALE 'C'");
like(found('encoding', server => 'mule'), qr/conversion between UTF8 and MULE_INTERNAL is not supported/,
    'encodings that cannot be converted into each other are refused');

is(found('default collation'), 'ok||the default collation is C on both sides', 'the same order of text');
add_database('icu', "ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'de'");
like(found('default collation', server => 'icu'), qr/^warning\|\|the default collation is icu de version \S+ on the source and C here$/, 'another order of text');
$source->safe_psql('icu', $by_key);
is((run_sql($target, sprintf $routed, 'icu'))[0], 'by_order_0', 'partitions by the order of text are routed again then');
$source->safe_psql('pagila', $by_key);
is((run_sql($target, sprintf $routed, 'source'))[0], '', 'where both sides agree none is');
$source->safe_psql('pagila', 'DROP TABLE by_text, by_int, by_order, by_bytes, by_list');

#
# This database itself, and standbys
#

$target->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'");
$target->restart;
add_source($target, 'myself', port => $target->port);
is(found('same database', server => 'myself'), 'error|22023|server "myself" is this database itself', 'the database itself');
refused('22023', qr/server "myself" is this database itself/, 'the database itself', server => 'myself');
add_source($target, 'neighbour', port => $target->port, server => { dbname => 'postgres' });
is(found('same database', server => 'neighbour'), 'ok||the source is another database', 'another database of this server');

on_source('CREATE UNLOGGED TABLE shop.loose (i int)');
$source->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('preflight_standby');
$standby->init_from_backup($source, 'base', has_streaming => 1);
$standby->start;
# After the backup, so that there is WAL to wait for.
add_source($source, 'replica', port => 1);
$source->wait_for_catchup($standby, 'replay', $source->lsn('insert'));
add_source($target, 'standby', port => $standby->port);
like(found('recovery', server => 'standby'), qr/^warning\|\|the source is a standby/, 'a standby may be copied');
is(found('table', server => 'standby'), 'error|55000|table "shop.loose" cannot be read: it is unlogged, and the source is a standby', 'but no unlogged table of it');
is(found('same database', server => 'standby'), 'ok||the source is another database', 'of another database');
on_source('DROP TABLE shop.loose; ALTER SERVER replica OPTIONS (SET port ' . "'" . $standby->port . "')");
is((run_sql($source, q{SELECT sqlstate, message FROM pagila_check('replica') WHERE subject = 'same database'}))[0],
    '22023|server "replica" is a standby of this database', 'the own standby is refused');
$source->wait_for_catchup($standby, 'replay', $source->lsn('insert'));
is_deeply([ sqlstates($standby, [ q{SELECT * FROM pagila_check('replica')}, q{SELECT * FROM pagila_plan('replica')}, pull_sql('replica') ]) ],
    [ ('25006') x 3 ], 'a standby copies nothing itself');
$standby->stop;

#
# Locks, and sources that are not there
#

on_source(q{BEGIN; LOCK TABLE shop.film IN ACCESS EXCLUSIVE MODE; PREPARE TRANSACTION 'altering'});
refused('55P03', qr/could not lock the tables of the source within 10s\nDETAIL:  A prepared transaction holds an exclusive lock on shop\.film\./, 'a table that is locked');
on_source(q{ROLLBACK PREPARED 'altering'});

add_source($target, 'nobody', port => PostgreSQL::Test::Cluster::get_free_port());
is(sqlstate_of(found('connection', server => 'nobody')), '08001', 'a source that is not there is an error');
is(sqlstate_of((run_sql($target, q{SELECT * FROM pagila_plan('nobody')}))[1]), '08001', 'of pagila_plan, too');
add_source($target, 'stranger', port => $source->port, mapping => { user => 'stranger' });
is(sqlstate_of(found('connection', server => 'stranger')), '28000', 'so is one that knows no such role');

ok(copy_of($target) eq $before, 'nothing has touched the target');
no_residue($target, 'after all that');
no_source_residue($source, 'after all that');
done_testing();
