# Connections to the source that break while a pull needs them: whichever it is, the run fails, the target stays as it was,
# nothing is left on either side, and the next run succeeds.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $test = PullTest->new('cut_off', proxy => 1, rows => 20000);
my ($source, $proxy) = @$test{ 'source', 'proxy' };
my @lost = ('08006', '08001', '08003', '57P01', '57P02', '57P03');
$test->start_readers;

connections_cut();
$test->done;

sub connections_cut {
    my @ways = ('rst', 'fin');
    # Which connection; where: in its answers, in its rows, or as soon as it is used again.
    my %cuts = (
        'while connecting' => [ at => 30 ],
        'while the catalog is read' => [ said => 'pg_class' ],
        'while the tables are locked' => [ said => 'LOCK TABLE' ],
        'while pg_dump connects' => [ match => 'pg_dump', at => 30 ],
        'while pg_dump reads' => [ match => 'pg_dump', at => 20000 ],
        'in the first rows of a worker' => [ match => 'worker', of => 'copy', at => 10 ],
        'amidst the rows of a worker' => [ match => 'worker', of => 'copy', at => 200000 ],
        'as a worker joins the snapshot' => [ match => 'worker', said => 'SET TRANSACTION SNAPSHOT' ],
        'as a worker verifies' => [ match => 'worker', said => 'hash_record' ]);
    for my $case (some_of(5, map { my $how = $_; map { [ $how, $_ ] } sort keys %cuts } @ways)) {
        my ($how, $where) = @$case;
        my $what = "connection cut $where ($how)";
        $test->change_source;
        $proxy->rule('cut', how => $how, @{ $cuts{$where} });
        $test->start;
        $test->fails($what, \@lost, within => 30);
        cmp_ok($proxy->fired, '>', 0, "$what: it was");
        $proxy->pass;
    }
    # The locks and the snapshot are its own, so nothing can be trusted any more.
    for my $case (some_of(4, map { my $how = $_; map { [ $how, $_ ] } qw(fingerprint:1 shape:1 copy:1 rows:1 verify:1) } @ways)) {
        my ($how, $point) = @$case;
        my $what = "connection of the leader cut at $point ($how)";
        $test->hold($what, $point);
        $proxy->rule('cut', how => $how, match => 'leader');
        is($proxy->fired, 1, "$what: it was");
        $proxy->pass;
        # pg_dump only finds no snapshot to join.
        $test->fails($what, $point =~ /fingerprint/ ? [ @lost, '55000' ] : \@lost, within => 30);
    }
    $test->heals('connections cut');
    return;
}
