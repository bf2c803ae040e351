# Event triggers, as database_objects => '{event_triggers}' asks for them: made when the copy is published, with all that they have, and
# still while runs work. Whoever could replace their functions is a superuser.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('event_triggers', faults => 1);
my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $words = q{'{event_triggers}'};
$_->safe_psql('pagila', 'CREATE ROLE "another super" SUPERUSER; CREATE ROLE plain LOGIN; CREATE ROLE reader LOGIN') for $source, $target;
$source->safe_psql('postgres', 'CREATE ROLE "only there" SUPERUSER');

# Tells of itself where somebody listens, which is no part of the copy.
my $note = q{LANGUAGE plpgsql AS $f$BEGIN
    IF to_regclass('heard.said') IS NOT NULL THEN INSERT INTO heard.said VALUES (tg_event, tg_tag); END IF;
  END$f$};
$source->safe_psql('pagila', qq{
    CREATE SCHEMA app; CREATE SCHEMA "Odd 'n";
    CREATE FUNCTION app.note() RETURNS event_trigger $note;
    CREATE FUNCTION "Odd 'n"."f, (x)"() RETURNS event_trigger $note;
    CREATE FUNCTION app.forbid() RETURNS event_trigger LANGUAGE plpgsql AS \$f\$BEGIN RAISE EXCEPTION 'nothing is defined here'; END\$f\$;
    CREATE TABLE app.kept (id integer PRIMARY KEY, note text); CREATE INDEX ON app.kept (note);
    INSERT INTO app.kept VALUES (1, 'x');
    CREATE MATERIALIZED VIEW app.counted AS SELECT count(*) FROM app.kept;
    CREATE EVENT TRIGGER "on 'all'" ON ddl_command_end EXECUTE FUNCTION app.note();
    CREATE EVENT TRIGGER of_tags ON sql_drop WHEN TAG IN ('DROP TABLE', 'DROP SCHEMA') EXECUTE FUNCTION "Odd 'n"."f, (x)"();
    CREATE EVENT TRIGGER at_start ON ddl_command_start EXECUTE FUNCTION app.note();
    CREATE EVENT TRIGGER on_rewrite ON table_rewrite EXECUTE FUNCTION app.note();
    CREATE EVENT TRIGGER forbidden ON ddl_command_start WHEN TAG IN ('CREATE SEQUENCE') EXECUTE FUNCTION app.forbid();
    CREATE EVENT TRIGGER all_forbidden ON ddl_command_start EXECUTE FUNCTION app.forbid();
    ALTER EVENT TRIGGER all_forbidden DISABLE;
    ALTER EVENT TRIGGER on_rewrite ENABLE ALWAYS;
    ALTER EVENT TRIGGER at_start ENABLE REPLICA;
    ALTER EVENT TRIGGER of_tags OWNER TO "another super";
    ALTER EVENT TRIGGER at_start OWNER TO "only there";
    COMMENT ON EVENT TRIGGER "on 'all'" IS 'it''s "all"'});

# What pg_dump tells of them. The owner that is only at the source is the runner here.
sub triggers {
    my ($node, $db) = @_;
    my @lines = grep { !/\btheirs\b/ } dump_text($node, $db // 'pagila') =~ /^((?:CREATE|ALTER|COMMENT ON) EVENT TRIGGER .*?;)$/msg;
    return join("\n", sort @lines) =~ s/"only there"/$node->{superuser}/gr;
}
$_->{superuser} = $_->safe_psql('pagila', 'SELECT current_user') for $source, $target;

sub pull {
    my (%options) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', database_objects => $words, %options));
    note($err) if $err;
    return $out || sqlstate_of($err);
}

sub check {
    return (run_sql($target, qq{SELECT status, sqlstate, message FROM pagila_check('source', database_objects => $words) WHERE subject IN ('object of the database', 'dependent', 'unmanaged object') ORDER BY 3}))[0];
}

#
# A replication
#

like((run_sql($target, q{SELECT message FROM pagila_check('source') WHERE subject = 'left out'}))[0], qr/6 event triggers left out: all_forbidden, at_start/, 'without the option they are named');
is((run_sql($target, pull_sql('source')))[0], 'succeeded', 'a run without the option');
is($target->safe_psql('pagila', 'SELECT count(*) FROM pg_event_trigger'), '0', 'makes none');
like(check(), qr/^ok\|\|6 objects of the database can be copied$/m, 'they can be copied');
is(pull(), 'succeeded', 'they are copied');
is(triggers($target), triggers($source), 'as pg_dump tells of them');
like(last_run($target, 'message'), qr/; 6 objects of the database, 6 written; 1 owner of event triggers skipped, its role does not exist/, 'the message counts them') or diag last_run($target, 'message');
unlike(last_run($target, 'message'), qr/event triggers? left out/, 'and names none as left out');
is(pull(), 'skipped', 'a second run has nothing to do');
unlike(check(), qr/^error/m, 'nothing is in its way');

$target->safe_psql('pagila', 'CREATE SCHEMA heard; CREATE TABLE heard.said (event text, tag text)');
my $said = sub { return $target->safe_psql('pagila', q{SELECT coalesce(string_agg(event || ' ' || tag, ',' ORDER BY event, tag), '') FROM heard.said}) };
$target->safe_psql('pagila', 'TRUNCATE heard.said; CREATE TABLE heard.t (); DROP TABLE heard.t');
is($said->(), 'ddl_command_end CREATE TABLE,ddl_command_end DROP TABLE,sql_drop DROP TABLE', 'they see what others define');
my (undef, $err) = run_sql($target, 'CREATE SEQUENCE heard.s');
like($err, qr/nothing is defined here/, 'and may forbid it');
$target->safe_psql('pagila', 'TRUNCATE heard.said');
for my $workers (1, 2) {
    $source->safe_psql('pagila', qq{INSERT INTO app.kept VALUES (10 + $workers, 'y')});
    is(pull(workers => $workers), 'succeeded', "a run that replaces the copy, workers: $workers");
    is($said->(), '', 'none of them sees it');
    is(triggers($target), triggers($source), 'all are there again');
}
is($target->safe_psql('pagila', q{SELECT count(*) FROM pg_event_trigger e JOIN pg_proc p ON p.oid = e.evtfoid WHERE p.pronamespace::regnamespace::text NOT IN ('app', '"Odd ''n"')}), '0', 'they call the live functions');
no_residue($target, 'a replication');

# One that others have made sees the run.
$target->safe_psql('pagila', qq{CREATE SCHEMA theirs; CREATE FUNCTION theirs.note() RETURNS event_trigger $note; CREATE EVENT TRIGGER theirs ON ddl_command_end EXECUTE FUNCTION theirs.note()});
$source->safe_psql('pagila', q{INSERT INTO app.kept VALUES (20, 'y')});
is(pull(), 'succeeded', 'a run that others watch');
like($said->(), qr/ddl_command_end ALTER SCHEMA.*ddl_command_end CREATE INDEX/, 'is seen by them');
$target->safe_psql('pagila', 'DROP EVENT TRIGGER theirs; DROP SCHEMA theirs CASCADE; TRUNCATE heard.said');

# A change of nothing else.
$source->safe_psql('pagila', q{DROP EVENT TRIGGER of_tags; ALTER EVENT TRIGGER on_rewrite DISABLE; CREATE EVENT TRIGGER later ON sql_drop EXECUTE FUNCTION app.note(); COMMENT ON EVENT TRIGGER "on 'all'" IS NULL});
is(pull(), 'succeeded', 'a change of these alone is seen');
is(triggers($target), triggers($source), 'brought, and what is gone is removed');
is(pull(), 'skipped', 'and again nothing to do');

# Without the option they are in the way, by name.
is((run_sql($target, pull_sql('source', force => 'true')))[0], '', 'a run without the option may not take their functions away');
like(last_run($target, 'error_detail'), qr/event trigger later/, 'and names them');
like(last_run($target, 'error_hint'), qr/event triggers that runs have made are replaced if database_objects asks for them again/, 'and says what to do');

#
# Changes by hand, and event triggers of others
#

my %by_hand = ('disabled' => 'ALTER EVENT TRIGGER later DISABLE', 'dropped' => 'DROP EVENT TRIGGER later', 'another owner' => 'ALTER EVENT TRIGGER later OWNER TO "another super"',
    'a comment' => q{COMMENT ON EVENT TRIGGER later IS 'x'}, 'made again for other commands' => q{DROP EVENT TRIGGER later; CREATE EVENT TRIGGER later ON sql_drop WHEN TAG IN ('DROP VIEW') EXECUTE FUNCTION app.note()});
for my $what (sort keys %by_hand) {
    $target->safe_psql('pagila', $by_hand{$what});
    my $before = triggers($target);
    is(pull(), '55000', "$what: refused");
    like(last_run($target, 'error_detail'), qr/event trigger "later" was (changed|removed)/, "$what: named");
    is(triggers($target), $before, "$what: unchanged");
    like(check(), qr/^error\|55000\|event trigger "later" was (changed|removed) since the last run/m, "$what: known beforehand");
    is(pull(on_modified => q{'overwrite'}), 'succeeded', "$what: overwritten if told");
    is(triggers($target), triggers($source), "$what: as at the source");
}
$target->safe_psql('pagila', q{CREATE FUNCTION heard.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER mine ON sql_drop EXECUTE FUNCTION heard.f()});
is(pull(), 'skipped', 'what is not in the way is left alone');
$source->safe_psql('pagila', 'CREATE EVENT TRIGGER mine ON sql_drop EXECUTE FUNCTION app.note()');
is(pull(), '2BP01', 'what is in the way is refused');
like(check(), qr/^error\|2BP01\|event trigger "mine" is here, and no run has made it$/m, 'known beforehand');
is(pull(on_unmanaged => q{'drop'}), 'succeeded', 'or replaced if told');
like(last_run($target, 'message'), qr/; dropped: event trigger "mine"/, 'the message says what was lost');
is(triggers($target), triggers($source), 'as at the source');

# A change that is under way: waited for, or refused.
{
    my $session = $target->background_psql('pagila');
    $session->query_safe('BEGIN; ALTER EVENT TRIGGER later DISABLE');
    $source->safe_psql('pagila', q{INSERT INTO app.kept VALUES (30, 'y')});
    my $before = triggers($target);
    my (undef, $err) = run_sql($target, q{SET pagila_repl.swap_budget = '2s'; } . pull_sql('source', database_objects => $words));
    is(sqlstate_of($err), '55P03', 'one that is being changed') or diag $err;
    is(triggers($target), $before, 'is left as it is');
    $session->query_safe('COMMIT');
    $session->quit;
    is(pull(), '55000', 'and then it is a change by hand');
    is(pull(on_modified => q{'overwrite'}), 'succeeded', 'overwritten if told');
}

#
# A run that fails leaves nothing
#

for my $fault ('database_object:2:enospc', 'held_still:1:enospc', 'publish:1:enospc') {
    $source->safe_psql('pagila', qq{COMMENT ON EVENT TRIGGER later IS '$fault'; INSERT INTO app.kept VALUES (${\ length $fault} + 100)});
    my $before = triggers($target);
    set_fault($target, $fault);
    isnt(pull(), 'succeeded', "$fault: the run fails");
    clear_fault($target);
    is(triggers($target), $before, "$fault: all are as before");
    no_residue($target, $fault);
}
is(pull(), 'succeeded', 'the next run needs no help');
is(triggers($target), triggers($source), 'all are there');

#
# Functions of others
#

is(pull(schemas => q{'{app}'}), 'succeeded', 'one of the schemas');
$source->safe_psql('pagila', q{CREATE EVENT TRIGGER elsewhere ON sql_drop EXECUTE FUNCTION "Odd 'n"."f, (x)"()});
is(pull(schemas => q{'{app}'}), 'skipped', 'what calls a function that is not copied is no part of the copy');
$source->safe_psql('pagila', q{INSERT INTO app.kept VALUES (40, 'y')});
is(pull(schemas => q{'{app}'}), 'succeeded', 'a run of that schema');
like(last_run($target, 'message'), qr/; 1 event trigger left out whose function is not copied: elsewhere/, 'says so');
$source->safe_psql('pagila', q{DROP EVENT TRIGGER elsewhere});
is(pull(), 'succeeded', 'all again');

$source->safe_psql('pagila', 'ALTER FUNCTION app.note() OWNER TO plain');
my $before = triggers($target);
is(pull(), '42501', 'a function of a role that is no superuser');
like(last_run($target, 'error_message'), qr/^event trigger ".*" calls function "app"\."note"\(\) of role "plain", which is no superuser$/, 'is named');
is(triggers($target), $before, 'all are as before');
is(pull(on_object_error => q{'skip'}), 'succeeded', 'its event triggers are left out if told');
is($target->safe_psql('pagila', q{SELECT string_agg(evtname, ',' ORDER BY 1) FROM pg_event_trigger}), 'all_forbidden,forbidden', 'those alone');
is($target->safe_psql('pagila', q{SELECT string_agg(object_name, ',' ORDER BY 1) FROM pagila_repl.run_step WHERE status = 'skipped' AND kind = 'event trigger' AND run_id = (SELECT max(run_id) FROM pagila_repl.run)}),
    q{at_start,later,mine,on 'all',on_rewrite}, 'the others are listed');
is(pull(on_object_error => q{'skip'}), 'skipped', 'and a second run has nothing to do');
$source->safe_psql('pagila', qq{ALTER FUNCTION app.forbid() OWNER TO "only there"; ALTER FUNCTION app.note() OWNER TO "another super"});
is(pull(), 'succeeded', 'functions of any superuser will do');
$source->safe_psql('pagila', 'ALTER FUNCTION app.note() OWNER TO plain');
is(pull(owners => q{'skip'}), 'succeeded', 'without owners they are made');
is($target->safe_psql('pagila', q{SELECT count(*) FROM pg_event_trigger e JOIN pg_proc p ON p.oid = e.evtfoid WHERE NOT (SELECT rolsuper FROM pg_roles WHERE oid = p.proowner)}), '0', 'and their functions are the runner\'s');
$source->safe_psql('pagila', qq{ALTER FUNCTION app.note() OWNER TO $source->{superuser}});
is(pull(), 'succeeded', 'with owners again');

#
# A load
#

my $dump = write_file("$dir/dump.sql", dump_text($source, 'pagila') =~ s/^(CREATE|ALTER) (SERVER|USER MAPPING).*?;\n//msgr);
$target->safe_psql('postgres', 'CREATE DATABASE plain');
$target->safe_psql('plain', 'CREATE EXTENSION pagila_repl');
my %at = (db => 'plain');
my $out;
($out, $err) = run_sql($target, load_sql($dump), %at);
is($out, 'succeeded', 'a load without the option') or diag $err;
is($target->safe_psql('plain', 'SELECT count(*) FROM pg_event_trigger'), '0', 'makes none');
($out, $err) = run_sql($target, load_sql($dump, undef, database_objects => $words), %at);
is($out, 'succeeded', 'a load') or diag $err;
is(triggers($target, 'plain'), triggers($source), 'makes them as psql does');
is((run_sql($target, load_sql($dump, undef, database_objects => $words), %at))[0], 'skipped', 'a second one has nothing to do');
$target->safe_psql('plain', 'ALTER EVENT TRIGGER all_forbidden ENABLE');
(undef, $err) = run_sql($target, load_sql($dump, undef, database_objects => $words), %at);
is(sqlstate_of($err), '55000', 'a change by hand is refused');
is((run_sql($target, load_sql($dump, undef, database_objects => $words, on_modified => q{'overwrite'}), %at))[0], 'succeeded', 'or overwritten, though it forbids everything');
is(triggers($target, 'plain'), triggers($source), 'as the dump says');

my $function = q{CREATE SCHEMA app; CREATE FUNCTION app.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';};
my %malformed = (
    'not created' => [ 'ALTER EVENT TRIGGER e DISABLE;', '42704' ],
    'twice' => [ 'CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION app.f(); CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION app.f();', '42710' ],
    'an event of another version' => [ 'CREATE EVENT TRIGGER e ON login EXECUTE FUNCTION app.f();', '0A000' ],
    'a command of another version' => [ q{CREATE EVENT TRIGGER e ON sql_drop WHEN TAG IN ('DROP GALAXY') EXECUTE FUNCTION app.f();}, '0A000' ],
    'a function elsewhere' => [ 'CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION elsewhere.f();', '2BP01' ],
    'no such function' => [ 'CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION app.g();', '42883' ],
    'a function of a plain role' => [ 'ALTER FUNCTION app.f() OWNER TO plain; CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION app.f();', '42501' ]);
$target->safe_psql('plain', q{CREATE SCHEMA elsewhere; CREATE FUNCTION elsewhere.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'});
$before = triggers($target, 'plain');
for my $what (sort keys %malformed) {
    my ($body, $state) = @{ $malformed{$what} };
    write_file($dump, "$function $body\n");
    (undef, $err) = run_sql($target, load_sql($dump, undef, force => 'true', database_objects => $words), %at);
    is(sqlstate_of($err), $state, "malformed, $what") or diag $err;
    is(triggers($target, 'plain'), $before, "malformed, $what: all are as before");
}
write_file($dump, "$function $malformed{'an event of another version'}[0]\n");
$target->safe_psql('postgres', 'CREATE DATABASE older');
$target->safe_psql('older', 'CREATE EXTENSION pagila_repl');
($out, $err) = run_sql($target, load_sql($dump), db => 'older');
is($out, 'succeeded', 'who does not ask for them is not kept from loading') or diag $err;

#
# A role that is no superuser
#

$target->safe_psql('postgres', 'CREATE DATABASE own OWNER plain; GRANT pagila_repl_operator TO plain');
$target->safe_psql('own', 'CREATE EXTENSION pagila_repl; CREATE SERVER source FOREIGN DATA WRAPPER pagila_repl OPTIONS (host $$127.0.0.1$$, port $$' . $source->port . '$$, dbname $$pagila$$);'
    . 'CREATE USER MAPPING FOR plain SERVER source OPTIONS (user $$' . $source->{superuser} . '$$, password $$x$$, password_required $$false$$); GRANT USAGE ON FOREIGN SERVER source TO plain; ALTER SCHEMA public OWNER TO plain');
my %as_plain = (db => 'own', psql => { extra_params => [ '-U', 'plain' ] });
($out, $err) = run_sql($target, qq{SELECT sqlstate, message FROM pagila_check('source', database_objects => $words) WHERE status = 'error' AND subject = 'object of the database' ORDER BY 2 LIMIT 1}, %as_plain);
is($out, '42501|event trigger "all_forbidden" cannot be made here, since only a superuser can make one', 'it is told beforehand') or diag $err;
($out, $err) = run_sql($target, pull_sql('source', database_objects => $words), %as_plain);
is(sqlstate_of($err), '42501', 'and refused');
is((run_sql($target, pull_sql('source'), %as_plain))[0], 'succeeded', 'without them it may run');
no_residue($target, 'at the end');
done_testing();
