# Jobs on a server that preloads the module: scheduled, changed, removed, run by hand; by whom, and within which limits.
# None of them is due while this runs, unless it says so.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('jobs', faults => 1, streaming => 1, conf => "shared_preload_libraries = 'pagila_repl'\n");
my $dir = PostgreSQL::Test::Utils::tempdir;
my $new_year = '0 0 1 1 *';

sub as { my ($user) = @_; return (psql => { extra_params => [ '-U', $user ] }) }

sub job { my ($name, $columns) = @_; return $node->safe_psql('pagila', "SELECT $columns FROM pagila_repl.job WHERE job_name = '$name'") }

sub set { my ($setting) = @_; $node->safe_psql('postgres', $_) for "ALTER SYSTEM SET $setting", 'SELECT pg_reload_conf()'; return }

sub holds { my ($setting, $value) = @_; return wait_until(sub { (run_sql($node, "LOAD 'pagila_repl'; SHOW $setting"))[0] eq $value }, 10) }

# A dump of one table with one row, in a schema of its own.
sub tiny_dump {
    my ($schema) = @_;
    return write_file("$dir/$schema.sql",
        "CREATE SCHEMA $schema;\nCREATE TABLE $schema.t (a text);\nCOPY $schema.t (a) FROM stdin;\nrow\n\\.\n");
}

$node->safe_psql('pagila', q{
    CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE mona LOGIN; CREATE ROLE nobody LOGIN;
    GRANT pagila_repl_operator TO ann, bob;
    GRANT pg_read_server_files TO ann;
    GRANT pagila_repl_monitor TO mona;
    GRANT CREATE ON DATABASE pagila TO ann;
    CREATE SERVER src FOREIGN DATA WRAPPER pagila_repl OPTIONS (host '127.0.0.1', port '1', dbname 'x');
    GRANT USAGE ON FOREIGN SERVER src TO ann;
    CREATE USER MAPPING FOR ann SERVER src OPTIONS (user 'x', password 'x')});

# Every argument of pagila_schedule is kept.
{
    my ($id, $err) = run_sql($node, qq{SELECT pagila_schedule('repl', '$new_year', source => 'src', time_zone => 'Europe/Zurich',
        workers => 3, schemas => ARRAY['"A b"', 'c*'], include => '{c.t}', exclude => '{log*}', force => true, verify => 'counts',
        on_modified => 'overwrite', on_unmanaged => 'drop', on_dependents => 'drop', owners => 'skip', foreign_keys => 'check',
        on_other_source => 'replace')},
        as('ann'));
    is("$id$err", '1', 'a replication is scheduled and has a number');
    is(job('repl', q{job_id, kind, owner_oid::regrole, database_oid = (SELECT oid FROM pg_database WHERE datname = 'pagila'),
        source_server, schema_file, data_file, schedule, time_zone, enabled, now() - created_at < '1min', current_run_id, last_due_at,
        last_run_id, failures, login_failures, suspended_at, suspended_because}),
        "1|replicate|ann|t|src|||$new_year|Europe/Zurich|t|t||||0|0||", 'as it was said');
    is(job('repl', 'options'), '{"force": true, "owners": "skip", "verify": "counts", "exclude": ["log*"], "include": ["c.t"], '
        . '"schemas": ["\"A b\"", "c*"], "workers": 3, "on_modified": "overwrite", "foreign_keys": "check", "on_unmanaged": "drop", '
        . '"on_dependents": "drop", "on_other_source": "replace"}', 'with its options');
    is(job('repl', q{next_run_at AT TIME ZONE 'Europe/Zurich' = date_trunc('year', now() AT TIME ZONE 'Europe/Zurich') + '1 year'}),
        't', 'it is due when its schedule says, where it says');

    my $dump = tiny_dump('files');
    ($id, $err) = run_sql($node, qq{SELECT pagila_schedule('load', '$new_year', schema_file => '$dump', data_file => '/x/data.sql',
        strict => false, options => '{"verify": "content", "force": null}')}, as('ann'));
    is("$id$err", '2', 'a load is scheduled');
    is(job('load', 'kind, source_server, schema_file, data_file, time_zone, options'),
        qq(load||$dump|/x/data.sql||{"strict": false, "verify": "content"}), 'as it was said, without what is null');
    is(job('load', q{next_run_at = date_trunc('year', now(), 'GMT') + '1 year'}), 't', 'its time zone is that of the setting');
    is($node->safe_psql('pagila', q{SELECT status, next_run_at IS NOT NULL FROM pagila_repl.job_status}), "scheduled|t\nscheduled|t",
        'both wait for their time');

    my @same = ("schemas => '{a}', workers => 2", q{options => '{"workers": 2, "schemas": ["a"]}'});
    $node->safe_psql('pagila', "SET ROLE ann; SELECT pagila_schedule('same$_', '$new_year', source => 'src', $same[$_])") for 0, 1;
    is(job('same0', 'options'), job('same1', 'options'), 'an option is the same as an argument and as a member of options');
    run_sql($node, "SELECT pagila_unschedule(job_name) FROM pagila_repl.job WHERE job_name LIKE 'same_'", as('ann'));
    is(job('same0', 'count(*)'), 0, 'and they can be removed by a query');
}

# Names, transactions.
{
    my ($out, $err) = run_sql($node, "SELECT pagila_schedule('repl', '$new_year', schema_file => '/x.sql')", as('ann'));
    is(sqlstate_of($err), '42710', 'a name stands for one job');
    $node->safe_psql('pagila', "BEGIN; SET ROLE ann; SELECT pagila_schedule('gone', '$new_year', source => 'src'); ROLLBACK");
    is(job('gone', 'count(*)'), 0, 'what is rolled back was not scheduled');
    my $long = 'x' x 200;
    is_deeply([ sqlstates($node, [ "SELECT pagila_schedule('$long', '$new_year', source => 'src')", "SELECT pagila_unschedule('$long')",
                "BEGIN", "SELECT pagila_schedule('a', '$new_year', source => 'src')", 'SAVEPOINT s',
                "SELECT pagila_schedule('b', '$new_year', source => 'src')", 'ROLLBACK TO s', 'COMMIT',
                'BEGIN READ ONLY', "SELECT pagila_schedule('c', '$new_year', source => 'src')" ], as('ann')) ],
        [ ('00000') x 9, '25006' ], 'a name may be long; a savepoint undoes; nothing is scheduled by reading');
    is($node->safe_psql('pagila', "SELECT string_agg(job_name, ' ' ORDER BY job_id) FROM pagila_repl.job"), 'repl load a', 'only what was committed is there');
    my $background = $node->background_psql('pagila');
    $background->query_safe(q{BEGIN; SELECT pagila_alter_job('a', enabled => false)});
    is((sqlstates($node, [ "SET lock_timeout = '100ms'", "SELECT pagila_unschedule('a')" ]))[1], '55P03', 'who changes a job does so alone');
    $background->query_safe('COMMIT');
    $background->quit;
    is((sqlstates($node, [ "SELECT pagila_unschedule('a')" ]))[0], '00000', 'until the transaction ends');
}

# Who may schedule what.
{
    my $schedule = "SELECT pagila_schedule('mine', '$new_year', source => 'src')";
    is_deeply([ map { (sqlstates($node, [$schedule], as($_)))[0] } qw(nobody mona) ], [ ('42501') x 2 ], 'only operators schedule');
    is((sqlstates($node, [$schedule], as('bob')))[0], '42501', 'a source must be usable');
    $node->safe_psql('pagila', 'GRANT USAGE ON FOREIGN SERVER src TO bob');
    is((sqlstates($node, [$schedule], as('bob')))[0], '42704', 'and have a user mapping');
    is((sqlstates($node, [ "SELECT pagila_schedule('mine', '$new_year', schema_file => '/x.sql')" ], as('bob')))[0], '42501',
        'a load is for who may read files');
    is((sqlstates($node, [$schedule]))[0], '42501', 'no superuser replicates from a server that is not trusted');
    set("pagila_repl.load_directories = '$dir'");
    ok(holds('pagila_repl.load_directories', $dir), 'dumps may only be loaded from one directory');
    is_deeply([ sqlstates($node, [ "SELECT pagila_schedule('mine', '$new_year', schema_file => '/x.sql')",
                "SELECT pagila_schedule('mine', '$new_year', schema_file => '$dir/x.sql', data_file => '/x.sql')",
                "SELECT pagila_alter_job('load', enabled => true)", "SELECT pagila_alter_job('load', data_file => '$dir/x.sql')" ], as('ann')) ],
        [ '42501', '42501', '42501', '00000' ], 'so from no other can a load be scheduled');
    set("pagila_repl.load_directories = ''");
    holds('pagila_repl.load_directories', '');
    $node->safe_psql('pagila', "SET ROLE ann; $schedule");
    is(job('mine', 'owner_oid::regrole'), 'ann', 'a job is of the current role');
    $node->safe_psql('pagila', q{ALTER ROLE ann RENAME TO anna});
    is($node->safe_psql('pagila', "SELECT owner FROM pagila_repl.job_status WHERE job_name = 'mine'"), 'anna', 'whatever it is called later');
    $node->safe_psql('pagila', q{ALTER ROLE anna RENAME TO ann; SELECT pagila_unschedule('mine')});
}

# Limits.
{
    is_deeply([ sqlstates($node, [ map { "SELECT pagila_schedule('fast', '$_', source => 'src')" }
                    '9 seconds', '0', '-1 hour', '1 month', '1 fortnight', '* * * *', '61 * * * *', '' ], as('ann')) ],
        [ ('22023') x 8 ], 'a schedule must make sense, and no interval is under 10 seconds');
    my ($message) = (run_sql($node, "SELECT pagila_schedule('fast', '0 25 * * *', source => 'src')", as('ann')))[1];
    like($message, qr/hour/, 'a bad cron expression is told by its field');
    set('pagila_repl.max_jobs_per_role = 3');
    ok(holds('pagila_repl.max_jobs_per_role', '3'), 'a role may have three jobs');
    $node->safe_psql('pagila', q{CREATE USER MAPPING FOR bob SERVER src OPTIONS (user 'x', password 'x');
        ALTER SERVER src OPTIONS (ADD trusted 'true')});
    is_deeply([ sqlstates($node, [ map { "SELECT pagila_schedule('many$_', '$new_year', source => 'src')" } 1 .. 3 ], as('ann')) ],
        [ '00000', '54000', '54000' ], 'no more');
    is((sqlstates($node, [ "SELECT pagila_schedule('of bob', '$new_year', source => 'src')" ], as('bob')))[0], '00000', 'others still can');
    shows_no_more_to_functions($node, 'job_status', 'job_id', as('bob'));
    $node->safe_psql('pagila', "SELECT pagila_schedule('any$_', '$new_year', schema_file => '/x.sql')") for 1 .. 4;
    pass('superusers can have any number');
    my $background = $node->background_psql('pagila', extra_params => [ '-U', 'ann' ]);
    $background->query_safe(q{BEGIN; SELECT pagila_unschedule('many1'); SELECT pagila_schedule('again', '0 0 1 1 *', source => 'src')});
    is((sqlstates($node, [ "SET lock_timeout = '100ms'", "SELECT pagila_schedule('more', '$new_year', source => 'src')" ], as('ann')))[1],
        '55P03', 'two sessions of a role do not get round the limit');
    $background->query_safe('ROLLBACK');
    $background->quit;
    set('pagila_repl.max_jobs_per_role = 0');
    ok(holds('pagila_repl.max_jobs_per_role', '0'), 'a role may have none');
    is((sqlstates($node, [ "SELECT pagila_schedule('of bob too', '$new_year', source => 'src')" ], as('bob')))[0], '54000', 'then nobody schedules');
    set('pagila_repl.max_jobs_per_role = 100');
    holds('pagila_repl.max_jobs_per_role', '100');
    $node->safe_psql('pagila', q{SELECT pagila_unschedule(job_name) FROM pagila_repl.job WHERE job_name ~ '^(any|many|of bob)'});
}

# Changes count at once.
{
    set("pagila_repl.time_zone = 'Asia/Tokyo'");
    ok(holds('pagila_repl.time_zone', 'Asia/Tokyo'), 'the time zone of schedules can be set');
    $node->safe_psql('pagila', q{SELECT pagila_alter_job('repl', time_zone => '')});
    is(job('repl', q{time_zone IS NULL, next_run_at AT TIME ZONE 'Asia/Tokyo' = date_trunc('year', now() AT TIME ZONE 'Asia/Tokyo') + '1 year'}),
        't|t', 'a time zone that is taken away is that of the setting');
    $node->safe_psql('pagila', q{SELECT pagila_alter_job('repl', schedule => '0 0 2 1 *')});
    is(job('repl', q{next_run_at AT TIME ZONE 'Asia/Tokyo' = date_trunc('year', now() AT TIME ZONE 'Asia/Tokyo') + '1 year 1 day'
            OR extract(doy FROM now()) <= 2}), 't', 'a new schedule counts from now');
    my $before = job('repl', 'next_run_at');
    $node->safe_psql('pagila', q{SELECT pagila_alter_job('repl', options => '{"workers": 4}')});
    is(job('repl', q{options ->> 'workers', next_run_at}), "4|$before", 'new options change nothing else');
    $node->safe_psql('pagila', q{SELECT pagila_alter_job('repl', enabled => false)});
    is($node->safe_psql('pagila', q{SELECT status, next_run_at FROM pagila_repl.job_status WHERE job_name = 'repl'}), 'disabled|', 'a disabled job is not due');
    set("pagila_repl.time_zone = 'GMT'");
}

# Run by hand.
{
    my $dump = tiny_dump('manual');
    $node->safe_psql('pagila', "SET ROLE ann; SELECT pagila_schedule('manual', '0 0 30 2 *', schema_file => '$dump')");
    is((run_sql($node, q{SELECT status FROM pagila_run_job('manual')}))[0], 'succeeded', 'a superuser runs it');
    is($node->safe_psql('pagila', "SELECT tableowner FROM pg_tables WHERE schemaname = 'manual'"), 'ann', 'as its owner');
    is($node->safe_psql('pagila', q{SELECT r.owner, r.job_id = j.job_id, j.current_run_id IS NULL FROM pagila_repl.run r, pagila_repl.job j
        WHERE j.job_name = 'manual' ORDER BY r.run_id DESC LIMIT 1}), 'ann|t|t', 'and it is recorded as a run of the job');
    $node->safe_psql('pagila', q{SELECT pagila_alter_job('manual', options => '{"force": true}')});
    set_fault($node, 'copy:1:stall');
    my ($out) = run_sql($node, q{SELECT run_id FROM pagila_run_job('manual', wait => false)}, as('ann'));
    clear_fault($node);
    ok(wait_until(sub { is_stalled($node) }, 30), 'it runs');
    my (undef, $err) = run_sql($node, q{SELECT status FROM pagila_run_job('manual')}, as('ann'));
    is(sqlstate_of($err), '55P03', 'not twice at the same time');
    like($err, qr/job "manual" is running/, 'which is said');
    is((sqlstates($node, [ q{SELECT pagila_unschedule('manual')} ], as('ann')))[0], '00000', 'it can be removed meanwhile');
    is($node->safe_psql('pagila', "SELECT status FROM pagila_repl.run WHERE run_id = $out"), 'running', 'its run goes on');
    run_sql($node, "SELECT pagila_cancel($out)", as('ann'));
    is($node->safe_psql('pagila', "SELECT status FROM pagila_wait($out)"), 'cancelled', 'until it is cancelled');
    ok(wait_until(sub { leader_pid($node) eq '' }, 10), 'nothing of it is left');
}

# A table that was tampered with.
{
    $node->safe_psql('pagila', q{ALTER TABLE pagila_repl.job DROP CONSTRAINT job_job_name_key;
        UPDATE pagila_repl.job SET job_name = 'load' WHERE job_name = 'repl'});
    is_deeply([ sqlstates($node, [ q{SELECT pagila_run_job('load')}, q{SELECT pagila_alter_job('load')}, q{SELECT pagila_unschedule('load')} ], as('ann')) ],
        [ ('55000') x 3 ], 'a name that stands for two jobs stands for none');
    is((sqlstates($node, [ "SELECT pagila_schedule('more', '$new_year', source => 'src')" ], as('ann')))[0], '42P10', 'and none is added');
    $node->safe_psql('pagila', q{UPDATE pagila_repl.job SET job_name = 'repl' WHERE kind = 'replicate';
        ALTER TABLE pagila_repl.job ADD CONSTRAINT job_job_name_key UNIQUE (job_name)});
    is((sqlstates($node, [ q{SELECT pagila_alter_job('load')} ], as('ann')))[0], '00000', 'put right, it works again');

    # No run is started for what stands in a table that is not as it was made.
    for my $case (
        [ 'ALTER TABLE pagila_repl.job DROP CONSTRAINT job_pkey', 'ALTER TABLE pagila_repl.job ADD PRIMARY KEY (job_id)', 'It has no unique index on job_id.' ],
        [ 'ALTER TABLE pagila_repl.job DROP CONSTRAINT job_job_name_key; CREATE UNIQUE INDEX partial ON pagila_repl.job (job_name) WHERE enabled',
            'DROP INDEX pagila_repl.partial; ALTER TABLE pagila_repl.job ADD CONSTRAINT job_job_name_key UNIQUE (job_name)', 'It has no unique index on job_name.' ],
        [ 'ALTER TABLE pagila_repl.job OWNER TO bob', 'ALTER TABLE pagila_repl.job OWNER TO CURRENT_USER', 'Its owner is not that of the extension.' ],
        [ 'ALTER EXTENSION pagila_repl DROP TABLE pagila_repl.job', 'ALTER EXTENSION pagila_repl ADD TABLE pagila_repl.job', 'It does not belong to the extension.' ],
        [ 'CREATE RULE r AS ON INSERT TO pagila_repl.job DO INSTEAD NOTHING', 'DROP RULE r ON pagila_repl.job', 'It has rules.' ],
        [ 'CREATE TRIGGER t BEFORE INSERT ON pagila_repl.job FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
            'DROP TRIGGER t ON pagila_repl.job', 'It has triggers.' ],
        [ 'ALTER TABLE pagila_repl.job DISABLE ROW LEVEL SECURITY', 'ALTER TABLE pagila_repl.job ENABLE ROW LEVEL SECURITY', 'Its row security was changed.' ],
        [ 'CREATE POLICY p ON pagila_repl.job FOR SELECT USING (true)', 'DROP POLICY p ON pagila_repl.job', 'Its row security was changed.' ],
        [ 'CREATE TABLE more () INHERITS (pagila_repl.job)', 'DROP TABLE more', 'It is not an ordinary table.' ],
        [ 'ALTER TABLE pagila_repl.job SET UNLOGGED', 'ALTER TABLE pagila_repl.job SET LOGGED', 'It is not an ordinary table.' ]) {
        my ($change, $undo, $reason) = @$case;
        $node->safe_psql('pagila', $change);
        my $position = -s $node->logfile;
        $node->safe_psql('pagila', q{SELECT pagila_alter_job('load', enabled => false)});
        ok(wait_until(sub { slurp_file($node->logfile, $position) =~ /job is not as the extension made it.*\Q$reason/s }, 10), $change);
        $node->safe_psql('pagila', $undo);
    }
    my $dump = tiny_dump('due');
    $node->safe_psql('pagila', "SELECT pagila_schedule('due', '1 hour', schema_file => '$dump')");
    ok(wait_until(sub { job('due', 'last_run_id IS NOT NULL') eq 't' }, 30), 'put right, jobs run');
    $node->safe_psql('pagila', q{SELECT pagila_unschedule('due')});
}

# A standby, a copy of the database, other libraries.
{
    my $copy = 'copy';
    ok(wait_until(sub { (run_sql($node, 'CREATE DATABASE copy TEMPLATE pagila', db => 'postgres'))[2] == 0 }, 30), 'the database can be copied');
    my (undef, $err) = run_sql($node, q{SELECT pagila_run_job('load')}, db => $copy);
    is(sqlstate_of($err), '42501', 'in a copy of the database nothing runs');
    like($err, qr/this database is a copy/, 'which is said');
    is((sqlstates($node, [ q{SELECT pagila_unschedule('load')} ], db => $copy))[0], '00000', 'and can be removed there');

    $node->backup('base');
    my $standby = PostgreSQL::Test::Cluster->new('jobs_standby');
    $standby->init_from_backup($node, 'base', has_streaming => 1);
    $standby->start;
    is_deeply([ sqlstates($standby, [ "SELECT pagila_schedule('s', '$new_year', schema_file => '/x.sql')",
                q{SELECT pagila_alter_job('load', enabled => false)}, q{SELECT pagila_unschedule('load')}, q{SELECT pagila_run_job('load')} ]) ],
        [ ('25006') x 4 ], 'a standby only looks');
    is($standby->safe_psql('pagila', 'SELECT count(*) FROM pagila_repl.job_status'), 2, 'at all jobs');
    $standby->stop;

    $node->append_conf('postgresql.conf', "shared_preload_libraries = 'auto_explain'\n");
    $node->restart;
    my $schedule = "SELECT pagila_schedule('s', '$new_year', schema_file => '/x.sql')";
    (undef, $err) = run_sql($node, $schedule);
    is(sqlstate_of($err), '55000', 'without the launcher nothing is scheduled');
    like($err, qr/shared_preload_libraries = 'auto_explain, pagila_repl'/, 'and the line to write is given');
    (undef, $err) = run_sql($node, $schedule, as('ann'));
    like($err, qr/shared_preload_libraries = 'pagila_repl'/, 'what else is loaded is told only to who may see it');
    is_deeply([ sqlstates($node, [ q{SELECT pagila_alter_job('load', data_file => '')}, q{SELECT status FROM pagila_run_job('load')},
                q{SELECT pagila_unschedule('load')} ], as('ann')) ], [ ('00000') x 3 ], 'everything else works without it');
}

done_testing();
