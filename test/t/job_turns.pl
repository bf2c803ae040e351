# Jobs that are due at the same time, and those who get in their way: how many run at once and whose turn it is, jobs with the
# same target, jobs of other databases, a job whose run is still under way, locks that others hold, changes meanwhile.
use strict;
use warnings;
use lib 'test/t';
use JobTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $kHour = 3600;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $test = JobTest->new('job_turns', conf => "pagila_repl.max_concurrent_runs = 1\nmax_worker_processes = 16\n");
my ($source, $target) = ($test->{source}, $test->{target});
$source->safe_psql('pagila', join('', map { "CREATE SCHEMA $_; CREATE TABLE $_.t (id integer PRIMARY KEY); INSERT INTO $_.t VALUES (1);" } qw(one two three)));
$target->safe_psql('pagila', q{
    CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; GRANT pagila_repl_operator, pg_read_server_files TO ann, bob});

one_at_a_time();
more_at_a_time_after_a_reload();
a_role_with_many_jobs_keeps_nobody_waiting();
a_database_with_many_jobs_keeps_no_other_waiting();
the_same_target_is_for_one();
a_run_still_under_way_is_not_doubled();
a_run_by_hand_takes_the_turn();
locks_of_others_do_not_matter();
a_dump_that_unlocks_all_unlocks_no_run();
a_job_being_changed_keeps_nobody_waiting();
jobs_change_while_they_run();
two_publish_at_the_same_time();
$test->done;

sub copy { my ($name, $schema, $more) = @_; return $test->schedule($name, '1 hour', "'source', schemas => '{$schema}', workers => 1" . ($more // '')) }

sub remove_all { return $test->sql('SELECT pagila_unschedule(job_name) FROM pagila_repl.job') }

# Names and statuses of all jobs.
sub all_are {
    my ($expected, $what) = @_;
    my $found = '';
    wait_until(sub { $found = $test->sql("SELECT string_agg(job_name || ' ' || status, ', ' ORDER BY job_name) FROM pagila_repl.job_status"); $found eq $expected }, 60);
    return is($found, $expected, $what);
}

sub runs_of { my ($name) = @_; return $test->sql("SELECT count(*) FROM pagila_repl.run r JOIN pagila_repl.job j USING (job_id) WHERE job_name = '$name'") }

sub one_at_a_time {
    $test->hold_at('lock:1');
    copy($_, $_) for qw(one two three);
    all_are('one running, three due, two due', 'of three that are due one runs, the others wait for their turn');
    $test->are_held(1, 'it is under way');
    $test->sql(q{SELECT pagila_alter_job('three', options => '{"force": false}')});
    $test->are_held(1, 'a look at them starts no other');
    $test->let_go;
    $test->runs($_, 1, 'succeeded', "job $_ had its turn") for qw(one two three);
    is($test->sql(q{SELECT count(*) FROM pagila_repl.run a, pagila_repl.run b WHERE a.run_id < b.run_id AND a.finished_at > b.started_at}), '0',
        'none began before the one before it had ended');
    is($test->sql(q{SELECT string_agg(job_name, ' ' ORDER BY run_id) FROM pagila_repl.run JOIN pagila_repl.job USING (job_id)}), 'one two three',
        'in the order in which they were due');
    remove_all();
    return;
}

sub more_at_a_time_after_a_reload {
    $test->hold_at('lock:1');
    copy($_, $_) for qw(one two three);
    all_are('one running, three due, two due', 'one may run');
    $test->set('pagila_repl.max_concurrent_runs = 2');
    all_are('one running, three due, two running', 'two may run: the next begins though none has ended');
    $test->set('pagila_repl.max_concurrent_runs = 1');
    $test->are_held(2, 'one may run: those under way go on');
    $test->let_go;
    $test->runs($_, 1, 'skipped', "job $_ had its turn") for qw(one two three);
    is($test->sql(q{SELECT count(*) FROM pagila_repl.run a, pagila_repl.run b, pagila_repl.job j
      WHERE a.run_id <> b.run_id AND j.job_id = b.job_id AND j.job_name = 'three' AND a.finished_at > b.started_at}), '0', 'but the third began after them');
    remove_all();
    return;
}

# One run at a time, and a role whose jobs are all due before the other's.
sub a_role_with_many_jobs_keeps_nobody_waiting {
    my $flood = "SET ROLE ann; SELECT count(pagila_schedule('flood ' || n, '1 hour', schema_file => '$dir/none.sql'))";
    my (undef, $err) = $test->sql("$flood FROM generate_series(1, 1000) n", may_fail => 1);
    is(sqlstate_of($err), '54000', 'nobody schedules a thousand jobs');
    $test->set('pagila_repl.max_jobs_per_role = 1000');
    $test->hold_at('connect:1');
    ok(wait_until(sub { my ($out) = $test->sql("$flood FROM generate_series(1, 1000) n", may_fail => 1); $out eq '1000' }, 30), 'unless it is allowed');
    $test->are_held(1, 'the first of them runs');
    my $before = $test->sql('SELECT max(run_id) FROM pagila_repl.run');
    $test->sql("SET ROLE bob; SELECT pagila_schedule('bob $_', '1 hour', schema_file => '$dir/none.sql')") for 1 .. 3;
    $test->let_go;
    $test->runs("bob $_", 1, 'failed', "job $_ of another role runs") for 1 .. 3;
    cmp_ok($test->sql("SELECT count(*) FROM pagila_repl.run WHERE owner = 'ann' AND run_id > $before
      AND run_id < (SELECT max(run_id) FROM pagila_repl.run WHERE owner = 'bob')"), '<=', 3, 'the roles take turns');
    remove_all();
    $test->rests('without them');
    return;
}

# The same with databases that have more jobs than schedulers come to look at at once; all jobs are of the same role.
sub a_database_with_many_jobs_keeps_no_other_waiting {
    for my $database ('crowded', 'other') {
        $target->safe_psql('postgres', "CREATE DATABASE $database");
        $target->safe_psql($database, 'CREATE EXTENSION pagila_repl');
    }
    add_source($target, 'source', db => 'other', port => $source->port);
    my @crowded = ('pagila', 'crowded');
    $test->hold_at('connect:1', @crowded);
    for my $database (@crowded) {
        $test->sql("SELECT pagila_schedule('flood ' || n, '1 hour', schema_file => '$dir/none.sql') FROM generate_series(1, 300) n", db => $database);
        $test->are_held(1, 'the first of many jobs runs');
    }
    $test->sql(qq{SELECT pagila_schedule('later', '0 0 1 1 *', schema_file => '$dir/none.sql'),
      pagila_schedule('copy', '1 hour', 'source', schemas => '{one}')}, db => 'other');
    my ($runs, $pid) = (0, 0);
    while ($runs < 10 && $test->sql('SELECT count(*) FROM pagila_repl.run', db => 'other') eq '0') {
        my @held;
        wait_until(sub { @held = $test->held; @held == 1 && $held[0] != $pid }, 30) or last;
        $pid = $held[0];
        $test->sql("SELECT pg_cancel_backend($pid)");
        $runs++;
        wait_until(sub { @held = $test->held; @held == 1 && $held[0] != $pid }, 30);
    }
    cmp_ok($runs, '<', 10, 'it is the turn of another database before long');
    $test->runs('copy', 1, 'succeeded', 'its job runs', db => 'other');
    $test->sql('SELECT pagila_unschedule(job_name) FROM pagila_repl.job', db => 'crowded');
    remove_all();
    $test->let_go(@crowded);
    $test->rests('without jobs');
    $target->safe_psql('postgres', 'DROP DATABASE crowded WITH (FORCE)');

    $test->set('pagila_repl.max_concurrent_runs = 2');
    $test->hold_at('lock:1', 'pagila', 'other');
    copy('one', 'one');
    $test->sql(q{SELECT pagila_alter_job('copy', enabled => true)}, db => 'other');
    $test->are_held(2, 'jobs of two databases run at the same time');
    $test->let_go('pagila', 'other');
    $test->runs('one', 1, 'skipped', 'and end well in the one');
    $test->runs('copy', 2, 'skipped', 'and the other', db => 'other');
    $test->sql(q{SELECT pagila_unschedule(job_name) FROM pagila_repl.job}, db => 'other');
    remove_all();
    $target->safe_psql('postgres', 'DROP DATABASE other WITH (FORCE)');
    return;
}

sub the_same_target_is_for_one {
    $test->hold_at('lock:1');
    copy('first', 'one');
    $test->are_held(1, 'a run is under way');
    copy('second', 'one');
    $test->runs('second', 1, 'failed', 'a job with the same target');
    is(last_run($target, 'sqlstate, error_message'), '55P03|another run has the same target', 'finds it taken');
    is($test->job('second', "status, failures, next_run_at - last_finished_at <= '11 s'"), 'scheduled|1|t', 'and is soon to try again');
    $test->let_go;
    $test->runs('first', 1, 'skipped', 'once the first has ended');
    $test->time_passes(10);
    $test->runs('second', 2, 'skipped', 'it runs');
    is($test->job('second', 'failures'), '0', 'no failure is left');
    remove_all();
    return;
}

sub a_run_still_under_way_is_not_doubled {
    copy('one', 'one');
    $test->runs('one', 1, 'skipped', 'a job');
    $test->hold_at('lock:1');
    $test->time_passes($kHour);
    $test->are_held(1, 'its run takes long');
    my $due = $test->sql('SELECT last_due_at FROM pagila_repl.job');
    for (1, 2) {
        $test->time_passes($kHour);
        $test->is_looked_at('an hour later');
        is(runs_of('one'), '2', 'it is not started again');
        is($test->job('one', 'status'), 'running', 'it runs');
    }
    $test->let_go;
    $test->runs('one', 2, 'skipped', 'when it has ended');
    is($test->sql("SELECT next_run_at - '$due' FROM pagila_repl.job"), '03:00:00', 'the times that it took are left out');
    $test->rests('after it');
    is(runs_of('one'), '2', 'so it does not run at once');
    $test->time_passes($kHour);
    $test->runs('one', 3, 'skipped', 'but at its next time');
    $test->rests('then');
    is(runs_of('one'), '3', 'once');
    return;
}

sub a_run_by_hand_takes_the_turn {
    $test->hold_at('lock:1');
    $test->time_passes($kHour);
    $test->are_held(1, 'a scheduled run is under way');
    my (undef, $err) = $test->sql(q{SELECT pagila_run_job('one')}, may_fail => 1);
    is(sqlstate_of($err), '55P03', 'by hand the job cannot be run');
    $test->let_go;
    $test->runs('one', 4, 'skipped', 'it ends');

    my $due = $test->job('one', 'next_run_at');
    $test->hold_at('lock:1');
    my $run = $test->sql(q{SELECT run_id FROM pagila_run_job('one', wait => false)});
    $test->are_held(1, 'a run by hand is under way');
    $test->time_passes($kHour);
    ok(wait_until(sub { $test->sql("SELECT next_run_at - '$due' FROM pagila_repl.job") eq '01:00:00' }, 30), 'a time that passes meanwhile is passed over');
    is(runs_of('one'), '5', 'no other run is started');
    $test->let_go;
    is($test->sql("SELECT status FROM pagila_wait($run)"), 'skipped', 'the run by hand ends');
    $test->rests('after that');
    is(runs_of('one'), '5', 'nor is one then');
    $test->time_passes($kHour);
    $test->runs('one', 6, 'skipped', 'the next time counts');
    return;
}

# The locks of runs have tags that no SQL reaches; whoever locks the same numbers locks something else.
sub locks_of_others_do_not_matter {
    my $session = $target->background_psql('pagila');
    my $job = $test->sql('SELECT job_id FROM pagila_repl.job');
    my $run = $test->sql('SELECT last_value FROM pagila_repl.run_id_seq');
    $session->query_safe("SELECT count(pg_advisory_lock(n)), count(pg_advisory_lock(0, n)), count(pg_advisory_lock(n, 0)), count(pg_advisory_lock(n::bigint << 32))
      FROM (SELECT generate_series($run, $run + 20) UNION SELECT $job) AS numbers (n)");
    $test->hold_at('lock:1');
    $test->time_passes($kHour);
    $test->are_held(1, 'who holds advisory locks keeps no job from running');
    $test->let_go;
    $test->runs('one', 7, 'skipped', 'which ends');
    $session->quit;
    return;
}

# What a dump runs is run in the very session that holds the locks of its run.
sub a_dump_that_unlocks_all_unlocks_no_run {
    my $dump = write_file("$dir/unlocking.sql", "CREATE SCHEMA loose;\n" . unlocking('loose'));
    $test->hold_at('verify:1');
    $test->schedule('loose', '1 hour', "schema_file => '$dump', force => true");
    $test->are_held(1, 'a job that has loaded it is held');
    my $run = $test->sql(q{SELECT current_run_id FROM pagila_repl.job WHERE job_name = 'loose'});
    my (undef, $err) = $test->sql(q{SELECT pagila_run_job('loose')}, may_fail => 1);
    is(sqlstate_of($err), '55P03', 'its run still keeps another of the job out');
    (undef, $err) = $test->sql("SELECT pagila_load('$dump')", may_fail => 1);
    is(sqlstate_of($err), '55P03', 'and another of the schema');
    $test->time_passes($kHour);
    $test->is_looked_at('jobs');
    is($test->sql("SELECT status FROM pagila_repl.run WHERE run_id = $run"), 'running', 'nor is it taken for dead');
    $test->let_go;
    $test->runs('loose', 1, 'succeeded', 'it ends well');
    $test->sql(q{SELECT pagila_unschedule('loose')});
    return;
}

# Each is held when it has swapped its schemas, and has not committed that yet.
sub two_publish_at_the_same_time {
    $test->set('pagila_repl.max_concurrent_runs = 2');
    copy($_, $_) for qw(one two);
    $test->runs($_, 1, 'skipped', "job $_") for qw(one two);
    $source->safe_psql('pagila', 'INSERT INTO one.t VALUES (10); INSERT INTO two.t VALUES (20)');
    $test->hold_at('publish:1');
    $test->time_passes($kHour);
    $test->are_held(2, 'two jobs with targets of their own are about to publish at the same time');
    is($test->sql('SELECT count(*) FROM pagila_repl.run WHERE status = $$running$$ AND phase = $$publish$$'), '2', 'both have come that far');
    $test->let_go;
    $test->runs($_, 2, 'succeeded', "job $_ has published") for qw(one two);
    is($test->sql('SELECT (SELECT max(id) FROM one.t), (SELECT max(id) FROM two.t)'), '10|20', 'both copies are there');
    remove_all();
    return;
}

sub a_job_being_changed_keeps_nobody_waiting {
    copy('two', 'two');
    $test->runs('two', 1, 'skipped', 'another job');
    my $session = $target->background_psql('pagila');
    $session->query_safe(q{BEGIN; SELECT pagila_alter_job('one', options => '{"verify": "counts"}')});
    $test->time_passes($kHour);
    $test->runs('two', 2, 'skipped', 'while someone is changing a job, others run');
    is(runs_of('one'), '8', 'that one waits');
    $session->query_safe('COMMIT');
    $test->runs('one', 9, 'skipped', 'until it is changed');

    $test->hold_at('lock:1');
    $test->time_passes($kHour);
    $test->are_held(2, 'both run');
    $session->query_safe(q{BEGIN; SELECT pagila_alter_job('one', options => '{"verify": "content"}')});
    $test->let_go;
    $test->runs('two', 3, 'skipped', 'the end of the other is taken note of');
    is($test->job('one', 'status'), 'running', 'that of the one that is being changed is not');
    $test->time_passes($kHour);
    $test->runs('two', 4, 'skipped', 'the other runs again');
    $session->query_safe('ROLLBACK');
    # Its run is noted as ended first, at a time when the next was due already.
    $test->runs('one', 10, 'skipped', 'then it is');
    $session->quit;
    remove_all();
    return;
}

sub jobs_change_while_they_run {
    my $first = $test->sql('SELECT last_value FROM pagila_repl.run_id_seq');
    copy($_, $_) for qw(one two);
    $test->runs($_, 1, 'skipped', "job $_") for qw(one two);
    $test->hold_at('lock:1');
    $test->time_passes($kHour);
    $test->are_held(2, 'they run again');
    my $due = $test->sql(q{SELECT last_due_at FROM pagila_repl.job WHERE job_name = 'one'});
    $test->sql(q{SELECT pagila_alter_job('one', schedule => '2 hours')});
    my ($job, $run) = split /\|/, $test->sql(q{SELECT job_id, current_run_id FROM pagila_repl.job WHERE job_name = 'two'});
    $test->sql(q{SELECT pagila_unschedule('two')});
    is($test->sql("SELECT status FROM pagila_repl.run WHERE run_id = $run"), 'running', 'the run of a job that is removed goes on');
    $test->let_go;
    $test->runs('one', 2, 'skipped', 'the run of a job whose schedule is changed ends');
    is($test->sql("SELECT next_run_at - '$due' FROM pagila_repl.job"), '02:00:00', 'and the new one counts');
    is($test->sql("SELECT status FROM pagila_wait($run)"), 'skipped', 'so does that of the removed one');
    is($test->sql("SELECT job_id = $job FROM pagila_repl.run WHERE run_id = $run"), 't', 'and remains in the history');

    $test->hold_at('lock:1');
    $test->time_passes(2 * $kHour);
    $test->are_held(1, 'the first runs once more');
    $test->sql(q{SELECT pagila_alter_job('one', enabled => false)});
    $test->let_go;
    $test->job_is('one', 'status, last_status', 'disabled|skipped', 'disabled while it runs it ends well');
    $test->time_passes(2 * $kHour);
    $test->rests('a disabled job');
    is(runs_of('one'), '3', 'does not run');

    $test->set('pagila_repl.max_concurrent_runs = 1');
    copy('three', 'three');
    $test->runs('three', 1, 'skipped', 'what was removed and disabled takes no turn');
    remove_all();
    return;
}
