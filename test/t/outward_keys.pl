# Foreign keys of a copy to tables outside of it: while a run goes on, whoever writes to those tables knows nothing of the stage, and what
# they delete there fails the run if the copy refers to it. Once published the keys hold.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('outward_keys', faults => 1, conf => "autovacuum = off\n");
my $dir = PostgreSQL::Test::Utils::tempdir;
$node->safe_psql('pagila', q{CREATE ROLE honest; CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO honest;
    CREATE TABLE app.card (id integer PRIMARY KEY, word text); INSERT INTO app.card SELECT n, 'x' FROM generate_series(1, 20) n; VACUUM (FREEZE) app.card;
    CREATE TABLE app.parts (id integer PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE app.low PARTITION OF app.parts FOR VALUES FROM (0) TO (10);
    CREATE TABLE app.high PARTITION OF app.parts FOR VALUES FROM (10) TO (100); INSERT INTO app.parts SELECT generate_series(1, 20);
    GRANT REFERENCES ON app.card, app.parts TO honest});

# The tables are of a role that is not the run's, and no superuser.
my %tables = (
    'NO ACTION' => 'CREATE TABLE live.sale (id integer, card integer); KEY sale card app.card',
    'CASCADE' => 'CREATE TABLE live.sale (id integer, card integer); KEY sale card app.card ON DELETE CASCADE',
    'a partitioned table is referred to' => 'CREATE TABLE live.sale (id integer, card integer); KEY sale card app.parts ON DELETE CASCADE',
    'a partitioned table refers' => 'CREATE TABLE live.sale (id integer, card integer) PARTITION BY LIST (id); CREATE TABLE live.one PARTITION OF live.sale DEFAULT; KEY sale card app.card ON DELETE CASCADE',
    'a function of the copy is called' => 'CREATE FUNCTION live.fine(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN true; END$$;
       CREATE TABLE live.sale (id integer CHECK (live.fine(id)), card integer); KEY sale card app.card');

my $disabled = q{SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O'};
my $number = 0;
for my $name (sort keys %tables) {
    my ($sql, $referred) = ($tables{$name}, $tables{$name} =~ /(app\.\w+)/);
    $sql =~ s/KEY (\w+) (\w+) (.*)$//;
    my ($table, $key) = ($1, "ALTER TABLE live.$1 ADD CONSTRAINT of_card FOREIGN KEY ($2) REFERENCES $3;");
    my $owners = join ' ', map { "ALTER TABLE live.$_ OWNER TO honest;" } $sql =~ /CREATE TABLE live\.(\w+)/g;
    my $file = write_file("$dir/$number.sql", "CREATE SCHEMA live; GRANT USAGE ON SCHEMA live TO honest; $sql\n$owners\nCOPY live.$table FROM stdin;\n1\t1\n2\t2\n\\.\n$key\n");
    $node->safe_psql('pagila', "DROP SCHEMA IF EXISTS live CASCADE; DELETE FROM pagila_repl.copy; INSERT INTO $referred (id) SELECT generate_series(1, 20) ON CONFLICT DO NOTHING");
    for my $first (1, 0) {
        for my $deleted ($first ? 10 : (11, 2, undef)) {
            my $what = "$name, " . ($first ? 'the first copy' : 'a refresh') . ', ' . (defined $deleted ? "row $deleted deleted meanwhile" : 'nothing deleted');
            my $load = load_sql($file, undef, force => 'true', on_modified => q{'overwrite'});
            my ($maker, $run, $other) = map { Session->new($node, 'pagila') } 1 .. 3;
            my $gate = hold_run_at($maker, 'pagila', 'verify:1');
            $run->send($load);
            ok(wait_until(sub { is_run_held($gate) }, 60), "$what: a run has its keys");
            $node->safe_psql('pagila', "DROP TABLE IF EXISTS app.seen; CREATE TABLE app.seen AS SELECT * FROM live.sale") if !$first;
            my $is_in_use = defined $deleted && $deleted == 2 && !$first && $name =~ /NO ACTION|function/;
            if (defined $deleted && !$is_in_use) {
                $other->run("DELETE FROM $referred WHERE id = $deleted");
                is($other->{state}, '00000', "$what: a row is deleted that the stage does not refer to, or the live copy has lost with it") or diag $other->{out};
            }
            # The stage alone refers to it.
            if ($is_in_use) {
                $other->run("ALTER TABLE live.sale DROP CONSTRAINT of_card; DELETE FROM $referred WHERE id = 2");
                is($other->{state}, '00000', "$what: a row is deleted that only the stage refers to") or diag $other->{out};
            }
            $other->run("INSERT INTO $referred (id) VALUES (50); UPDATE $referred SET id = 51 WHERE id = 50; DELETE FROM $referred WHERE id = 51");
            is($other->{state}, '00000', "$what: others write to the table") or diag $other->{out};
            let_run_go($gate);
            $maker->run('ALTER DATABASE pagila RESET pagila_repl.fault');
            ok($run->wait(60), "$what: the run ends");
            if (defined $deleted && $deleted == 2) {
                like($run->{out}, qr/23503: .*"of_card".*HINT:  That table is not copied\. If the row was deleted there during the run, run it again\./s, "$what: and fails");
                $node->safe_psql('pagila', "INSERT INTO $referred (id) VALUES (2)");
            } else {
                like($run->{out}, qr/^succeeded$/m, "$what: and succeeds");
                is($node->safe_psql('pagila', "SELECT count(*) FROM live.sale"), 2, "$what: all rows are there");
                $other->run("BEGIN; INSERT INTO live.sale VALUES (3, 99)");
                is($other->{state}, '23503', "$what: the key holds for new rows");
                $other->run("ROLLBACK; BEGIN; DELETE FROM $referred WHERE id = 1");
                is($other->{state}, $name =~ /NO ACTION|function/ ? '23503' : '00000', "$what: and for deletions");
                is($other->run('SELECT count(*) FROM live.sale'), 1, "$what: which cascade") if $other->{state} eq '00000';
                $other->run('ROLLBACK');
            }
            is($node->safe_psql('pagila', $disabled), 0, "$what: no trigger is off");
            is($node->safe_psql('pagila', q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'}), 0, "$what: nothing is left");
            $_->close for $maker, $run, $other;
        }
    }
    $number++;
}
done_testing();
