# Many tables and partitions: what a run reads and does grows with their number, not with its square; locks are few, and counted
# beforehand on both sides. PR_TABLES says how many tables the larger of two databases has, 240 if nobody does.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $kTables = $ENV{PR_TABLES} // 240;
# Twice the tables may cost so much more, since a run may have to try once more for its locks; with the square of their number it
# would be four times. What is little by itself does not count.
my ($kMostGrowth, $kLittle) = (3, 40000);

my $conf = "max_connections = 40\nmax_wal_senders = 0\nlog_statement = none\n";
# Where an index serves it is used, however few rows there are so far.
my $indexed = "enable_seqscan = off\n";
my $room = int($kTables / 5) + 60;
my ($source, $target) = new_pair('many', conf => "${conf}${indexed}max_locks_per_transaction = $room\n",
    source => { conf => "${conf}max_locks_per_transaction = $room\n" });

for my $kind ('tables', 'partitions') {
    my %growth;
    for my $tables ($kTables / 2, $kTables) {
        my $db = make_pair($kind, $tables);
        my %cost = (first => cost_of_pull($db), again => cost_of_pull($db, force => 'true'));
        $cost{skipped} = cost_of_pull($db);
        is((run_sql($target, 'SELECT string_agg(status, \' \' ORDER BY run_id) FROM pagila_repl.run', db => $db))[0],
            'succeeded succeeded skipped', "$tables $kind: copied, replaced, skipped");
        ok(copy_of($target, $db) eq copy_of($source, $db), "$tables $kind: equal");
        no_residue($target, "$tables $kind", db => $db);
        for my $run (keys %cost) {
            push @{ $growth{"$run: $_"} }, $cost{$run}{$_} for keys %{ $cost{$run} };
        }
    }
    my @worse;
    for my $what (sort keys %growth) {
        my ($half, $all) = @{ $growth{$what} };
        next if $all < $kLittle;
        figures "$kind, $what: $half, $all";
        push @worse, "$what: $half, $all" if $all > $kMostGrowth * $half;
    }
    is(join("\n", @worse), '', "$kind: what is read grows as their number does");
}
readers_of_what_is_replaced();
no_more_locks_than_said();
lack_of_locks();
done_testing();

# A database on both sides with so many tables. Returns its name.
sub make_pair {
    my ($kind, $tables) = @_;
    my $db = "many_${kind}_$tables";
    for my $node ($source, $target) {
        $node->safe_psql('postgres', "CREATE DATABASE $db");
        $node->safe_psql($db, 'CREATE EXTENSION pagila_repl');
    }
    add_source($target, 'source', db => $db, port => $source->port, server => { dbname => $db });
    my $parent = 'CREATE SCHEMA many; CREATE TABLE many.parent (id integer PRIMARY KEY);';
    my $sql = $kind eq 'tables'
      ? q{CREATE TABLE many.t0 (id integer PRIMARY KEY);
          SELECT format('CREATE TABLE many.t%1$s (id serial PRIMARY KEY, b text, before integer REFERENCES many.t%2$s);
           CREATE INDEX ON many.t%1$s (b); INSERT INTO many.t%1$s (b) VALUES (%1$L)', i, i - 1) FROM generate_series(1, %s) i \\gexec}
      : q{CREATE TABLE many.whole (id integer PRIMARY KEY, b text, parent integer REFERENCES many.parent) PARTITION BY RANGE (id);
          SELECT format('CREATE TABLE many.part%1$s PARTITION OF many.whole FOR VALUES FROM (%1$s) TO (%1$s + 1);
           INSERT INTO many.part%1$s (id, b) VALUES (%1$s, %1$L)', i) FROM generate_series(1, %s) i \\gexec
          CREATE INDEX ON many.whole (b)};
    my ($out, $err) = run_sql($source, $parent . sprintf($sql =~ s/%(?=\d\$)/%%/gr, $tables) . "\n", db => $db);
    die $err if $err ne '';
    return $db;
}

# What the statistics of the target count: rows read from each catalog and each table of the extension, whether in order or by an
# index, since the planner chooses by their number. The server itself looks at all partitions of an index whenever one is attached.
sub counters {
    my ($db) = @_;
    my ($counters) = run_sql($target, q{SELECT relname, seq_tup_read + COALESCE(idx_tup_fetch, 0) FROM pg_stat_all_tables
      WHERE schemaname IN ('pg_catalog', 'pagila_repl') AND relname <> 'pg_inherits'}, db => $db);
    return { map { split /\|/ } split /\n/, $counters };
}

sub cost_of_pull {
    my ($db, %options) = @_;
    my $before = counters($db);
    run_sql($target, pull_sql('source', workers => 2, %options), db => $db);
    # Processes tell what they have counted when they end.
    wait_until(sub { (run_sql($target, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pagila\_repl %'}))[0] eq '0' }, 30);
    my $after = counters($db);
    return { map { $_ => $after->{$_} - $before->{$_} } keys %$after };
}

# Readers meet all or nothing while everything is replaced, and who holds a table until later keeps the others free.
sub readers_of_what_is_replaced {
    my $db = "many_tables_$kTables";
    my $reader = $target->background_psql($db);
    $reader->query_safe('BEGIN; SELECT count(*) FROM many.t7');
    my $run = $target->safe_psql($db, "SELECT run_id FROM pagila_replicate_from('source', force => true, wait => false)");
    ok(wait_until(sub { $target->safe_psql($db, "SELECT phase FROM pagila_repl.run WHERE run_id = $run") eq 'publish' }, 120),
        'a run wants to publish');
    my $other = $target->background_psql($db);
    is($other->query_safe('SELECT count(*) FROM many.t8'), '1', 'other readers go on');
    is($reader->query_safe('SELECT count(*) FROM many.t9'), '1', 'the reader that is in the way, too');
    $other->quit;
    $reader->query_safe('END');
    is($target->safe_psql($db, "SELECT status FROM pagila_wait($run)"), 'succeeded', 'then it is published');
    $reader->quit;
    return;
}

# The most locks that there were at one moment of a run, as one sees them who asks all the time.
sub most_locks {
    my ($node, $db) = @_;
    my ($run) = run_sql($target, "SELECT run_id FROM pagila_replicate_from('source', force => true, workers => 2, wait => false)", db => $db);
    my ($most, $status) = (0, 'running');
    while ($status eq 'running') {
        my ($locks) = run_sql($node, q{SELECT count(*) FROM (SELECT DISTINCT locktype, database, relation, classid, objid, transactionid, virtualxid FROM pg_locks) l},
            db => 'postgres');
        $most = $locks if $locks > $most;
        ($status) = run_sql($target, "SELECT status FROM pagila_repl.run WHERE run_id = $run", db => $db);
    }
    is($status, 'succeeded', 'a run whose locks are counted');
    # It drops the replaced copy still.
    run_sql($target, "SELECT pagila_wait($run)", db => $db);
    return $most;
}

sub no_more_locks_than_said {
    my $db = "many_tables_$kTables";
    my ($message) = run_sql($target, q{SELECT message FROM pagila_check('source') WHERE subject = 'locks'}, db => $db);
    my ($there, $here) = $message =~ /about (\d+) locks at once on the source and (\d+) here/;
    ok($there && $here, 'pagila_check says how many locks a run holds') or return diag $message;
    my $most_here = most_locks($target, $db);
    my $most_there = most_locks($source, $db);
    figures "locks here: $most_here, said: $here; on the source: $most_there, said: $there";
    cmp_ok($most_here, '<=', $here, 'no more locks here than said');
    cmp_ok($most_there, '<=', $there, 'nor on the source');
    cmp_ok($most_here, '>', $kTables, 'each table is locked at some time');
    return;
}

# Too few on either side: told beforehand, with the setting, the side and a value that is enough.
sub lack_of_locks {
    my $db = "many_tables_$kTables";
    my %nodes = ('on the source' => $source, 'here' => $target);
    for my $side (sort keys %nodes) {
        my $node = $nodes{$side};
        with_locks($node, 10, $kTables > 1000 ? 40 : 5);
        my ($check) = run_sql($target, q{SELECT status, sqlstate, message, hint FROM pagila_check('source') WHERE subject = 'locks'}, db => $db);
        like($check, qr/^error\|53200\|a run holds about \d+ locks at once \Q$side\E, /, "$side: pagila_check tells it");
        my ($value) = $check =~ /Set max_locks_per_transaction to at least (\d+) \Q$side\E and restart/;
        ok($value, "$side: with a value that is enough") or diag $check;
        my ($out, $err) = run_sql($target, pull_sql('source', force => 'true'), db => $db);
        is(sqlstate_of($err), '53200', "$side: a run is refused") or diag $out;
        is((run_sql($target, 'SELECT phase FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1', db => $db))[0], 'connect',
            "$side: before it does anything");
        with_locks($node, $value, $kTables > 1000 ? 40 : 5);
        ($check) = run_sql($target, q{SELECT status FROM pagila_check('source') WHERE subject = 'locks'}, db => $db);
        is($check, 'ok', "$side: with that value pagila_check is content");
        ($out, $err) = run_sql($target, pull_sql('source', force => 'true', workers => 1), db => $db);
        is($out, 'succeeded', "$side: and a run succeeds") or diag $err;
        with_locks($node, $room, 40);
    }
    return;
}

sub with_locks {
    my ($node, $locks, $connections) = @_;
    $node->append_conf('postgresql.conf',
        "max_locks_per_transaction = $locks\nmax_connections = " . ($connections + 5) . "\nsuperuser_reserved_connections = 0\n");
    $node->restart;
    return;
}
