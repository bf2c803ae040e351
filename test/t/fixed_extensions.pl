# Extensions that are not relocatable, in a schema that is replaced and in one of their own: they are made where they are missing,
# stay where they are, and what is evaluated with them is right.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my ($source, $target) = new_pair('fixed_extensions', faults => 1);
plan skip_all => 'xml2 is not installed'
  unless $target->safe_psql('pagila', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'xml2'});

my $dir = PostgreSQL::Test::Utils::tempdir;
my $home = q{SELECT e.oid || ' ' || n.nspname || ' ' || (SELECT string_agg(DISTINCT p.pronamespace::regnamespace::text, ' ')
    FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass WHERE d.refobjid = e.oid AND d.deptype = 'e')
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'xml2'};

# Everything that is evaluated while rows go in, indexes are built, and views are filled. %s: the schema of the extension.
my $shape = q{
    CREATE SCHEMA "Shop's"; CREATE TABLE public.other (i integer);
    CREATE TABLE "Shop's".doc (id integer PRIMARY KEY, body text CHECK (%1$s.xpath_bool(body, '/a')),
      title text GENERATED ALWAYS AS (%1$s.xpath_string(body, '/a/b')) STORED) PARTITION BY RANGE (id);
    CREATE TABLE "Shop's".doc_1 PARTITION OF "Shop's".doc FOR VALUES FROM (0) TO (50);
    CREATE TABLE "Shop's".doc_2 PARTITION OF "Shop's".doc DEFAULT;
    CREATE INDEX by_b ON "Shop's".doc (%1$s.xpath_string(body, '/a/b'));
    INSERT INTO "Shop's".doc SELECT n, '<a><b>t' || n || '</b></a>' FROM generate_series(1, 99) n;
    CREATE MATERIALIZED VIEW "Shop's".titles AS SELECT id, %1$s.xpath_string(body, '/a/b') AS b FROM "Shop's".doc};

for my $schema (qw(public ext)) {
    for my $db (qw(pagila loaded)) {
        $_->safe_psql('postgres', "DROP DATABASE IF EXISTS $db") for $target, $db eq 'pagila' ? $source : ();
        $_->safe_psql('postgres', "CREATE DATABASE $db") for $target, $db eq 'pagila' ? $source : ();
        $target->safe_psql($db, 'CREATE EXTENSION pagila_repl');
    }
    $source->safe_psql('pagila', ($schema eq 'public' ? '' : 'CREATE SCHEMA ext;') . "CREATE EXTENSION xml2 SCHEMA $schema;" . sprintf($shape, $schema));
    add_source($target, 'source', port => $source->port);
    is((run_sql($target, q{SELECT status || ' ' || message FROM pagila_check('source') WHERE subject = 'extension'}))[0],
        qq{warning extension "xml2" does not exist here; the run creates it in schema "$schema"}, "$schema: pagila_check says that it will come");

    for my $way (qw(pull load)) {
        my $db = $way eq 'pull' ? 'pagila' : 'loaded';
        my $dump = sub {
            return pull_sql('source') if $way eq 'pull';
            write_file("$dir/dump.sql", dump_text($source, 'pagila'));
            return load_sql("$dir/dump.sql");
        };
        my $same = sub { return copy_of($target, $db) eq copy_of($source) };
        my ($status, $error) = run_sql($target, $dump->(), db => $db);
        is($status, 'succeeded', "$schema, $way: a first copy") or diag $error;
        my $first = $target->safe_psql($db, $home);
        like($first, qr/^\d+ $schema $schema$/, "$schema, $way: the extension is there, as a whole");
        ok($same->(), "$schema, $way: the copy is the same");
        is((run_sql($target, $dump->(), db => $db))[0], 'skipped', "$schema, $way: the same again is skipped");
        $source->safe_psql('pagila', q{INSERT INTO "Shop's".doc SELECT max(id) + 1, '<a><b>new</b></a>' FROM "Shop's".doc; REFRESH MATERIALIZED VIEW "Shop's".titles});
        ($status, $error) = run_sql($target, $dump->(), db => $db);
        is($status, 'succeeded', "$schema, $way: another copy") or diag $error;
        ok($same->(), "$schema, $way: it is the same");
        is($target->safe_psql($db, $home), $first, "$schema, $way: the extension has stayed");
        is((run_sql($target, $dump->(), db => $db))[0], 'skipped', "$schema, $way: the same again is skipped");
        is($target->safe_psql($db, q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'}), 0, "$schema, $way: nothing is left");
    }
    # Functions of the source that are evaluated need the real names.
    $source->safe_psql('pagila', qq{CREATE FUNCTION "Shop's".title(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS \$\$
        BEGIN RETURN $schema.xpath_string(\$1, '/a/b'); END \$\$; CREATE INDEX ON "Shop's".doc ("Shop's".title(body))});
    my ($status, $error) = run_sql($target, pull_sql('source'));
    is($status, 'succeeded', "$schema: with functions of the source") or diag $error;
    ok(copy_of($target) eq copy_of($source), "$schema: it is the same");

    # A run that fails leaves the extension where it was.
    my $before = $target->safe_psql('pagila', $home);
    $source->safe_psql('pagila', q{INSERT INTO "Shop's".doc VALUES (1000, '<a/>')});
    for my $site (qw(shape copy index publish)) {
        set_fault($target, "$site:1:error");
        isnt((run_sql($target, pull_sql('source')))[1], '', "$schema: a run that fails at $site");
        is($target->safe_psql('pagila', $home), $before, "$schema: the extension is where it was");
        no_residue($target, "$schema: after a run that failed at $site");
    }
    clear_fault($target);

    # It goes from the source, and nothing here is lost by that: it is said.
    $source->safe_psql('pagila', qq{DROP EXTENSION xml2 CASCADE; } . ($schema eq 'public' ? '' : 'CREATE TABLE ext.other ()'));
    like((run_sql($target, q{SELECT string_agg(message, '; ') FROM pagila_check('source') WHERE subject = 'extension'}))[0],
        qr/extension "xml2" is only here; it stays in schema "$schema"/, "$schema: pagila_check names what only the target has");
    ($status, $error) = run_sql($target, pull_sql('source'));
    is($status, 'succeeded', "$schema: a copy of a source that dropped it") or diag $error;
    like(last_run($target, 'message'), qr/; extension "xml2" stays, which is only here(;|$)/, "$schema: the run says that it stays");
}

#
# While a run has the real names, others use tables of extensions as ever.
#

$_->safe_psql('pagila', 'CREATE EXTENSION hstore SCHEMA public') for $source, $target;
$source->safe_psql('pagila', q{CREATE FUNCTION public.fine(integer) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
    CREATE TABLE public.own (i integer CHECK (public.fine(i))); INSERT INTO public.own VALUES (1)});
$target->safe_psql('pagila', q{CREATE TABLE public.of_ext (id serial PRIMARY KEY, t text); ALTER EXTENSION hstore ADD TABLE public.of_ext;
    ALTER EXTENSION hstore ADD SEQUENCE public.of_ext_id_seq; INSERT INTO public.of_ext (t) VALUES ('a')});
set_fault($target, 'copy:1:stall');
my ($run) = run_sql($target, q{SELECT run_id FROM pagila_replicate_from('source', wait => false)});
ok(wait_until(sub { is_stalled($target) }, 60), 'a run copies rows under the real names');
my ($rows, $error) = run_sql($target, q{SET lock_timeout = '2s'; INSERT INTO public.of_ext (t) VALUES ('b'); SELECT string_agg(t, ' ') FROM public.of_ext});
is($rows, 'a b', 'a table of an extension is read and written meanwhile') or diag $error;
clear_fault($target);
run_sql($target, "SELECT pagila_cancel($run)");
run_sql($target, "SELECT pagila_wait($run)");
is($target->safe_psql('pagila', 'SELECT string_agg(t, $$ $$) FROM public.of_ext'), 'a b', 'it has its rows');
my ($status, $error_then) = run_sql($target, pull_sql('source'));
is($status, 'succeeded', 'then the run succeeds') or diag $error_then;
is($target->safe_psql('pagila', q{INSERT INTO public.of_ext (t) VALUES ('c') RETURNING id}), 3, 'the sequence of the table goes on');
no_residue($target, 'at the end');
done_testing();
