# Publications, event triggers, settings and large objects against hostile sources and others' objects: what a source prints is one
# statement of the kind it is for, event triggers of others are never kept still, settings of ours never come, and what others change
# beside a run is seen by the next one.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('attack_database_sources', faults => 1, conf => "wal_level = logical\n", source => { conf => "wal_level = logical\n" });
my $dir = PostgreSQL::Test::Utils::tempdir_short();
$target->safe_psql('pagila', q{CREATE ROLE keeper; CREATE ROLE changer SUPERUSER LOGIN; CREATE SCHEMA theirs; CREATE TABLE theirs.heard (tag text);
    CREATE FUNCTION theirs.audit() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO theirs.heard VALUES (tg_tag); END'});
$source->safe_psql('pagila', q{CREATE SCHEMA app; CREATE TABLE app.item (id integer PRIMARY KEY); INSERT INTO app.item VALUES (1);
    CREATE FUNCTION app.note() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER ee ON ddl_command_end EXECUTE FUNCTION app.note();
    ALTER DATABASE pagila SET work_mem = '5MB';
    SELECT lo_from_bytea(7001, '\x01'); SELECT lo_from_bytea(7002, '\x02')});
my $words = q{'{publications,settings,event_triggers}'};

sub pull {
    my (%options) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', %options));
    note($err) if $err;
    return $out || sqlstate_of($err);
}

#
# A large object that stays as it is, and is changed while another is written
#

is(pull(database_objects => $words), 'succeeded', 'the first copy');
$source->safe_psql('pagila', q{SELECT lo_put(7001, 0, '\x11')});
write_file("$dir/gate", '');
my $run = Session->new($target, 'pagila');
set_fault($target, "large_object:1:wait:$dir/gate");
$run->send(pull_sql('source', database_objects => $words));
ok(wait_until(sub { is_run_held("$dir/gate") || $run->wait(0.01) }, 30) && is_run_held("$dir/gate"), 'a run is held');
$target->safe_psql('pagila', q{SELECT lo_put(7002, 0, '\x99')});
let_run_go("$dir/gate");
ok($run->wait(60), 'it ends');
clear_fault($target);
is($run->{out}, 'succeeded', 'it writes what has changed at the source');
is($target->safe_psql('pagila', q{SELECT encode(lo_get(7001), 'hex') || encode(lo_get(7002), 'hex')}), '1199', 'and leaves the other');
is(pull(database_objects => $words), '55000', 'the next run sees what has been changed beside it');
like(last_run($target, 'error_detail'), qr/large object 7002 holds other bytes/, 'and names it');
is(pull(database_objects => $words, on_modified => q{'overwrite'}), 'succeeded', 'overwritten if told');
is($target->safe_psql('pagila', q{SELECT encode(lo_get(7001), 'hex') || encode(lo_get(7002), 'hex')}), '1102', 'as at the source');

#
# A setting that is being changed while it is looked at
#

my $holder = Session->new($target, 'pagila', 'changer');
$holder->run(q{BEGIN; ALTER DATABASE pagila SET work_mem = '9MB'});
$run->send(qq{SELECT status, message FROM pagila_check('source', database_objects => $words) WHERE subject = 'object of the database'});
ok($run->wait(25), 'pagila_check does not wait for it without bound');
like($run->{out}, qr/^warning\|objects of the database cannot be compared now/, 'and says so');
$run->send("SET pagila_repl.swap_budget = '1s'; " . pull_sql('source', database_objects => $words, force => 'true'));
ok($run->wait(30), 'nor does a run');
is($run->{state}, '55P03', 'which is refused for now');
like($run->{out}, qr/Process $holder->{backend} of role "changer"/, 'and names who holds it');
$holder->run('ROLLBACK');
$_->close for $run, $holder;

#
# An event trigger of others that has the name of one that a run has made
#

$target->safe_psql('pagila', 'DROP EVENT TRIGGER ee; CREATE EVENT TRIGGER ee ON ddl_command_end EXECUTE FUNCTION theirs.audit()');
is(pull(force => 'true'), 'succeeded', 'a run that has not been asked for event triggers');
like($target->safe_psql('pagila', q{SELECT string_agg(DISTINCT tag, ',') FROM theirs.heard}), qr/CREATE TABLE/, 'is seen by the event trigger of others');
$target->safe_psql('pagila', 'DROP EVENT TRIGGER ee; TRUNCATE theirs.heard');
is(pull(database_objects => $words, on_modified => q{'overwrite'}), 'succeeded', 'that of the run again');

# One that calls the function of the run's, too.
$target->safe_psql('pagila', q{CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION theirs.audit()});
is(pull(database_objects => $words, force => 'true'), 'succeeded', 'a run beside one of others');
isnt($target->safe_psql('pagila', 'SELECT count(*) FROM theirs.heard'), '0', 'is seen by it');
$target->safe_psql('pagila', 'DROP EVENT TRIGGER mine');

#
# Functions that define something, after an event trigger that is no superuser's any more when it ends
#

my $sly = q{CREATE SCHEMA sly; CREATE FUNCTION sly.makes(integer) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN EXECUTE ''CREATE TABLE theirs.made ()''; RETURN true; END';
    CREATE TABLE sly.t (id integer); CREATE INDEX t_id ON sly.t (id); CREATE MATERIALIZED VIEW sly.m AS SELECT sly.makes(1) WITH NO DATA; REFRESH MATERIALIZED VIEW sly.m;};
my $file = write_file("$dir/sly.sql", $sly);
my (undef, $err) = run_sql($target, load_sql($file));
is(sqlstate_of($err), '42501', 'a function that a run calls may not define anything') or diag $err;
$target->safe_psql('pagila', q{CREATE FUNCTION theirs.once() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
      IF EXISTS (SELECT FROM pagila_repl.run WHERE status = 'running' AND phase <> 'shape') THEN
        ALTER EVENT TRIGGER once DISABLE; ALTER FUNCTION theirs.once() OWNER TO keeper;
      END IF;
    END$$;
    CREATE EVENT TRIGGER once ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION theirs.once()});
(undef, $err) = run_sql($target, load_sql($file));
is($target->safe_psql('pagila', q{SELECT proowner::regrole FROM pg_proc WHERE proname = 'once'}), 'keeper', 'an event trigger whose function was given away while it ran');
is(sqlstate_of($err), '42501', 'does not open that') or diag $err;
is($target->safe_psql('pagila', q{SELECT count(*) FROM pg_class WHERE relname = 'made'}), '0', 'nothing was made');
$target->safe_psql('pagila', 'DROP EVENT TRIGGER once');

#
# Settings of ours, however they are written
#

my $settings = write_file("$dir/settings.sql", q{CREATE SCHEMA cased; CREATE TABLE cased.t ();
    ALTER DATABASE pagila SET "Pagila_Repl.swap_budget" TO '1ms'; ALTER DATABASE pagila SET "PAGILA_REPL.allowed_hosts" TO ''; ALTER DATABASE pagila SET lock_timeout TO '1h';});
my ($out, $error) = run_sql($target, load_sql($settings, undef, database_objects => q{'{settings}'}));
is($out, 'succeeded', 'a dump with settings of ours') or diag $error;
is($target->safe_psql('pagila', q{SELECT count(*) FROM pg_db_role_setting, unnest(setconfig) c WHERE c ~* '^pagila_repl'}), '0', 'does not bring them');
$source->safe_psql('pagila', q{ALTER DATABASE pagila SET "pagila_REPL.run_timeout" = '1h'});
is(pull(database_objects => $words), 'skipped', 'nor does a source');
$source->safe_psql('pagila', q{ALTER DATABASE pagila RESET "pagila_REPL.run_timeout"});

#
# Settings that sessions of the target begin with from then on, those of runs among them
#

my $writable = 'SET default_transaction_read_only = off; ';
$source->safe_psql('pagila', q{ALTER DATABASE pagila SET default_transaction_isolation = 'serializable'; ALTER DATABASE pagila SET session_replication_role = 'replica';
    ALTER DATABASE pagila SET default_transaction_deferrable = on; ALTER DATABASE pagila SET row_security = off; ALTER DATABASE pagila SET default_transaction_read_only = on});
is(pull(database_objects => $words), 'succeeded', 'settings that change what transactions may do');
is($target->safe_psql('pagila', 'SHOW default_transaction_read_only'), 'on', 'hold');
is(pull(database_objects => $words, force => 'true'), 'succeeded', 'but not for the next run');
$source->safe_psql('pagila', "$writable ALTER DATABASE pagila RESET ALL");
is(pull(database_objects => $words), 'succeeded', 'which takes them back');
is($target->safe_psql('pagila', 'SHOW default_transaction_read_only'), 'off', 'in time');

#
# A view that is skipped, and a function that would find an unfiltered table of its name in another schema.
#

$source->safe_psql('pagila', q{CREATE LANGUAGE nowhere HANDLER plpgsql_call_handler INLINE plpgsql_inline_handler; CREATE SCHEMA a; CREATE SCHEMA b;
    CREATE TABLE a.member (id integer); INSERT INTO a.member VALUES (1), (2); CREATE TABLE b.secret (id integer); INSERT INTO b.secret VALUES (1), (2);
    CREATE FUNCTION b.is_member(i integer) RETURNS boolean LANGUAGE nowhere AS 'BEGIN RETURN i = 1; END'; CREATE VIEW b.member AS SELECT id FROM a.member WHERE b.is_member(id);
    CREATE FUNCTION b.may(i integer) RETURNS boolean LANGUAGE plpgsql SET search_path TO 'b', 'a' AS 'BEGIN RETURN EXISTS (SELECT FROM member WHERE id = i); END';
    ALTER TABLE b.secret ENABLE ROW LEVEL SECURITY; CREATE POLICY members ON b.secret USING (b.may(id))});
isnt(pull(schemas => q{'{a,b}'}, on_object_error => q{'skip'}), 'succeeded', 'a view that a policy needs by the words of a function is not skipped');
like(last_run($target, 'error_hint'), qr/^It is not skipped, since relation a\.member has the same name/, 'and the error says why');
$source->safe_psql('pagila', q{DROP SCHEMA a, b CASCADE; DROP LANGUAGE nowhere});

#
# A source that prints more than a row filter
#

$source->safe_psql('pagila', q{CREATE PUBLICATION filtered FOR TABLE app.item WHERE (id > 0);
    SET allow_system_table_mods = on;
    ALTER FUNCTION pg_catalog.pg_get_expr(pg_node_tree, oid) RENAME TO get_expr;
    CREATE FUNCTION pg_catalog.pg_get_expr(pg_node_tree, oid) RETURNS text LANGUAGE sql AS $$ SELECT 'true); CREATE ROLE mallory SUPERUSER; COMMENT ON PUBLICATION filtered IS (''x''' $$});
for my $more (q{'true); CREATE ROLE mallory SUPERUSER; --'}, q{'true), TABLE theirs.heard; CREATE ROLE mallory SUPERUSER; --'}, q{'true'', SELECT'}) {
    $source->safe_psql('pagila', "SET allow_system_table_mods = on; CREATE OR REPLACE FUNCTION pg_catalog.pg_get_expr(pg_node_tree, oid) RETURNS text LANGUAGE sql AS \$\$ SELECT ${more}::text \$\$");
    is(pull(database_objects => $words, schemas => q{'{app}'}, force => 'true'), '08P01', "a source that prints $more as a row filter is refused");
    is($target->safe_psql('pagila', q{SELECT count(*) FROM pg_roles WHERE rolname = 'mallory'}), '0', 'and nothing of it is run');
    my (undef, $told) = run_sql($target, qq{SELECT * FROM pagila_check('source', schemas => '{app}', database_objects => $words)});
    is(sqlstate_of($told), '08P01', 'pagila_check does not take it either') or diag $told;
}
no_residue($target, 'at the end');
done_testing();
