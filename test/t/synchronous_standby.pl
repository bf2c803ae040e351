# A synchronous standby that is down: sessions wait for it with their commits, runs do not. They end, can be cancelled, give their
# locks back, and the server stops when it is told to.
use strict;
use warnings;
use lib 'test/t';
use JobTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $test = JobTest->new('synchronous_standby', streaming => 1);
my ($source, $target) = @$test{ 'source', 'target' };
# As the connections of this test would wait, too.
$ENV{PGOPTIONS} = '-c synchronous_commit=local';
$test->schedule('copy', '1 hour', "'source'");
$test->runs('copy', 1, 'succeeded', 'a job runs');
$test->set("synchronous_standby_names = 'nobody'");
ok(wait_until(sub { $test->sql('SHOW synchronous_standby_names') eq 'nobody' }, 30), 'there is a synchronous standby, which is down');

$test->change_source;
$test->time_passes(3600);
$test->runs('copy', 2, 'succeeded', 'a run does not wait for it');
is(copy_of($target), copy_of($source), 'and readers see what it has brought');
is($test->sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'}), '0', 'nobody waits');

$test->change_source;
$test->hold_at('copy:1');
$test->time_passes(3600);
$test->is_held('a run');
$test->sql('SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run');
$test->runs('copy', 3, 'cancelled', 'it can be cancelled');
$test->let_go;
$test->hold_at('copy:1');
$test->time_passes(3600);
$test->is_held('another run');
clear_fault($target);
my (undef, $err) = run_command([ 'pg_ctl', '-w', '-t', '20', '-D', $target->data_dir, '-m', 'fast', 'stop' ]);
is($err, '', 'the server stops while it is under way');
$target->_update_pid(0);
unlink $test->{gate}, glob("$test->{gate}.*");
$target->start;
$test->runs('copy', 5, 'succeeded', 'after the restart it is done');
like($test->statuses('copy'), qr/ aborted succeeded$/, 'it was aborted');
$test->set('synchronous_standby_names = $$$$');
$test->done;
