# Checks that another moment or other tables may decide come after all rows: what is valid on the source is copied and stays valid,
# in whatever order rows arrive. A dump's are evaluated once all its rows are there.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('checks');

# Every check of tables and domains, with what is not in a dump of it.
my $checks = q{SELECT COALESCE(NULLIF(conrelid, 0)::regclass::text, contypid::regtype::text), conname, convalidated, conislocal, coninhcount,
    connoinherit, pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint')
  FROM pg_constraint k JOIN pg_namespace n ON n.oid = connamespace
 WHERE contype = 'c' AND nspname !~ '^(pg_|pagila_repl|information_schema)' ORDER BY 1, 2};

sub pulls {
    my ($what, %options) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', %options));
    is($out, 'succeeded', "$what: pulled") or diag $err;
    ok(copy_of($target) eq copy_of($source), "$what: the copy is exact");
    return is($target->safe_psql('pagila', $checks), $source->safe_psql('pagila', $checks), "$what: the checks are as on the source");
}

# Each in schemas of its own: what it makes, a change before the second run.
my @cases = (
    [ 'a check that reads its table', q{
        CREATE TABLE public.blk (id text PRIMARY KEY, prev text, h int);
        CREATE FUNCTION public.ok(text, int) RETURNS bool LANGUAGE plpgsql AS
          'BEGIN RETURN $2 = 1 OR EXISTS (SELECT FROM public.blk WHERE id = $1 AND h = $2 - 1); END';
        INSERT INTO public.blk VALUES ('g', NULL, 1), ('n', 'g', 2);
        ALTER TABLE public.blk ADD CHECK (public.ok(prev, h))},
        q{INSERT INTO public.blk VALUES ('z', 'n', 3); UPDATE public.blk SET prev = NULL WHERE id = 'g'} ],
    # Declared immutable, and the table that it reads comes later in any order by name.
    [ 'a check that reads a table that comes later', q{
        CREATE SCHEMA "a b"; CREATE SCHEMA zoo;
        CREATE TABLE zoo.kind (name text PRIMARY KEY); INSERT INTO zoo.kind VALUES ('bear');
        CREATE FUNCTION zoo.is_kind(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM zoo.kind WHERE name = $1)';
        CREATE TABLE "a b"."An Animal" (kind text CONSTRAINT "Known?" CHECK (zoo.is_kind(kind)));
        COMMENT ON CONSTRAINT "Known?" ON "a b"."An Animal" IS 'by zoo.kind';
        INSERT INTO "a b"."An Animal" VALUES ('bear');
        CREATE DOMAIN "a b".kind AS text CHECK (zoo.is_kind(VALUE));
        COMMENT ON CONSTRAINT kind_check ON DOMAIN "a b".kind IS 'a domain';
        CREATE TABLE "a b".cage (id int PRIMARY KEY, kind "a b".kind, kinds "a b".kind[]); INSERT INTO "a b".cage VALUES (1, 'bear', '{bear}')},
        q{INSERT INTO zoo.kind VALUES ('wolf'); INSERT INTO "a b".cage VALUES (2, 'wolf', '{wolf,bear}')} ],
    # What holds no longer once the test has waited.
    [ 'checks of the present', q{
        CREATE SCHEMA shop;
        CREATE FUNCTION shop.soon() RETURNS timestamptz LANGUAGE sql RETURN clock_timestamp() + interval '3 s';
        CREATE TABLE shop.offer (id int PRIMARY KEY, until timestamptz CHECK (until > now()));
        CREATE DOMAIN shop.future AS timestamptz CHECK (VALUE > now());
        CREATE TABLE shop.plan (at shop.future, more shop.future[]);
        CREATE TABLE shop.parted (at timestamptz, n int, CONSTRAINT "Soon" CHECK (at > now()), CHECK (n > 0)) PARTITION BY LIST (n);
        CREATE TABLE shop.parted_1 PARTITION OF shop.parted (CONSTRAINT own CHECK (at > now()), CONSTRAINT "Soon" CHECK (at > now())) FOR VALUES IN (1);
        CREATE TABLE shop.parted_2 PARTITION OF shop.parted DEFAULT;
        CREATE TABLE shop.base (at timestamptz, CONSTRAINT here CHECK (at > now()) NO INHERIT, CONSTRAINT all_of CHECK (at > now()));
        CREATE TABLE shop.heir (CONSTRAINT all_of CHECK (at > now()), CONSTRAINT here CHECK (at IS NOT NULL)) INHERITS (shop.base);
        CREATE TABLE shop.grandchild () INHERITS (shop.heir);
        CREATE TABLE shop.other (at timestamptz, CONSTRAINT all_of CHECK (at > now()));
        CREATE TABLE shop.heir_of_both () INHERITS (shop.base, shop.other);
        INSERT INTO shop.offer VALUES (1, shop.soon());
        INSERT INTO shop.plan VALUES (shop.soon(), ARRAY[shop.soon()]::shop.future[]);
        INSERT INTO shop.parted VALUES (shop.soon(), 1), (shop.soon(), 2);
        INSERT INTO shop.base VALUES (shop.soon()); INSERT INTO shop.heir VALUES (shop.soon()); INSERT INTO shop.other VALUES (shop.soon());
        INSERT INTO shop.grandchild TABLE shop.heir; INSERT INTO shop.heir_of_both TABLE shop.heir;
        ALTER TABLE shop.plan ADD CONSTRAINT unproven CHECK (at > now() + interval '1 d') NOT VALID;
        ALTER TABLE shop.base ADD CONSTRAINT unproven CHECK (at > now() + interval '1 d') NOT VALID;
        ALTER DOMAIN shop.future ADD CONSTRAINT unproven CHECK (VALUE > now() + interval '1 d') NOT VALID},
        q{CREATE TABLE shop.more (i int)} ]);

$source->safe_psql('pagila', $_->[1]) for @cases;
ok(wait_until(sub { $source->safe_psql('pagila', 'SELECT (SELECT max(until) FROM shop.offer) < now() AND (SELECT max(at::timestamptz) FROM shop.plan) < now()
    AND (SELECT max(at) FROM shop.base) < now() AND (SELECT max(at) FROM shop.other) < now()') eq 't' }, 30), 'the checks of the present are false by now');

# All together, and each by itself; then with what was changed.
pulls('all', workers => 2);
is((run_sql($target, pull_sql('source')))[0], 'skipped', 'all, again: skipped');
for my $case (@cases) {
    my ($what, undef, $change) = @$case;
    $source->safe_psql('pagila', $change);
    pulls("$what, changed", workers => 2);
}
# Without code of the source they are shared by workers.
pulls('the present alone', workers => 3, schemas => q{'{shop}'}, force => 'true', verify => q{'counts'});
like($target->safe_psql('pagila', 'EXPLAIN SELECT FROM shop.parted WHERE n = -1'), qr/One-Time Filter: false|parted_2/, 'the planner may be asked');
is(sqlstate_of((run_sql($target, 'INSERT INTO shop.offer VALUES (9, now())'))[1]), '23514', 'they hold for new rows');
is(sqlstate_of((run_sql($target, q{INSERT INTO "a b".cage VALUES (3, 'cat', NULL)}))[1]), '23514', 'so does that of a domain');

#
# A role that is no superuser
#

$source->safe_psql('pagila', q{CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA shop, public, "a b", zoo TO reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA shop, public, "a b", zoo TO reader});
$target->safe_psql('postgres', 'CREATE ROLE puller LOGIN; GRANT pagila_repl_operator TO puller; CREATE DATABASE theirs OWNER puller');
$target->safe_psql('theirs', 'CREATE EXTENSION pagila_repl; ALTER SCHEMA public OWNER TO puller');
add_source($target, 'source', port => $source->port, db => 'theirs');
$target->safe_psql('theirs', q{GRANT USAGE ON FOREIGN SERVER source TO puller;
    CREATE USER MAPPING FOR puller SERVER source OPTIONS (user 'reader', password_required 'false')});
my ($status, $err) = run_sql($target, pull_sql('source', schemas => q{'{shop,public,"a b",zoo}'}), db => 'theirs',
    psql => { extra_params => [ '-U', 'puller' ] });
is($status, 'succeeded', 'by a role that is no superuser') or diag $err;
is($target->safe_psql('theirs', $checks), $source->safe_psql('pagila', $checks), 'with the same checks');

#
# Dumps
#

sub dump_of {
    my ($db, @options) = @_;
    my $file = PostgreSQL::Test::Utils::tempdir . '/dump.sql';
    write_file($file, dump_text($source, $db, @options));
    return $file;
}

$target->safe_psql('postgres', 'CREATE DATABASE loads');
$target->safe_psql('loads', 'CREATE EXTENSION pagila_repl');
$source->safe_psql('pagila', 'DROP TABLE "a b".cage');
my $file = dump_of('pagila', map { "--schema=$_" } 'public', 'a b', 'zoo');
my ($loaded, $why) = run_sql($target, load_sql($file), db => 'loads');
is($loaded, 'succeeded', 'a dump with checks that read tables is loaded') or diag $why;
is($target->safe_psql('loads', $checks), $source->safe_psql('pagila', $checks =~ s/WHERE contype/WHERE nspname <> 'shop' AND contype/r), 'with the same checks');
$source->safe_psql('pagila', 'DROP TABLE shop.plan');
(undef, $why) = run_sql($target, load_sql(dump_of('pagila', '--schema=shop')), db => 'loads');
is(sqlstate_of($why), '23514', 'one whose rows do not pass a check any more is refused, as psql refuses it');
like($why, qr/check constraint "\w+" of relation "\w+" is violated by some row|column "\w+" of table "\w+" contains values that violate the new constraint/, 'with the name of the check');
no_residue($target, 'a dump that is refused', db => 'loads');

# What may be called as the owner of a table only is called as that: row by row.
$source->safe_psql('pagila', q{CREATE ROLE app; CREATE SCHEMA lib AUTHORIZATION app; CREATE SCHEMA of_app AUTHORIZATION app; SET ROLE app;
    CREATE FUNCTION lib.ok(int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN $1 > 0 AND current_user = ''app''; END';
    CREATE TABLE of_app.t (i int CHECK (lib.ok(i))); INSERT INTO of_app.t VALUES (1)});
$target->safe_psql('loads', q{CREATE ROLE app; CREATE SCHEMA lib AUTHORIZATION app; SET ROLE app;
    CREATE FUNCTION lib.ok(int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN $1 > 0 AND current_user = ''app''; END'});
($loaded, $why) = run_sql($target, load_sql(dump_of('pagila', '--schema=of_app')), db => 'loads');
is($loaded, 'succeeded', 'a check by a function elsewhere of the owner of the table') or diag $why;

# Rows of a dump must pass: they may have been changed.
write_file($file, slurp_file($file) =~ s/^n\tg\t2$/n\tx\t2/mr);
(undef, $why) = run_sql($target, load_sql($file), db => 'loads');
like($why, qr/23514: .*check constraint "blk_check" of relation "blk" is violated by some row/, 'a row that does not pass ends a load');
no_residue($target, 'at the end');
no_source_residue($source, 'at the end');
done_testing();
