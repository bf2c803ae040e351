# What becomes of a job whose runs fail: it is tried again, later and later, or waits for its regular time, or is suspended;
# and a job whose owner lost a right reaches nobody, and never runs as someone else.
use strict;
use warnings;
use lib 'test/t';
use JobTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $kPassword = 'the-bird-in-the-mine';
my $kDelay = 100;
my $kMostDelay = 1000;
my $kHour = 3600;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $test = JobTest->new('job_failures',
    conf => "pagila_repl.retry_delay = $kDelay\npagila_repl.max_retry_delay = $kMostDelay\nmax_worker_processes = 16\n",
    source => { conf => "log_connections = on\n" });
my ($source, $target) = ($test->{source}, $test->{target});
my $last_due;
make_roles();

refused_logins_suspend();
wrong_places_are_told();
a_source_that_is_down_is_tried_again();
cancelled_and_terminated_leaders_do_not_fail();
schedulers_may_be_cancelled_and_terminated();
without_a_slot_it_is_tried_again();
a_target_changed_by_hand_is_refused();
files_are_loaded();
a_leader_that_cannot_start_is_tried_again();
an_owner_without_rights_reaches_nobody();
an_owner_who_is_gone_has_no_successor();
$test->done;

# On the source a role that needs a password; on the target two operators without other rights.
sub make_roles {
    my $hba = $source->data_dir . '/pg_hba.conf';
    write_file($hba, "host all reader 127.0.0.1/32 scram-sha-256\n" . slurp_file($hba));
    $source->reload;
    $source->safe_psql('pagila', "SET log_statement = none; SET password_encryption = 'scram-sha-256';
        CREATE ROLE reader LOGIN PASSWORD '$kPassword'; GRANT pg_read_all_data TO reader;
        CREATE SCHEMA till; CREATE TABLE till.sale (id integer PRIMARY KEY); INSERT INTO till.sale VALUES (1)");
    write_file("$dir/files.sql", "CREATE SCHEMA files;\nCREATE TABLE files.t (a text);\nCOPY files.t (a) FROM stdin;\nrow\n\\.\n");
    $target->safe_psql('pagila', "SET log_statement = none; SET log_min_error_statement = panic;
        CREATE ROLE ann LOGIN; CREATE ROLE carl LOGIN;
        GRANT pagila_repl_operator TO ann, carl; GRANT pg_read_server_files TO ann;
        GRANT CREATE ON DATABASE pagila TO ann;
        GRANT USAGE ON FOREIGN SERVER source TO ann, carl;
        CREATE USER MAPPING FOR ann SERVER source OPTIONS (user 'reader', password '$kPassword');
        CREATE USER MAPPING FOR carl SERVER source OPTIONS (user 'reader', password '$kPassword')");
    return;
}

sub as_role { my ($role, $sql) = @_; return $test->sql("SET ROLE $role; $sql") }

sub alter_mapping { my ($option) = @_; return $test->sql("SET log_statement = none; ALTER USER MAPPING FOR CURRENT_USER SERVER source OPTIONS (SET $option)") }

# How often the source was called.
sub calls { my $log = slurp_file($source->logfile); return scalar(() = $log =~ /connection received: host=127\.0\.0\.1/g) }

sub failed { my ($column) = @_; return last_run($target, "sqlstate || ' ' || $column") }

# Until the job's next run; in seconds of its clock, from now.
sub wait_of { my ($name) = @_; return $test->seconds_until($test->job($name, 'next_run_at')) }

# The next run is due after a delay that is that long, or shorter by up to half. It counts from the end of the last one.
sub delay_is {
    my ($name, $delay, $what) = @_;
    my $shift = $test->{passed} + $test->{offset};
    my ($from_end, $from_now) = split /\|/, $test->job($name,
        "extract(epoch FROM next_run_at - last_finished_at) - $shift, extract(epoch FROM next_run_at - now()) - $shift");
    # The clock of jobs counts whole seconds.
    ok($from_end >= $delay / 2 - 1 && $from_now <= $delay, "$what: tried again after $delay seconds, or up to half of it sooner")
      or diag "$from_end seconds after its end, $from_now from now";
    return $from_end;
}

# An hour after the run that hour_passes made due.
sub is_due_regularly {
    my ($name, $what) = @_;
    return is($test->job($name, "next_run_at - '$last_due'"), '01:00:00', "$what: it waits for its regular time");
}

sub hour_passes {
    $last_due = $test->job('copy', 'next_run_at');
    return $test->time_passes($kHour);
}

sub remove {
    my ($name) = @_;
    $test->sql("SELECT pagila_unschedule('$name')");
    return;
}

sub refused_logins_suspend {
    alter_mapping("user 'reader'");
    alter_mapping("password 'wrong'");
    $test->schedule('copy', '1 hour', "'source', schemas => '{shop}'");
    for my $n (1 .. 5) {
        hour_passes() if $n > 1;
        $test->runs('copy', $n, 'failed', "wrong password: failure $n");
        is(failed('job_id'), '28P01 ' . $test->job('copy', 'job_id'), 'with the SQLSTATE of the source, as a run of the job');
        last if $n == 5;
        is($test->job('copy', 'status, failures'), "scheduled|$n", 'it is counted');
        is_due_regularly('copy', "failure $n") if $n > 1;
    }
    is($test->job('copy', 'status, failures, next_run_at IS NULL, suspended_at <= now()'), 'suspended|5|t|t', 'the fifth suspends the job');
    like($test->job('copy', 'suspended_because'), qr/^5 failures to log in, one after the other; the last: source: .*password authentication failed/,
        'which says why');
    my $calls = calls();
    $test->time_passes(50 * $kHour);
    $test->rests('a suspended job');
    is(calls(), $calls, 'reaches nobody any more');
    is($test->statuses('copy'), join(' ', ('failed') x 5), 'nor is there another run');

    $test->sql("SELECT pagila_alter_job('copy', enabled => true)");
    $test->runs('copy', 6, 'failed', 'enabled, it runs at once');
    is($test->job('copy', 'status, failures, suspended_because'), 'scheduled|1|', 'and the count begins anew');
    alter_mapping("password '$kPassword'");
    $test->time_passes($kHour);
    $test->runs('copy', 7, 'succeeded', 'a mapping that was mended heals it');
    is($test->job('copy', 'status, failures'), 'scheduled|0', 'without a trace');
    return;
}

# Case: what is wrong, the SQLSTATE, how often it counts as refused, and whether it is tried again before its time.
sub wrong_places_are_told {
    my @cases = (
        [ 'role', "ALTER USER MAPPING FOR CURRENT_USER SERVER source OPTIONS (SET user 'nobody')", '28000', 1, 0 ],
        [ 'database', "ALTER SERVER source OPTIONS (SET dbname 'nowhere')", '3D000', 0, 0 ],
        [ 'host', "ALTER SERVER source OPTIONS (SET host 'no-such-host.invalid')", '08001', 0, 1 ]);
    my %mend = (role => "ALTER USER MAPPING FOR CURRENT_USER SERVER source OPTIONS (SET user 'reader')",
        database => "ALTER SERVER source OPTIONS (SET dbname 'pagila')", host => "ALTER SERVER source OPTIONS (SET host '127.0.0.1')");
    my $runs = 7;
    for my $case (@cases) {
        my ($what, $change, $state, $refused, $passes) = @$case;
        $test->sql($change);
        hour_passes();
        $test->runs('copy', ++$runs, 'failed', "wrong $what");
        is(failed('phase'), "$state connect", "wrong $what: SQLSTATE");
        is($test->sql("SELECT failures, login_failures FROM pagila_repl.job WHERE job_name = 'copy'"), "1|$refused", "wrong $what: counted");
        $passes ? delay_is('copy', $kDelay, "wrong $what") : is_due_regularly('copy', "wrong $what");
        $test->sql($mend{$what});
        $test->time_passes($kHour);
        $test->runs('copy', ++$runs, 'skipped', "right $what");
        is($test->job('copy', 'failures'), '0', "right $what: no failure is left");
    }
    return;
}

sub a_source_that_is_down_is_tried_again {
    my $runs = 13;
    my @shares;
    my $grid = $test->job('copy', 'next_run_at');
    $source->stop;
    $test->time_passes($kHour);
    my @delays = (100, 200, 400, 800, 1000, 1000);
    for my $n (1 .. @delays) {
        $test->runs('copy', ++$runs, 'failed', "source down: failure $n");
        is(failed('phase'), '08001 connect', 'it cannot be reached');
        is($test->job('copy', 'status, failures'), "scheduled|$n", 'it is counted');
        push @shares, delay_is('copy', $delays[ $n - 1 ], "failure $n") / $delays[ $n - 1 ];
        if ($n == 1) {
            my $wait = wait_of('copy');
            $test->time_passes($wait - 20) if $wait > 20;
            $test->rests('before that');
            is($test->job('copy', 'failures'), '1', 'not before');
        }
        $source->start if $n == @delays;
        $test->time_passes($kMostDelay);
    }
    $test->runs('copy', ++$runs, 'skipped', 'the source is back: it recovers by itself');
    is($test->job('copy', 'status, failures'), 'scheduled|0', 'no failure is left');
    # By chance alone all are that long once in a hundred million tests.
    ok((grep { $_ < 0.95 } @shares), 'delays are shortened at random') or diag "@shares";
    is($test->sql("SELECT extract(epoch FROM next_run_at - '$grid')::integer % $kHour FROM pagila_repl.job WHERE job_name = 'copy'"), '0',
        'it goes on at the times that it had before');
    return;
}

# Holds a run of the job "copy" that has locked its target.
sub hold {
    $test->change_source;
    $test->hold_at('lock:1');
    hour_passes();
    $test->are_held(1, 'a run is held');
    return leader_pid($target);
}

sub cancelled_and_terminated_leaders_do_not_fail {
    my $runs = 20;
    my @launchers = $test->launchers;
    for my $case ([ 'pg_cancel_backend', 'cancelled', '57014' ], [ 'pg_terminate_backend', 'aborted', '57P01' ]) {
        my ($how, $status, $state) = @$case;
        my $pid = hold();
        $test->sql("SELECT $how($pid)");
        $test->runs('copy', ++$runs, $status, "$how of its leader");
        $test->let_go;
        is(failed('status'), "$state $status", "$how: SQLSTATE");
        is($test->job('copy', 'status, failures'), 'scheduled|0', "$how: it has not failed");
        is_due_regularly('copy', $how);
        $test->rests($how);
        is($test->sql("SELECT count(*) FROM pagila_repl.run WHERE job_id = 1"), $runs, "$how: it is not started again at once");
        $test->time_passes($kHour);
        $test->runs('copy', ++$runs, 'succeeded', "after $how it runs when it is due");
    }
    is_deeply([ $test->launchers ], \@launchers, 'the launcher is the same as before');
    return;
}

sub schedulers_may_be_cancelled_and_terminated {
    my $runs = 24;
    my @launchers = $test->launchers;
    for my $how ('pg_cancel_backend', 'pg_terminate_backend') {
        $test->hold_at('tick:1');
        $test->time_passes($kHour);
        $test->are_held(1, 'a scheduler is held');
        my ($pid) = $test->held;
        $test->sql("SELECT $how($pid)");
        $test->let_go;
        $test->runs('copy', ++$runs, 'skipped', "$how of a scheduler: what it started goes on");
        $test->time_passes($kHour);
        $test->runs('copy', ++$runs, 'skipped', "$how of a scheduler: jobs go on");
    }
    is_deeply([ $test->launchers ], \@launchers, 'the launcher is the same as before');
    return;
}

# Of the four slots the server's own launcher and that of jobs have one each, a run that is held the third, the scheduler
# the last.
sub without_a_slot_it_is_tried_again {
    $test->sql("SELECT pagila_alter_job('copy', options => '{\"workers\": 1}')");
    $target->append_conf('postgresql.conf', "max_worker_processes = 4\n");
    $target->restart;
    hold();
    my $calls = calls();
    as_role('ann', q{SELECT pagila_schedule('other', '1 hour', 'source', schemas => '{till}', workers => 1)});
    $test->runs('other', 1, 'failed', 'no slot is left for the leader of another job');
    is(failed('leader_pid'), '53000 0', 'SQLSTATE');
    like(last_run($target, 'error_message || error_hint'), qr/no background worker slot.*Raise "max_worker_processes"/, 'and what to do');
    is($test->job('other', 'status, failures'), 'scheduled|1', 'it is counted');
    delay_is('other', $kDelay, 'no slot');
    is(calls(), $calls, 'the source has not been called');
    $test->time_passes($kDelay);
    $test->runs('other', 2, 'failed', 'nor is there at the second time');
    delay_is('other', 2 * $kDelay, 'no slot again');
    $test->let_go;
    $test->job_is('copy', 'status', 'scheduled', 'a slot becomes free');
    $test->time_passes(2 * $kDelay);
    $test->runs('other', 3, 'succeeded', 'then it runs');
    is($test->job('other', 'failures'), '0', 'no failure is left');
    remove('other');
    $target->append_conf('postgresql.conf', "max_worker_processes = 16\n");
    $target->restart;
    return;
}

sub a_target_changed_by_hand_is_refused {
    $test->time_passes($kHour);
    $test->runs('copy', 30, 'skipped', 'the target is as the source');
    $test->sql("UPDATE shop.item SET name = 'mine' WHERE id = 1");
    for my $n (1, 2) {
        hour_passes();
        $test->runs('copy', 30 + $n, 'failed', 'a target that was changed by hand');
        is(last_run($target, 'sqlstate, error_message'), '55000|the target was changed since the last run', 'is refused');
        is($test->job('copy', 'status, failures'), "scheduled|$n", 'which is counted');
        is_due_regularly('copy', 'refused');
        is($test->sql('SELECT name FROM shop.item WHERE id = 1'), 'mine', 'the change stays');
    }
    $test->sql(q{SELECT pagila_alter_job('copy', options => '{"on_modified": "overwrite"}')});
    $test->time_passes($kHour);
    $test->runs('copy', 33, 'succeeded', 'unless the job is to overwrite it');
    is($test->sql('SELECT name FROM shop.item WHERE id = 1'), 'item 1', 'then it is gone');

    $test->sql(q{SELECT pagila_alter_job('copy', options => '{"on_modified": "refuse"}')});
    $test->change_source;
    $test->hold_at('verify:1');
    hour_passes();
    $test->are_held(1, 'a run that has found it unchanged, and will publish soon');
    $test->sql("UPDATE shop.item SET name = 'ours' WHERE id = 2");
    $test->let_go;
    $test->runs('copy', 34, 'failed', 'a target that is changed meanwhile');
    is(last_run($target, 'sqlstate, phase'), '55000|publish', 'is refused at the last moment');
    is($test->sql('SELECT name FROM shop.item WHERE id = 2'), 'ours', 'and the change stays');
    is_due_regularly('copy', 'refused at the last moment');
    remove('copy');
    return;
}

sub files_are_loaded {
    as_role('ann', "SELECT pagila_schedule('files', '1 hour', schema_file => '$dir/files.sql')");
    $test->runs('files', 1, 'succeeded', 'a job that loads files');
    is(last_run($target, "kind, owner, job_id = (SELECT job_id FROM pagila_repl.job WHERE job_name = 'files'), rows"), 'load|ann|t|1',
        'is recorded as a run of the job, by its owner');
    is($test->sql(q{SELECT (SELECT a FROM files.t), (SELECT tableowner FROM pg_tables WHERE schemaname = 'files')}), 'row|ann', 'which loads them');
    rename "$dir/files.sql", "$dir/away.sql" or die $!;
    $test->time_passes($kHour);
    $test->runs('files', 2, 'failed', 'a file that is not there');
    is(failed('phase'), '58P01 fingerprint', 'SQLSTATE');
    delay_is('files', $kDelay, 'it may come');
    rename "$dir/away.sql", "$dir/files.sql" or die $!;
    $test->time_passes($kDelay);
    $test->runs('files', 3, 'skipped', 'and so it does');
    return;
}

# A run that nobody has recorded when it should be under way.
sub a_leader_that_cannot_start_is_tried_again {
    $test->hold_at('schedule:1');
    $test->time_passes($kHour);
    $test->are_held(1, 'a scheduler that has not started its leader yet');
    $test->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pagila_repl scheduler'});
    $test->let_go;
    $test->runs('files', 4, 'failed', 'is noticed');
    is(last_run($target, 'sqlstate, error_message, leader_pid'), '58000|the leader of the run could not start|0', 'as a failed run');
    delay_is('files', $kDelay, 'it may pass');
    $test->time_passes($kDelay);
    $test->runs('files', 5, 'skipped', 'and the job goes on');
    return;
}

# What is taken from ann, how it is given back, which job it concerns, what the job says.
sub an_owner_without_rights_reaches_nobody {
    my $mapping = "SET log_statement = none; CREATE USER MAPPING FOR ann SERVER source OPTIONS (user 'reader', password '$kPassword')";
    my @cases = (
        [ 'ALTER ROLE ann NOLOGIN', 'ALTER ROLE ann LOGIN', 'other', 'role "ann" may not log in' ],
        [ 'REVOKE pagila_repl_operator FROM ann', 'GRANT pagila_repl_operator TO ann', 'other', 'role "ann" is not a member of "pagila_repl_operator"' ],
        [ 'REVOKE CONNECT ON DATABASE pagila FROM PUBLIC', 'GRANT CONNECT ON DATABASE pagila TO PUBLIC', 'other', 'role "ann" may not connect to this database' ],
        [ 'REVOKE USAGE ON FOREIGN SERVER source FROM ann', 'GRANT USAGE ON FOREIGN SERVER source TO ann', 'other', 'permission denied for server "source"' ],
        [ 'DROP USER MAPPING FOR ann SERVER source', $mapping, 'other', 'user mapping not found for "ann" on server "source"' ],
        [ 'ALTER SERVER source RENAME TO elsewhere', 'ALTER SERVER elsewhere RENAME TO source', 'other', 'server "source" does not exist' ],
        [ q{ALTER ROLE ann SUPERUSER; ALTER SERVER source OPTIONS (SET trusted 'false')}, q{ALTER ROLE ann NOSUPERUSER; ALTER SERVER source OPTIONS (SET trusted 'true')},
            'other', 'server "source" is not trusted, so no superuser may copy from it' ],
        [ 'REVOKE pg_read_server_files FROM ann', 'GRANT pg_read_server_files TO ann', 'files', 'role "ann" may not read files on the server' ]);
    as_role('ann', q{SELECT pagila_schedule('other', '1 hour', 'source', schemas => '{till}', workers => 1)});
    $test->runs('other', 1, 'skipped', 'a job that replicates');
    my %runs = map { $_ => $test->sql("SELECT count(*) FROM pagila_repl.run WHERE job_id = (SELECT job_id FROM pagila_repl.job WHERE job_name = '$_')") } qw(other files);
    for my $case (@cases) {
        my ($change, $undo, $name, $reason) = @$case;
        my $other = $name eq 'files' ? 'other' : 'files';
        $test->sql("SELECT pagila_alter_job('$other', enabled => false)");
        my ($calls, $records) = (calls(), $test->sql('SELECT count(*) FROM pagila_repl.run'));
        my $position = -s $target->logfile;
        $test->sql($change);
        $test->time_passes($kHour);
        $test->job_is($name, 'status, suspended_because', "suspended|$reason", "$change: suspended");
        $test->rests($change);
        is($test->sql('SELECT count(*) FROM pagila_repl.run'), $records, "$change: there was no run");
        is(calls(), $calls, "$change: the source was not called");
        like(slurp_file($target->logfile, $position), qr/job "$name" is suspended: \Q$reason/, "$change: the log says so, too");
        my (undef, $err) = $test->sql("SELECT pagila_alter_job('$name', enabled => true)", may_fail => 1);
        like(sqlstate_of($err), qr/^(42501|42704)$/, "$change: it cannot be enabled");
        $test->sql($undo);
        if ($change eq $cases[0][0]) {
            $test->time_passes($kHour);
            $test->rests($undo);
            is($test->job($name, 'status'), 'suspended', 'not by itself does it begin again');
        }
        $test->sql("SELECT pagila_alter_job('$_', enabled => true)") for $name, $other;
        $test->runs($name, ++$runs{$name}, 'skipped', "$undo: enabled, it runs");
        $test->runs($other, ++$runs{$other}, 'skipped', "$undo: so does the other");
    }
    is($test->sql(q{SELECT string_agg(DISTINCT owner, ' ') FROM pagila_repl.run WHERE job_id IN (SELECT job_id FROM pagila_repl.job)}), 'ann', 'never as anyone else');
    return;
}

sub an_owner_who_is_gone_has_no_successor {
    as_role('carl', q{SELECT pagila_schedule('orphan', '0 * * * *', 'source')});
    my $oid = $test->sql(q{SELECT 'carl'::regrole::oid});
    $test->sql('DROP OWNED BY carl; DROP USER MAPPING IF EXISTS FOR carl SERVER source; DROP ROLE carl');
    my $calls = calls();
    remove($_) for qw(other files);
    $test->time_passes($kHour);
    my $reason = "its owner, the role with OID $oid, does not exist any more";
    $test->job_is('orphan', 'status, suspended_because', "suspended|$reason", 'without its owner a job is suspended');
    is($test->job('orphan', 'owner'), "unknown (OID=$oid)", 'whose it was is shown');
    $test->sql("CREATE ROLE carl LOGIN; GRANT pagila_repl_operator TO carl; GRANT USAGE ON FOREIGN SERVER source TO carl");
    my (undef, $err) = $test->sql(q{SELECT pagila_alter_job('orphan', enabled => true)}, may_fail => 1);
    is(sqlstate_of($err), '42501', 'a new role of the same name is another one');
    (undef, $err) = $test->sql(q{SET ROLE carl; SELECT pagila_unschedule('orphan')}, may_fail => 1);
    is(sqlstate_of($err), '42704', 'for whom the job does not exist');
    (undef, $err) = $test->sql(q{SELECT pagila_run_job('orphan')}, may_fail => 1);
    is(sqlstate_of($err), '42501', 'nor does a superuser run it');
    $test->rests('a job without owner');
    is(calls(), $calls, 'the source was not called');
    remove('orphan');
    return;
}
