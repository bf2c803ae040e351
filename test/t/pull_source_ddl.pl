# Tables of the source that are emptied, rewritten, dropped or altered while a pull reads them: who wants to do so waits for
# the pull, or the pull fails at once; a copy is whole or there is none.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $test = PullTest->new('source_ddl');
my ($source, $target) = @$test{ 'source', 'target' };

after_the_snapshot();
between_reading_and_locking();
$test->done;

sub after_the_snapshot {
    my %changes = (
        truncated => 'TRUNCATE bank.transfer',
        rewritten => 'ALTER TABLE bank.transfer ALTER note TYPE varchar(500), ALTER sender TYPE bigint',
        dropped => 'DROP TABLE bank.transfer',
        'emptied in a partition' => 'TRUNCATE bank.event_2022');
    my @cases;
    for my $point (qw(fingerprint:1 shape:1 copy:1 rows:1 verify:1)) {
        for my $change ($point =~ /fingerprint/ ? 'truncated' : reverse sort keys %changes) {
            push @cases, map { [ $point, $change, $_ ] } $change eq 'truncated' && $point =~ /copy|rows/ ? (2, 1) : 2;
        }
    }
    for my $case (some_of(6, @cases)) {
        my ($point, $change, $workers) = @$case;
        my $what = "table $change at $point, $workers workers";
        $test->hold($what, $point, workers => $workers);
        # Which is the source as the pull sees it: nobody else writes.
        my $copy = copy_of($source);
        my $other = $source->background_psql('pagila', on_error_stop => 0);
        $other->query_until(qr/asked/, "BEGIN;\n\\echo asked\n$changes{$change};\n\\echo changed\n");
        ok(wait_until(sub { waits_for_lock() == 1 }, 20), "$what: who wants to do it waits");
        $test->let_go;
        $test->is_over_within($what, 60);
        $other->query_until(qr/changed/, '');
        $other->query_safe('ROLLBACK');
        $other->quit;
        my $status = $test->is_whole($what, '55P03', copies => [$copy]);
        # One process has all the locks already.
        is($status, 'succeeded', "$what: nothing stands in the way") if $workers == 1;
    }
    $test->heals('after the snapshot');
    return;
}

sub between_reading_and_locking {
    $source->safe_psql('pagila', 'CREATE TABLE bank.note AS SELECT 1 AS i');
    my $what = 'a column comes between reading the catalog and locking';
    $test->hold($what, 'snapshot:1');
    $source->safe_psql('pagila', 'ALTER TABLE bank.account ADD COLUMN remark text DEFAULT $$none$$');
    $test->succeeds($what);

    my %changes = (
        'a column is dropped' => 'ALTER TABLE bank.account DROP COLUMN remark',
        'a table is created' => 'CREATE TABLE bank.more AS SELECT 1 AS i',
        'a table is renamed' => 'ALTER TABLE bank.more RENAME TO less',
        'a table is dropped' => 'DROP TABLE bank.less',
        'a table is replaced by one of its name' =>
          'ALTER TABLE bank.note RENAME TO gone; CREATE TABLE bank.note AS SELECT * FROM bank.gone; DROP TABLE bank.gone',
        'a table is emptied' => 'TRUNCATE bank.event',
        'a partition comes' => q{CREATE TABLE bank.event_2024 PARTITION OF bank.event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')},
        'a partition goes' => 'DROP TABLE IF EXISTS bank.event_2024',
        'a schema comes' => 'CREATE SCHEMA branch; CREATE TABLE branch.t AS SELECT 1 AS i');
    my @order = ('a column is dropped', 'a table is created', 'a table is renamed', 'a table is dropped',
        'a table is replaced by one of its name', 'a table is emptied', 'a partition comes', 'a partition goes', 'a schema comes');
    my %is_tried = map { $_ => 1 } some_of(3, @order);
    for my $change (@order) {
        $what = "$change between reading the catalog and locking";
        $test->hold($what, 'snapshot:1') if $is_tried{$change};
        $source->safe_psql('pagila', $changes{$change});
        $test->succeeds($what) if $is_tried{$change};
    }

    $what = 'tables change all the time';
    my $stop = $source->background_psql('pagila');
    $stop->query_safe('SELECT pg_advisory_lock(1)');
    my $other = $source->background_psql('pagila');
    # Each change waits until somebody waits for its end, which only the pull does.
    $other->query_until(qr/going/, q{CREATE PROCEDURE public.change() LANGUAGE plpgsql AS $$
      BEGIN
        WHILE NOT pg_try_advisory_lock(1) LOOP
          ALTER TABLE bank.version ADD COLUMN more integer;
          ALTER TABLE bank.version DROP COLUMN more;
          FOR i IN 1 .. 1000 LOOP
            EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT granted) OR pg_try_advisory_lock(1);
            PERFORM pg_sleep(0.01);
          END LOOP;
          COMMIT;
        END LOOP;
      END $$;
\echo going
CALL public.change();
\echo gone
});
    $test->start;
    $test->is_over_within($what, 60);
    $stop->quit;
    $other->query_until(qr/gone/, '');
    $other->quit;
    $source->safe_psql('pagila', 'DROP PROCEDURE public.change()');
    $test->fails($what, [ '55000', '55P03' ]);
    $test->heals($what);
    return;
}

sub waits_for_lock {
    return $source->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'});
}
