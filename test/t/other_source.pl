# Copies are of one source: one from another is not replaced, nor removed, without a word; and what is removed since its source
# has it no more is named, before and after.
use strict;
use warnings;
use lib 'test/t';
use JobTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $test = JobTest->new('other_source');
my ($source, $target) = @$test{ 'source', 'target' };
my $refused = 'schema "shop" holds a copy from another source';

# Another database of the same server is another source.
$source->safe_psql('postgres', 'CREATE DATABASE branch');
$source->safe_psql($_, 'DROP SCHEMA public') for 'pagila', 'branch';
$source->safe_psql('branch', 'CREATE SCHEMA shop; CREATE TABLE shop.item (id integer PRIMARY KEY, name text);'
      . "INSERT INTO shop.item VALUES (1, 'of the branch')");
add_source($target, 'branch', port => $source->port, server => { dbname => 'branch' });
# The same database under another name and address.
add_source($target, 'namesake', port => $source->port, server => { host => 'localhost' });

replication_of_another();
dumps();
unknown_identity();
misuse();
of_a_job();
asked_for_by_the_source();
vanished();
led_elsewhere();
$test->done;

sub pull {
    my ($server, %options) = @_;
    my ($out, @more) = run_sql($target, pull_sql($server, %options) =~ s/SELECT status/SELECT status, message/r);
    # What lacks fixes on this machine is not the matter.
    $out =~ s/; libpq \S+ is older than .*$//;
    return ($out, @more);
}

# The error, and that nothing else has happened.
sub is_refused {
    my ($what, $before, $out, $err) = @_;
    is(sqlstate_of($err), '55000', "$what: refused") or diag $out;
    is(last_run($target, 'status, sqlstate, phase, error_message'), "failed|55000|plan|$refused", "$what: recorded");
    like(last_run($target, 'error_hint'), qr/on_other_source => 'replace'/, "$what: what can be done");
    ok(copy_of($target) eq $before, "$what: target unchanged");
    no_residue_but_jobs($what);
    return last_run($target, 'error_detail');
}

# The launcher stays.
sub no_residue_but_jobs {
    my ($what) = @_;
    return $test->cleared_up($what);
}

sub replication_of_another {
    is((pull('source'))[0], 'succeeded|100 rows in 1 table from 127.0.0.1:' . $source->port . '/pagila', 'the first copy');
    my $run = last_run($target, 'run_id');
    my $before = copy_of($target);
    my $what = 'another database';
    my $detail = is_refused($what, $before, pull('branch'));
    like($detail, qr{^Schema "shop" holds the copy of run $run from server "source" \(127\.0\.0\.1:\d+/pagila\), \d{4}-.* UTC\.$},
        "$what: whose copy it is");

    like(check('branch', 'other source'), qr{^error\|55000\|\Q$refused\E: run $run from server "source" .*\|.*on_other_source => 'replace'},
        "$what: pagila_check tells it");
    like(planned('branch'), qr{^shop\|\|rename\|it holds a copy from another source: run $run from server "source"}m, "$what: pagila_plan, too");
    $target->safe_psql('pagila', q{CREATE ROLE ann LOGIN IN ROLE pagila_repl_operator; GRANT USAGE ON FOREIGN SERVER branch TO ann;
      CREATE USER MAPPING FOR ann SERVER branch OPTIONS (user '} . getpwuid($<) . q{', password_required 'false')});
    like((run_sql($target, q{SET ROLE ann; SELECT string_agg(subject || ' ' || status, ', ') FROM pagila_check('branch') WHERE subject IN ('rights', 'other source')}))[0],
        qr/^rights error.*, other source ok$/, "$what: who may not replace the schema is not told whose copy it is");
    is(check('source', 'other source'), 'ok||no schema to replace holds a copy from another source|', 'its own: nothing to say');
    is(planned('source'), 'shop|item|rename|', 'its own: nothing in the plan');

    is((pull('source'))[0], "skipped|nothing changed since run $run", 'its own source: skipped');
    is((pull('source', on_other_source => "'replace'"))[0], "skipped|nothing changed since run $run", 'its own source, told to replace: skipped');
    is((pull('namesake'))[0], "skipped|nothing changed since run $run", 'the same database under another name: skipped');
    # Who is another source is asked before whether the copy is as it was.
    is_refused("$what, told to copy in any case", $before, pull('branch', force => 'true'));

    my ($out) = pull('branch', on_other_source => "'replace'");
    like($out, qr{^succeeded\|1 row in 1 table from .*/branch; schema "shop" held a copy from another source, now replaced: run $run from server "source"},
        "$what, told to replace");
    is(last_run($target, "options ->> 'on_other_source'"), 'replace', "$what: recorded as an option");
    is($target->safe_psql('pagila', 'SELECT name FROM shop.item'), 'of the branch', "$what: it is there");
    is((pull('branch'))[0], 'skipped|nothing changed since run ' . last_run($target, 'run_id - 1'), 'then it is its own');
    return;
}

sub dumps {
    my $file = write_file(PostgreSQL::Test::Utils::tempdir . '/dump.sql', "CREATE SCHEMA shop;\nCREATE TABLE shop.item (id integer);\n");
    my $copy = write_file("$file.copy", "CREATE SCHEMA shop;\nCREATE TABLE shop.item (id bigint);\n");
    my $before = copy_of($target);
    like(is_refused('a dump instead of a replication', $before, run_sql($target, load_sql($file))),
        qr/holds the copy of run \d+ from server "branch"/, 'a dump instead of a replication: whose copy it is');
    is((run_sql($target, load_sql($file, undef, on_other_source => "'replace'")))[0], 'succeeded', 'a dump, told to replace');
    like(last_run($target, 'message'), qr/; schema "shop" held a copy from another source, now replaced: run \d+ from server "branch"/,
        'a dump, told to replace: it is said');
    is((run_sql($target, load_sql($copy)))[0], 'succeeded', 'another dump is no other source');
    unlike(last_run($target, 'message'), qr/another source/, 'another dump: nothing to say');
    $before = copy_of($target);
    like(is_refused('a replication instead of a dump', $before, pull('source')),
        qr/^Schema "shop" holds the copy of run \d+ of \Q$copy\E, .*UTC\.$/, 'a replication instead of a dump: whose copy it is');
    like((pull('source', on_other_source => "'replace'"))[0], qr/^succeeded/, 'a replication instead of a dump, told to replace');
    return;
}

# Where the role may not ask for the system identifier, the server and the address tell.
sub unknown_identity {
    $source->safe_psql($_, 'REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC') for 'pagila', 'branch';
    $source->safe_psql('pagila', 'CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader');
    $target->safe_psql('pagila', "ALTER USER MAPPING FOR CURRENT_USER SERVER $_ OPTIONS (SET user 'reader')") for 'source', 'branch', 'namesake';
    $test->change_source;
    like((pull('source'))[0], qr/^succeeded\|101 rows(?!.*another source)/, 'identity not told: same server and address');
    is(last_run($target, 'source_identity'), '/' . $source->safe_psql('pagila', 'SELECT oid FROM pg_database WHERE datname = current_database()'),
        'identity not told: recorded so');
    my $before = copy_of($target);
    is_refused("identity not told: $_", $before, pull($_)) for 'branch', 'namesake';
    $source->safe_psql($_, 'GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC') for 'pagila', 'branch';
    $test->change_source;
    like((pull('source'))[0], qr/^succeeded\|102 rows(?!.*another source)/, 'identity told from now on: same server and address');
    $before = copy_of($target);
    is_refused('identity told again', $before, pull('branch'));
    $target->safe_psql('pagila', "ALTER USER MAPPING FOR CURRENT_USER SERVER $_ OPTIONS (SET user '" . getpwuid($<) . "')") for 'source', 'branch', 'namesake';
    return;
}

sub misuse {
    my %calls = (
        pagila_load => "pagila_load('/x.sql', on_other_source => %s)",
        pagila_replicate_from => "pagila_replicate_from('source', on_other_source => %s)",
        pagila_replicate_to => "pagila_replicate_to('source', on_other_source => %s)",
        pagila_schedule => "pagila_schedule('j', '1 hour', 'source', on_other_source => %s)",
        'options of pagila_schedule' => q{pagila_schedule('j', '1 hour', 'source', options => jsonb_build_object('on_other_source', %s))});
    for my $call (sort keys %calls) {
        my ($out, $err) = run_sql($target, 'SELECT ' . sprintf($calls{$call}, "'merge'"));
        is(sqlstate_of($err), '22023', "$call: a word that it is not") or diag $out;
        like($err, qr/HINT:  It is 'replace' or 'refuse'\./, "$call: which words there are");
        next if $call =~ /schedule/;
        ($out, $err) = run_sql($target, 'SELECT ' . sprintf($calls{$call}, 'NULL'));
        is(sqlstate_of($err), '22004', "$call: null") or diag $out;
    }
    return;
}

sub of_a_job {
    $test->schedule('branch', '1 hour', "'branch'");
    $test->runs('branch', 1, 'failed', 'a job from another source');
    is(last_run($target, 'sqlstate, error_message'), "55000|$refused", 'a job from another source: refused');
    $test->sql("SELECT pagila_alter_job('branch', options => '{\"on_other_source\": \"replace\"}', enabled => true)");
    $test->runs('branch', 2, 'succeeded', 'a job that is told to replace');
    like(last_run($target, 'message'), qr/held a copy from another source, now replaced/, 'a job that is told to replace: it is said');
    $test->sql("SELECT pagila_unschedule('branch')");
    $test->schedule('back', '1 hour', "'source', on_other_source => 'replace'");
    $test->runs('back', 1, 'succeeded', 'a job scheduled so');
    $test->sql("SELECT pagila_unschedule('back')");
    return;
}

sub asked_for_by_the_source {
    $source->safe_psql('branch', 'CREATE EXTENSION pagila_repl');
    add_source($source, 'target', port => $target->port, db => 'branch', server => { host => $target->host });
    my $ask = "SELECT status FROM pagila_replicate_to('target', source => 'branch'";
    my ($out, $err) = run_sql($source, "$ask)", db => 'branch');
    is(sqlstate_of($err), '55000', 'asked for by another source: refused') or diag $out;
    like($err, qr/\Q$refused\E/, 'asked for by another source: why');
    ($out, $err) = run_sql($source, "$ask, on_other_source => 'replace')", db => 'branch');
    is($out, 'succeeded', 'asked for by another source, told to replace') or diag $err;
    like((pull('source', on_other_source => "'replace'"))[0], qr/^succeeded/, 'back again');
    return;
}

sub vanished {
    $source->safe_psql('pagila', 'CREATE SCHEMA attic; CREATE TABLE attic.box AS SELECT 1 AS id');
    like((pull('source'))[0], qr/^succeeded\|103 rows/, 'a schema more');
    is(check('source', 'vanished schema'), 'ok||no schema will be removed|', 'nothing has vanished');
    $source->safe_psql('branch', 'CREATE SCHEMA attic');
    pull('branch');
    is(last_run($target, 'error_message'), '2 schemas hold copies from another source', 'two of another source: refused');
    like(last_run($target, 'error_detail'), qr/^Schema "attic" holds .*\.\nSchema "shop" holds .*\.$/, 'two of another source: both are named');
    $source->safe_psql('branch', 'DROP SCHEMA attic');
    $source->safe_psql('pagila', 'DROP SCHEMA attic CASCADE');
    is(check('source', 'vanished schema'),
        'warning||schema "attic" will be removed, since the source no longer has it|To keep it, say which schemas to copy with schemas => ...',
        'vanished: pagila_check warns');
    is(planned('source'), "attic||remove|\nshop|item|rename|", 'vanished: it is in the plan');
    is(planned('source', "schemas => '{shop}'"), 'shop|item|rename|', 'vanished, but other schemas are wanted: not in the plan');
    like((pull('source', schemas => "'{shop}'", force => 'true'))[0], qr/^succeeded\|102 rows(?!.*removed)/, 'vanished, but other schemas are wanted');
    my ($out) = pull('source');
    like($out, qr/^succeeded\|102 rows in 1 table .*; schema "attic" removed, since the source no longer has it$/, 'vanished: the message');
    is(last_run($target, 'schemas'), '{shop,attic}', 'vanished: recorded as a schema of the run');
    is($target->safe_psql('pagila', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'attic'}), '0', 'vanished: removed');
    is((pull('source'))[0], 'skipped|nothing changed since run ' . last_run($target, 'run_id - 1'), 'vanished: the next run has nothing to do');
    return;
}

# A server that leads to another database from now on: copies that it brought from the first are not taken for vanished.
sub led_elsewhere {
    $source->safe_psql('pagila', 'CREATE SCHEMA attic; CREATE TABLE attic.box AS SELECT 1 AS id');
    $target->safe_psql('pagila', 'CREATE SCHEMA kept');
    like((pull('source'))[0], qr/^succeeded/, 'led elsewhere: two schemas');
    $source->safe_psql('branch', 'ALTER SCHEMA shop RENAME TO store');
    $target->safe_psql('pagila', "ALTER SERVER source OPTIONS (SET dbname 'branch')");
    is(check('source', 'vanished schema'), 'ok||no schema will be removed|', 'led elsewhere: nothing has vanished');
    like((pull('source'))[0], qr/^succeeded\|1 row(?!.*removed)/, 'led elsewhere: others stay');
    like((pull('source', on_other_source => "'replace'", force => 'true'))[0],
        qr/^succeeded\|1 row.*; schema "attic" removed, since the source no longer has it; schema "shop" removed/, 'led elsewhere, told to replace');
    return;
}

sub check {
    my ($server, $subject) = @_;
    return $target->safe_psql('pagila', "SELECT status, sqlstate, message, hint FROM pagila_check('$server') WHERE subject = '$subject'");
}

sub planned {
    my ($server, @more) = @_;
    my $arguments = join(', ', "'$server'", @more);
    return $target->safe_psql('pagila', "SELECT schema_name, table_name, publish, refused FROM pagila_plan($arguments) ORDER BY 1, 2 NULLS FIRST");
}
