# A target that pg_upgrade moves to a new cluster: the copies, jobs and history come with it and no job is started meanwhile. The
# first run takes the new catalog for a change; once someone has allowed that, the job goes on.
use strict;
use warnings;
use lib 'test/t';
use Cwd qw(getcwd);
use JobTest;
use PagilaTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $test = JobTest->new('pg_upgrade');
my ($source, $old) = @$test{ 'source', 'target' };
# Tables and types keep their OIDs, functions do not.
$source->safe_psql('pagila', 'CREATE FUNCTION shop.one() RETURNS integer LANGUAGE sql AS $$SELECT 1$$');
$test->schedule('copy', '1 hour', "'source', schemas => '{shop}'");
$test->runs('copy', 1, 'succeeded', 'a job runs');
$test->rests('before');
my ($rows, $copy) = (own_rows($old), copy_of($old));
$old->stop;

my $new = upgraded();
$new->start;
$test->{target} = $new;
is(own_rows($new), $rows, 'jobs and history are as they were');
ok(copy_of($new) eq $copy, 'so is the copy');
$test->rests('after');

$test->time_passes(3600);
$test->runs('copy', 2, 'failed', 'the first run fails');
is(last_run($new, 'sqlstate, error_message'), '55000|the target was changed since the last run', 'as if someone had changed the target');
ok(copy_of($new) eq $copy, 'the copy is still there');
is((run_sql($new, pull_sql('source', schemas => "'{shop}'", on_modified => "'overwrite'", on_unmanaged => "'drop'")))[0], 'succeeded',
    'one run that may overwrite it');
$test->time_passes(3600);
$test->runs('copy', 3, 'skipped', 'then the job goes on');
$test->cleared_up('after all runs');
$test->done;

sub upgraded {
    my $node = PostgreSQL::Test::Cluster->new('upgraded');
    $node->init(extra => [ '--encoding', 'UTF8', '--locale', 'C.UTF-8' ]);
    $node->append_conf('postgresql.conf', "dynamic_library_path = '$ENV{PR_FAULTS_DIR}:\$libdir'\nshared_preload_libraries = 'pagila_repl'\n");
    my ($programs) = run_command([ 'pg_config', '--bindir' ]);
    # It writes where it is called.
    my $here = getcwd;
    chdir PostgreSQL::Test::Utils::tempdir or die "chdir: $!";
    my ($out, $err) = run_command([ 'pg_upgrade', '--no-sync', '-b', $programs, '-B', $programs, '-d', $old->data_dir,
        '-D', $node->data_dir, '-p', $old->port, '-P', $node->port, '-s', $node->host ]);
    chdir $here or die "chdir: $!";
    like($out, qr/Upgrade Complete/, 'the target is upgraded') or BAIL_OUT("$out $err");
    return $node;
}
