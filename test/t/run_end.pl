# The end of a run that failed: it is recorded whatever comes meanwhile, and whatever exception has ended it, the workers are
# gone before what they work on is dropped.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $test = PullTest->new('run_end', rows => 500, conf => "autovacuum = off\n");
my ($source, $target) = @$test{ 'source', 'target' };

any_exception();
recorded_in_spite_of_signals();
recorded_in_spite_of_the_time_limit();
removal_may_be_cancelled();
$test->done;

# In the leader, while workers are held with locks on the stage; and in a worker.
sub any_exception {
    my %states = (throw => 'XX000', bad_alloc => '53200', exception => 'XX000');
    my @places = ('leader', 'copy', 'worker');
    for my $case (some_of(4, map { my $action = $_; map { [ $action, $_ ] } @places } sort keys %states)) {
        my ($action, $place) = @$case;
        if ($place ne 'leader') {
            my $what = "$action in a worker at $place";
            $test->change_source;
            set_fault($target, "$place:1:$action");
            $test->start;
            $test->is_over_within($what, 60);
            $test->fails($what, $states{$action});
            next;
        }
        my $what = "$action in the leader while workers copy";
        my $stop = "$test->{dir}/stop";
        write_file($stop, '');
        # The leader is held, too, until the workers are at it.
        $test->hold($what, "watch:2:wait:$stop;watch:3:$action;copy:1");
        ok(wait_until(sub { scalar(my @held = glob("$stop.*")) }, 60), "$what: the leader is there");
        unlink $stop, glob("$stop.*");
        $test->is_over_within($what, 60);
        $test->fails($what, $states{$action});
    }
    return;
}

# The first record of the end fails, as on a full disk, and the second is held.
sub recorded_in_spite_of_signals {
    my %signals = (cancel => 'pg_cancel_backend', terminate => 'pg_terminate_backend');
    my @points = ('record:1', 'record:1:enospc;record:2');
    for my $case (some_of(3, map { my $signal = $_; map { [ $signal, $_ ] } @points } sort keys %signals)) {
        my ($signal, $point) = @$case;
        my $what = "$signal while the end is recorded ($point)";
        my ($pid) = $test->hold($what, "copy:1:error;$point");
        is($pid, leader_pid($target), "$what: it is the leader");
        is($target->safe_psql('pagila', "SELECT $signals{$signal}($pid)"), 't', "$what: told so");
        if ($signal eq 'cancel') {
            $test->fails($what, 'XX000');
            next;
        }
        # Nothing but the record is waited for: what is left to drop, the next run drops.
        $test->let_go;
        $test->is_over_within($what, 20);
        is(last_run($target, 'status, sqlstate'), 'failed|XX000', "$what: it is recorded");
        $test->heals($what);
    }
    return;
}

sub recorded_in_spite_of_the_time_limit {
    my $what = 'the time is up while the end is recorded';
    $test->hold($what, 'copy:1:error;record:1', before => ["SET pagila_repl.run_timeout = '15s'"]);
    is(last_run($target, 'status'), 'running', "$what: it is not yet");
    ok(wait_until(sub { last_run($target, q{clock_timestamp() > started_at + interval '16 s'}) eq 't' }, 60), "$what: it is");
    $test->fails($what, 'XX000');
    return;
}

# It is done by the next run.
sub removal_may_be_cancelled {
    for my $signal ('cancel', 'terminate') {
        my $what = "$signal while what the run built is dropped";
        my ($pid) = $test->hold($what, 'copy:1:error;clean:1');
        is(last_run($target, 'status, sqlstate'), 'failed|XX000', "$what: the end is recorded before");
        is($target->safe_psql('pagila', "SELECT pg_${signal}_backend($pid)"), 't', "$what: told so");
        $test->is_over_within($what, 20);
        is(last_run($target, 'status, sqlstate'), 'failed|XX000', "$what: the end stays as it is");
        like($test->{run}{err}, qr/what the run built is left/, "$what: it is said");
        $test->heals($what);
    }
    return;
}
