# Locks that others have on tables of the source when a pull wants to lock them: it waits only so long, and nobody else is told
# of a deadlock.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $test = PullTest->new('source_locks');
my ($source, $target) = @$test{ 'source', 'target' };

opposite_order();
before_the_snapshot();
unlike(slurp_file($source->logfile), qr/deadlock detected/, 'there was no deadlock');
$test->done;

# Who locks tables of the source in another order than the pull is not the one who is told of a deadlock.
sub opposite_order {
    for my $round (1 .. (is_long() ? 4 : 2)) {
        my $what = "tables of the source are locked in another order, round $round";
        my @tables = ('bank.account', 'bank.event', 'bank.transfer', 'bank.version');
        @tables = reverse @tables if $round % 2;
        $test->hold($what, 'snapshot:1');
        my $copy = copy_of($source);
        my $other = $source->background_psql('pagila', on_error_stop => 0);
        $other->query_safe("BEGIN; LOCK TABLE $tables[0] IN ACCESS EXCLUSIVE MODE");
        $test->let_go;
        ok(wait_until(sub { waits_for_lock() == 1 || $test->is_over }, 20), "$what: the pull waits");
        for my $table (@tables[ 1 .. 3 ]) {
            my (undef, $failed) = $other->query("LOCK TABLE $table IN ACCESS EXCLUSIVE MODE");
            ok(!$failed, "$what: the other goes on with $table") or diag $other->{stderr};
        }
        $other->query('ROLLBACK');
        $other->quit;
        $test->is_whole($what, [ '55P03', '40P01' ], copies => [$copy]);
    }

    # The circle closes by the pull's step, so it would be the other who looks for a deadlock first.
    my $what = 'tables of the source are locked in another order by one who has waited longer';
    my @order = slurp_file($source->logfile) =~ /LOCK TABLE (ONLY .*) IN ACCESS SHARE MODE/ ? $1 =~ /ONLY (\S+?)(?:,|$)/g : ();
    cmp_ok(scalar @order, '>=', 3, "$what: the order is known: @order");
    $test->hold($what, 'snapshot:1');
    my $copy = copy_of($source);
    my ($blocker, $other) = map { $source->background_psql('pagila', on_error_stop => 0) } 1, 2;
    $blocker->query_safe("BEGIN; LOCK TABLE $order[1] IN ACCESS EXCLUSIVE MODE");
    $other->query_safe("SET deadlock_timeout = '2s'; BEGIN; LOCK TABLE $order[2] IN ACCESS EXCLUSIVE MODE");
    $test->let_go;
    ok(wait_until(sub { waits_for_lock() == 1 }, 20), "$what: the pull waits for the second table");
    $other->query_until(qr/asked/, "\\echo asked\nLOCK TABLE $order[0] IN ACCESS EXCLUSIVE MODE;\n\\echo done\n");
    wait_until(sub { waits_for_lock() == 2 }, 1);
    $blocker->query_safe('ROLLBACK');
    $blocker->quit;
    $other->query_until(qr/done/, '');
    is($other->{stderr}, '', "$what: the other goes on");
    $other->query('ROLLBACK');
    $other->quit;
    $test->is_whole($what, [ '55P03', '40P01' ], copies => [$copy]);
    $test->heals('another order');
    return;
}

# Someone is at it already, or waits for his turn.
sub before_the_snapshot {
    my $what = 'a table is locked exclusively';
    my $other = $source->background_psql('pagila');
    $other->query_safe('BEGIN; TRUNCATE bank.transfer');
    $test->start;
    $test->fails($what, '55P03', within => 60);
    like(last_run($target, 'error_message, error_detail'), qr/transfer/, "$what: the table is named");

    $what = 'a table is about to be locked exclusively';
    my $reader = $source->background_psql('pagila');
    $other->query_safe('ROLLBACK');
    $reader->query_safe('BEGIN; SELECT * FROM bank.transfer LIMIT 1');
    $other->query_until(qr/asked/, "BEGIN;\n\\echo asked\nTRUNCATE bank.transfer;\n\\echo done\n");
    ok(wait_until(sub { waits_for_lock() == 1 }, 20), "$what: someone waits for a reader");
    $test->start;
    $test->fails($what, '55P03', within => 60);
    $reader->query_safe('COMMIT');
    $other->query_until(qr/done/, '');
    $other->query_safe('ROLLBACK');
    $_->quit for $reader, $other;
    no_source_residue($source, $what);
    $test->heals('before the snapshot');
    return;
}

sub waits_for_lock {
    return $source->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'});
}
