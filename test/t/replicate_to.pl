# pagila_replicate_to: the source asks the target for a run, follows it, and what becomes of it there is what becomes of it
# here, whatever happens to either side.
use strict;
use warnings;
use lib 'test/t';
use IPC::Run ();
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# A cancel is to need a second; the limit is for machines that are busy with something else.
my $kLimit = 30;
my $tcp = "listen_addresses = '127.0.0.1'\nclient_connection_check_interval = 100\n";
my $test = PullTest->new('replicate_to', conf => $tcp, source => { conf => "client_connection_check_interval = 100\n", faults => 1 });
my ($source, $target) = @$test{ 'source', 'target' };
my $to_target = FaultProxy->start(to => '127.0.0.1:' . $target->port);
add_source($source, 'tgt', port => $to_target->port, server => { trusted => 'false' });

it_copies();
nothing_to_do_is_skipped();
failures_come_back();
servers_are_told_apart();
databases_say_who_they_are();
targets_are_checked();
jobs_point_one_way();
phases_are_told();
nobody_need_wait();
cancels_reach_the_target();
the_leader_is_terminated();
runs_time_out_here();
the_target_is_lost();
$to_target->stop;
$test->done;

sub to_sql {
    my (%options) = @_;
    my $arguments = join(', ', map { "$_ => $options{$_}" } sort keys %options);
    return 'SELECT status FROM pagila_replicate_to(' . join(', ', "'tgt'", $arguments || ()) . ')';
}

# Fails with that SQLSTATE, and so it is recorded. Returns the messages.
sub fails {
    my ($what, $state, %options) = @_;
    my $sql = delete $options{sql} // to_sql(%options);
    my ($out, $err) = run_sql($source, $sql);
    is(sqlstate_of($err), $state, "$what: $state") or diag "$out $err";
    is(last_run($source, 'kind, status, sqlstate'), "replicate_to|failed|$state", "$what: recorded");
    return $err;
}

sub it_copies {
    $test->change_source;
    my ($out, $err) = run_sql($source, to_sql() =~ s/status/status, rows, bytes > 0, message/r);
    my ($id, $rows) = split /\|/, last_run($target, 'run_id, rows');
    like($out, qr{^succeeded\|$rows\|t\|run $id on server "tgt": $rows rows in \d+ tables from }, 'it says what the target says')
      or diag $err;
    $test->is_new('replicated');
    is(last_run($source, 'kind, status, phase, target_server, remote_run_id, source_server, schemas, sqlstate'),
        "replicate_to|succeeded|done|tgt|$id||{bank,public}|", 'recorded here');
    like(last_run($source, 'target'), qr{^127\.0\.0\.1:\d+/pagila$}, 'with where the target is');
    is(last_run($source, q{options - 'source'}), last_run($target, 'options') =~ s/"workers": 2/"workers": null/r, 'and the options');
    is(last_run($target, 'kind, owner, source_server'), 'replicate|' . getpwuid($<) . '|source', 'recorded there');
    no_residue($source, 'replicated, on this side');

    $test->change_source;
    run_sql($source, to_sql(source => q('source'), workers => 1, exclude => q('{bank.event*}'), force => 'true',
        verify => q('counts'), on_modified => q('overwrite'), on_unmanaged => q('drop'), on_dependents => q('drop'),
        owners => q('skip'), foreign_keys => q('check')));
    is(last_run($target, 'status, options'), last_run($source, q{status, options - 'source'}), 'all options reach the target');
    like(last_run($target, 'options'), qr/"exclude": \["bank.event\*"\]/, 'as they were given');
    is(last_run($source, q{options ->> 'source'}), 'source', 'with the name that was given');
    run_sql($source, to_sql(force => 'true'));
    $test->is_new('with everything again');
    return;
}

sub nothing_to_do_is_skipped {
    my ($out, $err) = run_sql($source, to_sql());
    is($out, 'skipped', 'nothing to do') or diag $err;
    like(last_run($source, 'status, message'), qr/^skipped\|run \d+ on server "tgt": nothing changed since run \d+(; |$)/, 'recorded');
    return;
}

sub failures_come_back {
    $target->safe_psql('pagila', 'DELETE FROM bank.transfer WHERE id = 5');
    my $err = fails('changed by hand there', '55000');
    like($err, qr/DETAIL: +table bank.transfer has other rows\nHINT: +Give on_modified/, 'with detail and hint');
    my ($id) = last_run($target, 'run_id');
    like($err, qr/CONTEXT: .*run $id on server "tgt"/s, 'and the place');
    is(last_run($source, 'phase, error_message, error_detail, error_hint'),
        last_run($target, 'phase, error_message, error_detail, error_hint'), 'recorded as there');
    is(last_run($source, 'remote_run_id'), $id, 'with the run there');
    my ($out) = run_sql($source, to_sql(on_modified => q('overwrite')));
    is($out, 'succeeded', 'and it can be allowed from here');
    $test->is_new('overwritten');

    like(fails('no schema', '3F000', schemas => q('{nowhere}')), qr/no schema of the source matches "nowhere"/, 'said there');
    $target->safe_psql('pagila', 'ALTER SERVER source OPTIONS (SET trusted \'false\')');
    like(fails('not trusted there', '42501'), qr/server "source" is not trusted/, 'what the target does not allow');
    $target->safe_psql('pagila', 'ALTER SERVER source OPTIONS (SET trusted \'true\')');
    return;
}

sub servers_are_told_apart {
    my $twin = new_node('replicate_to_twin', conf => $tcp);
    my $closed = PostgreSQL::Test::Cluster::get_free_port();
    add_source($target, 'decoy', port => $twin->port);
    add_source($target, 'dead', port => $closed);
    $target->safe_psql('pagila', "CREATE SERVER unmapped FOREIGN DATA WRAPPER pagila_repl OPTIONS (host '127.0.0.1', dbname 'pagila')");
    $test->change_source;
    my ($out, $err) = run_sql($source, to_sql());
    is($out, 'succeeded', 'found among others of the same name') or diag $err;
    $test->is_new('found');

    $err = fails('a server that leads elsewhere', '55000', source => q('decoy'));
    like($err, qr/server "decoy" of the target does not lead to this database\nDETAIL: +It leads to database "pagila" \(OID \d+\) of system \d+/,
        'and whereto');
    like(fails('a server that leads nowhere', '08001', source => q('dead')), qr/connection .*refused|refused/, 'said there');
    $err = fails('a server that is not there', '42704', source => q('missing'));
    my $port = $source->port;
    my $me = getpwuid $<;
    like($err, qr/HINT: .*: CREATE SERVER "missing" FOREIGN DATA WRAPPER pagila_repl OPTIONS \(host '127.0.0.1', port '$port', dbname 'pagila'\); CREATE USER MAPPING FOR "$me" SERVER "missing" OPTIONS \(user '$me', password '...'\)/,
        'what to type there');
    my ($statements) = $err =~ /HINT: .*?: (CREATE SERVER .*)\.$/m;
    is_deeply([ sqlstates($target, [ split /; /, $statements ]) ], [ '00000', '00000' ], 'which can be typed as it stands');
    fails('it is not trusted yet', '42501', source => q('missing'));
    $target->safe_psql('pagila', q{ALTER SERVER missing OPTIONS (ADD trusted 'true')});
    ($out) = run_sql($source, to_sql(source => q('missing')));
    like($out, qr/^(succeeded|skipped)$/, 'and leads here');
    $target->safe_psql('pagila', 'DROP SERVER missing CASCADE');

    add_source($target, 'again', port => $source->port);
    $err = fails('two that lead here', '55000');
    like($err, qr/DETAIL: +They are "again", "source"\.\nHINT: +Say which one with source =>/, 'which they are');
    ($out) = run_sql($source, to_sql(source => q('again')));
    like($out, qr/^(succeeded|skipped)$/, 'either can be named');
    $target->safe_psql('pagila', 'DROP SERVER again CASCADE; ALTER SERVER source RENAME TO renamed; ALTER SERVER renamed OPTIONS (SET port \'' . $closed . '\')');
    $err = fails('none that leads here', '42704');
    like($err, qr/Server "dead" cannot be asked: .*refused/, 'what is wrong with each');
    like($err, qr/Server "decoy" leads to database "pagila"/, 'what is wrong with each');
    like($err, qr/Server "unmapped" cannot be asked: .*user mapping not found/, 'what is wrong with each');
    like($err, qr/HINT: .*CREATE SERVER "pagila_source"/, 'what to type there');
    $target->safe_psql('pagila', "ALTER SERVER renamed RENAME TO source; ALTER SERVER source OPTIONS (SET port '" . $source->port . "');
        DROP SERVER decoy CASCADE; DROP SERVER dead CASCADE; DROP SERVER unmapped CASCADE");
    $twin->stop('immediate');
    return;
}

sub databases_say_who_they_are {
    my $who = 'SELECT * FROM pagila_identify';
    my ($here) = run_sql($source, "$who()");
    like($here, qr/^\d+\|\d+\|pagila\|\d{6}\|f\|\d{4}-/, 'a database says who it is');
    my ($seen) = run_sql($target, "SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; $who('source')
        WHERE started_at = '" . (split /\|/, $here)[5] . "'");
    is((split /\|/, $seen)[0], (split /\|/, $here)[0], 'another sees the same');
    isnt((run_sql($target, "$who()"))[0], $here, 'and is another');
    is($source->safe_psql('postgres', 'CREATE EXTENSION pagila_repl; SELECT count(*) FROM pagila_identify() a'), '1', 'in any database');
    $source->safe_psql('postgres', 'DROP EXTENSION pagila_repl');
    return;
}

sub targets_are_checked {
    add_source($source, 'bare', port => $target->port, server => { dbname => 'postgres' });
    my $err = fails('no extension there', '42704', sql => q{SELECT pagila_replicate_to('bare')});
    like($err, qr{HINT: +On 127\.0\.0\.1:\d+/postgres: CREATE EXTENSION pagila_repl\.}, 'what to type there');
    $target->safe_psql('pagila', q{UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'pagila_repl'});
    like(fails('an older extension there', '55000'), qr/version 0\.9 on the target.*HINT: .*ALTER EXTENSION pagila_repl UPDATE/s, 'what to type there');
    $target->safe_psql('pagila', q{UPDATE pg_extension SET extversion = '2.0' WHERE extname = 'pagila_repl'});
    like(fails('a newer extension there', '55000'), qr/HINT: +Here: ALTER EXTENSION pagila_repl UPDATE/, 'what to type here');
    $target->safe_psql('pagila', q{UPDATE pg_extension SET extversion = '1.0' WHERE extname = 'pagila_repl'});

    add_source($source, 'self', port => $source->port);
    like(fails('the target is this database', '55000', sql => q{SELECT pagila_replicate_to('self')}), qr/server "self" is this database itself/, 'said so');
    $source->safe_psql('pagila', "ALTER SERVER self OPTIONS (SET host 'localhost')");
    fails('by another name', '55000', sql => q{SELECT pagila_replicate_to('self')});
    fails('no such server', '42704', sql => q{SELECT pagila_replicate_to('nowhere')});
    is_deeply([ sqlstates($source, [ "ALTER SERVER self OPTIONS (SET port '1')", q{SELECT pagila_replicate_to('self')} ]) ], [ '00000', '08001' ],
        'a target that is not there');
    $source->safe_psql('pagila', 'DROP SERVER self CASCADE; DROP SERVER bare CASCADE');

    # Another database of the same cluster is no less a target.
    $source->safe_psql('postgres', 'CREATE DATABASE beside');
    $source->safe_psql('beside', 'CREATE EXTENSION pagila_repl');
    add_source($source, 'source', db => 'beside', port => $source->port);
    add_source($source, 'beside', port => $source->port, server => { dbname => 'beside' });
    ($err) = (run_sql($source, q{SELECT status FROM pagila_replicate_to('beside')}))[0];
    is($err, 'succeeded', 'a database of the same cluster is copied to');
    is(copy_of($source, 'beside'), copy_of($source), 'exactly');
    $source->safe_psql('pagila', 'DROP SERVER beside CASCADE');
    $source->safe_psql('postgres', 'DROP DATABASE beside');
    return;
}

# A job here that replicates from the target, whether it has run or not, under whatever name.
sub jobs_point_one_way {
    my $job = q{INSERT INTO pagila_repl.job (job_id, job_name, owner_oid, database_oid, kind, source_server, schedule, created_at)
        SELECT 1, 'back', 10, oid, 'replicate', 'back', '1 day', now() FROM pg_database WHERE datname = 'pagila'};
    add_source($source, 'back', port => $to_target->port);
    $source->safe_psql('pagila', $job);
    like(fails('a job that points here', '55000'), qr/the target is the source of a job of this database\nDETAIL: +Replicated from server "tgt": "back"/,
        'named');
    $source->safe_psql('pagila', "ALTER SERVER back OPTIONS (SET port '1')");
    my ($out) = run_sql($source, to_sql());
    like($out, qr/^(skipped|succeeded)$/, 'one that points elsewhere is none');
    my ($identity) = run_sql($target, q{SELECT system_identifier || '/' || database_oid FROM pagila_identify()});
    $source->safe_psql('pagila', "UPDATE pagila_repl.run SET kind = 'replicate', job_id = 1, source_server = 'back', source_identity = '$identity'
        WHERE run_id = 1");
    fails('a job that has found the target', '55000');
    $source->safe_psql('pagila', 'UPDATE pagila_repl.job SET enabled = false, suspended_at = now()');
    fails('one that is disabled, which may be enabled again,', '55000');
    $source->safe_psql('pagila', 'UPDATE pagila_repl.job SET database_oid = 1');
    ($out) = run_sql($source, to_sql());
    like($out, qr/^(skipped|succeeded)$/, 'that of another database is none');
    $source->safe_psql('pagila', 'DELETE FROM pagila_repl.job; DROP SERVER back CASCADE');
    return;
}

# Starts one that is held there at a fault point, and returns when it is.
sub hold {
    my ($what, %options) = @_;
    my $point = delete $options{point} // 'copy:1';
    my @before = map { ('-c', $_) } @{ delete $options{before} // [] };
    $test->change_source;
    write_file($test->{gate}, '');
    set_fault($target, "$point:wait:$test->{gate}");
    my %run = (out => '', err => '', since => -s $target->logfile);
    $run{harness} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $source->connstr('pagila'), @before,
        '-c', to_sql(%options) ], '<', \undef, '>', \$run{out}, '2>', \$run{err});
    $test->{run} = \%run;
    ok(wait_until(sub { $test->held }, 60), "$what: it is held there") or diag $run{err};
    # What is done next is to find it followed.
    ok(wait_until(sub { last_run($source, 'remote_run_id') eq last_run($target, 'run_id') }, $kLimit), "$what: followed here");
    return;
}

sub ends_there {
    my ($what, $status) = @_;
    my $start = time;
    ok(wait_until(sub { last_run($target, 'status') ne 'running' && !leader_pid($target) }, $kLimit), "$what: the run there ends");
    note sprintf '%s: ends there after %.2f s', $what, time - $start;
    is(last_run($target, 'status'), $status, "$what: $status there");
    return;
}

sub ends_here {
    my ($what, $status, $state) = @_;
    ok(wait_until(sub { last_run($source, 'status') ne 'running' && !leader_pid($source) }, $kLimit * 3), "$what: the run here ends");
    is(last_run($source, 'status, sqlstate'), "$status|$state", "$what: $status here")
      or diag last_run($source, 'error_message, error_detail, error_context');
    $test->is_over_within($what, $kLimit);
    return;
}

sub nothing_is_left {
    my ($what) = @_;
    $test->let_go;
    $test->is_old($what);
    no_residue($source, "$what, here");
    return;
}

# One that lasts long enough to be seen.
sub phases_are_told {
    my $what = 'phases are told';
    hold($what);
    ok(wait_until(sub { last_run($source, 'phase') eq 'rows' }, $kLimit), "$what: the run here is in the phase of that there");
    $test->let_go;
    $test->is_over_within($what, $kLimit * 3);
    like($test->{run}{err}, qr/NOTICE:.*run \d+ on server "tgt": rows/, "$what: to its caller, too");
    $test->is_new($what);
    return;
}

sub nobody_need_wait {
    my $what = 'nobody waits';
    hold($what, wait => 'false');
    $test->is_over_within($what, $kLimit);
    is($test->{run}{out}, "running\n", "$what: the caller knows the run");
    my $progress = 'SELECT phase, owner, leader_pid > 0, total_rows FROM pagila_repl.progress';
    my ($there) = run_sql($target, $progress);
    like($there, qr/^rows\|/, "$what: how far it is there");
    ok(wait_until(sub { (run_sql($source, $progress))[0] eq $there }, $kLimit), "$what: can be seen here");
    $test->let_go;
    is($source->safe_psql('pagila', 'SELECT status FROM pagila_wait((SELECT max(run_id) FROM pagila_repl.run))'), 'succeeded', "$what: it succeeds");
    $test->is_new($what);

    $what = 'nobody waits, and the leader is terminated';
    hold($what, wait => 'false');
    $source->safe_psql('pagila', 'SELECT pg_terminate_backend(' . leader_pid($source) . ')');
    ends_here($what, 'aborted', '57P01');
    my $id = last_run($target, 'run_id');
    is(last_run($source, 'error_detail'), qq{It goes on as run $id on server "tgt".}, "$what: told");
    is(last_run($target, 'status'), 'running', "$what: the run there goes on");
    $test->let_go;
    ends_there($what, 'succeeded');
    $test->is_new($what);

    $what = 'nobody waits, and this server dies';
    hold($what, wait => 'false');
    $source->stop('immediate');
    is(last_run($target, 'status'), 'running', "$what: the run there goes on");
    run_sql($target, 'SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run');
    $source->start;
    ends_there($what, 'cancelled');
    $test->let_go;
    run_sql($source, to_sql());
    is($source->safe_psql('pagila', 'SELECT status FROM pagila_repl.run ORDER BY run_id DESC OFFSET 1 LIMIT 1'), 'crashed',
        "$what: the next run records it");
    $test->is_new("$what, next run");
    return;
}

sub tell_caller {
    my ($function) = @_;
    return $source->safe_psql('pagila', "SELECT $function(pid) FROM pg_stat_activity WHERE query ~ 'FROM pagila_replicate_to'
      AND pid <> pg_backend_pid() AND backend_type = 'client backend'");
}

sub cancels_reach_the_target {
    my %stops = (
        'pagila_cancel' => sub { $source->safe_psql('pagila', 'SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run') },
        'the caller is cancelled' => sub { tell_caller('pg_cancel_backend') },
        'the caller is terminated' => sub { tell_caller('pg_terminate_backend') },
        'the client is gone' => sub { $test->{run}{harness}->signal('KILL') },
        'psql is interrupted' => sub { $test->{run}{harness}->signal('INT') });
    for my $what (some_of(3, sort keys %stops)) {
        hold($what);
        $stops{$what}->();
        ends_there($what, 'cancelled');
        ends_here($what, 'cancelled', '57014');
        nothing_is_left($what);
    }
    my $what = 'a statement_timeout of the caller';
    hold($what, before => [ "SET statement_timeout = '10s'" ]);
    ends_there($what, 'cancelled');
    ends_here($what, 'cancelled', '57014');
    nothing_is_left($what);

    $what = 'nobody waits, and it is cancelled';
    hold($what, wait => 'false');
    $source->safe_psql('pagila', 'SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run');
    ends_there($what, 'cancelled');
    ends_here($what, 'cancelled', '57014');
    nothing_is_left($what);

    $what = 'cancelled there';
    hold($what);
    $target->safe_psql('pagila', 'SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run');
    ends_here($what, 'cancelled', '57014');
    nothing_is_left($what);

    cancelled_while_it_starts(1);
    cancelled_while_it_starts(0);

    $what = 'cancelled before it is asked for';
    set_fault($source, "ask:1:wait:$test->{gate}");
    my $runs = last_run($target, 'run_id');
    write_file($test->{gate}, '');
    $test->{run} = { out => '', err => '', since => -s $target->logfile };
    $test->{run}{harness} = IPC::Run::start([ 'psql', '-XAtq', '-d', $source->connstr('pagila'), '-c', to_sql() ],
        '<', \undef, '>', \$test->{run}{out}, '2>', \$test->{run}{err});
    ok(wait_until(sub { $test->held }, 60), "$what: held");
    tell_caller('pg_cancel_backend');
    ends_here($what, 'cancelled', '57014');
    clear_fault($source);
    is(last_run($target, 'run_id'), $runs, "$what: nothing was asked for");
    nothing_is_left($what);
    return;
}

# The leader there waits for whoever drops the extension, so the number of the run is not known yet.
sub cancelled_while_it_starts {
    my ($does_start) = @_;
    my $what = 'cancelled while it starts' . ($does_start ? '' : ', and it does not');
    my $runs = last_run($target, 'run_id');
    my $blocker = IPC::Run::start([ 'psql', '-XAtq', '-d', $target->connstr('pagila'), '-c',
        'BEGIN; DROP EXTENSION pagila_repl CASCADE; SELECT pg_sleep(600)' ], '<', \undef, '>', \my $slept, '2>', \my $dropped);
    ok(wait_until(sub { sleeps_there() }, $kLimit), "$what: the extension is locked there");
    $test->{run} = { out => '', err => '', since => -s $target->logfile };
    $test->{run}{harness} = IPC::Run::start([ 'psql', '-XAtq', '-d', $source->connstr('pagila'), '-c', to_sql() ],
        '<', \undef, '>', \$test->{run}{out}, '2>', \$test->{run}{err});
    ok(wait_until(sub { leader_pid($target) }, $kLimit), "$what: its leader is there");
    run_sql($source, 'SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run');
    $target->safe_psql('postgres', 'SELECT pg_terminate_backend(' . sleeps_there() . ')') if $does_start;
    ends_here($what, 'cancelled', '57014');
    if (!$does_start) {
        ok(wait_until(sub { !leader_pid($target) }, $kLimit), "$what: no leader is left there");
        $target->safe_psql('postgres', 'SELECT pg_terminate_backend(' . sleeps_there() . ')');
    }
    $blocker->finish;
    if ($does_start) {
        ends_there($what, 'cancelled');
        is(last_run($source, 'remote_run_id'), last_run($target, 'run_id'), "$what: the number is learned");
        cmp_ok(last_run($target, 'run_id'), '>', $runs, "$what: of the new run");
    } else {
        like(last_run($source, 'error_detail'), qr/^Whether a run has begun on server "tgt" is not known: target stalled/, "$what: told");
        is(last_run($target, 'run_id'), $runs, "$what: there is no run");
    }
    nothing_is_left($what);
    return;
}

sub sleeps_there {
    return $target->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'});
}

sub the_leader_is_terminated {
    my $what = 'the leader is terminated';
    hold($what);
    $source->safe_psql('pagila', 'SELECT pg_terminate_backend(' . leader_pid($source) . ')');
    ends_there($what, 'cancelled');
    ends_here($what, 'aborted', '57P01');
    nothing_is_left($what);

    $what = 'the leader there is terminated';
    hold($what);
    $target->safe_psql('pagila', 'SELECT pg_terminate_backend(' . leader_pid($target) . ')');
    ends_here($what, 'aborted', '57P01');
    nothing_is_left($what);

    $what = 'this server is shut down';
    hold($what);
    $source->stop('fast');
    ends_there($what, 'cancelled');
    $source->start;
    ends_here($what, 'aborted', '57P01');
    nothing_is_left($what);
    return;
}

sub runs_time_out_here {
    my $what = 'a run_timeout here';
    hold($what, before => [ "LOAD 'pagila_repl'", "SET pagila_repl.run_timeout = '10s'" ]);
    ends_there($what, 'cancelled');
    ends_here($what, 'failed', '57014');
    like(last_run($source, 'error_message'), qr/longer than it may/, "$what: told");
    nothing_is_left($what);
    return;
}

sub the_target_is_lost {
    my $what = 'the connection is lost';
    hold($what);
    my $id = last_run($target, 'run_id');
    $to_target->rule('cut', how => 'rst');
    ends_here($what, 'failed', '08006');
    like(last_run($source, 'error_detail'), qr/Whether run $id on server "tgt" goes on is not known\.$/, "$what: told");
    is(last_run($target, 'status'), 'running', "$what: the run there goes on");
    $to_target->pass;
    $test->let_go;
    ends_there($what, 'succeeded');
    $test->is_new($what);

    $what = 'the target falls silent';
    hold($what, before => [ "LOAD 'pagila_repl'", "SET pagila_repl.stall_timeout = '5s'" ]);
    $to_target->rule('silence');
    ends_here($what, 'failed', '08006');
    $to_target->pass;
    $test->let_go;
    ends_there($what, 'succeeded');
    $test->is_new($what);

    $what = 'cancelled while the target is silent';
    hold($what);
    $to_target->plan(new => 'silence');
    $to_target->rule('silence');
    $source->safe_psql('pagila', 'SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run');
    ends_here($what, 'cancelled', '57014');
    like(last_run($source, 'error_detail'), qr/Whether run \d+ on server "tgt" goes on is not known: target/, "$what: told");
    $to_target->pass;
    $test->let_go;
    ends_there($what, 'succeeded');
    $test->is_new($what);

    $what = 'a cancel finds its way round a silent connection';
    hold($what);
    $to_target->rule('silence');
    sleep 1;
    $source->safe_psql('pagila', 'SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run');
    ends_there($what, 'cancelled');
    ends_here($what, 'cancelled', '57014');
    $to_target->pass;
    nothing_is_left($what);

    $what = 'the target is killed';
    hold($what);
    $target->stop('immediate');
    ends_here($what, 'failed', '08006');
    $target->start;
    $test->let_go;
    my ($out, $err) = run_sql($source, to_sql());
    is($out, 'succeeded', "$what: the next run succeeds") or diag $err;
    $test->is_new("$what, next run", crash => 1);
    return;
}
