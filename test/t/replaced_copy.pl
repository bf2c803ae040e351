# Sessions that found the copy before it was replaced, and go on in it by OID: what they do there is kept or told of, and what they have
# open goes on. Names of hidden schemas are no part of a copy.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my ($source, $node) = new_pair('replaced_copy', conf => "shared_preload_libraries = 'pagila_repl'\nautovacuum = off\n");
my $dir = PostgreSQL::Test::Utils::tempdir;
my $file = write_file("$dir/live.sql", q{CREATE SCHEMA live; CREATE TABLE live.item (id integer PRIMARY KEY, name text); CREATE SEQUENCE live.ticket;
CREATE FUNCTION live.add(n integer) RETURNS integer LANGUAGE sql BEGIN ATOMIC INSERT INTO live.item VALUES (n, 'added') RETURNING id; END;
CREATE FUNCTION live.rid(n integer) RETURNS integer LANGUAGE sql BEGIN ATOMIC DELETE FROM live.item WHERE id = n RETURNING id; END;
CREATE FUNCTION live.cut(n integer) RETURNS bigint LANGUAGE sql BEGIN ATOMIC WITH d AS (DELETE FROM live.item WHERE id > n RETURNING id) SELECT count(*) FROM d; END;
CREATE FUNCTION live.name(n integer) RETURNS integer LANGUAGE sql BEGIN ATOMIC UPDATE live.item SET name = 'other' WHERE id = n RETURNING id; END;
CREATE FUNCTION live.share(n integer) RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT id FROM live.item WHERE id = n FOR SHARE; END;
CREATE FUNCTION live.count() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM live.item; END;
CREATE FUNCTION live.draw() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT nextval('live.ticket'); END;
INSERT INTO live.item SELECT n, 'item' FROM generate_series(1, 500) n;
} =~ s/INSERT INTO live.item SELECT.*\n//r . "COPY live.item FROM stdin;\n" . join('', map { "$_\titem\n" } 1 .. 500) . "\\.\n");
my $load = load_sql($file, undef, force => 'true', on_modified => q{'overwrite'});
my $old = q{SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_old\_%'};

# Whoever calls it has its function before the run, and needs it after; then the next run looks at the copy that was replaced. Returns
# what the call gave, the schema of that copy, and the message of the run that replaced it.
sub call_over_a_run {
    my ($what, $statement, %how) = @_;
    is((run_sql($node, $load))[0], 'succeeded', "$what: a copy");
    $node->safe_psql('pagila', $how{before}) if $how{before};
    my $session = Session->new($node, 'pagila');
    # More subtransactions than a snapshot has room for are in none.
    $session->run('BEGIN; SAVEPOINT a; CREATE TEMP TABLE mine (a integer); ' . ($how{subtransactions} > 64 ? many_subtransactions($how{subtransactions}) : '')
        . 'SAVEPOINT b; CREATE TEMP TABLE other ()') if $how{subtransactions};
    my $holder = Session->new($node, 'pagila');
    $holder->run('SELECT pg_advisory_lock(1)');
    $session->send("SELECT $statement FROM (SELECT pg_advisory_lock(1)) s");
    wait_until(sub { $node->safe_psql('pagila', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}) }, 30);
    my ($status, $error) = run_sql($node, $load);
    is($status, 'succeeded', "$what: a run while it is under way") or diag $error;
    my ($run, $message) = split /\|/, $node->safe_psql('pagila', 'SELECT run_id, message FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1');
    like($message, qr/could not be dropped yet: statements or cursors from before/, "$what: which says that the old copy stays for now");
    my $schema = $node->safe_psql('pagila', $old);
    $holder->close;
    $session->wait(60);
    my $out = $session->{out};
    is($session->{state}, '00000', "$what: it ends well") or diag $out;
    $session->run($how{end} // 'COMMIT') if $how{subtransactions};
    $session->close;
    # The launcher, who comes once a minute, may have dropped it by now.
    $node->psql('pagila', "VACUUM (FREEZE) $schema.item") if $how{vacuum};
    is((run_sql($node, $load))[0], 'succeeded', "$what: the next run") for 1, 2;
    return ($out, $schema, $node->safe_psql('pagila', "SELECT message FROM pagila_repl.run WHERE run_id = $run"));
}

sub many_subtransactions {
    return "DO \$\$BEGIN FOR i IN 1..$_[0] LOOP BEGIN INSERT INTO mine VALUES (i); EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END\$\$; ";
}

sub is_there { return $node->safe_psql('pagila', qq{SELECT count(*) FROM pg_namespace WHERE nspname = '$_[0]'}) }

my %combinations = ('live.add(1000)' => [ { subtransactions => 1 }, {}, { vacuum => 1 }, { subtransactions => 100 } ], 'live.rid(7)' => [ { vacuum => 1 }, { vacuum => 1, before => 'SELECT live.share(9)' },
    { vacuum => 1, before => 'UPDATE live.item SET name = name' }, { vacuum => 1, before => q{UPDATE live.item SET name = 'mine' WHERE id = 3} }, { before => 'VACUUM live.item', vacuum => 1 } ],
    # The file gets shorter.
    'live.cut(150)' => [ { vacuum => 1 }, { vacuum => 1, before => 'UPDATE live.item SET name = name' }, { vacuum => 1, before => q{UPDATE live.item SET name = 'mine'} } ],
    'live.name(7)' => [ { subtransactions => 1 }, { before => 'SELECT live.share(9)' } ]);
for my $statement (sort keys %combinations) {
    for my $how (some_of(2, @{ $combinations{$statement} })) {
        my $what = join ' ', $statement, sort keys %$how;
        my (undef, $schema, $message) = call_over_a_run($what, $statement, %$how);
        like($message, qr/kept: rows of table \Q$schema\E\.item were changed while it was replaced/, "$what: what it did is kept, and told of");
        is(scalar(() = $message =~ /kept:/g), 1, "$what: it is told once");
        is(is_there($schema), '1', "$what: the copy stays");
        $node->safe_psql('pagila', "DROP SCHEMA IF EXISTS $schema CASCADE");
    }
}
for ([ 'live.add(1000)', { subtransactions => 1, end => 'ROLLBACK' } ], [ 'live.share(7)', {} ], [ 'live.count()', { before => 'UPDATE live.item SET name = name' } ],
    [ 'live.count()', { before => 'UPDATE live.item SET name = name', vacuum => 1 } ], [ 'live.count()', { before => q{UPDATE live.item SET name = 'mine'}, vacuum => 1 } ],
    [ 'live.count()', { before => q{TRUNCATE live.item; INSERT INTO live.item VALUES (1, 'new'), (2, 'gone'); DELETE FROM live.item WHERE id = 2} } ]) {
    my ($statement, $how) = @$_;
    my $what = join ' ', $statement, sort keys %$how;
    my (undef, $schema, $message) = call_over_a_run($what, $statement, %$how);
    is(is_there($schema), '0', "$what: the copy is dropped, since nothing of anybody is in it") or diag $message;
}

my ($drawn, $schema, $message) = call_over_a_run('live.draw()', 'live.draw()');
is($drawn, '1', 'a value of the sequence');
is(is_there($schema), '0', 'the copy is dropped');
like($message, qr/; sequence \Q$schema\E\.ticket advanced while it was replaced$/, 'and the run tells of the sequence');

# A cursor has called nothing yet.
for my $isolation ('READ COMMITTED', 'REPEATABLE READ') {
    is((run_sql($node, $load))[0], 'succeeded', 'a copy');
    my $session = Session->new($node, 'pagila');
    $session->run("BEGIN ISOLATION LEVEL $isolation; DECLARE c CURSOR FOR SELECT live.add(g) FROM generate_series(2000, 2002) g");
    is((run_sql($node, $load))[0], 'succeeded', "$isolation: a run while a cursor is open");
    $session->run('FETCH ALL FROM c');
    is($session->{state} . $session->{out}, "000002000\n2001\n2002", "$isolation: the cursor goes on");
    $session->run('ROLLBACK');
    $session->close;
    is((run_sql($node, $load))[0], 'succeeded', "$isolation: the next run");
    is($node->safe_psql('pagila', $old), '', "$isolation: drops the copy");
}

# Default privileges for the schema, by who had found it before it was replaced.
{
    $node->safe_psql('pagila', 'CREATE ROLE reader');
    is((run_sql($node, $load))[0], 'succeeded', 'a copy');
    my ($holder, $session) = map { Session->new($node, 'pagila') } 1, 2;
    $holder->run('BEGIN; LOCK TABLE pg_catalog.pg_default_acl IN SHARE MODE');
    $session->send('ALTER DEFAULT PRIVILEGES IN SCHEMA live GRANT SELECT ON TABLES TO reader');
    wait_until(sub { $node->safe_psql('pagila', 'SELECT count(*) FROM pg_locks WHERE NOT granted') }, 30);
    is((run_sql($node, $load))[0], 'succeeded', 'a run while default privileges are being altered');
    my ($run, $schema) = split /\|/, $node->safe_psql('pagila', "SELECT (SELECT max(run_id) FROM pagila_repl.run), ($old)");
    $holder->run('COMMIT');
    ok($session->wait(60) && $session->{state} eq '00000', 'they are altered');
    is((run_sql($node, $load))[0], 'succeeded', 'the next run');
    like($node->safe_psql('pagila', "SELECT message FROM pagila_repl.run WHERE run_id = $run"), qr/kept: the owner, privileges, default privileges, .* of schema \Q$schema\E was changed while it was replaced/,
        'it is kept, and told of');
    is($node->safe_psql('pagila', 'SELECT defaclnamespace::regnamespace FROM pg_default_acl'), $schema, 'they are there');
    $_->close for $holder, $session;
    $node->safe_psql('pagila', "DROP SCHEMA IF EXISTS $schema CASCADE");
}

# Somebody has more subtransactions than a snapshot has room for, in another database: nothing of this one is later for that.
{
    my $holder = Session->new($node, 'postgres');
    $holder->run('BEGIN; CREATE TEMP TABLE mine (a integer); ' . many_subtransactions(100));
    for my $change ('UPDATE live.item SET name = name', q{UPDATE live.item SET name = 'mine' WHERE id < 9}) {
        is((run_sql($node, $load))[0], 'succeeded', 'a copy');
        $node->safe_psql('pagila', $change);
        my ($status, $error) = run_sql($node, $change =~ /mine/ ? $load : load_sql($file, undef, force => 'true'));
        is($status, 'succeeded', "$change, with many subtransactions elsewhere") or diag $error;
        unlike(last_run($node, 'message'), qr/kept|could not be dropped/, 'and the replaced copy is dropped');
        is($node->safe_psql('pagila', $old), '', 'and is gone');
    }
    $holder->run('ROLLBACK');
    $holder->close;
}

# What a source has hidden is not copied, and no dump makes such schemas.
$source->safe_psql('pagila', q{CREATE SCHEMA app; CREATE TABLE app.real (a integer)});
for my $hidden (qw(pagila_repl_old_2_1_aeec885a37b90186 pagila_repl_stage_13_2_0000000000000000 pagila_repl_stage_1_1)) {
    $source->safe_psql('pagila', "CREATE SCHEMA $hidden; CREATE TABLE $hidden.item AS SELECT 1 AS a");
    my ($status, $error) = run_sql($node, load_sql(write_file("$dir/hidden.sql", "CREATE SCHEMA $hidden;\nCREATE TABLE $hidden.item (a integer);\n"), undef));
    like($error, qr/\Q$hidden\E/, "a dump may not make schema $hidden") or diag $status;
}
my ($status, $error) = run_sql($node, pull_sql('source'));
is($status, 'succeeded', 'a pull of everything') or diag $error;
is($node->safe_psql('pagila', q{SELECT string_agg(schema_name, ' ' ORDER BY schema_name) FROM pagila_repl.copy}), 'app live public', 'brings what is no copy of a run');
is($node->safe_psql('pagila', $old), '', 'and makes no such schema');
done_testing();
