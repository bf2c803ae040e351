# Pulls whose caller is cancelled, terminated or vanishes: all processes stop, on both sides, and the target is as it was.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $test = PullTest->new('cancel_pull', conf => "client_connection_check_interval = 100\n");
my ($source, $target) = @$test{ 'source', 'target' };
my @points = qw(connect:1 lock:1 snapshot:1 plan:1 shape:1 copy:1 rows:1 index:1 index:6 verify:1 sequence:1 refresh:1
  analyze:1 publish:1);
my $kLimit = 30;
my @seconds;

for my $point (some_of(3, @points)) {
    stops("caller cancelled at $point", $point, sub { tell_caller('pg_cancel_backend') });
}
my @stops = (
    [ 'caller terminated' => sub { tell_caller('pg_terminate_backend') }, caller => '57P01' ],
    [ 'client killed' => sub { $test->{run}{harness}->signal('KILL') }, caller => '' ],
    [ 'pagila_cancel' => sub { $target->safe_psql('pagila', 'SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run') } ]);
for my $case (some_of(2, map { my $point = $_; map { [ $point, @$_ ] } @stops } qw(copy:1 publish:1))) {
    my ($point, $what, $stop, @options) = @$case;
    stops("$what at $point", $point, $stop, @options);
}
in_a_query_of_the_source();
in_the_background();
note sprintf('%d runs stopped, the slowest after %.2f s', scalar @seconds, (sort { $b <=> $a } @seconds)[0]);
$test->heals('cancelled');
$test->done;

sub stops {
    my ($what, $point, $stop, %options) = @_;
    $test->hold($what, $point);
    my @processes = run_processes($target);
    my $start = time;
    $stop->();
    ok(wait_until(sub { !grep { kill(0, $_) } @processes }, $kLimit), "$what: all processes are gone");
    push @seconds, time - $start;
    $test->fails($what, '57014', status => 'cancelled', %options);
    return;
}

sub tell_caller {
    my ($function) = @_;
    return $target->safe_psql('pagila', "SELECT $function(pid) FROM pg_stat_activity WHERE query ~ 'FROM pagila_replicate_from'
      AND pid <> pg_backend_pid() AND backend_type = 'client backend'");
}

# A source that is in the midst of sending rows is stopped there too.
sub in_a_query_of_the_source {
    my $what = 'cancelled while the source sends';
    $source->safe_psql('pagila', q{INSERT INTO bank.transfer (sender, receiver, amount, note)
      SELECT 1, 2, 3, repeat('more than fits between the two', 10) FROM generate_series(1, 100000)});
    $test->hold($what, 'copy:1');
    ok(wait_until(sub { $source->safe_psql('postgres',
        q{SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pagila_repl:%' AND wait_event = 'ClientWrite'}) >= 1 }, 20),
        "$what: it does");
    tell_caller('pg_cancel_backend');
    $test->fails($what, '57014', status => 'cancelled', within => 20);
    $source->safe_psql('pagila', q{DELETE FROM bank.transfer WHERE note LIKE 'more than fits%'});
    return;
}

sub in_the_background {
    my $what = 'nobody waits';
    $test->hold($what, 'copy:1', wait => 'false');
    ok(wait_until(sub { $test->is_over }, 20), "$what: the caller has gone");
    is($test->{run}{out}, "running\n", "$what: with a run under way");
    $test->let_go;
    is($target->safe_psql('pagila', 'SELECT status FROM pagila_wait((SELECT max(run_id) FROM pagila_repl.run))'), 'succeeded',
        "$what: it succeeds");
    $test->is_new($what);
    return;
}
