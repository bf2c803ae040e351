# A source at the end of a slow link is not a silent one: the pull goes on, progress can be seen, and only its own time limit
# ends it.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $test = PullTest->new('slow', proxy => 1, rows => 20000, conf => "pagila_repl.stall_timeout = '3s'\n");
my ($source, $target, $proxy) = @$test{ 'source', 'target', 'proxy' };

slow();
$test->done;

sub slow {
    my $what = 'a link of 20 KB/s';
    my $rows = q{SELECT coalesce(sum(rows), 0) FROM pagila_repl.progress};
    # Before the rows come: buffers on the way would hold many of them.
    $test->hold($what, 'shape:1', before => ["SET pagila_repl.run_timeout = '12s'"]);
    $proxy->plan(rate => 20000);
    $test->let_go;
    my @seen = 0;
    for (1 .. 3) {
        wait_until(sub { $target->safe_psql('pagila', $rows) > $seen[-1] }, 10);
        push @seen, $target->safe_psql('pagila', $rows);
    }
    ok($seen[1] < $seen[2] && $seen[2] < $seen[3], "$what: progress can be seen: @seen");
    $test->is_over_within($what, 60);
    $proxy->pass;
    $test->fails($what, '57014');
    like(last_run($target, 'error_message'), qr/run_timeout|took longer/, "$what: only the time for the whole run ends it");
    $test->heals($what);

    $what = 'a link of 500 KB/s that is far away';
    $test->change_source;
    $proxy->plan(rate => 500_000, delay => 0.05);
    $test->start;
    $test->succeeds($what);
    $proxy->pass;
    return;
}
