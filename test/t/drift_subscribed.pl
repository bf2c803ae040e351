# A table of the target that a subscription writes to would lose its place in it with the next copy: refused by name.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('drift_subscribed', faults => 1, conf => "autovacuum = off\nwal_level = logical\nmax_wal_senders = 4\n");
my $dir = PostgreSQL::Test::Utils::tempdir;
my $shop = slurp_file('test/dumps/shop.sql');
my $dump = write_file("$dir/shop.sql", $shop);
my $other = write_file("$dir/other.sql", $shop =~ s/10\.00/11.00/r);
my $gate = "$dir/gate";
my $members = 'SELECT srrelid::regclass FROM pg_subscription_rel';

$node->safe_psql('postgres', 'CREATE DATABASE publisher');
$node->safe_psql('publisher', 'CREATE SCHEMA shop; CREATE TABLE shop.customer (customer_id integer); CREATE PUBLICATION news FOR TABLE shop.customer');
# Without a slot nothing is sent, but the tables are members.
my $subscribe = sprintf(q{CREATE SUBSCRIPTION paper CONNECTION '%s' PUBLICATION news WITH (enabled = false, create_slot = false, slot_name = NONE)},
    $node->connstr('publisher') =~ s/'/''/gr);

is((run_sql($node, load_sql($dump, undef)))[0], 'succeeded', 'a copy loads');
$node->safe_psql('pagila', $subscribe);
is($node->safe_psql('pagila', $members), 'shop.customer', 'one of its tables is a member of a subscription');

my $before = content($node);
for my $options ({}, { on_dependents => "'drop'", on_modified => "'overwrite'", on_unmanaged => "'drop'", force => 'true' }) {
    my $what = join(', ', 'refused', sort keys %$options);
    my (undef, $err) = run_sql($node, load_sql($other, undef, %$options));
    is(sqlstate_of($err), '2BP01', $what);
    like($err, qr/tables that a subscription writes to cannot be replaced\nDETAIL:  table shop\.customer in subscription paper\nHINT:  Drop the subscription/,
        "$what: with table, subscription and remedy");
    is($node->safe_psql('pagila', $members), 'shop.customer', "$what: it is a member still");
    is_unchanged($node, $before, $what);
}
is((run_sql($node, load_sql($dump, undef)))[0], 'skipped', 'a run that would replace nothing is not refused');
$node->safe_psql('pagila', 'DROP SUBSCRIPTION paper');

# It becomes a member while the run is under way.
write_file($gate, '');
set_fault($node, "analyze:1:wait:$gate");
my ($run, $error) = run_sql($node, load_sql($other, undef, wait => 'false') =~ s/status/run_id/r);
clear_fault($node);
ok(wait_until(sub { is_stalled($node) }, 60), 'a run is held') or diag $error;
$node->safe_psql('pagila', $subscribe);
unlink $gate;
run_sql($node, "SELECT pagila_wait($run)");
is(last_run($node, 'status, sqlstate, phase'), 'failed|2BP01|publish', 'a membership that comes during the run is found');
is($node->safe_psql('pagila', $members), 'shop.customer', 'and kept');

$node->safe_psql('pagila', 'DROP SUBSCRIPTION paper');
is((run_sql($node, load_sql($other, undef)))[0], 'succeeded', 'without the subscription the copy is replaced');
no_residue($node, 'after all');
done_testing();
