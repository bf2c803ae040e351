# Others who use the target while a pull publishes: long readers, other lock orders, dependents elsewhere. Readers are held up
# for a moment at most, and never told an error.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $test = PullTest->new('swap');
my ($source, $target) = @$test{ 'source', 'target' };
$test->start_readers;

long_reader();
opposite_order();
dependents_elsewhere();
unlike(slurp_file($target->logfile), qr/deadlock detected/, 'nobody on the target was told of a deadlock');
$test->done;

sub long_reader {
    my $what = 'a reader does not end';
    my $reader = $target->background_psql('pagila');
    $reader->query_safe('BEGIN; SELECT count(*) FROM bank.account');
    $test->change_source;
    $test->start(before => ["SET pagila_repl.swap_budget = '2s'"]);
    # Others read on meanwhile, each held up for a moment at most.
    my $slowest = 0;
    while (!$test->is_over) {
        my $start = time;
        $target->safe_psql('pagila', 'SELECT count(*) FROM bank.transfer');
        my $took = time - $start;
        $slowest = $took if $took > $slowest;
    }
    note sprintf('%s: the slowest read took %.0f ms', $what, 1000 * $slowest);
    cmp_ok($slowest, '<', 5, "$what: others can read");
    $test->fails($what, '55P03', phase => 'publish');
    is($reader->query_safe('SELECT count(*) FROM bank.account'), '500', "$what: it goes on");

    $what = 'a reader ends in time';
    $test->change_source;
    $test->start;
    ok(wait_until(sub { last_run($target, 'phase') eq 'publish' }, 60), "$what: the run waits for it");
    is($reader->query_safe('SELECT count(*) FROM bank.transfer WHERE id > 0') >= 2000, 1, "$what: it reads on");
    $reader->query_safe('COMMIT');
    $reader->quit;
    $test->succeeds($what);
    return;
}

# On the target: transactions that use tables in one order and then the other.
sub opposite_order {
    my @tables = qw(bank.account bank.event bank.summary bank.transfer bank.version);
    for my $round (some_of(2, 0, 1)) {
        my $what = "tables are used in another order, round $round";
        my @order = $round ? @tables : reverse @tables;
        my $reader = $target->background_psql('pagila');
        $reader->query_safe("BEGIN; SELECT count(*) FROM $order[0]");
        $test->change_source;
        $test->start;
        ok(wait_until(sub { last_run($target, 'phase') eq 'publish' }, 60), "$what: the run wants to publish");
        for my $table (@order[ 1 .. 4 ], @order) {
            $reader->query_safe("SELECT count(*) FROM $table");
        }
        $reader->query_safe('COMMIT');
        $reader->quit;
        $test->succeeds($what);

        # With its shape the run takes locks too, on the schemas.
        $what = "definitions are being changed, round $round";
        $test->hold($what, 'plan:1');
        my $other = $target->background_psql('pagila', on_error_stop => 0);
        $other->query_safe("BEGIN; COMMENT ON SCHEMA bank IS 'changed by hand'; LOCK TABLE $order[0] IN SHARE MODE");
        $test->let_go;
        ok(wait_until(sub { $target->safe_psql('pagila',
            q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'}) > 0 || $test->is_over }, 60), "$what: the run waits");
        for my $table (@order[ 1 .. 4 ]) {
            (my $answer, my $failed) = $other->query("SELECT count(*) FROM $table");
            ok(!$failed, "$what: who does so can go on with $table") or diag $other->{stderr};
        }
        $other->query_safe('ROLLBACK');
        $other->quit;
        $test->succeeds($what);
    }
    return;
}

sub dependents_elsewhere {
    my %made = (
        'a view' => 'CREATE VIEW app.rich AS SELECT * FROM bank.account WHERE balance > 100',
        'a foreign key' => 'CREATE TABLE app.card (account integer REFERENCES bank.account)',
        'a function' => 'CREATE FUNCTION app.first() RETURNS bank.account LANGUAGE sql BEGIN ATOMIC SELECT * FROM bank.account LIMIT 1; END');
    for my $kind (some_of(2, sort keys %made)) {
        my $what = "$kind in another schema depends on the copy";
        $target->safe_psql('pagila', "CREATE SCHEMA app; $made{$kind}");
        my $app = $target->safe_psql('pagila', q{SELECT count(*) FROM pg_depend WHERE refobjid = 'app'::regnamespace});
        $test->{old} = copy_of($target);
        $test->change_source;
        $test->start;
        $test->fails($what, '2BP01');
        like(last_run($target, 'error_detail'), qr/app\./, "$what: it is named");
        is($target->safe_psql('pagila', q{SELECT count(*) FROM pg_depend WHERE refobjid = 'app'::regnamespace}), $app,
            "$what: it is there still");
        $test->start(on_dependents => "'drop'");
        $test->is_over_within($what, 60);
        is($test->{run}{out}, "succeeded\n", "$what: with permission it is dropped") or diag $test->{run}{err};
        $target->safe_psql('pagila', 'DROP SCHEMA app CASCADE');
        $test->is_new($what);
    }
    return;
}
