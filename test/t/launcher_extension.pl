# The launcher when the extension is dropped, of another version, dumped and restored, or when its table of jobs is not
# as it was made: no job is started that must not be, and nobody has to wait for long.
use strict;
use warnings;
use IPC::Run ();
use lib 'test/t';
use JobTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $test = JobTest->new('extension');
my $target = $test->{target};
my $dir = PostgreSQL::Test::Utils::tempdir;

$test->schedule('copy', '1 hour', "'source'");
$test->runs('copy', 1, 'succeeded', 'a job runs');
table_of_jobs_is_changed();
library_is_of_another_version();
extension_is_updated_during_a_run();
database_is_dumped();
extension_is_dropped();
server_is_upgraded();
$test->done;

# How often the log says it, since that place.
sub logged {
    my ($text, $since) = @_;
    my $log = slurp_file($target->logfile, $since);
    return scalar(() = $log =~ /$text/g);
}

sub table_of_jobs_is_changed {
    my $row = q{(SELECT 1, 'twin', owner_oid, database_oid, kind, source_server, schedule, created_at, next_run_at FROM pagila_repl.job)};
    my @cases = (
        [ 'ALTER TABLE pagila_repl.job DROP CONSTRAINT job_pkey', 'ALTER TABLE pagila_repl.job ADD PRIMARY KEY (job_id)' ],
        # What an index that is broken lets in.
        [ "UPDATE pg_index SET indisready = false WHERE indexrelid = 'pagila_repl.job_pkey'::regclass;
           INSERT INTO pagila_repl.job (job_id, job_name, owner_oid, database_oid, kind, source_server, schedule, created_at, next_run_at) $row;
           UPDATE pg_index SET indisready = true WHERE indexrelid = 'pagila_repl.job_pkey'::regclass",
            "DELETE FROM pagila_repl.job WHERE job_name = 'twin'; REINDEX TABLE pagila_repl.job" ],
        [ 'CREATE ROLE mallory; ALTER TABLE pagila_repl.job OWNER TO mallory',
            'ALTER TABLE pagila_repl.job OWNER TO CURRENT_USER; DROP ROLE mallory' ],
        [ 'CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN CREATE TABLE trapped (); RETURN NEW; END$$;
           CREATE TRIGGER trap BEFORE UPDATE ON pagila_repl.job FOR EACH ROW EXECUTE FUNCTION trap()', 'DROP FUNCTION trap CASCADE' ],
        [ 'ALTER TABLE pagila_repl.job RENAME TO jobs', 'ALTER TABLE pagila_repl.jobs RENAME TO job' ]);
    my $runs = 1;
    for my $case (@cases) {
        my ($change, $undo) = @$case;
        my $since = -s $target->logfile;
        $target->safe_psql('pagila', "SET allow_system_table_mods = on; $change");
        $test->time_passes(3600);
        my $said = 'table pagila_repl.job is not as the extension made it|there are several jobs of the same number';
        ok(wait_until(sub { logged("ERROR:  (?:$said)", $since) }, 30), (split /\n/, $change)[0] . ': the log says so');
        $test->rests($undo, look => 0);
        is($test->sql('SELECT count(*) FROM pagila_repl.run'), $runs, 'no job is started');
        $target->safe_psql('pagila', $undo);
        $test->time_passes(3600);
        $test->runs('copy', ++$runs, 'skipped', 'put right, it runs again');
    }
    is($test->sql(q{SELECT to_regclass('public.trapped') IS NULL}), 't', 'no trigger has run');
    return;
}

# Every look of a scheduler ends with an error, so the launcher looks ever less often, except when a job may be due.
sub library_is_of_another_version {
    my $said = 'ERROR:  the library of pagila_repl and the extension in this database are of different versions';
    my $since = -s $target->logfile;
    my $runs = $test->statuses('copy');
    $target->safe_psql('pagila', q{UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'pagila_repl'});
    for my $try (1 .. 6) {
        my $before = logged($said, $since);
        $test->time_passes(3600);
        ok(wait_until(sub { logged($said, $since) > $before }, 30), "another version, try $try: the log says so");
    }
    $test->rests('another version', look => 0);
    my $tries = logged($said, $since);
    cmp_ok($tries, '<=', 9, 'it does so no more often than it must');
    $test->time_passes(100);
    $test->rests('another version, later', look => 0);
    is(logged($said, $since), $tries, 'ever less often');
    is($test->statuses('copy'), $runs, 'no job is started');
    my (undef, $err) = run_sql($target, "SELECT pagila_run_job('copy')");
    is(sqlstate_of($err), '55000', 'one run by hand ends');
    like($err, qr/The library is of version [\d.]+, the extension of version 0\.9\./, 'and says why');
    $target->safe_psql('pagila', q{UPDATE pg_extension SET extversion = (SELECT default_version FROM pg_available_extensions
        WHERE name = 'pagila_repl') WHERE extname = 'pagila_repl'});
    $test->time_passes(3600);
    ok(wait_until(sub { $test->statuses('copy') eq "$runs failed skipped" }, 30), 'put right, the job runs again');
    $test->rests('put right');
    return;
}

# ALTER EXTENSION waits for the run, which is of one library from its beginning to its end.
sub extension_is_updated_during_a_run {
    $test->change_source;
    $test->hold_at('copy:1');
    $test->time_passes(3600);
    $test->is_held('the extension is updated during a run');
    my $runs = $test->statuses('copy');
    $target->safe_psql('pagila', q{UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'pagila_repl'});
    $test->let_go;
    ok(wait_until(sub { $test->statuses('copy') eq $runs =~ s/running$/succeeded/r }, 60), 'the run ends well');
    ok(copy_of($target) eq copy_of($test->{source}), 'its copy is whole');
    my (undef, $err) = run_sql($target, "SELECT pagila_run_job('copy')");
    is(sqlstate_of($err), '55000', 'the next one is refused');
    $target->safe_psql('pagila', q{UPDATE pg_extension SET extversion = (SELECT default_version FROM pg_available_extensions
        WHERE name = 'pagila_repl') WHERE extname = 'pagila_repl'});
    $test->time_passes(3600);
    $test->rests('the end of the run is taken note of');
    is($test->job('copy', 'status, last_status, failures'), 'scheduled|succeeded|0', 'put right, as the success that it was');
    $test->time_passes(3600);
    ok(wait_until(sub { $test->statuses('copy') =~ /succeeded failed skipped$/ }, 30), 'and jobs run again') or diag $test->statuses('copy');
    $test->rests('put right again');
    return;
}

sub database_is_dumped {
    my ($dump) = run_command([ 'pg_dump', '--no-sync', $target->connstr('pagila') ]);
    unlike($dump, qr/COPY pagila_repl\.|INSERT INTO pagila_repl\.|'copy'/, 'a dump holds no job and no run');
    is(join("\n", grep { /password/ && !/^    \(?password '/ } split /\n/, $dump), '',
        'nor a password but those of user mappings');
    write_file("$dir/dump.sql", $dump);
    $target->safe_psql('postgres', 'CREATE DATABASE restored');
    my ($out, $err, $code) = run_sql($target, "SET log_statement = none; SET log_min_error_statement = panic;\n\\i $dir/dump.sql", db => 'restored');
    is($code, 0, 'it can be restored') or diag $err;
    is(copy_of($target, 'restored'), copy_of($target), 'and holds the same');
    is($test->sql('SELECT count(*) FROM pagila_repl.job_status', db => 'restored'), '0', 'without jobs');
    $test->schedule('copy', '1 hour', "'source', on_unmanaged => 'drop'", db => 'restored');
    $test->runs('copy', 1, 'succeeded', 'where they can be scheduled anew', db => 'restored');
    $test->rests('before it is dropped');
    (undef, $err) = run_sql($target, 'DROP DATABASE restored', db => 'postgres');
    is($err, '', 'it is dropped');
    return;
}

sub extension_is_dropped {
    my $drop = 'DROP EXTENSION pagila_repl CASCADE';
    for my $point (some_of(3, 'copy:1', 'shape:1', 'publish:1')) {
        $test->change_source;
        $test->hold_at($point);
        $test->time_passes(3600);
        $test->is_held("the extension is dropped at $point");
        my (undef, $err) = run_sql($target, "SET lock_timeout = '100ms'; $drop");
        is(sqlstate_of($err), '55P03', "at $point: it cannot be dropped while a run is under way");
        my $waits = IPC::Run::start([ 'psql', '-XAtq', '-d', $target->connstr('pagila'), '-c', $drop ],
            '<', \undef, '>', \my $out, '2>', \my $said);
        ok(wait_until(sub { $test->sql("SELECT count(*) FROM pg_stat_activity WHERE query = '$drop' AND wait_event_type = 'Lock'") eq '1' }, 30),
            "at $point: who drops it waits");
        $test->let_go;
        $waits->finish;
        is($waits->result(0), 0, "at $point: until the run has ended") or diag $said;
        is($test->sql(q{SELECT string_agg(nspname, ' ') FROM pg_namespace WHERE nspname LIKE 'pagila\_repl%'}), '', 'then nothing of it is left');
        ok(copy_of($target) eq copy_of($test->{source}), 'but what was copied is');
        nothing_happens_without_it();
        make_it_anew();
    }
    my (undef, $err) = run_sql($target, "SET lock_timeout = '5s'; SET client_min_messages = warning; $drop");
    is($err, '', 'while no run is under way it is dropped');
    return;
}

sub nothing_happens_without_it {
    my $since = -s $target->logfile;
    $test->time_passes(3600);
    $test->rests('without the extension', look => 0);
    is(logged('ERROR|FATAL|WARNING', $since), 0, 'nothing more happens');
    is(scalar $test->launchers, 1, 'the launcher is there');
    return;
}

sub make_it_anew {
    $target->safe_psql('pagila', 'CREATE EXTENSION pagila_repl');
    add_source($target, 'source', port => $test->{source}->port);
    $test->schedule('copy', '1 hour', "'source', on_unmanaged => 'drop'");
    $test->runs('copy', 1, 'succeeded', 'created anew, jobs run');
    $test->rests('created anew');
    return;
}

# pg_upgrade starts the server so, and moves what is in it without anything else changing it.
sub server_is_upgraded {
    make_it_anew();
    $target->stop;
    $test->{passed} += 7200;
    $target->append_conf('postgresql.auto.conf', "pagila_repl.time_passed = $test->{passed}");
    run_command([ 'pg_ctl', '-w', '-D', $target->data_dir, '-l', $target->logfile, '-o', '-b', 'start' ]);
    # Another process that is started as soon as recovery is over.
    ok(wait_until(sub { (run_sql($target, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'logical replication launcher'}))[0] eq '1' }, 30),
        'the server runs in binary upgrade mode');
    is(scalar $test->launchers, 0, 'without a launcher');
    is($test->statuses('copy'), 'succeeded', 'no job is started');
    run_command([ 'pg_ctl', '-w', '-D', $target->data_dir, '-m', 'fast', 'stop' ]);
    $target->start;
    $test->runs('copy', 2, 'skipped', 'afterwards it runs as ever');
    is(scalar $test->launchers, 1, 'by the one launcher');
    return;
}
