# Someone calls for a run of a job at the moment at which it is due: one of the two is done, and the other says why it is not.
use strict;
use warnings;
use lib 'test/t';
use JobTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $test = JobTest->new('job_called_for_meanwhile');
my $target = $test->{target};
$test->schedule('copy', '1 hour', "'source'");
$test->runs('copy', 1, 'succeeded', 'the job runs');

# The scheduler has seen that no run is under way, but has not started the leader yet.
my ($gate, $other_gate) = map { write_file(PostgreSQL::Test::Utils::tempdir . "/$_", '') } 'gate', 'other_gate';
set_fault($target, "schedule:1:wait:$gate");
$test->change_source;
$test->time_passes(3600);
ok(wait_until(sub { is_held($gate) }, 30), 'a run is about to be started');
set_fault($target, "copy:1:wait:$other_gate");
is($test->sql("SELECT status FROM pagila_run_job('copy', wait => false)"), 'running', 'another one is called for');
ok(wait_until(sub { is_held($other_gate) }, 30), 'and under way');
clear_fault($target);
unlink $gate;

$test->job_is('copy', 'last_status', 'failed', 'the one that was due is not done');
is($test->sql(q{SELECT kind, sqlstate, error_message FROM pagila_repl.run WHERE status = 'failed'}),
    'replicate|55P03|a run of the job is under way', 'and says why');
my $called = $test->sql(q{SELECT run_id FROM pagila_repl.run WHERE status = 'running'});
$test->sql("SELECT pagila_cancel($called)");
ok(wait_until(sub { $test->sql("SELECT status FROM pagila_repl.run WHERE run_id = $called") eq 'cancelled' }, 30),
    'the other one can be cancelled');
# While it is there, it will do for what is due.
ok(wait_until(sub { leader_pid($target) eq '' }, 30), 'it is gone');
$test->time_passes(20);
$test->job_is('copy', "last_status || ' ' || failures", 'succeeded 0', 'the job is tried again');
$test->done;

sub is_held {
    my ($file) = @_;
    my @held = glob("$file.*");
    return @held > 0;
}
