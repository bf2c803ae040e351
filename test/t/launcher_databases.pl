# The launcher and databases: it keeps none from being dropped, renamed or copied, finds new ones, forgets those that are
# gone, and a copy of a database does not run the jobs of the original unless it is told to.
use strict;
use warnings;
use lib 'test/t';
use JobTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $test = JobTest->new('databases', conf => "pagila_repl.max_concurrent_runs = 1\n");
my $target = $test->{target};
my ($launcher) = $test->launchers;

holds_nothing_while_idle();
new_database_is_found_and_dropped();
owner_drops_a_database_in_use();
copy_of_a_database_waits_to_be_told();
database_is_renamed_and_closed();
a_database_in_use_is_left_alone();
$test->done;

sub holds_nothing_while_idle {
    $test->schedule('copy', '1 hour', "'source'");
    $test->runs('copy', 1, 'succeeded', 'a job runs');
    $test->rests('after that');
    is($test->sql("SELECT datname, backend_xid, backend_xmin, xact_start FROM pg_stat_activity WHERE pid = $launcher"), '|||',
        'the idle launcher is connected to no database and has no snapshot');
    is($test->sql("SELECT count(*) FROM pg_locks WHERE pid = $launcher"), '0', 'and no lock');
    return;
}

# A database with the extension and the source, and a job there that copies it. owner: role that the job and the database are of.
sub make_database {
    my ($db, $owner) = @_;
    $target->safe_psql('postgres', "CREATE DATABASE $db" . ($owner ? " OWNER $owner" : ''));
    $target->safe_psql($db, 'CREATE EXTENSION pagila_repl');
    add_source($target, 'source', db => $db, port => $test->{source}->port);
    return $test->schedule('copy', '1 hour', "'source'", db => $db) if !$owner;
    my $user = getpwuid($<);
    $target->safe_psql($db, "GRANT USAGE ON FOREIGN SERVER source TO $owner;
        CREATE USER MAPPING FOR $owner SERVER source OPTIONS (user '$user', password_required 'false')");
    return $test->schedule('copy', '1 hour', "'source', owners => 'skip'", db => $db, as($owner));
}

sub as { my ($role) = @_; return (psql => { extra_params => [ '-U', $role ] }) }

sub new_database_is_found_and_dropped {
    make_database('later');
    $test->runs('copy', 1, 'succeeded', 'a job in a database made later runs', db => 'later');
    is(copy_of($target, 'later'), copy_of($test->{source}), 'and copies into that');
    $test->time_passes(3600);
    $test->runs('copy', 2, 'skipped', 'it runs again when it is due', db => 'later');
    $test->runs('copy', 2, 'skipped', 'as does the one in the other database');
    $test->rests('before it is dropped');
    my ($out, $err) = run_sql($target, 'DROP DATABASE later', db => 'postgres');
    is($err, '', 'a database with jobs is dropped while the launcher is idle');
    is_forgotten('a database that is gone', 3);
    return;
}

# Jobs elsewhere go on, and the launcher tries at most once more to look at the database.
sub is_forgotten {
    my ($what, $runs) = @_;
    $test->time_passes(3600);
    $test->runs('copy', $runs, 'skipped', "$what: jobs elsewhere go on");
    $test->rests($what);
    my $tries = complaints();
    $test->time_passes(3600);
    $test->runs('copy', $runs + 1, 'skipped', "$what: and on");
    $test->rests("$what, later");
    is(complaints(), $tries, "$what: the launcher has forgotten it");
    is_deeply([ $test->launchers ], [$launcher], "$what: it has not ended");
    return;
}

# How often a process of ours could not connect to a database.
sub complaints {
    my $log = slurp_file($target->logfile);
    return scalar(() = $log =~ /FATAL:  database .* (does not exist|is not currently accepting connections)/g);
}

sub owner_drops_a_database_in_use {
    $target->safe_psql('postgres', 'CREATE ROLE ann LOGIN CREATEDB IN ROLE pagila_repl_operator');
    make_database('anns', 'ann');
    $test->runs('copy', 1, 'succeeded', 'a job of a role that is no superuser', db => 'anns');
    $test->change_source;
    write_file($test->{gate}, '');
    $target->safe_psql('anns', "LOAD 'pagila_repl'; ALTER DATABASE anns SET pagila_repl.fault = 'copy:1:wait:$test->{gate}'");
    $target->safe_psql('pagila', "SELECT pagila_alter_job('copy', enabled => false)");
    $test->time_passes(3600);
    $test->is_held('the database of ann');
    my @held = $test->held;
    is($test->sql(q{SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'anns' AND backend_type ~ '^pagila_repl '},
            db => 'postgres'), 'ann', 'what works there works as ann');
    my (undef, $err) = run_sql($target, 'DROP DATABASE anns', db => 'postgres', as('ann'));
    is(sqlstate_of($err), '55006', 'the database is in use');
    # A scheduler, which only superusers may end, may be there for some milliseconds.
    my $dropped = wait_until(
        sub {
            (undef, $err) = run_sql($target, 'DROP DATABASE anns WITH (FORCE)', db => 'postgres', as('ann'));
            $err eq '' || sqlstate_of($err) ne '42501';
        },
        30);
    is($err, '', 'its owner drops it with force, though a run is under way');
    ok(wait_until(sub { !grep { kill(0, $_) } @held }, 10), 'which that ends');
    $test->let_go;
    $target->safe_psql('pagila', "SELECT pagila_alter_job('copy', enabled => true)");
    $test->runs('copy', 5, 'succeeded', 'the only turn there is was given back');
    is_forgotten('a database that was dropped with force', 6);
    return;
}

sub copy_of_a_database_waits_to_be_told {
    $test->rests('before it is copied');
    my (undef, $err) = run_sql($target, 'CREATE DATABASE twin TEMPLATE pagila', db => 'postgres');
    is($err, '', 'a database with jobs is copied while the launcher is idle');
    my $before = $test->statuses('copy', db => 'twin');
    my $old = copy_of($target, 'twin');
    $test->change_source;
    $test->time_passes(3600);
    $test->job_is('copy', 'status, next_run_at IS NULL', 'suspended|t', 'there its jobs do not run', db => 'twin');
    like($test->job('copy', 'suspended_because', db => 'twin'), qr/copy of the one the job was scheduled in.*enabled => true/,
        'which is explained, and what to do');
    $test->runs('copy', 8, 'succeeded', 'in the original they do');
    $test->rests('a copy');
    is($test->statuses('copy', db => 'twin'), $before, 'nothing was tried in the copy');
    is(copy_of($target, 'twin'), $old, 'and nothing changed there');
    (undef, $err) = run_sql($target, "SELECT pagila_run_job('copy')", db => 'twin');
    is(sqlstate_of($err), '42501', 'nor does it run by hand');
    $test->sql("SELECT pagila_alter_job('copy', enabled => true)", db => 'twin');
    $test->runs('copy', 8, 'succeeded', 'once enabled it runs there', db => 'twin');
    is(copy_of($target, 'twin'), copy_of($test->{source}), 'and copies into the copy');
    is($test->job('copy', 'status, suspended_because IS NULL', db => 'twin'), 'scheduled|t', 'like any other');
    return;
}

sub database_is_renamed_and_closed {
    $test->rests('before it is renamed');
    my (undef, $err) = run_sql($target, 'ALTER DATABASE twin RENAME TO other', db => 'postgres');
    is($err, '', 'a database with jobs is renamed');
    $test->time_passes(3600);
    $test->runs('copy', 9, 'skipped', 'its jobs go on', db => 'other');
    $test->runs('copy', 9, 'skipped', 'as do those elsewhere');
    $test->rests('before it is closed');
    my $tries = complaints();
    $target->safe_psql('postgres', 'ALTER DATABASE other ALLOW_CONNECTIONS false');
    $test->time_passes(3600);
    $test->runs('copy', 10, 'skipped', 'a database that allows no connections: jobs elsewhere go on');
    $test->rests('a closed database');
    is(complaints(), $tries, 'nobody tries to connect to it');
    $target->safe_psql('postgres', 'ALTER DATABASE other ALLOW_CONNECTIONS true');
    is($test->statuses('copy', db => 'other') =~ s/\w+/x/gr, join(' ', ('x') x 9), 'nothing ran there');
    # That is how often the launcher looks for databases.
    $test->time_passes(600);
    $test->runs('copy', 10, 'skipped', 'once it is open again its jobs run, once', db => 'other');
    is_deeply([ $test->launchers ], [$launcher], 'all that was one launcher');
    return;
}

# By a superuser, who may end a scheduler, and by others who have to wait for a run.
sub a_database_in_use_is_left_alone {
    make_database('busy');
    $test->runs('copy', 1, 'succeeded', 'a job in another database', db => 'busy');
    $test->sql("SELECT pagila_alter_job('copy', enabled => false)");
    write_file($test->{gate}, '');
    my $hold = sub { $target->safe_psql('busy', "LOAD 'pagila_repl'; ALTER DATABASE busy SET pagila_repl.fault = '$_[0]:wait:$test->{gate}'") };
    $hold->('lock:1');
    $test->time_passes(3600);
    $test->is_held('a run in it');
    for my $statement ('CREATE DATABASE twin TEMPLATE busy', 'ALTER DATABASE busy RENAME TO idle', 'DROP DATABASE busy') {
        my (undef, $err) = run_sql($target, $statement, db => 'postgres');
        is(sqlstate_of($err), '55006', "during a run: $statement");
    }
    $hold->('tick:1');
    unlink $test->{gate}, glob("$test->{gate}.*");
    $test->runs('copy', 2, 'skipped', 'the run does not mind', db => 'busy');
    write_file($test->{gate}, '');
    $test->time_passes(3600);
    $test->is_held('a scheduler in it');
    my (undef, $err) = run_sql($target, 'DROP DATABASE busy WITH (FORCE)', db => 'postgres');
    is($err, '', 'a superuser drops it with force though a scheduler is there');
    unlink $test->{gate}, glob("$test->{gate}.*");
    $test->sql("SELECT pagila_alter_job('copy', enabled => true)");
    $test->runs('copy', 11, 'skipped', 'jobs elsewhere go on');
    is_deeply([ $test->launchers ], [$launcher], 'the launcher is the same');
    return;
}
