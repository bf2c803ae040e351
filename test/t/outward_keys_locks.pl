# Whoever reads a table elsewhere that foreign keys of a copy refer to never waits for a run, and whoever writes to it only for short steps;
# a copy that was replaced is no concern of theirs.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $node = new_node('outward_keys_locks', faults => 1, conf => "autovacuum = off\n");
my $dir = PostgreSQL::Test::Utils::tempdir;
$node->safe_psql('pagila', q{CREATE SCHEMA app; CREATE TABLE app.card (id integer PRIMARY KEY, word text); INSERT INTO app.card SELECT n, 'x' FROM generate_series(1, 1000) n;
    CREATE TABLE app.parts (id integer PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE app.low PARTITION OF app.parts FOR VALUES FROM (0) TO (1000); INSERT INTO app.parts SELECT generate_series(1, 20)});

my $number = 0;
sub dump_of {
    my ($tables, $key, @rows) = @_;
    my $rows = join '', map { "$_\t$_\n" } @rows ? @rows : (1, 2);
    return write_file("$dir/" . $number++ . '.sql', "CREATE SCHEMA live; $tables\nCOPY live.sale FROM stdin;\n$rows\\.\n$key\n");
}
my $sale = 'CREATE TABLE live.sale (id integer, card integer);';
my $key = 'ALTER TABLE live.sale ADD CONSTRAINT of_card FOREIGN KEY (card) REFERENCES app.card';
my $maker = Session->new($node, 'pagila');
my $watch = Session->new($node, 'pagila');

# The modes that processes of the extension hold or wait for on tables of app.
sub modes {
    return $watch->run(q{SELECT string_agg(DISTINCT mode, ' ' ORDER BY mode) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
      WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p') AND pid IN (SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pagila\_repl %')});
}

# Starts a run; true once it has ended.
sub start {
    my ($run, $sql) = @_;
    $run->{is_over} = 0;
    return $run->send($sql);
}

sub is_over {
    my ($run, $seconds) = @_;
    return $run->{is_over} ||= $run->wait($seconds);
}

#
# Readers, and writers
#

my %shapes = (
    'a plain key' => dump_of($sale, "$key;"),
    'a key with a comment' => dump_of($sale, "$key ON DELETE CASCADE DEFERRABLE; COMMENT ON CONSTRAINT of_card ON live.sale IS 'told';"),
    'a key of a partitioned table' => dump_of('CREATE TABLE live.sale (id integer, card integer) PARTITION BY LIST (id); CREATE TABLE live.one PARTITION OF live.sale DEFAULT;', "$key;"),
    'a key to a partitioned table' => dump_of($sale, "$key;" =~ s/app\.card/app.parts/r),
    'a key that is not valid' => dump_of($sale, "$key NOT VALID;"),
    'a copy with code of its own' => dump_of('CREATE FUNCTION live.fine(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN true; END$$;
       CREATE TABLE live.sale (id integer CHECK (live.fine(id)) PRIMARY KEY, card integer); CREATE INDEX of_cards ON live.sale (card);', "$key;"),
    'a key in CREATE TABLE' => dump_of('CREATE TABLE live.sale (id integer, card integer CONSTRAINT of_card REFERENCES app.card);', ''));
my $of_key = q{SELECT string_agg(concat_ws(' ', conrelid::regclass, conname, convalidated, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint')), ', ' ORDER BY conrelid::regclass::text)
    FROM pg_constraint WHERE contype = 'f' AND conrelid::regclass::text LIKE 'live.%'};
for my $name (sort keys %shapes) {
    my $run = Session->new($node, 'pagila');
    my $first;
    $node->safe_psql('pagila', 'DROP SCHEMA IF EXISTS live CASCADE; DELETE FROM pagila_repl.copy');
    for my $point ('shaped:1', 'verify:1', 'compared:1', 'publish:1', 'dropped:1') {
        my $gate = hold_run_at($maker, 'pagila', $point);
        start($run, load_sql($shapes{$name}, undef, force => 'true'));
        if (!ok(wait_until(sub { is_run_held($gate) || is_over($run, 0) }, 60) && is_run_held($gate), "$name: a run comes to $point")) {
            diag $run->{out};
            next;
        }
        my $modes = modes();
        unlike($modes, qr/AccessExclusiveLock/, "$name, at $point: readers pass");
        # A dump that has it in CREATE TABLE gets what it has asked for; while the names are swapped nobody may delete what the copy refers to.
        unlike($modes, qr/\b(Share|ShareRowExclusive|Exclusive|AccessExclusive)Lock\b/, "$name, at $point: writers pass")
          if $point ne 'publish:1' && !($point eq 'shaped:1' && $name =~ /CREATE TABLE/);
        let_run_go($gate);
        ok(is_over($run, 60), "$name: the run that was at $point ends");
        like($run->{out}, qr/^succeeded$/m, "$name: and has succeeded");
        $maker->run('ALTER DATABASE pagila RESET pagila_repl.fault');
        my $now = $node->safe_psql('pagila', $of_key);
        $first //= $now;
        is($now, $first, "$name: its keys are the same each time");
        is($node->safe_psql('pagila', q{SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O'}), 0, "$name: no trigger is off");
    }
    $run->close;
    note $first;
}
is($node->safe_psql('pagila', q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'}), 0, 'nothing is left');
is($node->safe_psql('pagila', q{SELECT count(*) FROM pg_depend WHERE classid = 'pg_trigger'::regclass AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.oid = objid)}), 0, 'no dependency leads to nothing');
is($node->safe_psql('pagila', q{SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('app.card'::regclass, 'app.parts'::regclass, 'app.low'::regclass) AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.oid = tgconstraint)}),
    0, 'no trigger is without its key');

#
# Keys are not compared while writers wait
#

$node->safe_psql('pagila', 'DROP SCHEMA IF EXISTS live CASCADE; DELETE FROM pagila_repl.copy');
my $file = dump_of($sale, "$key;");
$node->safe_psql('pagila', load_sql($file, undef));
{
    my ($run, $reader, $writer) = map { Session->new($node, 'pagila') } 1 .. 3;
    # A reader of the copy makes publishing try again and again, and others change what no key refers to all the time.
    my $gate = hold_run_at($maker, 'pagila', 'verify:1');
    start($run, load_sql($file, undef, force => 'true'));
    ok(wait_until(sub { is_run_held($gate) }, 60), 'a refresh is held');
    $reader->run('BEGIN; SELECT count(*) FROM live.sale');
    $maker->run("ALTER DATABASE pagila SET pagila_repl.fault = 'verify:1:wait:$gate;compare:2:error'");
    # The setting is the run's from its beginning, so this one is let go and the next is tried.
    $reader->run('COMMIT');
    let_run_go($gate);
    ok(is_over($run, 60), 'it ends');
    write_file($gate, '');
    start($run, load_sql($file, undef, force => 'true'));
    ok(wait_until(sub { is_run_held($gate) }, 60), 'another refresh is held, which may compare its keys but once');
    $reader->run('BEGIN; SELECT count(*) FROM live.sale');
    let_run_go($gate);
    for (1 .. 30) {
        $writer->run("UPDATE app.card SET word = 'y$_' WHERE id = 950; INSERT INTO app.card VALUES (2000 + $_)");
        last if is_over($run, 0.05);
    }
    $reader->run('COMMIT');
    ok(is_over($run, 60), 'the refresh ends');
    like($run->{out}, qr/^succeeded$/m, 'changes of other columns and new rows make no key be compared again');
    $node->safe_psql('pagila', 'DELETE FROM app.card WHERE id > 2000');

    # Where rows are deleted the keys are compared, but with nobody held up.
    $gate = hold_run_at($maker, 'pagila', 'compare:2');
    start($run, load_sql($file, undef, force => 'true'));
    $reader->run('BEGIN; SELECT count(*) FROM live.sale');
    my $deleted = 100;
    my $is_held = wait_until(sub { $writer->run('DELETE FROM app.card WHERE id = ' . $deleted++); is_run_held($gate) }, 30);
    ok($is_held, 'rows being deleted all the time, keys are compared again');
    unlike(modes(), qr/ShareRowExclusiveLock/, 'while they are, others may write');
    $writer->run('DELETE FROM app.card WHERE id = 900');
    is($writer->{state}, '00000', 'and do');
    $reader->run('COMMIT');
    let_run_go($gate);
    ok(is_over($run, 60), 'the refresh ends');
    like($run->{out}, qr/^succeeded$/m, 'and has succeeded');
    $maker->run('ALTER DATABASE pagila RESET pagila_repl.fault');
    $_->close for $run, $reader, $writer;
}

#
# Who is in the way is named
#

for my $point ('shaped:1', 'verify:1', 'outward:1') {
    my ($run, $writer) = map { Session->new($node, 'pagila') } 1 .. 2;
    $run->run("SET pagila_repl.swap_budget = '1s'");
    my $gate = hold_run_at($maker, 'pagila', $point);
    my $second = dump_of($sale . 'CREATE TABLE live.thing (id integer PRIMARY KEY); CREATE TABLE live.part (thing integer REFERENCES live.thing);', "$key;");
    start($run, load_sql($second, undef, force => 'true'));
    ok(wait_until(sub { is_run_held($gate) || is_over($run, 0) }, 60) && is_run_held($gate), "a refresh is held at $point");
    $writer->run("BEGIN; UPDATE app.card SET word = 'z' WHERE id = 20");
    let_run_go($gate);
    ok(is_over($run, 30), "$point: a writer of a table elsewhere that stays: the run ends");
    like($run->{out}, qr/ERROR:  55P03: .*Process $writer->{backend} of role .* holds RowExclusiveLock on table app\.card\./s, "$point: and names who holds what") or diag $run->{out};
    $writer->run('ROLLBACK');
    $maker->run('ALTER DATABASE pagila RESET pagila_repl.fault');
    $_->close for $run, $writer;
}

#
# A replaced copy that is kept for a while
#

for my $on ('', 'ON DELETE CASCADE', 'ON UPDATE CASCADE ON DELETE SET NULL', 'DEFERRABLE INITIALLY DEFERRED') {
    my ($run, $reader, $other) = map { Session->new($node, 'pagila') } 1 .. 3;
    $node->safe_psql('pagila', 'INSERT INTO app.card (id) SELECT generate_series(1, 5) ON CONFLICT DO NOTHING');
    $node->safe_psql('pagila', load_sql(dump_of($sale, "$key $on;"), undef, force => 'true', on_modified => q{'overwrite'}));
    $reader->run('BEGIN; DECLARE c CURSOR FOR SELECT 1');
    $run->run(load_sql(dump_of($sale, "$key $on;", 1, 3), undef, force => 'true'), 60);
    like($run->{out}, qr/^succeeded$/m, "replaced under an open cursor, $on: succeeded") or diag $run->{out};
    is($node->safe_psql('pagila', q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'}), 1, "$on: the replaced copy is kept");
    $other->run('DELETE FROM app.card WHERE id = 2');
    is($other->{state}, '00000', "$on: a row that only the replaced copy refers to may be deleted") or diag $other->{out};
    $other->run('BEGIN; DELETE FROM app.card WHERE id = 3; COMMIT');
    is($other->{state}, $on =~ /CASCADE$|SET NULL/ ? '00000' : '23503', "$on: the new copy's key holds");
    $other->run('ROLLBACK');
    $reader->run('COMMIT');
    $run->run(load_sql(dump_of($sale, "$key $on;", 1), undef, force => 'true', on_modified => q{'overwrite'}), 60);
    is($node->safe_psql('pagila', q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'}), 0, "$on: the next run drops it");
    is($node->safe_psql('pagila', q{SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O'}), 0, "$on: no trigger is off");
    $_->close for $run, $reader, $other;
}

# The new copy refers to that table no more; the table is itself a copy, which is seen as unchanged all the while.
{
    my ($run, $reader, $other) = map { Session->new($node, 'pagila') } 1 .. 3;
    $node->safe_psql('pagila', 'DROP SCHEMA live CASCADE; DELETE FROM pagila_repl.copy');
    my $cards = write_file("$dir/cards.sql", "CREATE SCHEMA deck; CREATE TABLE deck.card (id integer PRIMARY KEY);\nCOPY deck.card FROM stdin;\n1\n2\n\\.\n");
    $node->safe_psql('pagila', load_sql($cards, undef));
    $node->safe_psql('pagila', load_sql(dump_of($sale, "$key;" =~ s/app\./deck./r), undef));
    $reader->run('BEGIN; DECLARE c CURSOR FOR SELECT 1');
    $run->run(load_sql(dump_of($sale, ''), undef), 60);
    like($run->{out}, qr/^succeeded$/m, 'a copy without the key') or diag $run->{out};
    is($run->run(load_sql($cards, undef)), 'skipped', 'the table that the replaced one refers to is unchanged');
    $other->run('BEGIN; DELETE FROM deck.card WHERE id = 2');
    is($other->{state}, '00000', 'a row that only the replaced copy refers to may be deleted') or diag $other->{out};
    $other->run('ROLLBACK');
    $reader->run('COMMIT');
    $_->close for $run, $reader, $other;
}
done_testing();
