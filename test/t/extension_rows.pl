# Rows that users put into configuration tables of extensions, and what dumps say of extensions' objects.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('extension_rows');
plan skip_all => 'hstore is not installed'
  unless $target->safe_psql('pagila', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'hstore'});
my $dir = PostgreSQL::Test::Utils::tempdir;

# An extension with tables of that kind in a schema that is replaced and in one of its own. The first ten rows are its own.
my $extension = q{
    CREATE SCHEMA IF NOT EXISTS conf; CREATE EXTENSION hstore SCHEMA public;
    CREATE TABLE public.zone (id integer PRIMARY KEY, "Na me" text, at timestamptz DEFAULT '2026-01-01 00:00+00', twice integer GENERATED ALWAYS AS (id * 2) STORED);
    INSERT INTO public.zone (id, "Na me") SELECT n, 'shipped ' || n FROM generate_series(1, 10) n;
    CREATE TABLE conf.part (zone integer REFERENCES public.zone, note text);
    CREATE SEQUENCE conf.numbers;
    CREATE FUNCTION public.zone_name(integer) RETURNS text STABLE STRICT LANGUAGE plpgsql
      AS $$ BEGIN RETURN (SELECT "Na me" FROM public.zone WHERE id = $1); END $$;
    ALTER EXTENSION hstore ADD TABLE public.zone; ALTER EXTENSION hstore ADD TABLE conf.part; ALTER EXTENSION hstore ADD SEQUENCE conf.numbers;
    ALTER EXTENSION hstore ADD SCHEMA conf; ALTER EXTENSION hstore ADD FUNCTION public.zone_name(integer);
    UPDATE pg_extension SET extconfig = ARRAY['conf.part'::regclass, 'public.zone'::regclass, 'conf.numbers'::regclass],
      extcondition = ARRAY['', 'WHERE id > 10', ''] WHERE extname = 'hstore'};
my $theirs = q{INSERT INTO public.zone (id, "Na me", at) VALUES (11, 'one|', '2026-07-01 12:00+02'), (12, E'tab\t\\\\', NULL);
    INSERT INTO conf.part VALUES (11, 'a'), (11, NULL), (3, 'c'); SELECT setval('conf.numbers', 40)};
my $rows = q{SELECT (SELECT string_agg(z::text, ' ' ORDER BY id) FROM public.zone z WHERE id > 10) || ' / '
    || (SELECT string_agg(p::text, ' ' ORDER BY p::text) FROM conf.part p) || ' / ' || (SELECT last_value FROM conf.numbers)};
my $shape = q{CREATE TABLE public.place (id integer PRIMARY KEY, zone integer); INSERT INTO public.place VALUES (1, 11), (2, 12);
    CREATE FUNCTION public.name_of(integer) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN public.zone_name($1); END $$;
    ALTER TABLE public.place ADD zone_name text GENERATED ALWAYS AS (public.name_of(zone)) STORED;
    CREATE MATERIALIZED VIEW public.named AS SELECT id, public.zone_name(zone) FROM public.place};

$source->safe_psql('pagila', "$extension; $theirs; $shape");
my $wanted = $source->safe_psql('pagila', $rows);

for my $way (qw(pull load)) {
    my $db = $way eq 'pull' ? 'pagila' : 'loaded';
    if ($way eq 'load') {
        $target->safe_psql('postgres', 'CREATE DATABASE loaded');
        $target->safe_psql('loaded', 'CREATE EXTENSION pagila_repl');
    }
    my $copy = sub {
        my (%options) = @_;
        my $settings = delete $options{set} // '';
        return run_sql($target, $settings . pull_sql('source', %options)) if $way eq 'pull';
        write_file("$dir/dump.sql", dump_text($source, 'pagila', '--exclude-schema=conf') =~ s/^--\n-- PostgreSQL database dump complete/config_rows() . $&/mer);
        return run_sql($target, $settings . load_sql("$dir/dump.sql", undef, %options), db => $db);
    };
    my $sql = sub { return $target->safe_psql($db, shift) };
    my $message = sub { return (run_sql($target, 'SELECT message FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1', db => $db))[0] };

    $sql->($extension);
    my $parts = q{SELECT (SELECT string_agg(indexrelid::text, ' ' ORDER BY indexrelid) FROM pg_index WHERE indrelid IN ('public.zone'::regclass, 'conf.part'::regclass)) || ' / '
        || (SELECT string_agg(oid::text, ' ' ORDER BY oid) FROM pg_constraint WHERE conrelid IN ('public.zone'::regclass, 'conf.part'::regclass))};
    my $before = $sql->($parts);
    my ($status, $error) = $copy->();
    is($status, 'succeeded', "$way: a first copy") or diag $error;
    is($sql->($parts), $before, "$way: the tables of the extension have kept their indexes and constraints");
    is($sql->($rows), $wanted, "$way: the rows are there");
    is($sql->('SELECT string_agg(zone_name, $$,$$ ORDER BY id) FROM public.place'), $source->safe_psql('pagila', 'SELECT string_agg(zone_name, $$,$$ ORDER BY id) FROM public.place'),
        "$way: what was computed with them is right");
    is($sql->('SELECT string_agg(n::text, $$,$$ ORDER BY id) FROM public.named n'), $source->safe_psql('pagila', 'SELECT string_agg(n::text, $$,$$ ORDER BY id) FROM public.named n'),
        "$way: in a materialized view, too");
    like($message->(), qr/; 2 rows of table public\.zone of an extension written; 3 rows of table conf\.part of an extension written/, "$way: they are counted");
    is(($copy->())[0], 'skipped', "$way: the same again is skipped");

    # Rows that are only here stay; those that a run wrote follow the source.
    $sql->(q{INSERT INTO public.zone (id, "Na me") VALUES (77, 'ours'); SELECT setval('conf.numbers', 99)});
    is(($copy->())[0], 'skipped', "$way: rows of others are no change");
    $source->safe_psql('pagila', q{DELETE FROM conf.part WHERE note = 'a'; UPDATE public.zone SET "Na me" = 'other' WHERE id = 11; INSERT INTO public.zone (id) VALUES (13);
        REFRESH MATERIALIZED VIEW public.named; UPDATE public.place SET zone = zone});
    ($status, $error) = $copy->();
    is($status, 'succeeded', "$way: a copy with other rows") or diag $error;
    is($sql->(q{SELECT string_agg(id || coalesce("Na me", ''), ',' ORDER BY id) FROM public.zone WHERE id > 10}), "11other,12tab\t\\,13,77ours", "$way: they are as on the source, and ours has stayed");
    is($sql->(q{SELECT string_agg(p::text, ' ' ORDER BY p::text) FROM conf.part p}), '(11,) (3,c)', "$way: one is gone");
    is($sql->('SELECT last_value FROM conf.numbers'), 99, "$way: a sequence does not go back");
    is(($copy->())[0], 'skipped', "$way: the same again is skipped");

    # What others do to them is a change.
    $sql->(q{UPDATE public.zone SET "Na me" = 'by hand' WHERE id = 12});
    ($status, $error) = $copy->();
    like($error, qr/55000: .*changed since the last run\nDETAIL:  table public\.zone of an extension has lost or changed 1 row that a run wrote/, "$way: a change by hand is refused");
    ($status, $error) = $copy->(on_modified => q{'overwrite'}, on_unmanaged => q{'drop'});
    is($status, 'succeeded', "$way: or overwritten") or diag $error;
    is($sql->(q{SELECT "Na me" FROM public.zone WHERE id = 12}), "tab\t\\", "$way: by the source's");

    # Other rows of the same key.
    $source->safe_psql('pagila', q{INSERT INTO public.zone (id, "Na me") VALUES (77, 'theirs')});
    ($status, $error) = $copy->();
    is($status, 'succeeded', "$way: a row of the same key that no run has written") or diag $error;
    is($sql->(q{SELECT "Na me" FROM public.zone WHERE id = 77}), 'ours', "$way: is as it was");
    like($message->(), qr/; 1 row of table public\.zone of an extension left out, since others have the same keys(;|$)/, "$way: which is counted");
    is(($copy->())[0], 'skipped', "$way: the same again is skipped");
    is((run_sql($target, q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'}, db => $db))[0], 0, "$way: nothing is left");
    ($status, $error) = $copy->(set => q{LOAD 'pagila_repl'; SET pagila_repl.extension_rows = 'skip'; });
    is($status, 'succeeded', "$way: unless all rows are left out") or diag $error;
    like($message->(), $way eq 'pull' ? qr/; rows that users put into table public\.zone of an extension left out: pagila_repl\.extension_rows is 'skip'/
            : qr/; 4 rows of table public\.zone of an extension left out, as pagila_repl\.extension_rows says/, "$way: which is said");
    is($sql->(q{SELECT "Na me" FROM public.zone WHERE id = 77}), 'ours', "$way: it is as it was");
    ($status, $error) = $copy->(on_unmanaged => q{'drop'});
    is($status, 'succeeded', "$way: rows of others may be lost") or diag $error;
    is($sql->(q{SELECT "Na me" FROM public.zone WHERE id = 77}), 'theirs', "$way: then it is the source's");
    $source->safe_psql('pagila', q{DELETE FROM public.zone WHERE id = 77; DELETE FROM public.zone WHERE id = 13; DELETE FROM conf.part;
        UPDATE public.zone SET "Na me" = 'one|' WHERE id = 11; INSERT INTO conf.part VALUES (11, 'a'), (11, NULL), (3, 'c'); REFRESH MATERIALIZED VIEW public.named; UPDATE public.place SET zone = zone});
}
is((run_sql($target, q{LOAD 'pagila_repl'; SET pagila_repl.extension_rows = 'some'}))[1] =~ /22023/ ? 1 : 0, 1, 'the setting takes no other value');

# Who may not write there.
$source->safe_psql('pagila', 'CREATE ROLE clerk LOGIN; GRANT pg_read_all_data TO clerk');
$target->safe_psql('postgres', 'CREATE DATABASE few');
$target->safe_psql('few', "CREATE EXTENSION pagila_repl; $extension; CREATE ROLE clerk LOGIN; GRANT pagila_repl_operator TO clerk; GRANT CREATE ON DATABASE few TO clerk;
    ALTER SCHEMA public OWNER TO clerk; GRANT SELECT ON public.zone TO clerk");
add_source($target, 'source', port => $source->port, db => 'few');
$target->safe_psql('few', q{GRANT USAGE ON FOREIGN SERVER source TO clerk; CREATE USER MAPPING FOR clerk SERVER source OPTIONS (user 'clerk', password_required 'false')});
my ($status, $error) = run_sql($target, pull_sql('source'), db => 'few', psql => { extra_params => [ '-U', 'clerk' ] });
is($status, '', 'a role that may not write there, and whose copy needs the rows');
$source->safe_psql('pagila', 'DROP MATERIALIZED VIEW public.named; ALTER TABLE public.place DROP zone_name; DROP FUNCTION public.name_of');
($status, $error) = run_sql($target, pull_sql('source'), db => 'few', psql => { extra_params => [ '-U', 'clerk' ] });
is($status, 'succeeded', 'a role that may not write there') or diag $error;
like((run_sql($target, 'SELECT message FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1', db => 'few'))[0],
    qr/; 2 rows of table public\.zone of an extension left out, which the role may not write to; 3 rows of table conf\.part of an extension left out, which the role may not read/, 'is told what is left out');
no_residue($target, 'at the end');
done_testing();

# pg_dump leaves out tables of the schema that is left out. Here is what it would print.
sub config_rows {
    my $copy = sub {
        my ($what, $condition, $to) = @_;
        return "COPY $to FROM stdin;\n" . ($source->safe_psql('pagila', "COPY (SELECT $what $condition) TO STDOUT") =~ s/(?<=.)\z/\n/sr) . "\\.\n\n";
    };
    return $copy->('zone, note', 'FROM conf.part', 'conf.part (zone, note)')
      . "SELECT pg_catalog.setval('conf.numbers', " . $source->safe_psql('pagila', 'SELECT last_value FROM conf.numbers') . ", true);\n\n";
}
