# Timeouts that role, database or source have set do not matter to a pull, its own do; settings and servers that change
# while it is under way count from the next one on.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();
use Time::HiRes qw(sleep);

my $test = PullTest->new('settings', proxy => 1);
my ($source, $target, $proxy) = @$test{ 'source', 'target', 'proxy' };
my $user = getpwuid $<;

timeouts_of_others();
without_statistics();
run_timeout();
reload();
server_changed();
$test->done;

sub timeouts_of_others {
    my @settings = ("statement_timeout = '40ms'", "lock_timeout = '10ms'", "idle_in_transaction_session_timeout = '100ms'",
        "idle_session_timeout = '100ms'", "client_encoding = 'LATIN1'", "DateStyle = 'SQL, DMY'", "IntervalStyle = 'sql_standard'",
        "TimeZone = 'Asia/Kolkata'", 'extra_float_digits = -5', "bytea_output = 'escape'", "search_path = 'bank, public'",
        'standard_conforming_strings = off', 'default_transaction_read_only = on', "default_transaction_isolation = 'serializable'",
        'row_security = off', 'check_function_bodies = on', 'quote_all_identifiers = on', 'array_nulls = off',
        'transform_null_equals = on', 'session_replication_role = replica', 'enable_seqscan = off', "temp_file_limit = '10MB'");
    my @scopes = ("ROLE $user", 'DATABASE pagila', "ROLE $user IN DATABASE pagila");
    for my $case (some_of(2, map { my $side = $_; map { [ $side, $_ ] } @scopes } 'source', 'target')) {
        my ($side, $scope) = @$case;
        my $what = "settings of $scope on the $side";
        my $node = $test->{$side};
        my %points = (source => [qw(snapshot:1 copy:1 verify:1)], target => [qw(index:1 copy:1 publish:1)]);
        my $point = $points{$side}[ $scope =~ /IN/ ? 2 : $scope =~ /DATABASE/ ? 1 : 0 ];
        # The connections of this test have them too, but for what they say otherwise.
        local $ENV{PGOPTIONS} = '-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0'
          . ' -c idle_session_timeout=0 -c default_transaction_read_only=off -c session_replication_role=origin'
          . ' -c client_encoding=UTF8 -c DateStyle=ISO -c TimeZone=UTC -c search_path=public -c bytea_output=hex'
          . ' -c extra_float_digits=1 -c IntervalStyle=postgres -c default_transaction_isolation=read\ committed'
          . ' -c quote_all_identifiers=off -c row_security=on -c standard_conforming_strings=on';
        $node->safe_psql('pagila', join ';', map { "ALTER $scope SET $_" } @settings);
        $test->hold($what, $point);
        # Longer than any of them.
        sleep 0.5;
        $test->succeeds($what);
        $node->safe_psql('pagila', "ALTER $scope RESET ALL");
        is($target->safe_psql('pagila', "SELECT count(*) FROM pg_settings WHERE name = 'pagila_repl.fault' AND setting <> ''"), 0,
            "$what: reset");
    }
    return;
}

sub without_statistics {
    my $steps = "SELECT count(*) FROM pagila_repl.run_step WHERE kind = 'analyze' AND run_id = (SELECT max(run_id) FROM pagila_repl.run)";
    my $statistics = "SELECT count(*) > 0 FROM pg_stats WHERE schemaname = 'bank'";
    cmp_ok($target->safe_psql('pagila', $steps), '>', 0, 'a run makes statistics');
    is($target->safe_psql('pagila', $statistics), 't', 'which are there');
    $test->change_source;
    $test->start(before => ['SET pagila_repl.statistics = off']);
    $test->succeeds('without statistics');
    is($target->safe_psql('pagila', $steps), 0, 'unless it is told not to');
    is($target->safe_psql('pagila', $statistics), 'f', 'then there are none');
    return;
}

# The limit of the run itself counts wherever it is.
sub run_timeout {
    for my $point (some_of(6, qw(copy:1 connect:1 shape:1 index:1 verify:1 publish:1))) {
        my $what = "run_timeout at $point";
        $test->hold($what, $point, before => ["SET pagila_repl.run_timeout = '10s'"]);
        ok(wait_until(sub { $test->is_over }, 30), "$what: the run ends though a process is held");
        $test->fails($what, '57014', status => 'failed');
        like(last_run($target, 'error_message'), qr/run_timeout|took|longer/, "$what: it is said why");
    }
    my $what = 'run_timeout while the source does not answer';
    $test->hold($what, 'copy:1', before => ["SET pagila_repl.run_timeout = '10s'"]);
    $proxy->rule('silence');
    $test->let_go;
    ok(wait_until(sub { $test->is_over }, 30), "$what: the run ends");
    $proxy->rule('cut');
    $proxy->pass;
    $test->fails($what, '57014', status => 'failed');
    $test->heals('run_timeout');
    return;
}

sub reload {
    my $what = 'settings change while a run is under way';
    $test->hold($what, 'copy:1');
    my @changed = ("pagila_repl.run_timeout = '1s'", "pagila_repl.stall_timeout = '1s'", "pagila_repl.allowed_hosts = 'elsewhere'",
        "statement_timeout = '1s'", "lock_timeout = '1s'", "maintenance_work_mem = '64MB'", 'max_parallel_maintenance_workers = 0');
    $target->safe_psql('postgres', "SET statement_timeout = 0; LOAD 'pagila_repl'; ALTER SYSTEM SET $_") for @changed;
    $target->safe_psql('postgres', 'SELECT pg_reload_conf()');
    ok(wait_until(sub { $target->safe_psql('postgres', 'SHOW statement_timeout') eq '1s' }, 20), "$what: others see it");
    sleep 1.2;
    $test->succeeds($what);

    $what = 'the run after that';
    $test->change_source;
    $test->start(before => ['SET statement_timeout = 0']);
    $test->fails($what, '42501');
    like(last_run($target, 'error_message'), qr/may not be connected to/, "$what: goes by the new ones");
    $target->safe_psql('postgres', "SET statement_timeout = 0; LOAD 'pagila_repl'; ALTER SYSTEM RESET ALL");
    $target->safe_psql('postgres', 'SET statement_timeout = 0; SELECT pg_reload_conf()');
    ok(wait_until(sub { $target->safe_psql('postgres', 'SET statement_timeout = 0; SHOW lock_timeout') eq '0' }, 20), "$what: reset");
    $test->heals($what);
    return;
}

# The workers of a run read from the source that its leader has chosen, or not at all.
sub server_changed {
    my $other = new_node('settings_other', conf => "listen_addresses = '127.0.0.1'\n");
    $other->safe_psql('pagila', PullTest::bank(300));
    my $port = $proxy->port;
    for my $point (some_of(3, qw(snapshot:1 shape:1 copy:1))) {
        my $what = "the server is another at $point";
        $test->hold($what, $point);
        $target->safe_psql('pagila', 'ALTER SERVER source OPTIONS (SET port $$' . $other->port . '$$)');
        $test->is_whole($what);
        $target->safe_psql('pagila', "ALTER SERVER source OPTIONS (SET port '$port')");
    }
    for my $point (some_of(3, qw(copy:1 snapshot:1 shape:1))) {
        my $what = "the server is dropped at $point";
        $test->hold($what, $point);
        $target->safe_psql('pagila', 'DROP SERVER source CASCADE');
        $test->is_whole($what, '42704');
        add_source($target, 'source', port => $port);
    }
    $test->heals('another server');
    return;
}
