# Locks that a run lets go before its end: none on what others come to by itself, and no more than standbys have room for, which hold
# all exclusive ones of a transaction until its end.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $conf = "max_connections = 20\nmax_worker_processes = 8\nmax_wal_senders = 3\n";
my ($source, $target) = new_pair('few_locks', faults => 1, streaming => 1, conf => "${conf}max_locks_per_transaction = 60\n");

locks_on_what_is_dropped();
writers_wait();
standbys_have_room();
done_testing();

# Autovacuum goes to TOAST tables by themselves, functions to some indexes; nobody to a B-tree without its table.
sub locks_on_what_is_dropped {
    $source->safe_psql('pagila', q{CREATE SCHEMA few; CREATE TABLE few.film (id integer PRIMARY KEY, text tsvector, title text);
        CREATE INDEX words ON few.film USING gin (text); INSERT INTO few.film SELECT n, 'a'::tsvector, n FROM generate_series(1, 10) n});
    run_sql($target, pull_sql('source', schemas => q{'{few}'}));
    my ($toast, $tree, $words) = split /\|/, $target->safe_psql('pagila',
        q{SELECT (SELECT reltoastrelid FROM pg_class WHERE oid = 'few.film'::regclass), 'few.film_pkey'::regclass::oid, 'few.words'::regclass::oid});
    my $gate = write_file($target->basedir . '/gate', '');
    set_fault($target, "dropped:1:wait:$gate");
    my $run = $target->safe_psql('pagila', "SELECT run_id FROM pagila_replicate_from('source', schemas => '{few}', force => true, wait => false)");
    ok(wait_until(sub { scalar(() = glob("$gate.*")) }, 60), 'a replaced copy is dropped, but not yet for others');
    my %locked = map { $_ => 1 } split /\n/, $target->safe_psql('pagila',
        q{SELECT relation FROM pg_locks WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' AND granted});
    ok($locked{$toast}, 'its TOAST table stays locked');
    ok($locked{$words}, 'a GIN index, too');
    ok(!$locked{$tree}, 'a B-tree does not');
    unlink $gate, glob("$gate.*");
    is($target->safe_psql('pagila', "SELECT status FROM pagila_wait($run)"), 'succeeded', 'it goes on');
    clear_fault($target);
    no_residue($target, 'a copy that is dropped');
    return;
}

# Who writes to what is held still waits, and keeps nobody from shutting readers out; then he writes to the new copy.
sub writers_wait {
    $source->safe_psql('pagila', 'CREATE SCHEMA held; CREATE TABLE held.film (id integer); CREATE TABLE held.actor (id integer)');
    run_sql($target, pull_sql('source', schemas => q{'{held}'}));
    my $gate = write_file($target->basedir . '/gate', '');
    set_fault($target, "held_still:1:wait:$gate");
    my $run = $target->safe_psql('pagila', "SELECT run_id FROM pagila_replicate_from('source', schemas => '{held}', force => true, wait => false)");
    ok(wait_until(sub { scalar(() = glob("$gate.*")) }, 60), 'a copy is held still');
    clear_fault($target);
    is($target->safe_psql('pagila', 'SELECT count(*) FROM held.film'), '0', 'readers go on');
    my $writer = $target->background_psql('pagila');
    $writer->query_until(qr/sent/, "\\echo sent\nINSERT INTO held.film VALUES (1);\n");
    ok(wait_until(sub { $target->safe_psql('pagila', 'SELECT count(*) FROM pg_locks WHERE NOT granted') eq '1' }, 30), 'a writer waits');
    unlink $gate, glob("$gate.*");
    is($target->safe_psql('pagila', "SELECT status FROM pagila_wait($run)"), 'succeeded', 'the copy is published in the first try');
    $writer->quit;
    is($target->safe_psql('pagila', 'SELECT count(*) FROM held.film'), '1', 'and the writer writes to the new one');
    return;
}

sub standbys_have_room {
    my $tables = q{SELECT format('CREATE TABLE few.t%1$s (id serial PRIMARY KEY, b text);', n) FROM generate_series(1, 100) n \gexec
        SELECT format('CREATE INDEX ON few.t%1$s (b)', n) FROM generate_series(1, 100) n, generate_series(1, 30) \gexec};
    run_sql($source, "$tables\n");
    my $dump = dump_text($source, 'pagila', '--schema=few');
    my $file = write_file($target->basedir . '/few.sql', $dump);
    is(locks_finding(), 'ok|', 'without a standby there is room for many tables');
    set_up('wal_level = replica', 'archive_mode = on', "archive_command = 'true'");
    like(locks_finding(), qr/^warning\|.*standby/, 'who archives is warned');
    set_up('archive_mode = off');

    $target->backup('base');
    my $standby = PostgreSQL::Test::Cluster->new('few_locks_standby');
    $standby->init_from_backup($target, 'base', has_streaming => 1);
    $standby->start;
    ok(wait_until(sub { $target->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_replication') eq '1' }, 30), 'a standby comes');
    like(locks_finding(), qr/^error\|53200\|one transaction of a run takes about \d+ exclusive locks here, all of which a standby holds/,
        'who has a standby is told that it has no room');
    my (undef, $err) = run_sql($target, pull_sql('source', schemas => q{'{few}'}, force => 'true'));
    is(sqlstate_of($err), '53200', 'a run is refused');
    my ($value) = $err =~ /Set max_locks_per_transaction to at least (\d+) on the standbys, then here/;
    ok($value, 'with a value that is enough') or diag $err;
    # What a dump makes is known once it is made.
    (undef, $err) = run_sql($target, load_sql($file, undef, on_other_source => q{'replace'}));
    is(sqlstate_of($err), '53200', 'a load is given up');
    like($err, qr/the standbys of this server have no room for more than \d+ exclusive locks/, 'before the standby is full');
    no_residue($target, 'a load that was given up');
    catches_up($standby, 'the standby goes on');

    set_up("max_locks_per_transaction = $value", $standby);
    run_sql($target, pull_sql('source', schemas => q{'{few}'}, force => 'true')) for 1, 2;
    is(last_run($target, 'status'), 'succeeded', 'with that value a run succeeds');
    catches_up($standby, 'and the standby has the copy');
    is($standby->safe_psql('pagila', 'SELECT count(*) FROM few.film'), '10', 'which can be read there');
    return;
}

sub locks_finding {
    my ($finding) = run_sql($target, q{SELECT concat_ws('|', status, sqlstate, message) FROM pagila_check('source', schemas => '{few}')
        WHERE subject = 'locks'});
    return $finding =~ s/^ok\|.*/ok|/r;
}

# Settings of the target, and of its standby before it.
sub set_up {
    my (@settings) = @_;
    my @nodes = ((map { ref $_ ? $_ : () } @settings), $target);
    for my $node (@nodes) {
        $node->append_conf('postgresql.conf', join("\n", grep { !ref } @settings) . "\n");
        $node->restart;
    }
    return;
}

sub catches_up {
    my ($standby, $what) = @_;
    my $end = $target->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
    my $caught_up = wait_until(sub { (run_sql($standby, "SELECT pg_last_wal_replay_lsn() >= '$end'", db => 'postgres'))[0] eq 't' }, 60);
    return ok($caught_up, $what);
}
