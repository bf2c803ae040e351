# A source that says nothing: half-open connections, a stopped server. Waiting ends by the connect and stall timeouts, and
# by cancel at any time.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $test = PullTest->new('silent', proxy => 1,
    conf => "pagila_repl.stall_timeout = '1500ms'\npagila_repl.connect_timeout = '1500ms'\n");
my ($source, $target, $proxy) = @$test{ 'source', 'target', 'proxy' };
my @points = qw(snapshot:1 fingerprint:1 shape:1 copy:1 copy:4 rows:1 verify:1);
$test->start_readers;

half_open();
stopped();
cancelled_while_silent();
$test->done;

# Neither side hears of the other any more.
sub half_open {
    {
        my $what = 'nobody answers a connection';
        $test->change_source;
        $proxy->plan(new => 'silence');
        $test->start;
        $test->fails($what, '08001', within => 30);
        $proxy->rule('cut');
        $proxy->pass;
    }
    for my $case (some_of(4, map { my $point = $_; map { [ $point, $_ ] } undef, $point =~ /copy/ ? ('client', 'server') : () } @points)) {
        my ($point, $side) = @$case;
        my $what = "half-open at $point" . ($side ? ", $side hears nothing" : '');
        $test->hold($what, $point);
        $proxy->plan(new => 'silence');
        $proxy->rule('silence', $side ? (side => $side) : ());
        $test->let_go;
        $test->is_over_within($what, 30);
        # The source cannot know yet. A relay answers for the network, so here nothing but its end tells the source.
        $proxy->rule('cut');
        $proxy->pass;
        $test->fails($what, [ '57014', '08001' ]);
        like(last_run($target, 'error_message, error_detail'), qr/stalled|no connection within|timeout expired/, "$what: it is said why");
    }
    $test->heals('half-open');
    return;
}

# The server's processes are there, and their kernel takes what is sent to them.
sub stopped {
    for my $case (some_of(4, map { my $point = $_; map { [ $point, $_ ] } $point eq 'copy:1' ? (0, 1) : 0 } @points)) {
        my ($point, $postmaster) = @$case;
        my $what = ($postmaster ? 'whole source' : 'sessions of the source') . " stopped at $point";
        $test->hold($what, $point);
        my @pids = sessions_of_pull();
        push @pids, (split /\n/, slurp_file($source->data_dir . '/postmaster.pid'))[0] if $postmaster;
        kill 'STOP', @pids;
        $test->let_go;
        $test->is_over_within($what, 30);
        kill 'CONT', @pids;
        $test->fails($what, [ '57014', '08001' ]);
        like(last_run($target, 'error_message, error_detail'), qr/stalled|no connection within|timeout expired/, "$what: it is said why");
    }
    $test->heals('stopped');
    return;
}

# However the source keeps silent, a cancel does not wait for it.
sub cancelled_while_silent {
    for my $point (some_of(2, qw(connect:1 shape:1 copy:1 verify:1))) {
        my $what = "cancelled while the source is silent at $point";
        $target->safe_psql('pagila', "LOAD 'pagila_repl'; ALTER DATABASE pagila SET pagila_repl.stall_timeout = 0");
        $test->hold($what, $point);
        $proxy->plan(new => 'silence');
        $proxy->rule('silence');
        $test->let_go;
        $target->safe_psql('pagila', 'SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run');
        $test->is_over_within($what, 10);
        $proxy->rule('cut');
        $proxy->pass;
        $test->fails($what, '57014', status => 'cancelled');
        $target->safe_psql('pagila', "LOAD 'pagila_repl'; ALTER DATABASE pagila RESET pagila_repl.stall_timeout");
    }
    return;
}

sub sessions_of_pull {
    return split /\n/, $source->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE datname = 'pagila'
      AND backend_type = 'client backend' AND application_name <> current_setting('application_name')});
}
