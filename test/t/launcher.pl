# The launcher starts jobs when they are due, by interval and by cron, whatever becomes of the clock, of itself and of the
# server; it never starts one twice, and it takes note of runs that died.
use strict;
use warnings;
use lib 'test/t';
use JobTest;
use PagilaTest;
use Test::More;

my $test = JobTest->new('launcher');
my $target = $test->{target};
# Of the job "copy".
my $runs = 0;

runs_by_interval();
catches_up_once();
clock_is_set();
runs_by_cron();
clock_is_set_back_under_cron();
clock_is_set_back_unnoticed();
launcher_is_cancelled_and_terminated();
leader_is_killed();
server_restarts();
reload_during_a_run();
history_is_kept_within_limits();
$test->done;

sub runs_by_interval {
    is(scalar $test->launchers, 1, 'there is one launcher');
    is($test->sql("SELECT datname FROM pg_stat_activity WHERE backend_type = 'pagila_repl launcher'"), '',
        'it is connected to no database');
    $test->schedule('copy', '1 hour', "'source'");
    $test->runs('copy', ++$runs, 'succeeded', 'a new job runs at once');
    is(copy_of($target), copy_of($test->{source}), 'what it copied is there');
    is($test->job('copy', "status, failures, suspended_at IS NULL, next_run_at - last_started_at BETWEEN '00:59:55' AND '01:00:05'"),
        'scheduled|0|t|t', 'it is due an hour later');
    $test->change_source;
    $test->time_passes(3500);
    $test->rests('too early');
    is($test->statuses('copy'), 'succeeded', 'not before');
    $test->time_passes(100);
    $test->runs('copy', ++$runs, 'succeeded', 'an hour later it runs again');
    is($target->safe_psql('pagila', 'SELECT count(*) FROM shop.item'), '101', 'the change has come');
    $test->time_passes(3600);
    $test->runs('copy', ++$runs, 'skipped', 'without a change there is nothing to do');
    return;
}

sub catches_up_once {
    my $due = $test->job('copy', 'next_run_at');
    $test->time_passes(10 * 3600 + 600);
    $test->runs('copy', ++$runs, 'skipped', 'ten times missed');
    $test->rests('after that');
    is($test->statuses('copy'), 'succeeded succeeded skipped skipped', 'are made up for once');
    is($test->sql("SELECT next_run_at - '$due' FROM pagila_repl.job WHERE job_name = 'copy'"), '10:00:00',
        'and the times of day stay');
    return;
}

sub clock_is_set {
    for my $hours (some_of(2, 1, -1, -5, 30)) {
        my $statuses = $test->statuses('copy');
        my $before = $test->seconds_until($test->job('copy', 'next_run_at'));
        $test->set_clock($hours * 3600);
        ok(wait_until(sub { abs($test->seconds_until($test->job('copy', 'next_run_at')) - $before) <= 5 }, 30),
            "clock set by $hours hours: it is due in as many seconds as before");
        $test->rests("clock set by $hours hours");
        is($test->statuses('copy'), $statuses, "clock set by $hours hours: no run");
    }
    $test->time_passes(3600);
    $test->runs('copy', ++$runs, 'skipped', 'nor is it kept from running');
    $test->sql("SELECT pagila_alter_job('copy', enabled => false)");
    return;
}

sub runs_by_cron {
    $test->schedule('hourly', '0 * * * *', "'source'");
    my $next = $test->job('hourly', 'next_run_at');
    my $wait = $test->seconds_until($next);
    cmp_ok($wait, '<=', 3600, 'a cron job is due at its next time');
    like($next, qr/:00:00/, 'the full hour');
    $test->rests('before that');
    is($test->statuses('hourly'), '', 'not at once');
    $test->time_passes($wait + 1);
    $test->runs('hourly', 1, 'skipped', 'at that time it runs');
    $test->set_clock(3 * 3600);
    $test->runs('hourly', 2, 'skipped', 'the clock set ahead by three hours: it runs once');
    $test->rests('after that');
    is($test->statuses('hourly'), 'skipped skipped', 'and no more');
    return;
}

# The job has just had the time of a full hour.
sub clock_is_set_back_under_cron {
    $test->time_passes($test->seconds_until($test->job('hourly', 'next_run_at')) + 1);
    $test->runs('hourly', 3, 'skipped', 'at the next hour it runs');
    my $next = $test->job('hourly', 'next_run_at');
    $test->set_clock(-120);
    $test->rests('the clock set back by two minutes');
    is($test->job('hourly', 'next_run_at'), $next, 'the time that the job has had is not due again');
    $test->time_passes(150);
    $test->rests('that time comes again');
    is($test->statuses('hourly'), 'skipped skipped skipped', 'there is no run');

    $test->set_clock(-3 * 3600);
    $test->rests('the clock set back by three hours');
    is($test->sql("SELECT '$next' - next_run_at FROM pagila_repl.job WHERE job_name = 'hourly'"), '03:00:00', 'it goes by the new time');
    $test->time_passes(3600);
    $test->runs('hourly', 4, 'skipped', 'when that comes it runs');
    $test->sql("SELECT pagila_unschedule('hourly')");
    return;
}

# While the server is down nobody sees it, and no job may wait for as long.
sub clock_is_set_back_unnoticed {
    $test->schedule('daily', '0 0 * * *', "'source'");
    $test->sql("SELECT pagila_alter_job('copy', enabled => true)");
    $test->runs('copy', ++$runs, 'skipped', 'an hourly job');
    $test->rests('before the clock is set back');
    my ($day) = $test->job('daily', 'next_run_at');
    $target->stop;
    $test->{offset} -= 30 * 3600;
    $target->append_conf('postgresql.auto.conf', "pagila_repl.clock_offset = $test->{offset}");
    $target->start;
    $test->rests('the clock set back by 30 hours while the server was down');
    is($test->job('copy', '(SELECT count(*) FROM pagila_repl.run r WHERE r.job_id = job_status.job_id)'), $runs, 'no run');
    my $wait = $test->seconds_until($test->job('copy', 'next_run_at'));
    ok($wait > 3500 && $wait <= 3600, 'by interval it is due after one interval') or diag $wait;
    like($test->sql("SELECT '$day' - next_run_at FROM pagila_repl.job WHERE job_name = 'daily'"), qr/^[12] days?$/, 'by cron it is due by the new time');
    $test->time_passes(3600);
    $test->runs('copy', ++$runs, 'skipped', 'then it runs');
    $test->sql("SELECT pagila_unschedule('daily')");
    $test->sql("SELECT pagila_alter_job('copy', enabled => false)");
    return;
}

sub launcher_is_cancelled_and_terminated {
    my ($pid) = $test->launchers;
    $test->sql("SELECT pg_cancel_backend($pid)");
    $test->sql("SELECT pagila_alter_job('copy', enabled => true)");
    $test->runs('copy', ++$runs, 'skipped', 'a cancelled launcher goes on');
    is_deeply([ $test->launchers ], [$pid], 'it is the same one');
    $test->sql("SELECT pg_terminate_backend($pid)");
    ok(wait_until(sub { my @now = $test->launchers; @now == 1 && $now[0] != $pid }, 30), 'a terminated one is followed by another');
    $test->rests('after that');
    is($test->job('copy', '(SELECT count(*) FROM pagila_repl.run r WHERE r.job_id = job_status.job_id)'), $runs, 'it starts no run again');
    $test->time_passes(3600);
    $test->runs('copy', ++$runs, 'skipped', 'and those that are due');
    return;
}

# A run held at a place, so that something can be done to it. Returns the process id of its leader.
sub hold {
    my ($site) = @_;
    $test->change_source;
    $test->hold_at($site);
    $test->time_passes(3600);
    $test->is_held($site);
    clear_fault($target);
    return leader_pid($target);
}

sub leader_is_killed {
    my $before = content($target);
    $test->set("pagila_repl.retry_delay = '10min'");
    $test->kill_one('killed leader', hold('copy:1'));
    $test->runs('copy', ++$runs, 'crashed', 'the launcher takes note that the leader died');
    is(last_run($target, 'sqlstate, phase'), '57P02|rows', 'with SQLSTATE and phase');
    $test->cleared_up('killed leader');
    is_unchanged($target, $before, 'killed leader');
    is($test->job('copy', 'failures'), '1', 'it counts as a failure');
    $test->time_passes(600);
    $test->runs('copy', ++$runs, 'succeeded', 'and is tried again');
    is($test->job('copy', 'failures'), '0', 'no failure is left');
    return;
}

sub server_restarts {
    hold('copy:1');
    $target->restart;
    $test->runs('copy', $runs += 2, 'succeeded', 'a run that a shutdown ends is done after the restart');
    like($test->statuses('copy'), qr/aborted succeeded$/, 'it was aborted');
    $target->stop;
    $test->{passed} += 7 * 3600;
    $target->append_conf('postgresql.auto.conf', "pagila_repl.time_passed = $test->{passed}");
    $target->start;
    $test->runs('copy', ++$runs, 'skipped', 'after seven hours of being down it runs');
    $test->rests('after that');
    is($test->sql('SELECT count(*) FROM pagila_repl.run WHERE job_id = 1'), $runs, 'once');
    is(scalar $test->launchers, 1, 'there is one launcher');
    return;
}

sub reload_during_a_run {
    my $pid = hold('copy:1');
    $test->set("pagila_repl.run_timeout = '1s'");
    ok(wait_until(sub { $test->sql('SHOW pagila_repl.run_timeout') eq '1s' }, 30), 'a reload during a run');
    sleep 2;
    is(leader_pid($target), $pid, 'changes nothing for it');
    $test->let_go;
    $test->runs('copy', ++$runs, 'succeeded', 'it ends well');
    # On a busy machine its time is over before it gets there.
    $test->change_source;
    $test->hold_at('copy:1');
    $test->time_passes(3600);
    $test->runs('copy', ++$runs, 'failed', 'the next run goes by the new settings');
    clear_fault($target);
    like(last_run($target, 'error_message'), qr/longer than it may/, 'and says so');
    $test->set("pagila_repl.run_timeout = 0");
    $test->time_passes(3600);
    $test->runs('copy', ++$runs, 'succeeded', 'and so does the one after');
    return;
}

sub history_is_kept_within_limits {
    $test->set('pagila_repl.history_runs = 3');
    $test->time_passes(3600);
    ok(wait_until(sub { $test->sql('SELECT count(*) FROM pagila_repl.run') eq '3' }, 30), 'three runs are kept')
      or diag $test->sql('SELECT count(*) FROM pagila_repl.run');
    $test->sql("SELECT pagila_alter_job('copy', enabled => false)");
    $test->sql(pull_sql('source', force => 'true')) for 1 .. 3;
    ok(wait_until(sub { $test->sql('SELECT count(*) FROM pagila_repl.run') eq '4' }, 30), 'after runs that no job asked for, too')
      or diag $test->sql('SELECT count(*) FROM pagila_repl.run');
    $test->sql("SELECT pagila_alter_job('copy', enabled => true)");
    $test->rests('the job is enabled again');
    is($test->sql('SELECT count(*) FROM pagila_repl.run_step s WHERE NOT EXISTS (SELECT FROM pagila_repl.run r WHERE r.run_id = s.run_id)'),
        '0', 'and no steps of others');
    is($test->sql('SELECT count(DISTINCT run_id) FROM pagila_repl.run JOIN pagila_repl.copy USING (run_id)'), '1',
        'the run whose copy is visible is among them');
    $test->set('pagila_repl.history_runs = 0');
    $test->set("pagila_repl.history_age = '1d'");
    $target->safe_psql('pagila', "UPDATE pagila_repl.run SET finished_at = finished_at - interval '2 days'");
    $test->time_passes(3600);
    ok(wait_until(sub { $test->sql('SELECT count(*) FROM pagila_repl.run') eq '2' }, 30), 'none older than a day is, but that one')
      or diag $test->sql('SELECT run_id, status, finished_at FROM pagila_repl.run');
    return;
}
