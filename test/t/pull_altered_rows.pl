# Rows that are changed, lost or doubled on the way: none of it is accepted, be it well-formed or not.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $test = PullTest->new('altered_rows', proxy => 1, rows => 20000, conf => "pagila_repl.stall_timeout = '3s'\n");
my ($source, $target, $proxy) = @$test{ 'source', 'target', 'proxy' };
$test->start_readers;

scrambled_rows();
rows_altered();
$test->done;

sub scrambled_rows {
    my %outcomes;
    for my $seed (some_of(5, 1 .. 10)) {
        my $what = "scrambled rows, seed $seed";
        $test->change_source;
        $proxy->rule('scramble', match => 'worker', of => 'copy', every => 300_000, seed => $seed);
        $test->start;
        $test->is_over_within($what, 60);
        my $fired = $proxy->fired;
        $proxy->pass;
        my ($status, $state) = split /\|/, last_run($target, 'status, sqlstate');
        $outcomes{"$fired bytes: $status $state"}++;
        $test->is_whole($what);
    }
    note join "\n", map { "$outcomes{$_} x $_" } sort keys %outcomes;
    for my $at (some_of(3, 0, 10, 19, 20, 25, 1000, 100_000)) {
        my $what = "byte $at of a worker's rows is another";
        $test->change_source;
        $proxy->rule('flip', match => 'worker', of => 'copy', at => $at, most => 1);
        $test->start;
        $test->is_over_within($what, 60);
        is($proxy->fired, 1, "$what: it was");
        $proxy->pass;
        # Some bytes say nothing that the type does not put right, such as the scale of a numeric.
        $test->is_whole($what);
    }
    $test->change_source;
    $test->heals('scrambled rows');
    return;
}

# Rows that are well-formed, but not those of the source.
sub rows_altered {
    my %ways = (
        'a text is another' => [ replace => find => 'transfer number 15000', with => 'transfer number 51000' ],
        'a row is missing' => [ drop => at => 700, most => 1 ],
        'a row comes twice' => [ duplicate => at => 700, most => 1 ],
        'all rows but the first come twice' => ['duplicate']);
    for my $way (some_of(2, sort keys %ways)) {
        my $what = "rows altered on the way: $way";
        my ($action, @rule) = @{ $ways{$way} };
        $test->change_source;
        $proxy->rule($action, match => 'worker', @rule);
        $test->start;
        $test->is_over_within($what, 60);
        cmp_ok($proxy->fired, '>', 0, "$what: they were");
        $proxy->pass;
        my $state = last_run($target, 'sqlstate');
        $test->fails($what, $way =~ /text/ ? 'XX001' : [ 'XX001', '22P04', '23505' ]);
        like(last_run($target, 'error_detail'), qr/bank\.?"?\.?"?transfer|transfer/, "$what: the table is named") if $way =~ /text/;
    }
    $test->heals('rows altered');
    return;
}
