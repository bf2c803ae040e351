# Writers write on the source while it is pulled from again and again: every copy is one moment of the source.
use strict;
use warnings;
use lib 'test/t';
use IPC::Run qw(start);
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $kPulls = is_long() ? 50 : 12;

my ($source, $target) = new_pair('consistent', source => { conf => "log_statement = none\n" });
$source->safe_psql('pagila', q{
    CREATE SCHEMA bank;
    CREATE TABLE bank.account (id int PRIMARY KEY, balance bigint NOT NULL);
    INSERT INTO bank.account SELECT i, 1000 FROM generate_series(1, 100) i;
    CREATE TABLE bank.transfer (id bigserial PRIMARY KEY, payer int NOT NULL REFERENCES bank.account,
        payee int NOT NULL REFERENCES bank.account, amount int NOT NULL);
    CREATE INDEX ON bank.transfer (payer);
    CREATE TABLE bank.parent (id serial PRIMARY KEY, children int NOT NULL);
    CREATE TABLE bank.child (parent int NOT NULL REFERENCES bank.parent, name text, PRIMARY KEY (parent, name))
        PARTITION BY HASH (parent);
    CREATE TABLE bank.child_0 PARTITION OF bank.child FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE bank.child_1 PARTITION OF bank.child FOR VALUES WITH (MODULUS 2, REMAINDER 1)});

# What holds at every moment of the source, each as a query for what breaks it.
my %broken = (
    'the sum of all balances stays' => q{SELECT sum(balance) FROM bank.account HAVING sum(balance) <> 100000 OR count(*) <> 100},
    'each balance is what the transfers say' => q{SELECT id, balance FROM bank.account a
        WHERE balance <> 1000 - (SELECT coalesce(sum(amount), 0) FROM bank.transfer WHERE payer = a.id)
                              + (SELECT coalesce(sum(amount), 0) FROM bank.transfer WHERE payee = a.id)},
    'every parent has its children' => q{SELECT id FROM bank.parent p
        WHERE children <> (SELECT count(*) FROM bank.child WHERE parent = p.id)},
    'every child has its parent' => q{SELECT parent FROM bank.child WHERE parent NOT IN (SELECT id FROM bank.parent)},
    'no sequence is behind its rows' => q{SELECT last_value FROM bank.transfer_id_seq
        WHERE last_value < (SELECT max(id) FROM bank.transfer)
        UNION ALL SELECT last_value FROM bank.parent_id_seq WHERE last_value < (SELECT max(id) FROM bank.parent)});

my $dir = PostgreSQL::Test::Utils::tempdir;
# Accounts in order, so that two transfers never wait for each other.
my $transfer = write_file("$dir/transfer.sql", <<'END_OF_SCRIPT');
\set payer random(1, 99)
\set payee random(:payer + 1, 100)
\set amount random(-50, 50)
BEGIN;
UPDATE bank.account SET balance = balance - :amount WHERE id = :payer;
UPDATE bank.account SET balance = balance + :amount WHERE id = :payee;
INSERT INTO bank.transfer (payer, payee, amount) VALUES (:payer, :payee, :amount);
END;
END_OF_SCRIPT
# Children of one time are taken away again at another, with their parent.
my $family = write_file("$dir/family.sql", <<'END_OF_SCRIPT');
\set children random(1, 5)
BEGIN;
INSERT INTO bank.parent (children) VALUES (:children) RETURNING id AS parent \gset
INSERT INTO bank.child SELECT :parent, 'child ' || i FROM generate_series(1, :children) i;
END;
\set old :parent - 500
BEGIN;
DELETE FROM bank.child WHERE parent = :old;
DELETE FROM bank.parent WHERE id = :old;
END;
END_OF_SCRIPT

my $writer_err = '';
my $writers = start([ 'pgbench', '-n', '-c', 3, '-R', 150, '-T', 3600, '-f', $transfer, '-f', $family, $source->connstr('pagila') ],
    '>', \my $writer_out, '2>', \$writer_err);

my $newest = 'SELECT coalesce(max(id), 0) FROM bank.transfer';
my $behind = 0;
my (%outcome, @found);
for my $pull (1 .. $kPulls) {
    # Something new to copy.
    wait_until(sub { $source->safe_psql('pagila', $newest) > $behind }, 60) or last;
    my $before = $source->safe_psql('pagila', $newest);
    my ($out, $err) = run_sql($target, pull_sql('source', workers => 2));
    $outcome{ $out || $err }++;
    for my $invariant (sort keys %broken) {
        my $rows = $target->safe_psql('pagila', $broken{$invariant});
        push @found, "pull $pull, $invariant: $rows" if $rows ne '';
    }
    $behind = $target->safe_psql('pagila', $newest);
    # What was committed before the pull is in it.
    push @found, "pull $pull: transfers up to $behind, the source had $before" if $behind < $before;
}
is_deeply(\%outcome, { succeeded => $kPulls }, "$kPulls pulls while there are writers");
is(join("\n", @found), '', 'every copy is one moment of the source');

# A transaction under way is in no copy, whatever it has done in which order.
my $session = $source->background_psql('pagila');
$session->query_safe('BEGIN; UPDATE bank.account SET balance = balance + 7 WHERE id = 1');
is((run_sql($target, pull_sql('source')))[0], 'succeeded', 'a writer in the midst of a transaction is not waited for');
is($target->safe_psql('pagila', $broken{$_}), '', "with half a transaction: $_") for sort keys %broken;
$session->query_safe('ROLLBACK');
$session->quit;

# pgbench takes the alarm for the end of its time.
$writers->signal('ALRM');
$writers->finish;
unlike($writer_err, qr/error|fatal|aborted/i, 'no writer got an error');
cmp_ok($source->safe_psql('pagila', $newest), '>', $kPulls, 'there was something new in every pull');
ok(wait_until(sub { $source->safe_psql('pagila', "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'") == 0 }, 60),
    'the writers are gone');
like((run_sql($target, pull_sql('source')))[0], qr/^(succeeded|skipped)$/, 'the last pull');
ok(copy_of($target) eq copy_of($source), 'without writers, source and target are equal');
no_residue($target, 'after all pulls');
no_source_residue($source, 'after all pulls');
done_testing();
