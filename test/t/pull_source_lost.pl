# A source that dies, or restarts and is back at once, while a pull reads it: the run fails with the source's reason, the target
# stays as it was, nothing is left on either side, and the next run succeeds. Rows of two snapshots never meet.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $test = PullTest->new('source_lost');
my $source = $test->{source};
my @lost = ('08006', '08001', '08003', '57P01', '57P02', '57P03');
$test->start_readers;

source_killed();
source_restarts();
$test->done;

sub source_killed {
    for my $point (some_of(4, qw(snapshot:1 fingerprint:1 shape:1 copy:1 copy:4 rows:1 index:1 verify:1))) {
        my $what = "source killed at $point";
        $test->hold($what, $point);
        $source->stop('immediate');
        $test->fails($what, \@lost, source_gone => 1, within => 30);
        $source->start;
        no_source_residue($source, $what);
        $test->heals($what);
    }
    # All is known by then.
    for my $point (some_of(2, qw(sequence:1 publish:1))) {
        my $what = "source killed at $point";
        $test->hold($what, $point);
        my $copy = copy_of($source);
        $source->stop('immediate');
        $test->succeeds($what, copies => [$copy], source_gone => 1);
        $source->start;
    }
    return;
}

# It is back at once, but the snapshot is gone, and what is there now is something else.
sub source_restarts {
    for my $point (some_of(3, qw(copy:1 shape:1 rows:2))) {
        my $what = "source restarts at $point";
        $test->hold($what, $point);
        $source->restart('immediate');
        $test->change_source;
        $test->is_whole($what, \@lost);
        $test->heals($what);
    }
    return;
}
