# A column may be null though the table inherits it with NOT NULL, of which pg_dump does not tell.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('nullable');
plan(skip_all => 'NOT NULL is inherited for good') if $source->safe_psql('pagila', 'SHOW server_version_num') >= 180000;

my $columns = q{SELECT attrelid::regclass::text, attname, attnotnull, attislocal, attinhcount FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
    JOIN pg_namespace n ON n.oid = relnamespace
  WHERE nspname !~ '^(pg_|pagila_repl|information_schema)' AND relkind IN ('r', 'p', 'f') AND attnum > 0 ORDER BY 1, 2};

sub pulls {
    my ($what, $status) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source'));
    is($out, $status // 'succeeded', "$what: $out") or diag $err;
    ok(copy_of($target) eq copy_of($source), "$what: the copy is exact");
    return is($target->safe_psql('pagila', $columns), $source->safe_psql('pagila', $columns), "$what: the columns are as on the source");
}

$source->safe_psql('pagila', q{CREATE TABLE public.par (a int NOT NULL); CREATE TABLE public.kid (b int) INHERITS (public.par);
    ALTER TABLE public.kid ALTER a DROP NOT NULL; INSERT INTO public.kid VALUES (NULL, 1);
    CREATE SCHEMA "An Other";
    CREATE TABLE "An Other"."Par" ("A" int PRIMARY KEY, b int NOT NULL, c int);
    CREATE TABLE "An Other".both (d int) INHERITS ("An Other"."Par", public.par);
    CREATE TABLE "An Other".nullable () INHERITS ("An Other".both);
    CREATE TABLE "An Other".strict () INHERITS ("An Other".both);
    ALTER TABLE "An Other".both ALTER "A" DROP NOT NULL, ALTER a DROP NOT NULL;
    ALTER TABLE "An Other".strict ALTER "A" SET NOT NULL;
    INSERT INTO "An Other".both VALUES (NULL, 1, NULL, NULL, 2); INSERT INTO "An Other".nullable TABLE "An Other".both;
    INSERT INTO "An Other".strict VALUES (1, 1, NULL, NULL, NULL);
    CREATE TABLE public.parted (i int NOT NULL) PARTITION BY LIST (i); CREATE TABLE public.parted_1 PARTITION OF public.parted DEFAULT});
pulls('first');
is($target->safe_psql('pagila', 'SELECT * FROM public.kid'), '|1', 'the row with null is there');
pulls('again', 'skipped');
# A change that pg_dump does not tell of.
$source->safe_psql('pagila', 'UPDATE public.kid SET a = 5; ALTER TABLE public.kid ALTER a SET NOT NULL');
pulls('NOT NULL again');
is((run_sql($target, q{SELECT count(*) FROM pagila_check('source') WHERE subject = 'changed by hand' AND status <> 'ok'}))[0], 0, 'which is no change by hand');

no_residue($target, 'at the end');
no_source_residue($source, 'at the end');
done_testing();
