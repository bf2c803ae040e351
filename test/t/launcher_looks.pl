# What happens while a scheduler looks at the jobs, or between two looks: no due job is overlooked, no change is undone, no turn
# is lost, and nobody who uses something of ours keeps the jobs waiting.
use strict;
use warnings;
use IPC::Run ();
use lib 'test/t';
use JobTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $kHour = 3600;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $test = JobTest->new('looks',
    conf => "max_worker_processes = 16\nmax_prepared_transactions = 2\npagila_repl.retry_delay = '10min'\n");
my ($source, $target) = @$test{ 'source', 'target' };
# Of the job "copy".
my $runs = 0;
$test->schedule('copy', '1 hour', "'source', workers => 1");
$test->runs('copy', ++$runs, 'succeeded', 'a job runs');

becomes_due_during_a_look();
enabled_while_its_end_is_noted();
two_launchers_one_end();
a_turn_becomes_free_during_a_look();
a_leader_dies_alone();
copies_in_use_keep_no_job_waiting();
no_slot_for_a_scheduler();
prepared_transactions_change_no_job();
$test->done;

# Whoever is held stays so, nobody else will be.
sub hold_no_more { return clear_fault($target) }

# The process that is held, of that kind.
sub held_is {
    my ($kind, $what) = @_;
    $test->are_held(1, $what);
    my ($pid) = $test->held;
    is($test->sql("SELECT backend_type FROM pg_stat_activity WHERE pid = $pid"), "pagila_repl $kind", "$what: a $kind");
    hold_no_more();
    return $pid;
}

# The clock of a process that is held stands still, but for the time that really passes.
sub becomes_due_during_a_look {
    $test->sql("SELECT pagila_alter_job('copy', enabled => false)");
    $test->schedule('soon', '10 seconds', "'source', workers => 1");
    $test->runs('soon', 1, 'skipped', 'a job that is due again soon');
    $test->hold_at('started:1');
    $test->sql("SELECT pagila_alter_job('soon', options => '{}')");
    held_is('scheduler', 'a look');
    ok($test->seconds_until($test->job('soon', 'next_run_at')) >= -1, 'at which the job is not due yet');
    ok(wait_until(sub { $test->seconds_until($test->job('soon', 'next_run_at')) <= -1 }, 30), 'it becomes due meanwhile');
    $test->let_go;
    ok(wait_until(sub { $test->statuses('soon') =~ /^skipped skipped/ }, 30), 'and runs, though nobody tells the launcher');
    $test->sql("SELECT pagila_unschedule('soon')");
    $test->sql("SELECT pagila_alter_job('copy', enabled => true)");
    $test->runs('copy', ++$runs, 'skipped', 'the other one goes on');
    return;
}

sub enabled_while_its_end_is_noted {
    $test->rests('before a login that is refused');
    $test->sql("SET log_statement = none; ALTER USER MAPPING FOR CURRENT_USER SERVER source OPTIONS (SET user 'nobody')");
    $test->sql("UPDATE pagila_repl.job SET failures = 4, login_failures = 4 WHERE job_name = 'copy'");
    $test->hold_at('settle:1');
    $test->time_passes($kHour);
    held_is('scheduler', 'the fifth login that is refused is about to be noted');
    is(last_run($target, 'status, sqlstate'), 'failed|28000', 'it was refused');
    $test->sql("SELECT pagila_alter_job('copy', enabled => true)");
    $test->let_go;
    $test->runs('copy', ++$runs, 'failed', 'enabled meanwhile');
    is($test->job('copy', 'status, failures'), 'scheduled|1', 'the job is not suspended: that failure is the first since');
    $test->sql("SET log_statement = none; ALTER USER MAPPING FOR CURRENT_USER SERVER source OPTIONS (SET user '" . getpwuid($<) . "')");
    $test->time_passes($kHour);
    $test->runs('copy', ++$runs, 'skipped', 'and it goes on');
    return;
}

# A scheduler of a launcher that is gone, beside one of the next.
sub two_launchers_one_end {
    $test->rests('before the launcher is another');
    $test->hold_at('settle:1');
    $test->time_passes($kHour);
    my $held = held_is('scheduler', 'the end of a run is about to be noted');
    my ($launcher) = $test->launchers;
    $test->sql("SELECT pg_terminate_backend($launcher)");
    $test->runs('copy', ++$runs, 'skipped', 'a scheduler of the next launcher notes it');
    $test->hold_at('copy:1');
    $test->change_source;
    $test->time_passes($kHour);
    ok(wait_until(sub { grep { $_ != $held } $test->held }, 60), 'and starts the next run');
    hold_no_more();
    my $state = $test->sql("SELECT current_run_id IS NOT NULL, last_run_id, next_run_at, failures FROM pagila_repl.job");
    unlink "$test->{gate}.$held";
    $test->sql("SELECT pg_cancel_backend($held)");
    ok(wait_until(sub { !kill(0, $held) }, 30), 'the scheduler that was held ends');
    is($test->sql("SELECT current_run_id IS NOT NULL, last_run_id, next_run_at, failures FROM pagila_repl.job"), $state,
        'and changes nothing');
    $test->let_go;
    $test->runs('copy', ++$runs, 'succeeded', 'that run is taken note of');
    is(scalar $test->launchers, 1, 'there is one launcher');
    return;
}

sub a_turn_becomes_free_during_a_look {
    $test->set('pagila_repl.max_concurrent_runs = 1');
    $target->safe_psql('postgres', 'CREATE DATABASE other');
    $target->safe_psql('other', 'CREATE EXTENSION pagila_repl');
    add_source($target, 'source', db => 'other', port => $source->port);
    my $gate = write_file("$dir/other_gate", '');
    $target->safe_psql('other', "LOAD 'pagila_repl'; ALTER DATABASE other SET pagila_repl.fault = 'lock:1:wait:$gate'");
    $test->schedule('copy', '1 hour', "'source', workers => 1", db => 'other');
    ok(wait_until(sub { scalar(() = glob("$gate.*")) }, 60), 'a run in another database has the only turn');
    $test->hold_at('tick:1');
    $test->time_passes($kHour);
    held_is('scheduler', 'a job waits for its turn');
    is($test->statuses('copy') =~ tr/ // + 1, $runs, 'it does not run');
    unlink $gate;
    $test->runs('copy', 1, 'succeeded', 'the turn becomes free during the look', db => 'other');
    $test->let_go;
    # A free turn that nobody tells of is found after a minute.
    ok(wait_until(sub { $test->statuses('copy') =~ tr/ // == $runs }, 30), 'and is taken at once');
    $test->runs('copy', ++$runs, 'skipped', 'the job has run');
    $test->sql("SELECT pagila_unschedule('copy')", db => 'other');
    $test->set('pagila_repl.max_concurrent_runs = 2');
    return;
}

# The first request to terminate does not keep a leader from recording the end of its run, a later one does.
sub terminate_for_good {
    my ($pid) = @_;
    return wait_until(sub { $test->sql("SELECT pg_terminate_backend($pid)"); $test->sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") eq '0' }, 30);
}

# A leader that is told twice to terminate records nothing any more, and the server goes on.
sub a_leader_dies_alone {
    $test->rests('before a leader dies');
    my ($launcher) = $test->launchers;
    my $server = $test->sql('SELECT pg_postmaster_start_time()');
    my $dump = write_file("$dir/bad.sql", "CREATE SCHEMA bad;\nCREATE TABLE bad.t (a integer);\nCOPY bad.t (a) FROM stdin;\nnone\n\\.\n");
    $test->hold_at('end:1');
    $test->schedule('bad', '1 hour', "schema_file => '$dump'");
    my $leader = held_is('leader', 'a run that has failed, before that is recorded');
    isnt($test->sql('SELECT count(*) FROM pagila_repl.leftover'), '0', 'there is a stage');
    terminate_for_good($leader);
    $test->runs('bad', 1, 'crashed', 'a look that finds its leader gone marks it');
    is(last_run($target, 'sqlstate, phase, finished_at IS NOT NULL'), '57P02|rows|t', 'with SQLSTATE and phase');
    $test->let_go;
    $test->cleared_up('a leader that died alone');
    is($test->job('bad', 'failures'), '1', 'it counts as a failure');
    $test->sql("SELECT pagila_unschedule('bad')");

    $test->hold_at('end:1');
    my $id = $test->sql("SELECT run_id FROM pagila_load('$dump', wait => false)");
    $leader = held_is('leader', 'the same of a run that someone called for');
    terminate_for_good($leader);
    ok(wait_until(sub { $test->sql("SELECT status FROM pagila_repl.run WHERE run_id = $id") eq 'crashed' }, 30), 'it is marked, too');
    $test->let_go;
    $test->cleared_up('a leader that was called for');
    is_deeply([ $test->launchers ], [$launcher], 'the launcher is the same');
    is($test->sql('SELECT pg_postmaster_start_time()'), $server, 'and so is the server');
    return;
}

# Copies that were replaced while a statement was running that may use them.
sub copies_in_use_keep_no_job_waiting {
    $test->rests('before a long statement');
    my $report = IPC::Run::start([ 'psql', '-XAtq', '-d', $target->connstr('pagila'), '-c', 'SELECT pg_sleep(600)' ],
        '<', \undef, '>', \my $out, '2>', \my $err);
    ok(wait_until(sub { $test->sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'}) eq '1' }, 30), 'a report runs');
    $test->sql(q{
        INSERT INTO pagila_repl.run (run_id, kind, owner, owner_oid, status, phase, options, leader_pid, started_at, finished_at)
          SELECT nextval('pagila_repl.run_id_seq'), 'load', current_user, current_user::regrole, 'succeeded', 'done', '{}', 0, now(), now()
            FROM generate_series(1, 35);
        SELECT format('CREATE SCHEMA pagila_repl_old_%1$s; INSERT INTO pagila_repl.leftover VALUES (%2$L::regnamespace, %2$L, %1$s)',
                      run_id, 'pagila_repl_old_' || run_id)
          FROM pagila_repl.run ORDER BY run_id DESC LIMIT 35 \\gexec});
    my $since = -s $target->logfile;
    $test->change_source;
    $test->time_passes($kHour);
    # To wait for each of them would take longer.
    ok(wait_until(sub { $test->statuses('copy') =~ tr/ // == $runs }, 30), 'a job that is due runs');
    $test->runs('copy', ++$runs, 'succeeded', 'and ends well');
    $test->rests('beside the report');
    unlike(slurp_file($target->logfile, $since), qr/ERROR:/, 'no scheduler has failed');
    is($test->sql('SELECT count(*) FROM pagila_repl.leftover') >= 35, 1, 'what may be in use is kept');
    $report->kill_kill;
    $test->sql('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = $$PgSleep$$');
    $test->time_passes(60);
    $test->cleared_up('after the report');
    return;
}

# Two are the launchers', two have runs that someone called for.
sub no_slot_for_a_scheduler {
    $target->append_conf('postgresql.conf', "max_worker_processes = 4\n");
    $target->restart;
    $test->rests('with four slots');
    my $since = -s $target->logfile;
    for my $name ('one', 'two') {
        write_file("$dir/$name.sql", "CREATE SCHEMA $name;\nCREATE TABLE $name.t (a text);\nCOPY $name.t (a) FROM stdin;\nrow\n\\.\n");
    }
    $test->hold_at('lock:1');
    $test->sql("SELECT pagila_load('$dir/$_.sql', wait => false)") for 'one', 'two';
    $test->are_held(2, 'all slots are taken');
    my $complaint = qr/LOG:  pagila_repl launcher: no background worker slot is free to look at jobs/;
    $test->time_passes($kHour);
    ok(wait_until(sub { slurp_file($target->logfile, $since) =~ $complaint }, 30), 'no slot is left to look at the jobs: the log says so');
    $test->time_passes(10);
    $test->let_go;
    # It tries again after some seconds.
    ok(wait_until(sub { $test->statuses('copy') =~ tr/ // == $runs }, 60), 'with a slot the job is looked at');
    # If the one run has ended and the other has not yet, there is none for a leader.
    if (last_run($target, 'sqlstate') eq '53000') {
        $runs++;
        $test->time_passes(600);
    }
    $test->runs('copy', ++$runs, 'skipped', 'with two it runs');
    my @complaints = slurp_file($target->logfile, $since) =~ /$complaint/g;
    is(scalar @complaints, 1, 'it was said once');
    unlike(slurp_file($target->logfile, $since), qr/ERROR:|FATAL:/, 'and nothing has failed');
    return;
}

# Who commits one later could not wake the launcher.
sub prepared_transactions_change_no_job {
    for my $change ("pagila_alter_job('copy', enabled => false)", "pagila_unschedule('copy')",
        "pagila_schedule('more', '1 hour', 'source', schemas => '{none}')") {
        my (undef, $err) = run_sql($target, "BEGIN; SELECT $change; PREPARE TRANSACTION 'change'");
        is(sqlstate_of($err), '0A000', "$change: not in a prepared transaction") or diag $err;
    }
    is($test->sql('SELECT string_agg(job_name, $$ $$) FROM pagila_repl.job WHERE enabled'), 'copy', 'the jobs are as before');
    is($test->sql("BEGIN; SELECT 1; PREPARE TRANSACTION 'other'; COMMIT PREPARED 'other'"), '1', 'others are prepared as ever');
    return;
}
