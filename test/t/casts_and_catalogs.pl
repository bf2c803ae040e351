# Casts and operators that users have made for types of the server change nothing of what a run itself asks the catalogs, compares or hashes.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use Test::More;

my ($source, $target) = new_pair('casts_and_catalogs');

sub pulls_twice {
    my ($what) = @_;
    for my $expected (qw(succeeded skipped)) {
        my ($out, $err) = run_sql($target, pull_sql('source'));
        is($out, $expected, "$what: $expected") or diag $err;
    }
    return ok(copy_of($target) eq copy_of($source), "$what: the copy is exact");
}

# Without function a cast lends the operator classes of one type to another.
$source->safe_psql('pagila', q{
    CREATE CAST (xid AS int4) WITHOUT FUNCTION AS IMPLICIT; CREATE CAST (json AS text) WITHOUT FUNCTION AS IMPLICIT;
    CREATE TABLE public.lent (x xid, j json); ALTER TABLE public.lent ALTER j SET STATISTICS 0;
    INSERT INTO public.lent VALUES ('7', '{"a": 1}'), ('9', NULL)});
pulls_twice('classes by a cast');

# Their functions are no part of the run's own questions.
my @lies = (map({ [ $_, 'text', q{'lie'::text} ] } qw(smallint int bigint oid numeric timestamptz interval)), [ 'text', 'bigint', '7::bigint' ], [ 'text', 'int', '7' ]);
$source->safe_psql('pagila', join('', map { my ($from, $to, $value) = @$_; qq{
    CREATE FUNCTION public.lie_to_$to($from) RETURNS $to IMMUTABLE LANGUAGE sql AS \$\$SELECT $value\$\$;
    CREATE CAST ($from AS $to) WITH FUNCTION public.lie_to_$to($from) AS IMPLICIT;} } @lies)
    . 'CREATE TABLE public.told (n int PRIMARY KEY, r regclass); INSERT INTO public.told VALUES (1, 1259); CREATE SEQUENCE public.s');
pulls_twice('casts that lie');

# An operator before the server's own in the search_path that a definition was made with.
$source->safe_psql('pagila', q{
    CREATE SCHEMA shadow;
    CREATE FUNCTION shadow.eq(text, text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT pg_catalog.lower($1) OPERATOR(pg_catalog.=) pg_catalog.lower($2)';
    CREATE OPERATOR shadow.= (LEFTARG = text, RIGHTARG = text, FUNCTION = shadow.eq);
    SET search_path = shadow, pg_catalog, public;
    CREATE TABLE public.shadowed (a text, g boolean GENERATED ALWAYS AS (a IS DISTINCT FROM 'a') STORED); INSERT INTO public.shadowed VALUES ('A');
    CREATE VIEW public.shadowing AS SELECT NULLIF(a, 'a') IS NULL AS n, CASE a WHEN 'a' THEN 1 END AS c FROM public.shadowed});
pulls_twice('an operator that shadows the server\'s');
is($target->safe_psql('pagila', 'SELECT n, c FROM public.shadowing'), 't|1', 'the view compares by it');
done_testing();
