# The processes of a job's run, its leader and its workers, cancelled, terminated or killed in each phase: the run ends and says
# how, the target is as it was, nothing is left on either side, and the next run needs no help. And who may do that.
use strict;
use warnings;
use lib 'test/t';
use JobTest;
use PagilaTest;
use PullTest;
use Test::More;
use Time::HiRes qw(time);

leave_to_long_tests();

my $kHour = 3600;
my $kRetry = 600;

my $pull = PullTest->new(
    'job_processes',
    rows => 500,
    conf => "shared_preload_libraries = 'pagila_repl'\nrestart_after_crash = on\nautovacuum = off\nmax_worker_processes = 12\n"
      . "pagila_repl.retry_delay = $kRetry\n");
my $test = JobTest->of($pull);
my ($source, $target) = @$pull{ 'source', 'target' };
my ($runs, @times) = (0);
$test->schedule('copy', '1 hour', "'source', workers => 2, verify => 'content'");
$test->runs('copy', ++$runs, 'skipped', 'a job runs');

my %points = (leader => [qw(connect:1 shape:1 copy:1 index:1 sequence:1 verify:1 publish:1)], worker => [qw(copy:1 index:1 verify:1)]);
for my $who ('leader', 'worker') {
    my @ways = map { my $point = $_; map { [ $_, $who, $point ] } 'pg_cancel_backend', 'pg_terminate_backend' } @{ $points{$who} };
    is_told(@$_) for some_of($who eq 'leader' ? 5 : 3, @ways);
}
is_killed($_) for some_of(2, qw(copy:1 index:1));
there_are_fewer_workers();
some_may_end_it();

@times = sort { $a <=> $b } @times;
note sprintf 'told to stop, the processes of a run are gone after %.2f s (median), %.2f s at most', $times[ @times / 2 ], $times[-1];
$test->stays_up;
$pull->done;

# A process of that kind, held there in a run that the job is due for; one process does it all if the leader is to be it.
sub hold {
    my ($what, $who, $point) = @_;
    $pull->change_source;
    $test->sql("SELECT pagila_alter_job('copy', options => '{\"workers\": " . ($who eq 'leader' ? 1 : 2) . "}')");
    $test->hold_at($point);
    $test->time_passes($kHour);
    my $pid = '';
    my $held = "SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'pagila_repl $who' AND pid = ANY ('{%s}')";
    ok(wait_until(sub { $pid = $test->sql(sprintf $held, join ',', $test->held); $pid ne '' }, 60), "$what: a $who is held");
    clear_fault($target);
    return $pid;
}

# What the run that was held has come to.
sub ends {
    my ($what, $status, $state, $failures) = @_;
    my $new = copy_of($source);
    $test->runs('copy', ++$runs, $status, "$what: the run has ended");
    unlink $test->{gate}, glob("$test->{gate}.*");
    is(last_run($target, "sqlstate, finished_at IS NOT NULL, phase <> 'done'"), "$state|t|t", "$what: SQLSTATE and phase");
    ok(copy_of($target) eq $pull->{old}, "$what: the target is as it was");
    $test->cleared_up($what);
    no_source_residue($source, $what);
    is($test->job('copy', 'status, failures'), "scheduled|$failures", "$what: " . ($failures ? 'it has failed' : 'it has not failed'));
    $test->time_passes($failures ? $kRetry : $kHour);
    $test->runs('copy', ++$runs, 'succeeded', "$what: the next run needs no help");
    ok(copy_of($target) eq $new, "$what: and brings the new copy");
    $pull->{old} = $new;
    return;
}

sub is_told {
    my ($how, $who, $point) = @_;
    my $what = "$how of a $who at $point";
    my $pid = hold($what, $who, $point);
    my @all = grep { my $one = $_; !grep { $_ == $one } $test->launchers } run_processes($target);
    my $began = time;
    is($test->sql("SELECT $how($pid)"), 't', "$what: it is told");
    ok(wait_until(sub { !grep { kill(0, $_) } @all }, 30), "$what: it ends, and the others of the run");
    push @times, time - $began;
    if ($how eq 'pg_cancel_backend') { ends($what, 'cancelled', '57014', 0) }
    elsif ($who eq 'leader') { ends($what, 'aborted', '57P01', 0) }
    else { ends($what, 'failed', '57P01', 1) }
    return;
}

sub is_killed {
    my ($point) = @_;
    my $what = "a worker killed at $point";
    $test->kill_one($what, hold($what, 'worker', $point));
    return ends($what, 'crashed', '57P02', 1);
}

# Slots are left to others: the launchers of jobs and of logical replication, the leader, a scheduler.
sub there_are_fewer_workers {
    for my $slots (some_of(2, 7, 4)) {
        my $what = "$slots slots";
        $target->append_conf('postgresql.conf', "max_worker_processes = $slots\n");
        $target->restart;
        # No scheduler of another database is to have a slot.
        $test->rests($what);
        $pull->change_source;
        $test->sql(q{SELECT pagila_alter_job('copy', options => '{"workers": 64}')});
        $test->time_passes($kHour);
        $test->runs('copy', ++$runs, 'succeeded', "$what: a job that wants 64 workers runs");
        like(last_run($target, 'message'), qr/@{[ $slots - 4 ]} of 64 workers could be started/, "$what: it says how many it got");
        $pull->{old} = copy_of($target);
        ok($pull->{old} eq copy_of($source), "$what: the copy is exact");
    }
    $target->append_conf('postgresql.conf', "max_worker_processes = 12\n");
    $target->restart;
    return;
}

# The owner, and whoever may signal others, but no other operator.
sub some_may_end_it {
    $test->sql(q{SELECT pagila_alter_job('copy', enabled => false)});
    $target->safe_psql('pagila', "SET log_statement = none; SET log_min_error_statement = panic;
        CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE sally LOGIN;
        GRANT pagila_repl_operator TO ann, bob, sally; GRANT pg_signal_backend TO sally;
        CREATE SCHEMA anns AUTHORIZATION ann; GRANT CREATE ON DATABASE pagila TO ann; GRANT USAGE ON FOREIGN SERVER source TO ann;
        CREATE USER MAPPING FOR ann SERVER source OPTIONS (user '" . getpwuid($<) . "', password_required 'false')");
    $source->safe_psql('pagila', 'CREATE SCHEMA shop; CREATE TABLE shop.item (id integer PRIMARY KEY); INSERT INTO shop.item VALUES (1);
        CREATE TABLE shop.more (id integer PRIMARY KEY)');
    my $run = 0;
    for my $case (some_of(3, map { my $who = $_; map { [ $who, $_ ] } 'leader', 'worker' } 'ann', 'sally')) {
        my ($who, $kind) = @$case;
        my $what = "$who ends a $kind of ann's";
        $test->hold_at($kind eq 'leader' ? 'lock:1' : 'copy:1');
        if ($run == 0) { $test->sql(q{SET ROLE ann; SELECT pagila_schedule('anns', '1 hour', 'source', schemas => '{shop}', workers => 2, force => true)}) }
        else { $test->time_passes($kHour) }
        my $pid = '';
        ok(wait_until(sub { $pid = $test->sql("SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'pagila_repl $kind'
            AND usename = 'ann' AND pid = ANY ('{@{[ join ',', $test->held ]}}')"); $pid ne '' }, 60), "$what: it works as ann");
        is((sqlstates($target, [ 'SET ROLE bob', "SELECT pg_terminate_backend($pid)" ]))[1], '42501', "$what: another operator may not");
        is($test->sql("SET ROLE $who; SELECT pg_terminate_backend($pid)"), 't', "$what: $who may");
        $test->let_go;
        $test->runs('anns', ++$run, $kind eq 'leader' ? 'aborted' : 'failed', "$what: the run ends");
    }
    $test->time_passes($kHour);
    $test->runs('anns', ++$run, 'succeeded', 'the next run needs no help');
    return;
}
