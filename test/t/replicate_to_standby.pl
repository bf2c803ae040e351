# pagila_replicate_to where standbys are: none is asked to copy, none asks, and the target copies from one if it is told to.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = "autovacuum = off\nmax_connections = 30\n";
my $test = PullTest->new('to_standby', streaming => 1, conf => "${conf}listen_addresses = '127.0.0.1'\n",
    source => { streaming => 1, conf => $conf });
my ($source, $target) = @$test{ 'source', 'target' };
my $of_source = standby_of($source, 'to_standby_of_source');
my $of_target = standby_of($target, 'to_standby_of_target');
add_source($source, 'tgt', port => $target->port);

a_standby_is_no_target();
a_standby_does_not_ask();
a_standby_may_be_copied();
$test->done;

sub standby_of {
    my ($node, $name) = @_;
    $node->backup($name);
    my $standby = PostgreSQL::Test::Cluster->new($name);
    $standby->init_from_backup($node, $name, has_streaming => 1);
    $standby->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\n");
    $standby->start;
    return $standby;
}

sub to {
    my ($server, $more) = @_;
    return run_sql($source, "SELECT status FROM pagila_replicate_to('$server'" . ($more // '') . ')');
}

sub a_standby_is_no_target {
    add_source($source, 'tgt_standby', port => $of_target->port);
    add_source($source, 'own_standby', port => $of_source->port);
    $source->wait_for_catchup($of_source);
    my (undef, $err) = to('tgt_standby');
    is(sqlstate_of($err), '25006', 'a standby as the target is refused');
    like($err, qr/the target is a standby\n/, 'and named');
    (undef, $err) = to('own_standby');
    is(sqlstate_of($err), '25006', 'the own standby as well');
    like($err, qr/the target is a standby of this database/, 'and named');
    return;
}

sub a_standby_does_not_ask {
    $source->wait_for_catchup($of_source);
    my (undef, $err) = run_sql($of_source, q{SELECT pagila_replicate_to('tgt')});
    is(sqlstate_of($err), '25006', 'no run on a standby');
    (undef, $err) = run_sql($of_source, q{SELECT pagila_identify('tgt')});
    is(sqlstate_of($err), '25006', 'nor a look through a server');
    my $who = 'SELECT system_identifier, database_oid, is_standby FROM pagila_identify()';
    is((run_sql($of_source, $who))[0], (run_sql($source, $who))[0] =~ s/f$/t/r, 'but it says who it is');
    return;
}

sub a_standby_may_be_copied {
    add_source($target, 'reserve', port => $of_source->port);
    $test->change_source;
    my ($out, $err) = to('tgt');
    is($out, 'succeeded', 'a standby is not taken for this database') or diag $err;
    is(last_run($target, 'source_server'), 'source', 'where nobody said so');
    $target->safe_psql('pagila', 'ALTER SERVER source RENAME TO hidden; ALTER SERVER hidden OPTIONS (SET dbname $$postgres$$)');
    (undef, $err) = to('tgt');
    is(sqlstate_of($err), '42704', 'not even if it is the only one');
    like($err, qr/Server "reserve" leads to a standby of database "pagila"/, 'which is told');
    $test->change_source;
    $source->wait_for_catchup($of_source);
    ($out, $err) = to('tgt', q{, source => 'reserve'});
    is($out, 'succeeded', 'it is copied from if that is said') or diag $err;
    $test->is_new('from the standby', copies => [ copy_of($of_source) ]);
    return;
}
