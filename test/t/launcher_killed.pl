# The launcher or a scheduler is killed, or the server is shut down: there is one launcher again, no run is doubled, those that
# died are marked and cleared up after, and the next one succeeds.
use strict;
use warnings;
use lib 'test/t';
use JobTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

leave_to_long_tests();

my $test = JobTest->new('killed', conf => "pagila_repl.retry_delay = '10min'\n");
my $target = $test->{target};
my $count = 1;
my %stops;

$test->schedule('copy', '1 hour', "'source'");
$test->runs('copy', 1, 'succeeded', 'a job runs');
launcher_ends_during_a_run();
launcher_is_killed_during_a_run();
launcher_is_killed_while_idle();
scheduler_is_killed();
server_is_shut_down();
note sprintf '%s shutdown: %s s', $_, join ', ', map { sprintf '%.1f', $_ } @{ $stops{$_} } for sort keys %stops;
$test->done;

# The job is due after a change of the source, and its run or its scheduler is held there.
sub hold {
    my ($what, $point) = @_;
    $test->rests($what);
    $test->change_source;
    $test->hold_at($point);
    $test->time_passes(3600);
    $test->is_held($what);
    clear_fault($target);
    return $test->held;
}

# The run that was under way ended so, nothing is left of it, and the next one, a retry, succeeds; each once.
sub recovers {
    my ($what, $status) = @_;
    $test->runs('copy', ++$count, $status, "$what: the run has ended");
    is(last_run($target, 'sqlstate'), $status eq 'crashed' ? '57P02' : '58000', "$what: SQLSTATE");
    $test->cleared_up($what);
    $test->rests($what);
    is($test->job('copy', 'failures'), '1', "$what: it has failed once");
    $test->time_passes(600);
    $test->runs('copy', ++$count, 'succeeded', "$what: it is tried again");
    all_is_well($what);
    return;
}

sub all_is_well {
    my ($what) = @_;
    $test->rests("$what, afterwards");
    is(scalar(split / /, $test->statuses('copy')), $count, "$what: no run was doubled");
    is(scalar $test->launchers, 1, "$what: there is one launcher");
    is(copy_of($target), copy_of($test->{source}), "$what: the copy is exact");
    return;
}

sub launcher_ends_during_a_run {
    my ($leader) = hold('the launcher ends during a run', 'copy:1');
    my ($launcher) = $test->launchers;
    $test->sql("SELECT pg_terminate_backend($launcher)");
    ok(wait_until(sub { my @now = $test->launchers; @now == 1 && $now[0] != $launcher }, 30), 'another takes its place');
    # The run is due again by now.
    $test->time_passes(3600);
    $test->is_looked_at('the job');
    is(join(' ', $test->held), $leader, 'the run goes on');
    unlink glob("$test->{gate}*");
    # What was due meanwhile is not made up for: the run ends after that time.
    $test->runs('copy', ++$count, 'succeeded', 'and ends well');
    all_is_well('the launcher ended during a run');
    return;
}

sub launcher_is_killed_during_a_run {
    hold('the launcher is killed during a run', 'copy:1');
    $test->kill_one('the launcher is killed during a run', $test->launchers);
    return recovers('the launcher is killed during a run', 'crashed');
}

sub launcher_is_killed_while_idle {
    my $what = 'the launcher is killed while idle';
    $test->kill_one($what, $test->launchers);
    $test->time_passes(3600);
    $test->runs('copy', ++$count, 'skipped', "$what: jobs go on");
    return all_is_well($what);
}

sub scheduler_is_killed {
    my $what = 'a scheduler is killed before it starts the leader';
    $test->kill_one($what, hold_scheduler($what, 'schedule:1'));
    recovers($what, 'failed');

    $what = 'a scheduler is killed after that';
    my $scheduler = hold_scheduler($what, 'tick:1');
    ok(wait_until(sub { last_run($target, 'status') eq 'succeeded' && leader_pid($target) eq '' }, 60), "$what: the run is over");
    $test->kill_one($what, $scheduler);
    $test->runs('copy', ++$count, 'succeeded', "$what: which is noted");
    return all_is_well($what);
}

sub hold_scheduler {
    my ($what, $point) = @_;
    my ($pid) = hold($what, $point);
    is($test->sql("SELECT backend_type FROM pg_stat_activity WHERE pid = $pid"), 'pagila_repl scheduler', "$what: it is one");
    return $pid;
}

sub server_is_shut_down {
    my @points = ('copy:1', 'index:1', 'publish:1');
    for my $mode ('fast', 'smart') {
        $test->rests("$mode shutdown");
        stop_in_time($mode, 'with an idle launcher');
        $target->start;
        # Of each mode another, if not all.
        push @points, shift @points;
        for my $point (is_long() ? @points : $points[0]) {
            my $what = "$mode shutdown at $point";
            hold($what, $point);
            stop_in_time($mode, "at $point");
            unlink glob("$test->{gate}*");
            $target->start;
            $test->runs('copy', $count += 2, 'succeeded', "$what: the run is done after the restart");
            like($test->statuses('copy'), qr/ aborted succeeded$/, "$what: it was aborted");
            is($test->sql(q{SELECT string_agg(DISTINCT sqlstate, ' ') FROM pagila_repl.run WHERE status = 'aborted'}), '57P01', "$what: SQLSTATE");
            all_is_well($what);
            $test->cleared_up($what);
        }
    }
    return;
}

# A shutdown that had to wait for a process of ours would wait for ever.
sub stop_in_time {
    my ($mode, $what) = @_;
    my $began = time;
    my (undef, $err) = run_command([ 'pg_ctl', '-w', '-t', '20', '-D', $target->data_dir, '-m', $mode, 'stop' ]);
    push @{ $stops{$mode} }, time - $began;
    is($err, '', "$mode shutdown $what: the server is down");
    # The node is to notice.
    $target->_update_pid(0);
    return;
}
