# Standbys: a pull from one is exact, and what the recovery there cancels is done again or fails; a pull to one is refused.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $test = PullTest->new('standby', streaming => 1, conf => "autovacuum = off\nmax_connections = 30\n",
    source => { streaming => 1, conf => "autovacuum = off\nmax_connections = 30\n" });
my ($primary, $target) = @$test{ 'source', 'target' };
my $standby = standby_of($primary, 'standby_of_source', "max_standby_streaming_delay = '100ms'\nlisten_addresses = '127.0.0.1'\n");
add_source($target, 'standby', port => $standby->port);

from_a_standby();
conflicts();
to_a_standby();
$test->done;

sub standby_of {
    my ($node, $name, $conf) = @_;
    $node->backup($name);
    my $standby = PostgreSQL::Test::Cluster->new($name);
    $standby->init_from_backup($node, $name, has_streaming => 1);
    $standby->append_conf('postgresql.conf', $conf);
    $standby->start;
    return $standby;
}

sub pull {
    my ($what, %options) = @_;
    $test->change_source;
    $primary->wait_for_catchup($standby);
    $test->start(server => 'standby', %options);
    # Sequences of a standby are ahead of those of its primary, as they would be after a crash of that.
    $test->succeeds($what, copies => [ copy_of($standby) ]);
    no_source_residue($standby, $what);
    return;
}

sub from_a_standby {
    pull('from a standby');
    note last_run($target, 'message');
    pull('from a standby, one process', workers => 1);
    return;
}

# Rows that the snapshot still sees are removed on the primary, so the standby must cancel who holds it.
sub conflicts {
    for my $point (some_of(2, qw(shape:1 copy:1 rows:1 verify:1))) {
        my $what = "recovery conflict at $point";
        $test->change_source;
        $primary->wait_for_catchup($standby);
        $test->hold($what, $point, server => 'standby');
        my $before_conflict = copy_of($standby);
        my $conflicts = 'SELECT confl_snapshot FROM pg_stat_database_conflicts WHERE datname = $$pagila$$';
        my $before = $standby->safe_psql('postgres', $conflicts);
        $test->change_source;
        $primary->safe_psql('pagila', 'DELETE FROM bank.transfer WHERE id % 50 = 3; VACUUM bank.transfer, bank.account, bank.version');
        $primary->wait_for_catchup($standby);
        # What only waits in its transaction is ended when it speaks next, or at once.
        $test->let_go;
        $test->is_over_within($what, 60);
        note "$what: conflicts " . ($standby->safe_psql('postgres', $conflicts) - $before);
        $test->is_whole($what, [ '40001', '57P01', '08006' ], copies => [ $before_conflict, copy_of($standby) ]);
        no_source_residue($standby, $what);
        pull("$what, next run");
    }
    return;
}

sub to_a_standby {
    my $copy = standby_of($target, 'standby_of_target', '');
    my ($out, $err) = run_sql($copy, pull_sql('source', workers => 2));
    is(sqlstate_of($err), '25006', 'no run on a standby');
    is(sqlstate_of((run_sql($copy, load_sql('/nowhere.sql')))[1]), '25006', 'nor a load');
    is($copy->safe_psql('pagila', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pagila%'"), 0,
        'nor any process of one');
    # A run on the primary comes through to it.
    pull('a target that has a standby');
    $target->wait_for_catchup($copy);
    is($copy->safe_psql('pagila', 'SELECT version FROM bank.version'), $target->safe_psql('pagila', 'SELECT version FROM bank.version'),
        'readers of the standby see the copy');
    return;
}
