# What a transaction held open changes while a run goes on that may overwrite, drop and lose things: what is lost is named in its
# message, or kept under a name that is. And the same where the shape calls functions of its own, so that the run works under the
# real names of the schemas, and where the copy comes from another server.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use Test::More;

leave_to_long_tests();

my $node = new_node('held_allowed', faults => 1, conf => "max_worker_processes = 40\n");

sub change {
    my ($kind, $change, $visible, $names) = @_;
    return { kind => $kind, change => $change, visible => $visible, names => $names };
}

my @cases = (
    change('create table', 'CREATE TABLE live.fresh (a integer)', q{SELECT to_regclass('live.fresh') IS NOT NULL}, qr/\bfresh\b/),
    change('create view', 'CREATE VIEW live.fresh AS SELECT 1 AS a', q{SELECT to_regclass('live.fresh') IS NOT NULL}, qr/\bfresh\b/),
    change('create function', q{CREATE FUNCTION live.fresh() RETURNS integer LANGUAGE sql AS 'SELECT 1'},
        q{SELECT to_regprocedure('live.fresh()') IS NOT NULL}, qr/\bfresh\b/),
    change('create type', 'CREATE TYPE live.fresh AS (a integer)', q{SELECT to_regtype('live.fresh') IS NOT NULL}, qr/\bfresh\b/),
    change('create collation', q{CREATE COLLATION live.fresh (LOCALE = 'C')},
        q{SELECT count(*) > 0 FROM pg_collation WHERE collname = 'fresh' AND collnamespace = to_regnamespace('live')}, qr/\bfresh\b/),
    change('create statistics', 'CREATE STATISTICS live.fresh ON name, price FROM live.item',
        q{SELECT count(*) > 0 FROM pg_statistic_ext WHERE stxname = 'fresh' AND stxnamespace = to_regnamespace('live')}, qr/\bfresh\b/),
    change('ALTER FUNCTION', 'ALTER FUNCTION live.twice COST 77', q{SELECT procost = 77 FROM pg_proc WHERE oid = to_regprocedure('live.twice(integer)')}, qr/\btwice\b/),
    change('COMMENT', q{COMMENT ON TYPE live.pair IS 'said meanwhile'}, q{SELECT obj_description(to_regtype('live.pair'), 'pg_type') IS NOT NULL}, qr/\bpair\b/),
    change('ALTER TYPE', 'ALTER TYPE live.pair ADD ATTRIBUTE c integer', q{SELECT relnatts = 3 FROM pg_class WHERE oid = to_regclass('live.pair')}, qr/\bpair\b/),
    change('ADD VALUE', q{ALTER TYPE live.mood ADD VALUE 'new'}, q{SELECT count(*) = 3 FROM pg_enum WHERE enumtypid = to_regtype('live.mood')}, qr/\bmood\b/),
    change('ALTER TABLE', 'ALTER TABLE live.item ADD COLUMN more integer', q{SELECT relnatts = 4 FROM pg_class WHERE oid = to_regclass('live.item')}, qr/\bitem\b/),
    change('GRANT on a table', 'GRANT SELECT ON live.item TO reader', q{SELECT has_table_privilege('reader', 'live.item', 'SELECT')}, qr/\bitem\b/),
    change('GRANT on a schema', 'GRANT USAGE ON SCHEMA live TO reader', q{SELECT has_schema_privilege('reader', 'live', 'USAGE')}, qr/\blive\b/),
    change('default privileges', 'ALTER DEFAULT PRIVILEGES IN SCHEMA live GRANT SELECT ON TABLES TO reader',
        q{SELECT count(*) > 0 FROM pg_default_acl WHERE defaclnamespace = to_regnamespace('live')}, qr/default (privileges|ACL)/i),
    change('INSERT', q{INSERT INTO live.other VALUES (9)}, 'SELECT count(*) = 2 FROM live.other', qr/\bother\b/),
    change('view elsewhere', 'CREATE VIEW app.shown AS SELECT id, name FROM live.item', q{SELECT pg_get_viewdef('app.shown'::regclass) LIKE '%live.item%'}, qr/\bshown\b/),
    change('function elsewhere', q{CREATE FUNCTION app.first(live.pair) RETURNS integer LANGUAGE sql AS 'SELECT 1'},
        q{SELECT to_regprocedure('app.first(live.pair)') IS NOT NULL}, qr/\bfirst\b/),
    change('drop table', 'DROP TABLE live.sale', q{SELECT to_regclass('live.sale') IS NULL}, qr/\bsale\b/),
    change('drop function', 'DROP FUNCTION live.twice', q{SELECT to_regprocedure('live.twice(integer)') IS NULL}, qr/\btwice\b/),
);
my %allowed = (on_modified => q{'overwrite'}, on_unmanaged => q{'drop'}, on_dependents => q{'drop'});
my $file = held_open_base($node);
held_open_cases($node, $file, cases => \@cases, with => { options => \%allowed });

# With a function of its own in a constraint.
$node->stop;
my $other = new_node('held_own_code', faults => 1, conf => "max_worker_processes = 40\n");
my $own_code = held_open_base($other, more => 'CREATE FUNCTION live.is_fine(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT $1 > 0$$;
    ALTER TABLE live.other ADD CONSTRAINT fine CHECK (live.is_fine(id));');
my @again = map { { %$_, kind => "$_->{kind} (functions in the shape)" } } @cases;
held_open_cases($other, $own_code, cases => \@again, turn => 3,
    $ENV{PR_ATTACK_ALL} ? () : (combinations => [ [ 'verify', 'during' ], [ 'rows', 'during' ] ]));
done_testing();
