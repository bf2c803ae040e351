# Functions that find what they name only by a search_path, which a copy is made without: those that are seen beforehand are named
# by pagila_check, those that are not by the run, with what to do about them.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('search_path');

# What pagila_check says of functions: "status|sqlstate|message".
sub found {
    my ($column) = @_;
    my ($out, $err) = run_sql($target, 'SELECT ' . ($column // 'status, sqlstate, message') . " FROM pagila_check('source') WHERE subject = 'function' ORDER BY message");
    return $err eq '' ? $out : $err;
}

sub refused { return pull_refused($target, @_) }
sub pulls { return pull_exact($source, $target, shift, on_modified => q{'overwrite'}, on_unmanaged => q{'drop'}) }

is(found(), 'ok||no function that is evaluated is seen to need a search_path', 'nothing to be said');

#
# Each kind of what is evaluated while a copy is made
#

my $docs = q{CREATE TABLE public.docs (body text); INSERT INTO public.docs VALUES ('some words');
    CREATE FUNCTION public.one() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
    CREATE FUNCTION public.n() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM docs';
    CREATE FUNCTION public.plus(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + one()'};
my $plus = 'error|42883|function public.plus(integer), called by %s, needs a search_path: function one() does not exist';
my %cases = (
    'a materialized view' => [ q{CREATE MATERIALIZED VIEW public.m1 AS SELECT n() AS n},
        'error|42P01|function public.n(), called by materialized view public.m1, needs a search_path: relation "docs" does not exist' ],
    'one that reads a view' => [ q{CREATE VIEW public.v AS SELECT n() AS n; CREATE MATERIALIZED VIEW public."M 2" AS SELECT * FROM public.v},
        'error|42P01|function public.n(), called by materialized view public."M 2", needs a search_path: relation "docs" does not exist' ],
    'a generated column' => [ q{CREATE TABLE public.t (i int, "J" int GENERATED ALWAYS AS (public.plus(i)) STORED)}, sprintf($plus, 'generated column public.t."J"') ],
    'an index' => [ q{CREATE TABLE public.t (i int); CREATE INDEX x ON public.t (public.plus(i))}, sprintf($plus, 'index public.x') ],
    'the predicate of an index' => [ q{CREATE TABLE public.t (i int); CREATE INDEX x ON public.t (i) WHERE public.plus(i) > 0}, sprintf($plus, 'index public.x') ],
    'statistics' => [ q{CREATE TABLE public.t (i int); CREATE STATISTICS public.s ON (public.plus(i)) FROM public.t}, sprintf($plus, 'statistics object public.s') ],
    'a partition key' => [ q{CREATE TABLE public.t (i int) PARTITION BY RANGE (public.plus(i)); CREATE TABLE public.t1 PARTITION OF public.t DEFAULT},
        sprintf($plus, 'partitioned table public.t') ],
    'an operator' => [ q{CREATE OPERATOR public.@~@ (FUNCTION = public.plus, RIGHTARG = int); CREATE TABLE public.t (i int, j int GENERATED ALWAYS AS (OPERATOR(public.@~@) i) STORED)},
        sprintf($plus, 'generated column public.t.j') ],
    'a type of a variable' => [ q{CREATE FUNCTION public.typed(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'DECLARE b docs.body%TYPE; BEGIN RETURN $1; END';
        CREATE TABLE public.t (i int, j int GENERATED ALWAYS AS (public.typed(i)) STORED)},
        'error|42601|function public.typed(integer), called by generated column public.t.j, needs a search_path: syntax error at or near "%"' ]);
for my $what (sort keys %cases) {
    my ($make, $said) = @{ $cases{$what} };
    $source->safe_psql('pagila', "SET check_function_bodies = off; $docs; $make");
    is(found(), $said, "$what: named by pagila_check");
    my ($state) = $said =~ /^error\|(\w+)/;
    my $err = refused($what, $state, 'connect');
    like($err, qr/HINT:.*On the source, run ALTER FUNCTION public\.\w+\((integer)?\) SET search_path = \.\.\., or write its body as BEGIN ATOMIC\./, "$what: with what to do");
    my $may_be_skipped = $make =~ /MATERIALIZED VIEW/;
    (my $out, $err) = run_sql($target, pull_sql('source', on_object_error => q{'skip'}, on_modified => q{'overwrite'}, on_unmanaged => q{'drop'}));
    is($out || sqlstate_of($err), $may_be_skipped ? 'succeeded' : $state, "$what: " . ($may_be_skipped ? 'skipped if asked' : 'never skipped')) or diag $err;
    like(last_run($target, 'message'), qr/; 1 object skipped since /, "$what: and counted") if $may_be_skipped;
    $source->safe_psql('pagila', q{ALTER FUNCTION public.n SET search_path = public; ALTER FUNCTION public.plus SET search_path = public;
        DO $$BEGIN ALTER FUNCTION public.typed SET search_path = public; EXCEPTION WHEN undefined_function THEN END$$});
    is(found('status'), 'ok', "$what: once that is done it is fine");
    pulls($what);
    $source->safe_psql('pagila', 'DROP SCHEMA public CASCADE; CREATE SCHEMA public');
}

#
# What needs no search_path, or is not evaluated
#

$source->safe_psql('pagila', "$docs; " . q{
    CREATE FUNCTION public.atomic(int) RETURNS int IMMUTABLE LANGUAGE sql RETURN $1 + public.one();
    CREATE FUNCTION public.any_of(anyelement) RETURNS anyelement IMMUTABLE LANGUAGE sql AS 'SELECT $1';
    CREATE FUNCTION public.later() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM * FROM docs; RETURN NEW; END';
    CREATE TABLE public.t (i int DEFAULT public.plus(1) CHECK (public.plus(i) > 0), a int GENERATED ALWAYS AS (public.atomic(i)) STORED,
      b int GENERATED ALWAYS AS (public.any_of(i)) STORED);
    CREATE TRIGGER later BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.later();
    CREATE VIEW public.v AS SELECT n() AS n; CREATE MATERIALIZED VIEW public.empty AS SELECT n() AS n WITH NO DATA;
    INSERT INTO public.t VALUES (5)});
is(found('status'), 'ok', 'what is not evaluated by a run may need a search_path');
pulls('what is not evaluated');
$source->safe_psql('pagila', 'DROP SCHEMA public CASCADE; CREATE SCHEMA public');

#
# What cannot be seen beforehand
#

$source->safe_psql('pagila', $docs . q{; CREATE FUNCTION public.deep() RETURNS bigint STABLE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM docs); END';
    CREATE MATERIALIZED VIEW public.m1 AS SELECT deep() AS n});
is(found('status'), 'ok', 'queries within PL/pgSQL are not seen');
like(refused('queries within PL/pgSQL', '42P01', 'sequences'),
    qr/relation "docs" does not exist.*HINT:\s+A copy is made without a search_path\. If a function names objects.*CONTEXT:\s+materialized view "m1" in schema "public"/s,
    'the run names the view and says what to do');
$source->safe_psql('pagila', q{DROP MATERIALIZED VIEW public.m1;
    CREATE FUNCTION public.deeper(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 + one(); END';
    CREATE TABLE public.t (i int, j int GENERATED ALWAYS AS (public.deeper(i)) STORED); INSERT INTO public.t VALUES (1)});
like(refused('a generated column by PL/pgSQL', '42883', 'rows'), qr/HINT:\s+A copy is made without a search_path.*CONTEXT:.*table "t" in schema "public"/s,
    'so it is with a generated column');
$source->safe_psql('pagila', 'DROP SCHEMA public CASCADE; CREATE SCHEMA public');

#
# Functions of extensions are not copied: what counts is what is here
#

$source->safe_psql('pagila', q{CREATE EXTENSION cube SCHEMA public; CREATE EXTENSION earthdistance SCHEMA public;
    CREATE TABLE public.place (id int PRIMARY KEY, lat float8, lon float8, pos earth GENERATED ALWAYS AS (ll_to_earth(lat, lon)) STORED);
    INSERT INTO public.place VALUES (1, 48.1, 11.5);
    CREATE INDEX ON public.place USING gist (ll_to_earth(lat, lon))});
my $earth = qr/^error\|\w{5}\|function public\.ll_to_earth\(double precision,double precision\) of extension "earthdistance", called by generated column public\.place\.pos, needs a search_path: /;
like(found(), $earth, 'a function of an extension that a run would create');
like(found('hint'), qr/^Create the extension here first, then run ALTER FUNCTION public\.ll_to_earth\(.*\) SET search_path = \.\.\. here and on the source\.$/, 'what to do about it');
$target->safe_psql('pagila', 'DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE EXTENSION cube SCHEMA public; CREATE EXTENSION earthdistance SCHEMA public');
like(found(), $earth, 'one that is here');
is((run_sql($target, q{BEGIN; SET LOCAL check_function_bodies = off; SELECT count(*) FROM pagila_check('source') WHERE subject = 'function';
    SHOW check_function_bodies; COMMIT}))[0], "1\noff", 'the settings of the caller stay');
like(found('hint'), qr/^Run ALTER FUNCTION public\.ll_to_earth\(.*\) SET search_path = \.\.\. here and on the source\.$/, 'what to do about that');
$source->safe_psql('pagila', 'ALTER FUNCTION public.ll_to_earth SET search_path = public, pg_catalog');
like(found('hint'), qr/^Run ALTER FUNCTION public\.ll_to_earth\(.*\) SET search_path = \.\.\. here\.$/, 'here, too');
$source->safe_psql('pagila', 'ALTER FUNCTION public.ll_to_earth RESET search_path');
$target->safe_psql('pagila', 'ALTER FUNCTION public.ll_to_earth SET search_path = public, pg_catalog');
like(found('hint'), qr/^Run ALTER FUNCTION public\.ll_to_earth\(.*\) SET search_path = \.\.\. on the source\.$/, 'not only here');
$source->safe_psql('pagila', 'ALTER FUNCTION public.ll_to_earth SET search_path = public, pg_catalog');
is(found('status'), 'ok', 'once that is done it is fine');
my ($out, $err) = run_sql($target, pull_sql('source', on_modified => q{'overwrite'}, on_unmanaged => q{'drop'}));
is($out, 'succeeded', 'and pulled') or diag $err;
my $places = q{SELECT *, (SELECT count(*) FROM pg_indexes WHERE tablename = 'place') FROM public.place};
is($target->safe_psql('pagila', $places), $source->safe_psql('pagila', $places), 'with the column and the index');

#
# A reader that may not call a function does not see its body
#

$source->safe_psql('pagila', q{DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA public TO reader});
$source->safe_psql('pagila', "$docs; " . q{CREATE MATERIALIZED VIEW public.m1 AS SELECT n() AS n; REVOKE EXECUTE ON FUNCTION public.n FROM PUBLIC;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader});
add_source($target, 'as_reader', port => $source->port, mapping => { user => 'reader' });
is((run_sql($target, q{SELECT status FROM pagila_check('as_reader') WHERE subject = 'function'}))[0], 'ok', 'a reader without EXECUTE does not see it');

# Nothing is called on the source.
$source->safe_psql('pagila', q{DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE SEQUENCE public.calls; CREATE TABLE public.docs (i int);
    CREATE FUNCTION public.called(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''public.calls''); RAISE WARNING ''called''; RETURN 1; END';
    CREATE FUNCTION public.outer_one() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT public.called(1)';
    CREATE MATERIALIZED VIEW public.m1 AS SELECT public.outer_one() AS n});
my $since = -s $source->logfile;
is(found('status'), 'ok', 'a function of constants is looked at');
unlike(slurp_file($source->logfile, $since), qr/WARNING:  called/, 'but not called');

no_residue($target, 'at the end');
no_source_residue($source, 'at the end');
done_testing();
