# Default privileges of the target: those of a role for the whole database do nothing to a copy, whose privileges are the source's;
# those of a schema grant on every new copy what they are there for, and are counted.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('defaults');
$_->safe_psql('pagila', q{CREATE ROLE etl LOGIN; CREATE ROLE report; CREATE ROLE "Odd ""one"}) for $source, $target;
$source->safe_psql('pagila', 'GRANT pg_read_all_data TO etl');
$target->safe_psql('pagila', q{GRANT pagila_repl_operator, pg_read_server_files TO etl; ALTER DATABASE pagila OWNER TO etl;
    GRANT USAGE ON FOREIGN SERVER source TO etl; CREATE USER MAPPING FOR etl SERVER source OPTIONS (user 'etl', password_required 'false')});
my %as_etl = (psql => { extra_params => [ '-U', 'etl' ] });
my $everything = q{
    CREATE TABLE public.secret (a int, b serial); INSERT INTO secret VALUES (1);
    CREATE VIEW public.shown AS SELECT a FROM secret; CREATE MATERIALIZED VIEW public.held AS SELECT a FROM secret;
    CREATE FUNCTION public.open() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE PROCEDURE public.act() LANGUAGE sql AS 'SELECT 1';
    CREATE AGGREGATE public.total(int) (sfunc = int4pl, stype = int, initcond = 0);
    CREATE TYPE public.size AS ENUM ('s'); CREATE DOMAIN public.small AS int; CREATE TYPE public.pair AS (a int, b int);
    CREATE SCHEMA fresh; CREATE TABLE fresh.t (a int) PARTITION BY LIST (a); CREATE TABLE fresh.t_1 PARTITION OF fresh.t DEFAULT;
    CREATE TABLE fresh.granted (a int); GRANT SELECT ON fresh.granted TO report;
    CREATE TYPE public.closed AS ENUM ('s'); REVOKE USAGE ON TYPE public.closed FROM PUBLIC;
    CREATE FUNCTION public.closed() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE EXECUTE ON FUNCTION public.closed() FROM PUBLIC};
$source->safe_psql('pagila', $everything);
my $privileges = q{
    SELECT string_agg(what || ' ' || coalesce((SELECT string_agg(format('%s=%s', CASE WHEN grantee = owner THEN 'owner' WHEN grantee = 0 THEN 'PUBLIC'
               ELSE grantee::regrole::text END, privilege_type), ',' ORDER BY grantee = owner, grantee::regrole::text, privilege_type)
             FROM aclexplode(acl) WHERE grantee <> owner OR acl IS NOT NULL AND false), 'none'), E'\n' ORDER BY what)
      FROM (SELECT oid::regclass::text, relowner, CASE WHEN relacl IS NOT NULL THEN relacl END, relnamespace FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S')
            UNION ALL SELECT oid::regprocedure::text, proowner, coalesce(proacl, acldefault('f', proowner)), pronamespace FROM pg_proc
            UNION ALL SELECT oid::regtype::text, typowner, coalesce(typacl, acldefault('T', typowner)), typnamespace FROM pg_type WHERE typelem = 0 AND typrelid = 0
            UNION ALL SELECT nspname, nspowner, nspacl, oid FROM pg_namespace WHERE nspname = 'fresh') o (what, owner, acl, schema)
     WHERE schema IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'fresh'))};
my $global = q{
    ALTER DEFAULT PRIVILEGES FOR ROLE etl GRANT SELECT ON TABLES TO PUBLIC;
    ALTER DEFAULT PRIVILEGES FOR ROLE etl GRANT ALL ON SEQUENCES TO "Odd ""one" WITH GRANT OPTION;
    ALTER DEFAULT PRIVILEGES FOR ROLE etl REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES FOR ROLE etl REVOKE USAGE ON TYPES FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES FOR ROLE etl GRANT ALL ON SCHEMAS TO report};
my $defaults = 'SELECT oid, defaclrole::regrole, defaclnamespace, defaclobjtype, defaclacl FROM pg_default_acl ORDER BY 1';
my ($all_of_source) = $source->safe_psql('pagila', $privileges);
like($all_of_source, qr/^secret none$/m, 'on the source the table is private');
my $dump = write_file(PostgreSQL::Test::Utils::tempdir . '/dump.sql', dump_text($source, 'pagila', '--schema=public', '--schema=fresh'));

my $find = sub { (run_sql($target, q{SELECT message FROM pagila_check('source') WHERE subject = 'default privileges' AND status = 'warning'}, %as_etl))[0] };
is($find->(), '', 'without default privileges pagila_check says nothing of them');
$target->safe_psql('pagila', $global);
my $before = $target->safe_psql('pagila', $defaults);
is($find->(), 'default privileges of role "etl" on sequences, types, functions, schemas, tables are not applied', 'pagila_check tells of them');
my %run = (
    'a pull' => sub { pull_sql('source', %{ $_[0] }) },
    'a load' => sub { load_sql($dump, undef, %{ $_[0] }) });
for my $what ('a pull', 'a load') {
    my ($out, $err) = run_sql($target, $run{$what}->({ on_other_source => q{'replace'} }), %as_etl);
    is($out, 'succeeded', "$what: succeeded") or diag $err;
    is($target->safe_psql('pagila', $privileges), $all_of_source, "$what: the privileges of the source and no others");
    like(last_run($target, 'message'), qr/; default privileges of role "etl" on sequences, types, functions, schemas, tables not applied/, "$what: which the run says");
    is($target->safe_psql('pagila', $defaults), $before, "$what: the default privileges are as they were");
    is((run_sql($target, $run{$what}->({}), %as_etl))[0], 'skipped', "$what: nothing to do then");
}
$target->safe_psql('pagila', 'SET ROLE etl; CREATE TABLE public.own (a int)');
is($target->safe_psql('pagila', q{SELECT relacl::text LIKE '%=r/etl%' FROM pg_class WHERE relname = 'own'}), 't', 'they still hold for others');
$target->safe_psql('pagila', 'DROP TABLE public.own');

# Others who change them meanwhile wait and find them as they were.
{
    my $session = $target->background_psql('pagila', on_error_stop => 1);
    $session->query_safe('BEGIN; ALTER DEFAULT PRIVILEGES FOR ROLE etl GRANT INSERT ON TABLES TO report');
    my ($run) = run_sql($target, q{SELECT run_id FROM pagila_replicate_from('source', force => true, on_other_source => 'replace', wait => false)}, %as_etl);
    ok(wait_until(sub { (run_sql($target, q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'}))[0] > 0 || last_run($target, 'status') ne 'running' }, 30),
        'a run waits for a change of default privileges');
    $session->query_safe('COMMIT');
    $session->quit;
    is((run_sql($target, "SELECT status FROM pagila_wait($run)", %as_etl))[0], 'succeeded', 'and goes on after it');
    is($target->safe_psql('pagila', $privileges), $all_of_source, 'without what was added');
    like($target->safe_psql('pagila', $defaults), qr/report=a\/etl/, 'which stays');
}
# Roles that are named in them change names while they do not hold: nobody gets what is another's.
{
    $target->safe_psql('pagila', q{CREATE SCHEMA aside; CREATE TABLE aside.go_on (a int);
        CREATE FUNCTION aside.pause() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
            WHILE session_user = 'etl' AND NOT EXISTS (SELECT FROM aside.go_on) LOOP PERFORM pg_sleep(0.05); END LOOP; END$$;
        GRANT USAGE ON SCHEMA aside TO PUBLIC; GRANT SELECT ON aside.go_on TO PUBLIC;
        CREATE EVENT TRIGGER pause ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION aside.pause()});
    my $rows = $target->safe_psql('pagila', $defaults);
    my ($run) = run_sql($target, q{SELECT run_id FROM pagila_replicate_from('source', force => true, on_modified => 'overwrite', on_unmanaged => 'drop', wait => false)}, %as_etl);
    ok(wait_until(sub { (run_sql($target, q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'}))[0] > 0 }, 60), 'a run makes the shape');
    $target->safe_psql('pagila', 'ALTER ROLE report RENAME TO old_report; CREATE ROLE report; INSERT INTO aside.go_on VALUES (1)');
    is((run_sql($target, "SELECT status FROM pagila_wait($run)", %as_etl))[0], 'failed', 'roles are renamed: it fails');
    is(last_run($target, 'sqlstate'), '40001', 'and may be tried again');
    $target->safe_psql('pagila', 'DROP EVENT TRIGGER pause; DROP SCHEMA aside CASCADE; DROP ROLE report; ALTER ROLE old_report RENAME TO report');
    is($target->safe_psql('pagila', $defaults), $rows, 'they hold for the roles for which they held');
}
$target->safe_psql('pagila', q{
    ALTER DEFAULT PRIVILEGES FOR ROLE etl REVOKE SELECT ON TABLES FROM PUBLIC; ALTER DEFAULT PRIVILEGES FOR ROLE etl REVOKE INSERT ON TABLES FROM report;
    ALTER DEFAULT PRIVILEGES FOR ROLE etl REVOKE ALL ON SEQUENCES FROM "Odd ""one"; ALTER DEFAULT PRIVILEGES FOR ROLE etl GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
    ALTER DEFAULT PRIVILEGES FOR ROLE etl GRANT USAGE ON TYPES TO PUBLIC; ALTER DEFAULT PRIVILEGES FOR ROLE etl REVOKE ALL ON SCHEMAS FROM report});
is($target->safe_psql('pagila', $defaults), '', 'none are left');

#
# Of a schema
#

$target->safe_psql('pagila', q{ALTER DEFAULT PRIVILEGES FOR ROLE etl IN SCHEMA public GRANT SELECT ON TABLES TO report;
    ALTER DEFAULT PRIVILEGES FOR ROLE report IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC});
is($find->(), 'default privileges of schema "public" grant on what a run makes there', 'pagila_check tells of those of a schema');
for my $what ('a pull', 'a load') {
    my ($out, $err) = run_sql($target, $run{$what}->({ on_other_source => q{'replace'}, on_modified => q{'overwrite'}, force => 'true' }), %as_etl);
    is($out, 'succeeded', "$what: succeeded") or diag $err;
    my $expected = $all_of_source =~ s/^(secret|shown|held) none$/$1 report=SELECT/mgr;
    is($target->safe_psql('pagila', $privileges), $expected, "$what: they grant on the tables of that schema");
    like(last_run($target, 'message'), qr/; default privileges of schema "public" granted more on 3 objects/, "$what: which is counted");
    unlike(last_run($target, 'message'), qr/not applied/, "$what: nothing else is said");
}
is((run_sql($target, $run{'a load'}->({}), %as_etl))[0], 'skipped', 'nothing to do then');
no_residue($target, 'after all');
done_testing();
