# The processes of a pull: killed, cancelled, too few of them, or too few connections for them.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $test = PullTest->new('workers', conf => "restart_after_crash = on\nautovacuum = off\nmax_worker_processes = 8\n", initdb => ['--data-checksums']);
my ($source, $target) = @$test{ 'source', 'target' };
$target->safe_psql('pagila', 'CREATE EXTENSION amcheck SCHEMA pg_catalog');

cancelled_or_terminated();
killed();
source_sessions_ended();
no_slots();
no_connections();
$test->done;

# Whichever process it is, the others stop too.
sub cancelled_or_terminated {
    my $each_way = sub { map { my $point = $_; map { [ $point, $_ ] } 'cancel', 'terminate' } @_ };
    for my $case (some_of(5, $each_way->(qw(copy:1 rows:2 index:1 verify:1)))) {
        my ($point, $how) = @$case;
        my $what = "worker at $point: $how";
        my ($pid) = $test->hold($what, $point);
        isnt($pid, leader_pid($target), "$what: it is a worker");
        is($target->safe_psql('pagila', "SELECT pg_${how}_backend($pid)"), 't', "$what: told so");
        # The others are held still, so they end because they are told to.
        $test->is_over_within($what, 20);
        my $status = last_run($target, 'status');
        $test->fails($what, $how eq 'cancel' ? '57014' : '57P01', status => $status);
        like($status, qr/^(failed|cancelled|aborted)$/, "$what: $status");
    }
    for my $case (some_of(5, $each_way->(qw(snapshot:1 shape:1 copy:1 index:1 verify:1 sequence:1 publish:1)))) {
        my ($point, $how) = @$case;
        my $what = "leader while a process is at $point: $how";
        $test->hold($what, $point);
        my $leader = leader_pid($target);
        $target->safe_psql('pagila', "SELECT pg_${how}_backend($leader)");
        $test->is_over_within($what, 20);
        $test->fails($what, $how eq 'cancel' ? '57014' : '57P01', status => $how eq 'cancel' ? 'cancelled' : 'aborted');
    }
    $test->heals('workers stopped');
    return;
}

# The server restarts all its processes after that.
sub killed {
    for my $point (some_of(4, qw(copy:1 rows:1 index:1 verify:1))) {
        my $what = "worker killed at $point";
        my ($pid) = $test->hold($what, $point);
        kill 'KILL', $pid;
        $test->is_over_within($what, 60);
        ok(wait_until(sub { (run_sql($target, 'SELECT 1'))[0] eq '1' }, 60), "$what: the server is up again");
        $test->let_go;
        is(last_run($target, 'status'), 'running', "$what: nobody could record it");
        ok(copy_of($target) eq $test->{old}, "$what: target unchanged");
        no_source_residue($source, $what);
        $target->command_ok([ 'pg_amcheck', '--heapallindexed', '--parent-check', '-d', 'pagila' ], "$what: amcheck finds nothing");
        $test->heals($what);
        is($target->safe_psql('pagila', 'SELECT status, sqlstate FROM pagila_repl.run ORDER BY run_id DESC OFFSET 1 LIMIT 1'),
            'crashed|57P02', "$what: then it is recorded");
    }
    $target->command_ok([ 'pg_amcheck', '--heapallindexed', '--parent-check', '-d', 'pagila' ], 'amcheck finds nothing');
    return;
}

# An administrator of the source ends a session of the pull, or cancels what it does.
sub source_sessions_ended {
    my @sessions = ([ 'shape:1', 'leader' ], map { my $point = $_; map { [ $point, $_ ] } 'leader', 'worker' } qw(copy:1 rows:1 verify:1));
    for my $session (some_of(4, @sessions)) {
        my ($point, $whose) = @$session;
        my $what = "session of the $whose on the source terminated at $point";
        $test->hold($what, $point);
        my $sessions = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE '%$whose%'"
          . " AND application_name LIKE 'pagila_repl:%'";
        cmp_ok($source->safe_psql('postgres', $sessions), '>', 0, "$what: there was one");
        # A worker that has done its part does not miss it.
        my $status = $test->is_whole($what, [ '57P01', '08006' ]);
        is($status, 'failed', "$what: it is missed") if $whose eq 'leader';
    }
    $test->heals('sessions ended');
    return;
}

# One slot is taken by the launcher of logical replication, one by the leader.
sub no_slots {
    # Beside them one is left for the launcher of jobs, and one for a scheduler.
    my %slots = ('no leader' => 1, 'the leader alone' => 2, 'none for workers' => 4, 'one worker' => 5, 'all' => 6);
    my %started = ('the leader alone' => 0, 'none for workers' => 0, 'one worker' => 1);
    for my $left (some_of(2, 'no leader', 'none for workers', 'one worker', 'the leader alone', 'all')) {
        my $what = "background worker slots: $left";
        $target->adjust_conf('postgresql.conf', 'max_worker_processes', $slots{$left});
        $target->restart;
        $test->change_source;
        $test->start;
        if ($left eq 'no leader') {
            $test->is_over_within($what, 60);
            is(sqlstate_of($test->{run}{err}), '53000', "$what: refused") or diag $test->{run}{err};
            like($test->{run}{err}, qr/max_worker_processes/, "$what: the setting is named");
            is(sqlstate_of((run_sql($target, load_sql('/nowhere.sql')))[1]), '53000', "$what: a load neither");
            $test->is_old($what);
        } else {
            $test->succeeds($what);
            my $message = last_run($target, 'message');
            if ($left eq 'all') { unlike($message, qr/workers could/, "$what: nothing to say") }
            else { like($message, qr/$started{$left} of 2 workers/, "$what: it is said") }
        }
    }
    return;
}

# Limits are not for superusers.
sub no_connections {
    $source->safe_psql('pagila', 'CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader');
    $target->safe_psql('pagila', 'ALTER USER MAPPING FOR CURRENT_USER SERVER source OPTIONS (SET user $$reader$$)');
    my @limits = map { my $limited = $_; map { [ $limited, $_ ] } 2, 1, 0, 3, 4 } 'ROLE reader', 'DATABASE pagila';
    for my $case (some_of(3, @limits)) {
        my ($limited, $limit) = @$case;
        my $what = "$limited may have $limit connections";
        $source->safe_psql('pagila', "ALTER $limited CONNECTION LIMIT $limit");
        $test->change_source;
        $test->start;
        $test->is_over_within($what, 60);
        my $message = last_run($target, 'message');
        # The leader and pg_dump need one each at the same time.
        if ($limit >= 2) {
            $test->succeeds($what);
            like($message, qr/no connection for/, "$what: it is said") if $limit == 2;
        } else {
            $test->fails($what, '53300');
        }
        $source->safe_psql('pagila', "ALTER $limited CONNECTION LIMIT -1");
    }
    $test->heals('connection limits');
    return;
}
