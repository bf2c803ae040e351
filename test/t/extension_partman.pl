# pg_partman in a schema of its own as Debian installs it: pulled and loaded, twice, the second time skipped. Left out where the package is not installed.
use strict;
use warnings;
use lib 'test/t';
use DebianExtensions;
use PagilaTest;
use Test::More;

plan skip_all => 'pg_partman is not installed (Debian: postgresql-15-partman)' unless is_installed('pg_partman');
my $shape = q{CREATE SCHEMA partman; CREATE EXTENSION pg_partman SCHEMA partman;
    CREATE TABLE public.ev (id bigint NOT NULL, at timestamptz NOT NULL DEFAULT now(), note text) PARTITION BY RANGE (at);
    CREATE INDEX ON public.ev (at);
    SELECT partman.create_parent('public.ev', 'at', 'native', 'daily');
    INSERT INTO public.ev SELECT g, now() + (g - 3) * interval '1 day', 'n' || g FROM generate_series(1, 6) g};
my $changes = q{UPDATE partman.part_config SET premake = premake + 1; SELECT partman.run_maintenance('public.ev'); INSERT INTO public.ev (id) SELECT max(id) + 1 FROM public.ev};
my $uses = sub {
    my ($target, $db, $way) = @_;
    # The table is replaced with the next copy, so that maintenance here is a change of it.
    my ($out, $error) = run_sql($target, q{BEGIN; UPDATE partman.part_config SET premake = premake + 2; SELECT partman.run_maintenance('public.ev'); SELECT count(*) FROM partman.show_partitions('public.ev'); ROLLBACK}, db => $db);
    like($out, qr/^\d+$/m, "pg_partman, $way: it works on the copy") or diag $error;
    return;
};
copies('partman', source => $shape, changes => $changes, then => $uses);
copies('partman_here', source => $shape, changes => $changes, needs => 'CREATE SCHEMA partman; CREATE EXTENSION pg_partman SCHEMA partman', then => $uses);
done_testing();
