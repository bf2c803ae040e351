# Rows of a table that inherits from another are rows of the other, too: none is left out without a word.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('inheritance');

sub refused {
    my ($what, $selection, $pair) = @_;
    for my $sql (pull_sql('source', %$selection), "SELECT * FROM pagila_check('source', " . join(', ', map { "$_ => $selection->{$_}" } sort keys %$selection) . ')') {
        my (undef, $err) = run_sql($target, $sql);
        like($err, qr/ERROR:  2BP01: what is wanted depends on what is left out\nDETAIL:  \Q$pair\E\nHINT/, "$what: refused by name");
    }
    return;
}

sub pulls {
    my ($what, %options) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', %options));
    is($out, 'succeeded', "$what: pulled") or diag $err;
    return;
}

$source->safe_psql('pagila', q{CREATE SCHEMA parts; CREATE SCHEMA "More Parts";
    CREATE TABLE public.m (d date); CREATE TABLE parts.m_2025 () INHERITS (public.m); INSERT INTO parts.m_2025 VALUES ('2025-01-01');
    CREATE TABLE public.m_2024 () INHERITS (public.m); INSERT INTO public.m_2024 VALUES ('2024-01-01')});
refused('a child in another schema', { schemas => q{'{public}'} }, 'table public.m depends on table parts.m_2025');
pulls('with the schema of the child', schemas => q{'{public,parts}'});
is($target->safe_psql('pagila', 'SELECT count(*) FROM public.m'), 2, 'all rows are there');

# Who says so gets the table without them, and is told.
my @without = (schemas => q{'{public,parts}'}, exclude => q{'{parts.m_2025,m_2024}'});
pulls('without what was excluded', @without);
is($target->safe_psql('pagila', 'SELECT count(*) FROM public.m'), 0, 'no row of them is there');
like(last_run($target, 'message'), qr/; 2 inheriting tables left out: parts\.m_2025, public\.m_2024(;|$)/, 'they are named');
is((run_sql($target, 'SELECT message FROM pagila_check(' . join(', ', "'source'", "schemas => $without[1]", "exclude => $without[3]") . q{) WHERE subject = 'left out'}))[0],
    '2 inheriting tables left out: parts.m_2025, public.m_2024', 'and beforehand');

# A child of a child, one of several parents, a foreign one.
$source->safe_psql('pagila', q{DROP TABLE parts.m_2025; CREATE TABLE public.other (n int); CREATE TABLE "More Parts"."A Child" () INHERITS (public.m_2024, public.other)});
refused('a child of two', { schemas => q{'{public}'} }, qq{table public.m_2024 depends on table "More Parts"."A Child"\ntable public.other depends on table "More Parts"."A Child"});
$source->safe_psql('pagila', q{DROP TABLE "More Parts"."A Child"; CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w;
    CREATE FOREIGN TABLE parts.far () INHERITS (public.other) SERVER far});
refused('a foreign child', { schemas => q{'{public}'} }, 'table public.other depends on foreign table parts.far');
$source->safe_psql('pagila', 'DROP FOREIGN DATA WRAPPER w CASCADE');

# What only its session sees is nobody's business.
my $session = $source->background_psql('pagila');
$session->query_safe('CREATE TEMP TABLE mine () INHERITS (public.m)');
pulls('a temporary child of another session', schemas => q{'{public}'});
$session->quit;
is($target->safe_psql('pagila', 'SELECT count(*) FROM public.m'), 1, 'with the rows of the others');

no_residue($target, 'at the end');
no_source_residue($source, 'at the end');
done_testing();
