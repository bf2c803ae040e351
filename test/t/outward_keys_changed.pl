# What others do, while a run goes on, to tables elsewhere that foreign keys of the copy refer to: no copy is published whose keys do not hold,
# whatever has become of the deleted rows meanwhile, or that lacks a key.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $node = new_node('outward_keys_changed', faults => 1, conf => "autovacuum = off\nrestart_after_crash = on\n");
my $dir = PostgreSQL::Test::Utils::tempdir;
my $number = 0;
my $cases = 0;

# A database with tables elsewhere, another session, and a run that is held at a fault point.
sub begin_case {
    my ($point, %case) = @_;
    my $db = 'case_' . ++$number;
    $node->safe_psql('postgres', "CREATE DATABASE $db");
    $node->safe_psql($db, 'CREATE EXTENSION pagila_repl; CREATE SCHEMA app; ' . $_) for $case{app};
    $node->safe_psql($db, $_) for split /;/, $case{then} // '';
    my $file = write_file("$dir/$number.sql", "CREATE SCHEMA live; $case{tables}\nCOPY live.sale (id, card) FROM stdin;\n1\t1\n2\t2\n\\.\n$case{keys}\n");
    my ($maker, $other) = map { Session->new($node, $db) } 1 .. 2;
    my $gate = hold_run_at($maker, $db, $point);
    # Whoever waits for a run has a snapshot, which keeps the server from removing rows.
    $maker->run(load_sql($file, undef, force => 'true', wait => 'false'));
    my $what = "$case{name}, at $point";
    my $c = { db => $db, what => $what, gate => $gate, maker => $maker, other => $other };
    ok(wait_until(sub { is_run_held($gate) || is_over($c, 0) }, 60) && is_run_held($gate), "$what: the run is held") or diag $c->{out};
    $cases++;
    return $c;
}

# True once the run has ended; then out is what it says.
sub is_over {
    my ($c, $seconds) = @_;
    my $end = q{SELECT concat_ws(E'\n', status, 'ERROR:  ' || sqlstate || ': ' || error_message, 'DETAIL:  ' || error_detail, 'HINT:  ' || error_hint)
      FROM pagila_repl.run WHERE status <> 'running' AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND backend_type LIKE 'pagila\_repl %')};
    my $see = sub { $c->{out} = $node->safe_psql($c->{db}, $end) };
    return $c->{out} ? 1 : $see->() ? 1 : wait_until($see, $seconds);
}

sub end_case {
    my ($c) = @_;
    let_run_go($c->{gate});
    ok(is_over($c, 60), "$c->{what}: the run ends");
    is($node->safe_psql($c->{db}, q{SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O'}), 0, "$c->{what}: no trigger is off");
    is($node->safe_psql($c->{db}, q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'}), 0, "$c->{what}: nothing is left");
    $_->close for @$c{qw(maker other)};
    $node->safe_psql('postgres', "DROP DATABASE $c->{db} WITH (FORCE)");
    return;
}

my $card = q{CREATE TABLE app.card (id integer PRIMARY KEY, word text); INSERT INTO app.card SELECT n, 'x' FROM generate_series(1, 20) n};
my $parts = q{CREATE TABLE app.card (id integer PRIMARY KEY, word text) PARTITION BY RANGE (id); CREATE TABLE app.low PARTITION OF app.card FOR VALUES FROM (0) TO (3);
    CREATE TABLE app.high PARTITION OF app.card FOR VALUES FROM (3) TO (100); INSERT INTO app.card SELECT n, 'x' FROM generate_series(1, 20) n};
my $sale = 'CREATE TABLE live.sale (id integer, card integer);';
my $key = 'ALTER TABLE live.sale ADD CONSTRAINT of_card FOREIGN KEY (card) REFERENCES app.card;';

#
# Rows that are gone without a trace
#

my @lost = (
    { name => 'deleted and vacuumed', app => $card, tables => $sale, keys => $key, sql => 'DELETE FROM app.card WHERE id = 2; VACUUM app.card' },
    { name => 'deleted and pruned by readers', app => $card, tables => $sale, keys => $key, sql => 'DELETE FROM app.card WHERE id = 2; SELECT count(*) FROM app.card; SELECT count(*) FROM app.card' },
    { name => 'all deleted, the file cut off', app => $card, then => 'VACUUM (FREEZE) app.card', tables => $sale, keys => $key, sql => 'DELETE FROM app.card; VACUUM app.card' },
    { name => 'key changed and vacuumed', app => $card, then => 'VACUUM app.card', tables => $sale, keys => $key, sql => 'UPDATE app.card SET id = 200 WHERE id = 2; VACUUM app.card' },
    { name => 'deleted, the table rewritten', app => $card, tables => $sale, keys => $key, sql => 'DELETE FROM app.card WHERE id = 2; VACUUM FULL app.card' },
    { name => 'deleted, the table rewritten by ALTER TABLE', app => $card, tables => $sale, keys => $key, sql => 'DELETE FROM app.card WHERE id = 2; ALTER TABLE app.card ALTER word TYPE varchar(10)' },
    { name => 'deleted from a partition', app => $parts, tables => $sale, keys => $key, sql => 'DELETE FROM app.card WHERE id = 2; VACUUM app.card' },
    { name => 'deleted, a partitioned table refers', app => $card, tables => 'CREATE TABLE live.sale (id integer, card integer) PARTITION BY LIST (id); CREATE TABLE live.one PARTITION OF live.sale DEFAULT;',
      keys => $key, sql => 'DELETE FROM app.card WHERE id = 2; VACUUM app.card' },
    { name => 'deleted, the key is in CREATE TABLE', app => $card, tables => 'CREATE TABLE live.sale (id integer, card integer CONSTRAINT of_card REFERENCES app.card);', keys => '',
      sql => 'DELETE FROM app.card WHERE id = 2; VACUUM app.card' },
    { name => 'deleted, the copy has code of its own', app => $card, tables => 'CREATE FUNCTION live.fine(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN true; END$$;
       CREATE TABLE live.sale (id integer CHECK (live.fine(id)), card integer);', keys => $key, sql => 'DELETE FROM app.card WHERE id = 2; VACUUM app.card' },
);
for (some_of(3, map { my $point = $_; map { [ $point, $_ ] } @lost } 'verify:1', 'outward:1', 'compared:1')) {
    my ($point, $case) = @$_;
    my $c = begin_case($point, %$case);
    my $is_made = 1;
    for my $statement (split /; /, $case->{sql}) {
        $c->{other}->run($statement);
        $is_made = 0 if $c->{other}{state} ne '00000';
    }
    ok($is_made, "$c->{what}: others may do so") or diag $c->{other}{out};
    let_run_go($c->{gate});
    is_over($c, 60);
    like($c->{out}, qr/23503: .*"of_card".*HINT:  That table is not copied\. If the row was deleted there during the run, run it again\./s, "$c->{what}: the run fails");
    is($node->safe_psql($c->{db}, q{SELECT count(*) FROM pg_class WHERE relname = 'sale'}), 0, "$c->{what}: nothing is published");
    end_case($c);
}

#
# Nothing that the copy needs
#

for my $case ({ name => 'other columns and other rows', sql => q{UPDATE app.card SET word = 'y'; DELETE FROM app.card WHERE id = 10; INSERT INTO app.card VALUES (70); VACUUM app.card} },
    { name => 'rows locked', sql => 'SELECT FROM app.card FOR UPDATE' }, { name => 'deleted and put back', sql => 'DELETE FROM app.card WHERE id = 2; INSERT INTO app.card VALUES (2)' }) {
    for my $table ($card, $parts) {
        my $c = begin_case('compared:1', %$case, app => $table, tables => $sale, keys => $key);
        for (split /; /, $case->{sql}) { $c->{other}->run($_); is($c->{other}{state}, '00000', "$c->{what}: $_") or diag $c->{other}{out} }
        let_run_go($c->{gate});
        is_over($c, 60);
        like($c->{out}, qr/^succeeded$/m, "$c->{what}: the run succeeds");
        is($node->safe_psql($c->{db}, q{SELECT convalidated FROM pg_constraint WHERE conname = 'of_card' AND conparentid = 0}), 't', "$c->{what}: with its key");
        $c->{other}->run('DELETE FROM app.card WHERE id = 1');
        is($c->{other}{state}, '23503', "$c->{what}: which holds");
        end_case($c);
    }
}

#
# The key is gone with the table
#

for my $case ({ name => 'dropped', sql => 'DROP TABLE app.card CASCADE' }, { name => 'dropped and made again', sql => "DROP TABLE app.card CASCADE; $card", after => 1 },
    { name => 'its primary key dropped', sql => 'ALTER TABLE app.card DROP CONSTRAINT card_pkey CASCADE' }) {
    for my $point ('verify:1', 'outward:1', 'compared:1') {
        next if $case->{after} && $point !~ /outward|compared/;
        my $c = begin_case($point, %$case, app => $card, tables => $sale, keys => $key);
        $c->{other}->run($case->{sql});
        is($c->{other}{state}, '00000', "$c->{what}: $case->{sql}") or diag $c->{other}{out};
        let_run_go($c->{gate});
        is_over($c, 60);
        like($c->{out}, qr/ERROR:  (42P01|42830|55000): .*(app\.card|of_card|"card").*/s, "$c->{what}: the run fails and says what is missing");
        is($node->safe_psql($c->{db}, q{SELECT count(*) FROM pg_class WHERE relname = 'sale'}), 0, "$c->{what}: nothing is published");
        end_case($c);
    }
}

# What is done elsewhere with CASCADE reaches rows of the stage.
for my $case ({ name => 'emptied with what refers to it', sql => 'TRUNCATE app.card CASCADE; INSERT INTO app.card VALUES (1), (2)' },
    { name => 'emptied with what refers to it, and so on', keys => "$key ALTER TABLE live.sale ADD PRIMARY KEY (id); CREATE TABLE live.part (sale integer REFERENCES live.sale);", sql => 'TRUNCATE app.card CASCADE; INSERT INTO app.card VALUES (1), (2)' },
    { name => 'emptied, partitions refer to it', tables => 'CREATE TABLE live.sale (id integer, card integer) PARTITION BY LIST (id); CREATE TABLE live.one PARTITION OF live.sale DEFAULT;', sql => 'TRUNCATE app.card CASCADE; INSERT INTO app.card VALUES (1), (2)' },
    { name => 'deleted with triggers on', keys => $key =~ s/;$/ ON DELETE CASCADE;/r, sql => 'ALTER TABLE app.card ENABLE TRIGGER ALL; DELETE FROM app.card WHERE id = 2' },
    { name => 'changed with triggers on', keys => $key =~ s/;$/ ON UPDATE CASCADE;/r, sql => 'ALTER TABLE app.card ENABLE TRIGGER ALL; UPDATE app.card SET id = 30 WHERE id = 2' }) {
    for my $point ('outward:1', 'compared:1') {
        my $c = begin_case($point, app => $card, tables => $sale, keys => $key, %$case);
        $c->{other}->run($case->{sql});
        is($c->{other}{state}, '00000', "$c->{what}: others may do so") or diag $c->{other}{out};
        let_run_go($c->{gate});
        is_over($c, 60);
        like($c->{out}, qr/ERROR:  55000: rows of the new copy of table live\.(sale|one|part) were changed during the run/, "$c->{what}: the run fails");
        is($node->safe_psql($c->{db}, q{SELECT count(*) FROM pg_class WHERE relname = 'sale'}), 0, "$c->{what}: nothing is published");
        end_case($c);
    }
}
my $c = begin_case('compared:1', name => 'nothing is done to rows of the stage', app => $card, tables => 'CREATE TABLE live.sale (id integer, card integer) PARTITION BY LIST (id); CREATE TABLE live.one PARTITION OF live.sale DEFAULT;', keys => $key);
$c->{other}->run('INSERT INTO app.card VALUES (50); VACUUM app.card; ANALYZE');
let_run_go($c->{gate});
is_over($c, 60);
like($c->{out}, qr/^succeeded$/m, "$c->{what}: the run succeeds");
end_case($c);

# Other things of the stage that go with what is dropped elsewhere.
my %needs = (
    trigger => { app => q{CREATE FUNCTION app.told() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'}, keys => 'CREATE TRIGGER telling BEFORE INSERT ON live.sale FOR EACH ROW EXECUTE FUNCTION app.told();',
        sql => 'DROP FUNCTION app.told() CASCADE', told => qr/trigger "telling" in schema "live"/ },
    column => { app => 'CREATE DOMAIN app.word AS text', tables => 'CREATE TABLE live.sale (id integer, card integer, word app.word);', sql => 'DROP DOMAIN app.word CASCADE', told => qr/column of live\.sale/ },
    default => { app => 'CREATE SEQUENCE app.number', tables => q{CREATE TABLE live.sale (id integer, card integer, number bigint DEFAULT nextval('app.number'));}, sql => 'DROP SEQUENCE app.number CASCADE', told => qr/1 part/ },
    policy => { app => q{CREATE FUNCTION app.is_seen(integer) RETURNS boolean LANGUAGE sql AS 'SELECT true'}, keys => 'CREATE POLICY seen ON live.sale USING (app.is_seen(id));', sql => 'DROP FUNCTION app.is_seen(integer) CASCADE', told => qr/1 part/ },
    index => { app => q{CREATE FUNCTION app.twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2'}, keys => 'CREATE INDEX doubled ON live.sale (app.twice(id));', sql => 'DROP FUNCTION app.twice(integer) CASCADE', told => qr/index "doubled" in schema "live"/ });
for my $kind (sort keys %needs) {
    my %need = %{ $needs{$kind} };
    $need{tables} //= $sale;
    for my $point ('outward:1', 'compared:1') {
        my $c = begin_case($point, name => "what a $kind needs is dropped", keys => '', %need);
        $c->{other}->run($need{sql});
        is($c->{other}{state}, '00000', "$c->{what}: others may do so") or diag $c->{other}{out};
        let_run_go($c->{gate});
        is_over($c, 60);
        like($c->{out}, qr/ERROR:  55000: .*$need{told}/s, "$c->{what}: the run fails and says what is missing");
        is($node->safe_psql($c->{db}, q{SELECT count(*) FROM pg_class WHERE relname = 'sale'}), 0, "$c->{what}: nothing is published");
        end_case($c);
    }
}

#
# Partitions of the table that is referred to
#

for my $point ('rows:1', 'verify:1') {
    my $c = begin_case($point, name => 'partitions come and go', app => "CREATE ROLE honest_$number; GRANT USAGE ON SCHEMA app TO honest_$number; $parts; GRANT REFERENCES ON app.card TO honest_$number",
        tables => "GRANT USAGE ON SCHEMA live TO honest_$number; $sale ALTER TABLE live.sale OWNER TO honest_$number;", keys => $key);
    for ('CREATE TABLE app.top PARTITION OF app.card FOR VALUES FROM (100) TO (200)', 'INSERT INTO app.card VALUES (150)', 'DELETE FROM app.card WHERE id = 150',
        'CREATE TABLE app.loose (id integer PRIMARY KEY, word text)', 'ALTER TABLE app.card ATTACH PARTITION app.loose FOR VALUES FROM (200) TO (300)', 'INSERT INTO app.card VALUES (250)',
        'DELETE FROM app.card WHERE id = 250', 'ALTER TABLE app.card DETACH PARTITION app.low', 'TRUNCATE app.low', 'DROP TABLE app.low') {
        $c->{other}->run($_);
        is($c->{other}{state}, '00000', "$c->{what}: $_") or diag $c->{other}{out};
    }
    let_run_go($c->{gate});
    is_over($c, 60);
    like($c->{out}, qr/23503: .*"of_card"/s, "$c->{what}: the run fails, rows that it refers to being gone");
    end_case($c);
}
for my $point ('verify:1', 'outward:1', 'compared:1') {
    my $c = begin_case($point, name => 'a partition comes', app => $parts, tables => $sale, keys => $key);
    $c->{other}->run('CREATE TABLE app.top PARTITION OF app.card FOR VALUES FROM (100) TO (200); INSERT INTO app.card VALUES (150)');
    is($c->{other}{state}, '00000', "$c->{what}: it may") or diag $c->{other}{out};
    let_run_go($c->{gate});
    is_over($c, 60);
    like($c->{out}, qr/^succeeded$/m, "$c->{what}: the run succeeds");
    $c->{other}->run('INSERT INTO live.sale VALUES (3, 150); DELETE FROM app.card WHERE id = 150');
    is($c->{other}{state}, '23503', "$c->{what}: the key holds for the new partition");
    end_case($c);
}

# What a dead run leaves is no concern of others, either.
for my $point ('outward', 'compared') {
    my $db = "dead_$point";
    $node->safe_psql('postgres', "CREATE DATABASE $db");
    $node->safe_psql($db, "CREATE EXTENSION pagila_repl; CREATE SCHEMA app; $card; LOAD 'pagila_repl'; ALTER DATABASE $db SET pagila_repl.fault = '$point:1:sigkill'");
    my $file = write_file("$dir/$db.sql", "CREATE SCHEMA live; $sale\nCOPY live.sale FROM stdin;\n1\t1\n2\t2\n\\.\n$key\n");
    run_sql($node, load_sql($file, undef), db => $db);
    ok(wait_until(sub { (run_sql($node, 'SELECT 1', db => $db))[0] eq '1' }, 60), "the leader is killed at $point, and the server is up again");
    is((sqlstates($node, ['DELETE FROM app.card WHERE id = 2'], db => $db))[0], '00000', "killed at $point: others delete what only the stage refers to");
    $node->safe_psql($db, 'INSERT INTO app.card VALUES (2); ALTER DATABASE ' . $db . ' RESET pagila_repl.fault');
    is((run_sql($node, load_sql($file, undef), db => $db))[0], 'succeeded', "killed at $point: the next run succeeds");
    is($node->safe_psql($db, q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'}), 0, "killed at $point: nothing is left");
    is($node->safe_psql($db, q{SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O'}), 0, "killed at $point: no trigger is off");
}
figures("$cases cases");
done_testing();
