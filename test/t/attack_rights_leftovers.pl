# What a run leaves behind for others to drop: the replaced copy belongs to the owner of its schema again, who renames it, puts others
# in its place, and hangs code and other people's objects onto it, before and while the next run or the scheduler drops it.
# Nobody's code runs, and nothing but the replaced copy goes.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use RightsAttack;
use Test::More;

leave_to_long_tests();

my $test = RightsAttack->new('rights_leftovers');
my $node = $test->{target};

# A replaced copy that its run could not drop. Returns its name.
sub leave_copy {
    my ($db, $maker) = @_;
    my $run = Session->new($node, $db);
    $maker->run("ALTER DATABASE $db SET pagila_repl.fault = 'clean:1:throw'");
    $run->run($test->sql_of('load', {}));
    # The scheduler, who is woken then, cannot drop it either, and comes again after half a minute.
    my $quiet = 0;
    wait_until(sub { $quiet = $run->run(q{SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type LIKE 'pagila%'}) eq '0' ? $quiet + 1 : 0;
        $quiet == 4 }, 20);
    my $old = $run->run('SELECT schema_name FROM pagila_repl.leftover');
    $run->close;
    $old =~ /^pagila_repl_\w+$/ or die "no copy was left: $old";
    return $old;
}

# Who sweeps: the next run of a superuser, of puller, or the scheduler, who is woken by a job. Starts it, returns what waits for it.
sub sweeper {
    my ($who, $db) = @_;
    my $session = Session->new($node, $db, $who eq 'puller' ? 'puller' : undef);
    my $watch = Session->new($node, $db);
    my $known = $watch->run('SELECT max(run_id) FROM pagila_repl.run');
    if ($who eq 'scheduler') {
        $session->run(q{SELECT pagila_schedule('nothing', '1 day', schema_file => '/nowhere')});
        return sub {
            my $done = wait_until(sub { $watch->run("SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type ~ 'pagila_repl (scheduler|leader)') = 0
                AND EXISTS (SELECT FROM pagila_repl.run WHERE run_id > $known AND status <> 'running')") eq 't' }, $_[0]);
            return $done;
        };
    }
    $session->send($test->sql_of('load', { on_modified => q{'overwrite'}, on_unmanaged => q{'drop'}, on_dependents => q{'drop'} }));
    return sub { $session->wait($_[0]) };
}

# Does it while the sweep is held before its first drop, or waits for a lock of it. Returns what is wrong.
sub swept {
    my ($who, $db, $maker, %how) = @_;
    my $old = leave_copy($db, $maker);
    my ($attacker, $super) = (Session->new($node, $db, 'attacker'), Session->new($node, $db));
    my $subst = sub { $_[0] =~ s/\bOLD\b/$old/gr };
    if ($how{honest}) { $super->run($subst->($how{honest})); die "honest: $super->{out}" if $super->{state} ne '00000' }
    if ($how{plant}) { $attacker->run($subst->($how{plant})); die "plant: $attacker->{out}" if $attacker->{state} ne '00000' }
    $maker->run("ALTER DATABASE $db " . ($how{fault} ? "SET pagila_repl.fault = '$how{fault}'" : 'RESET pagila_repl.fault'));
    my $gate = $how{open} ? hold_run_at($maker, $db, 'clean:1') : undef;
    # Its end is told once.
    my ($wait, $is_over) = (sweeper($who, $db), 0);
    my $over = sub { return $is_over ||= $wait->(@_) };
    if ($gate) {
        my $holder = $how{by} ? $super : $attacker;
        wait_until(sub { is_run_held($gate) || $over->(0.01) }, 30);
        $holder->send('BEGIN; ' . $subst->($how{open}))->wait(5) or die 'the attack waits';
        die "open: $holder->{out}" if $holder->{state} ne '00000';
        my $watch = Session->new($node, $db);
        let_run_go($gate);
        $maker->run("ALTER DATABASE $db RESET pagila_repl.fault");
        wait_until(sub { $over->(0.001) || $watch->run(q{SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND backend_type LIKE 'pagila%' AND wait_event_type = 'Lock'}) ne '0' }, 5);
        $holder->run('COMMIT');
    }
    my $ended = $over->(50);
    $maker->run("ALTER DATABASE $db RESET pagila_repl.fault");
    return 'the sweep does not end: ' . $super->run(q{SELECT string_agg(concat_ws(' ', a.pid, backend_type, state, wait_event_type, wait_event, pg_blocking_pids(a.pid)::text,
            (SELECT string_agg(concat_ws(':', locktype, relation::regclass, classid::regclass, objid, mode), ',') FROM pg_locks l WHERE l.pid = a.pid AND NOT granted), left(query, 70)), E'\n')
          || (SELECT E'\n' || concat_ws(' ', status, phase, message) FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1)
        FROM pg_stat_activity a WHERE datname = current_database()}) if !$ended;
    my $left = $super->run($subst->("SELECT ($how{whole})::boolean"));
    my $said = $super->run(q{SELECT concat_ws(' ', status, sqlstate, message) FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1});
    return $left eq 't' ? undef : "lost: $left (the run: $said)";
}

my %attacks = (
    'renamed away' => { plant => 'ALTER SCHEMA OLD RENAME TO mine', whole => q{SELECT count(*) > 0 FROM mine.item} },
    'another in its place' => { plant => 'ALTER SCHEMA OLD RENAME TO mine; CREATE SCHEMA OLD; CREATE TABLE OLD.precious (a integer)', whole => q{SELECT to_regclass('OLD.precious') IS NOT NULL} },
    'another takes its place while a lock is waited for' => { open => 'LOCK TABLE OLD.item; ALTER SCHEMA OLD RENAME TO mine; ALTER SCHEMA att RENAME TO OLD',
        whole => q{SELECT to_regclass('OLD.precious') IS NOT NULL} },
    'its tables change places' => { plant => 'ALTER TABLE OLD.bag RENAME TO gone; CREATE VIEW OLD.bag AS SELECT att.evil() AS id; ALTER SEQUENCE OLD.ticket RENAME TO was;
        CREATE VIEW OLD.ticket AS SELECT att.evil() AS last_value', whole => 'SELECT true' },
    'a table becomes a view' => { plant => q{CREATE RULE "_RETURN" AS ON SELECT TO OLD.nothing DO INSTEAD SELECT att.evil() AS id, 'x'::text AS name}, whole => 'SELECT true' },
    'code on everything' => { plant => q{CREATE INDEX trap ON OLD.item (id) WHERE att.evil_true(1); CREATE STATISTICS OLD.trap2 ON (att.evil_true(1)), name FROM OLD.item;
        CREATE TRIGGER trap BEFORE TRUNCATE ON OLD.item EXECUTE FUNCTION att.evil_trigger(); ALTER DOMAIN OLD.extra ADD CHECK (att.evil_true(1));
        CREATE RULE trap AS ON DELETE TO OLD.bag DO ALSO SELECT att.evil(); CREATE POLICY trap ON OLD.item USING (att.evil_true(id)); ALTER TABLE OLD.item FORCE ROW LEVEL SECURITY} =~ s/ALTER DOMAIN OLD.extra.*?;//r,
        whole => 'SELECT true' },
    'a view of someone else depends on it' => { honest => 'CREATE VIEW victim.kept AS SELECT * FROM OLD.item', whole => 'SELECT count(*) = 20 FROM victim.kept' },
    'a view of someone else comes to depend on it while its lock is waited for' => { open => 'CREATE VIEW victim.kept AS SELECT * FROM OLD.item', by => 'honest', whole => 'SELECT count(*) = 20 FROM victim.kept' },
    'a function of someone else comes to depend on it' => { open => q{CREATE FUNCTION victim.kept() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM OLD.bag; END}, by => 'honest', whole => 'SELECT victim.kept() = 1' },
    'a column of someone else has its type' => { honest => 'CREATE TYPE OLD.extra AS (a integer)', open => 'CREATE TABLE victim.kept (a OLD.extra)', by => 'honest',
        whole => q{SELECT count(*) = 1 FROM pg_attribute WHERE attrelid = to_regclass('victim.kept') AND attnum = 1 AND NOT attisdropped} },
    'a table is moved in that a view of someone else shows' => { honest => 'CREATE VIEW victim.kept AS SELECT * FROM att.precious', plant => 'ALTER TABLE att.precious SET SCHEMA OLD', whole => 'SELECT count(*) = 1 FROM victim.kept' },
    'a table is moved in while the sweep waits' => { honest => 'CREATE VIEW victim.kept AS SELECT * FROM att.precious', open => 'LOCK TABLE OLD.item; ALTER TABLE att.precious SET SCHEMA OLD', whole => 'SELECT count(*) = 1 FROM victim.kept' },
    'the disk is full and a view of someone else depends on it' => { honest => 'CREATE VIEW victim.kept AS SELECT * FROM OLD.item', fault => 'clean:1:enospc', whole => 'SELECT count(*) = 20 FROM victim.kept' },
    'the disk is full and another has taken its place' => { plant => 'ALTER SCHEMA OLD RENAME TO mine; CREATE SCHEMA OLD; CREATE TABLE OLD.precious AS SELECT 1 AS a', fault => 'clean:1:enospc',
        whole => q{SELECT count(*) = 1 FROM OLD.precious} },
);
my (@scenarios, %tried);
for my $name (sort keys %attacks) {
    my @sweepers = ('scheduler', 'the next run', $name =~ /code|places/ ? 'puller' : ());
    # In turn, if not all of them.
    @sweepers = (reverse @sweepers)[ $tried{ scalar @sweepers }++ % @sweepers ] if !is_long() && !$ENV{PR_ATTACK_ALL} && !$ENV{PR_ATTACK_ONLY};
    for my $who (@sweepers) {
        push @scenarios, "$name, swept by $who" => sub { swept($who, @_, %{ $attacks{$name} }) };
    }
}
$test->scenarios(@scenarios);
$test->done;
