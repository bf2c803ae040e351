# What counts as a change of the target since it was loaded, and what does not; what becomes of changes; and the record of
# runs when it cannot be written.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('drift', faults => 1, conf => "autovacuum = off\n");
my $dir = PostgreSQL::Test::Utils::tempdir;
my $shop = slurp_file('test/dumps/shop.sql');
$shop =~ s/(?=REFRESH MATERIALIZED)/ALTER TABLE shop.sale CLUSTER ON sale_pkey;\n\n/ or die 'no refresh';
my $dump = write_file("$dir/shop.sql", $shop);
my $other = write_file("$dir/other.sql", $shop =~ s/10\.00/11.00/r);
my $gate = "$dir/gate";

is(status(), 'succeeded', 'a copy loads');
$node->safe_psql('pagila', 'CREATE ROLE guest');
my $content = content($node);

# Not changes: the same rows under the same definitions, however they came about.
my @harmless = (
    'UPDATE shop.sale SET amount = amount',
    'INSERT INTO shop.sale VALUES (9, 1, NULL, 1); DELETE FROM shop.sale WHERE sale_id = 9',
    'DELETE FROM shop.sale WHERE sale_id = 1; INSERT INTO shop.sale VALUES (1, 1, \'red\', 10)',
    'BEGIN; TRUNCATE shop.sale; ROLLBACK',
    'BEGIN; ALTER TABLE shop.sale ADD x integer; ROLLBACK',
    'BEGIN; SELECT * FROM shop.sale FOR UPDATE; COMMIT',
    'BEGIN; LOCK TABLE shop.sale; COMMIT',
    'VACUUM shop.sale', 'VACUUM FREEZE shop.sale', 'VACUUM FULL shop.sale', 'CLUSTER shop.sale', 'ANALYZE', 'REINDEX SCHEMA shop',
    'REFRESH MATERIALIZED VIEW shop.totals',
    "SELECT setval('shop.customer_customer_id_seq', 2)",
    'CREATE TABLE shop.passing (); DROP TABLE shop.passing',
    'CREATE SCHEMA beside; CREATE TABLE beside.t (); DROP SCHEMA beside CASCADE',
    'CHECKPOINT');
for my $sql (some_of(2, @harmless)) {
    # Statement by statement: VACUUM and its like run in no transaction.
    is_deeply([ grep { $_ ne '00000' } sqlstates($node, [ split /; /, $sql ]) ], [], $sql);
    is(status(), 'skipped', "$sql: not a change");
}
$node->restart;
is(status(), 'skipped', 'nor is a restart');
is_unchanged($node, $content, 'what is no change');

# Changes, and how they are called. That every property is looked at, drift_properties.pl shows.
my %change = (
    'UPDATE shop.sale SET amount = 1 WHERE sale_id = 1' => 'table shop.sale has other rows',
    'INSERT INTO shop.sale VALUES (9, 1, NULL, 1)' => 'table shop.sale has other rows',
    'DELETE FROM shop.sale WHERE sale_id = 3' => 'table shop.sale has other rows',
    'TRUNCATE shop.sale' => 'table shop.sale has other rows',
    'UPDATE shop.sale SET colour = CASE sale_id WHEN 1 THEN \'blue\' ELSE \'red\' END::shop.colour WHERE sale_id < 3'
      => 'table shop.sale has other rows',
    "SELECT nextval('shop.customer_customer_id_seq')" => 'sequence shop.customer_customer_id_seq has advanced',
    'ALTER TABLE shop.sale ADD x integer' => 'table shop.sale was altered',
    'ALTER TABLE shop.sale RENAME amount TO price' => 'table shop.sale was altered',
    'ALTER TABLE shop.sale ALTER colour DROP DEFAULT' => 'table shop.sale was altered',
    'ALTER TABLE shop.sale DROP CONSTRAINT sale_customer_id_fkey' => 'table shop.sale was altered',
    'ALTER TABLE shop.sale ADD CHECK (amount > 0)' => 'table shop.sale was altered',
    'ALTER TABLE shop.sale ENABLE ROW LEVEL SECURITY' => 'table shop.sale was altered',
    'ALTER TABLE shop.sale SET (fillfactor = 50)' => 'table shop.sale was altered',
    'ALTER TABLE shop.sale OWNER TO guest' => 'table shop.sale was altered',
    'GRANT SELECT ON shop.sale TO guest' => 'table shop.sale was altered',
    'GRANT SELECT (amount) ON shop.sale TO guest' => 'table shop.sale was altered',
    "COMMENT ON TABLE shop.sale IS 'mine'" => 'table shop.sale was altered',
    "COMMENT ON COLUMN shop.sale.amount IS 'mine'" => 'table shop.sale was altered',
    'CREATE TRIGGER t BEFORE UPDATE ON shop.sale FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'
      => 'table shop.sale was altered',
    'DROP INDEX shop.sale_colour_idx' => 'index shop.sale_colour_idx was dropped',
    'DROP VIEW shop.sales' => 'view shop.sales was dropped',
    'CREATE OR REPLACE VIEW shop.sales AS SELECT name, amount, 1 AS twice FROM shop.customer, shop.sale'
      => 'view shop.sales was altered',
    'CREATE OR REPLACE FUNCTION shop.twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$SELECT $1$$'
      => 'function shop.twice(integer) was altered',
    'ALTER FUNCTION shop.twice(integer) SECURITY DEFINER' => 'function shop.twice(integer) was altered',
    "ALTER TYPE shop.colour ADD VALUE 'green'" => 'type shop.colour was altered',
    "ALTER TYPE shop.colour RENAME VALUE 'blue' TO 'green'" => 'type shop.colour was altered',
    'ALTER SEQUENCE shop.customer_customer_id_seq INCREMENT 2' => 'sequence shop.customer_customer_id_seq was altered',
    'ALTER TABLE shop.sale RENAME TO sold' => 'table shop.sale was altered',
    'DROP SCHEMA shop CASCADE' => 'table shop.sale was dropped');
for my $sql (some_of(3, sort keys %change)) {
    $node->safe_psql('pagila', $sql);
    my $changed = content($node);
    my (undef, $err) = run_sql($node, load_sql($dump, undef));
    is(sqlstate_of($err), '55000', "$sql: a change, refused");
    like($err, qr/^(DETAIL:  )?\Q$change{$sql}\E$/m, "$sql: named");
    is_unchanged($node, $changed, $sql);
    is((run_sql($node, load_sql($other, undef)))[0], '', "$sql: no other dump may overwrite it either");
    is(status(on_modified => "'overwrite'"), 'succeeded', "$sql: overwritten on request");
    like(last_run($node, 'message'), qr/overwritten: .*\Q$change{$sql}\E/, "$sql: which the message tells");
    ok(content($node) eq $content, "$sql: nothing of it is left");
}
no_residue($node, 'after changes');

# Objects that no run has made.
my %unmanaged = (
    'CREATE TABLE shop.mine (a integer)' => 'table shop.mine',
    'CREATE TABLE shop.mine (a integer PRIMARY KEY)' => 'table shop.mine',
    'CREATE INDEX mine ON shop.sale (amount)' => 'index shop.mine',
    'CREATE VIEW shop.mine AS SELECT 1' => 'view shop.mine',
    'CREATE MATERIALIZED VIEW shop.mine AS SELECT * FROM shop.sale' => 'materialized view shop.mine',
    'CREATE SEQUENCE shop.mine' => 'sequence shop.mine',
    'CREATE FUNCTION shop.mine() RETURNS integer LANGUAGE sql AS $$SELECT 1$$' => 'function shop.mine()',
    'CREATE TYPE shop.mine AS (a integer)' => 'type shop.mine',
    'CREATE DOMAIN shop.mine AS integer' => 'type shop.mine',
    'CREATE OPERATOR shop.### (RIGHTARG = integer, FUNCTION = shop.twice)' => 'operator shop.###(NONE,integer)',
    'CREATE AGGREGATE shop.mine(integer) (SFUNC = int4pl, STYPE = integer)' => 'function shop.mine(integer)',
    'CREATE COLLATION shop.mine (LOCALE = \'C\')' => 'collation shop.mine',
    'CREATE STATISTICS shop.mine ON amount, colour FROM shop.sale' => 'statistics object shop.mine',
    'CREATE TEXT SEARCH CONFIGURATION shop.mine (PARSER = default)' => 'text search configuration shop.mine');
for my $sql (some_of(3, sort keys %unmanaged)) {
    $node->safe_psql('pagila', $sql);
    my $changed = content($node);
    my (undef, $err) = run_sql($node, load_sql($other, undef, on_modified => "'overwrite'"));
    is(sqlstate_of($err), '2BP01', "$sql: no run has made it, refused");
    like($err, qr/^(DETAIL:  )?\Q$unmanaged{$sql}\E$/m, "$sql: named");
    is_unchanged($node, $changed, $sql);
    is(status(on_unmanaged => "'drop'"), 'succeeded', "$sql: dropped on request");
    like(last_run($node, 'message'), qr/dropped: .*\Q$unmanaged{$sql}\E/, "$sql: which the message tells");
    ok(content($node) eq $content, "$sql: nothing of it is left");
}
no_residue($node, 'after objects of others');

# A schema that no run has loaded is not replaced.
$node->safe_psql('pagila', 'CREATE SCHEMA depot; CREATE TABLE depot.mine AS SELECT 1 AS a');
my $depot = write_file("$dir/depot.sql", $shop =~ s/\bshop\b/depot/gr);
my (undef, $err) = run_sql($node, load_sql($depot, undef));
is(sqlstate_of($err), '2BP01', 'a schema of others is not replaced');
like($err, qr/table depot\.mine/, 'and what is in it is named');
is($node->safe_psql('pagila', 'SELECT a FROM depot.mine'), 1, 'it is as it was');
$node->safe_psql('pagila', 'DROP TABLE depot.mine');
is((run_sql($node, load_sql($depot, undef)))[0], 'succeeded', 'an empty one is filled');
$node->safe_psql('pagila', 'DROP SCHEMA depot CASCADE');

# Changes while a run is under way.
{
    my $run = hold('analyze');
    $node->safe_psql('pagila', 'UPDATE shop.sale SET amount = 1 WHERE sale_id = 1');
    my $changed = content($node, undef, own => 'pagila_repl*');
    is(let_go($run), 'failed 55000', 'rows changed during the run: it fails');
    is_unchanged($node, $changed, 'rows changed during the run');
    is(status(on_modified => "'overwrite'"), 'succeeded', 'rows changed during the run: overwritten on request');

    $run = hold('analyze');
    $node->safe_psql('pagila', 'CREATE TABLE shop.mine (a integer)');
    $changed = content($node, undef, own => 'pagila_repl*');
    is(let_go($run), 'failed 2BP01', 'table made during the run: it fails');
    is_unchanged($node, $changed, 'table made during the run');
    $node->safe_psql('pagila', 'DROP TABLE shop.mine');
    no_residue($node, 'after changes during runs');

    # A writer that is not done when the run wants to publish.
    for my $end ('COMMIT', 'ROLLBACK') {
        my $writer = $node->background_psql('pagila');
        $writer->query_safe('BEGIN; UPDATE shop.sale SET amount = 2 WHERE sale_id = 1');
        my $waiting = $node->safe_psql('pagila', load_sql($other, undef, wait => 'false') =~ s/status/run_id/r);
        ok(wait_until(sub { last_run($node, 'phase') eq 'publish' }, 60), "$end of a writer: the run waits for it");
        $writer->query_safe($end);
        $writer->quit;
        is(outcome($waiting), $end eq 'COMMIT' ? 'failed 55000' : 'succeeded', "$end of a writer: and heeds what it did");
        is($node->safe_psql('pagila', 'SELECT amount FROM shop.sale WHERE sale_id = 1'), $end eq 'COMMIT' ? '2.00' : '11.00',
            "$end of a writer: nothing is lost");
        is(status(on_modified => "'overwrite'"), 'succeeded', "$end of a writer: overwritten on request");
    }
    no_residue($node, 'after writers');
}

# The record of runs cannot be written: no success without its row, and nothing of the new copy.
my %unwritable = (
    'the run is deleted' => [ 'DELETE FROM pagila_repl.run WHERE run_id = %d', '', '' ],
    'a column is renamed' => [ 'ALTER TABLE pagila_repl.run RENAME message TO said',
        'ALTER TABLE pagila_repl.run RENAME said TO message', 'running ' ],
    'its success is refused' => [ q{ALTER TABLE pagila_repl.run ADD CONSTRAINT no CHECK (status <> 'succeeded') NOT VALID},
        'ALTER TABLE pagila_repl.run DROP CONSTRAINT no', 'failed 23514' ],
    'the manifest is gone' => [ 'ALTER TABLE pagila_repl.copy RENAME TO copies',
        'ALTER TABLE pagila_repl.copies RENAME TO copy', 'failed 42P01' ]);
for my $what (sort keys %unwritable) {
    my ($break, $mend, $recorded) = @{ $unwritable{$what} };
    my $run = hold('refresh');
    $node->safe_psql('pagila', sprintf($break, $run));
    unlink $gate;
    ok(wait_until(sub { leader_pid($node) eq '' }, 60), "$what: the run ends");
    $node->safe_psql('pagila', $mend) if $mend;
    is(outcome_now($run), $recorded, "$what: no success");
    ok(content($node, undef, own => 'pagila_repl*') eq $content, "$what: target unchanged");
    is((run_sql($node, load_sql($other, undef)))[0], 'succeeded', "$what: mended, the next run succeeds");
    is(outcome_now($run), 'crashed 57P02', "$what: which marks the one that could not") if $recorded eq 'running ';
    is(status(), 'succeeded', "$what: and the one after");
    ok(content($node) eq $content, "$what: with all it holds");
    no_residue($node, $what);
}

# A lock on the record holds the run up; let go of, it goes on.
{
    my $run = hold('refresh');
    my $locker = $node->background_psql('pagila');
    $locker->query_safe('BEGIN; LOCK TABLE pagila_repl.run IN SHARE MODE');
    unlink $gate;
    ok(wait_until(sub { $node->safe_psql('pagila', q{SELECT count(*) FROM pg_stat_activity
        WHERE backend_type = 'pagila_repl leader' AND wait_event_type = 'Lock'}) eq '1' }, 60), 'the run waits for its record');
    ok(content($node, undef, own => 'pagila_repl*') eq $content, 'the target is as it was meanwhile');
    $locker->query_safe('COMMIT');
    $locker->quit;
    is(outcome($run), 'succeeded', 'once the record can be written the run succeeds');
    is(status(), 'succeeded', 'and so does the next');
}
done_testing();

# What a load of the dump comes to.
sub status {
    my (%options) = @_;
    my ($status, $error) = run_sql($node, load_sql($dump, undef, %options));
    diag $error if $status eq '';
    return $status;
}

# A run that makes the other copy, held at a site until let_go; its number.
sub hold {
    my ($site) = @_;
    write_file($gate, '');
    set_fault($node, "$site:1:wait:$gate");
    my ($run, $error) = run_sql($node, load_sql($other, undef, wait => 'false') =~ s/status/run_id/r);
    clear_fault($node);
    ok(wait_until(sub { is_stalled($node) }, 60), "a run is held at $site") or diag $error;
    return $run;
}

sub let_go {
    my ($run) = @_;
    unlink $gate;
    return outcome($run);
}

sub outcome {
    my ($run) = @_;
    run_sql($node, "SELECT pagila_wait($run)");
    return outcome_now($run);
}

sub outcome_now {
    my ($run) = @_;
    return $node->safe_psql('pagila', "SELECT status || coalesce(' ' || sqlstate, CASE status WHEN 'running' THEN ' ' ELSE '' END)"
          . " FROM pagila_repl.run WHERE run_id = $run");
}
