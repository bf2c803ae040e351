# pg_cron in pg_catalog and in public as Debian installs it: pulled and loaded, twice, the second time skipped. Left out where the package is not installed.
use strict;
use warnings;
use lib 'test/t';
use DebianExtensions;
use PagilaTest;
use Test::More;

plan skip_all => 'pg_cron is not installed (Debian: postgresql-15-cron)' unless is_installed('pg_cron');
my $conf = "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'pagila'\n";
my $jobs = q{SELECT cron.schedule('nightly', '0 3 1 1 *', 'SELECT 1'); SELECT cron.schedule('0 4 1 1 *', $$SELECT 'x'$$);
    CREATE TABLE public.t (i integer PRIMARY KEY); INSERT INTO public.t VALUES (1)};
my $changes = q{SELECT cron.alter_job(max(jobid), schedule => '0 5 1 1 *') FROM cron.job; SELECT cron.schedule('more ' || count(*), '0 6 1 1 *', 'SELECT 2') FROM cron.job; INSERT INTO public.t SELECT max(i) + 1 FROM public.t};
# In public it can be made by the run, with its schema of tables beside.
copies('cron_here', conf => $conf, source => "CREATE EXTENSION pg_cron SCHEMA pg_catalog; $jobs", changes => $changes,
    needs => 'CREATE EXTENSION pg_cron SCHEMA pg_catalog', one_database => 'DROP EXTENSION pg_cron');
copies('cron', conf => $conf, source => "CREATE EXTENSION pg_cron SCHEMA public; $jobs", changes => $changes, one_database => 'DROP EXTENSION pg_cron');
# In pg_catalog it cannot, and nothing needs it.
my ($source, $target) = new_pair('debian_cron_missing', conf => $conf, source => { conf => $conf });
$source->safe_psql('pagila', "CREATE EXTENSION pg_cron SCHEMA pg_catalog; $jobs");
like((run_sql($target, q{SELECT string_agg(status || ' ' || message || ' ' || hint, '; ') FROM pagila_check('source') WHERE subject = 'extension'}))[0],
    qr/warning extension "pg_cron" does not exist here; nothing needs it, and it is left out Create it with CREATE EXTENSION "pg_cron" SCHEMA "pg_catalog"\./, 'pg_cron: pagila_check says what to do');
is((run_sql($target, pull_sql('source')))[0], 'succeeded', 'pg_cron: without it the run goes on');
like(last_run($target, 'message'), qr/; extension "pg_cron" left out: create it with/, 'pg_cron: and says so');
like(last_run($target, 'message'), qr/; 2 rows of table cron\.job of an extension left out, since it is not here/, 'pg_cron: its rows are counted');
done_testing();
