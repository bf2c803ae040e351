# The owner of replicated objects puts others in their place, or hangs code onto them, while somebody else runs: none of it is
# evaluated with rights that are not the owner's.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use RightsAttack;
use Test::More;

my $test = RightsAttack->new('rights_swapped');
# So that the proof of an untouched table fails, and its rows are read.
my $touch = 'UPDATE shop.item SET name = name';
my @few = ([ 'before', 'load', 'postgres' ], [ 'before', 'job', 'puller' ], [ 'start', 'replicate', 'postgres' ], [ 'verify', 'load', 'postgres' ]);

$test->attacks(
    { name => 'a view takes the place of a sequence',
        plant => 'ALTER SEQUENCE shop.ticket RENAME TO gone; CREATE VIEW shop.ticket AS SELECT att.evil()::bigint AS last_value, true AS is_called' },
    { name => 'a materialized view takes the place of a sequence', tries => \@few,
        plant => 'ALTER SEQUENCE shop.ticket RENAME TO gone; CREATE MATERIALIZED VIEW shop.ticket AS SELECT att.evil()::bigint AS last_value, true AS is_called WITH NO DATA' },
    { name => 'an empty table becomes a view', plant => q{CREATE RULE "_RETURN" AS ON SELECT TO shop.nothing DO INSTEAD SELECT att.evil() AS id, 'x'::text AS name} },
    { name => 'an emptied table becomes a view',
        plant => q{DELETE FROM shop.bag; CREATE RULE "_RETURN" AS ON SELECT TO shop.bag DO INSTEAD SELECT att.evil() AS id, 'x'::text AS name} },
    { name => 'a view takes the place of a table',
        plant => q{ALTER TABLE shop.item RENAME TO gone; CREATE VIEW shop.item AS SELECT att.evil() AS id, 'x'::text AS name, 1 AS price} },
    { name => 'a materialized view takes the place of a table', tries => \@few,
        plant => q{ALTER TABLE shop.bag RENAME TO gone; CREATE MATERIALIZED VIEW shop.bag AS SELECT att.evil() AS id, 'x'::text AS name WITH NO DATA} },
    { name => 'a touched table changes places with a view',
        plant => qq{$touch; ALTER TABLE shop.item RENAME TO gone; CREATE VIEW shop.item AS SELECT att.evil() AS id, 'x'::text AS name, 1 AS price} },
    { name => 'the schema changes places with one of views',
        plant => q{ALTER SCHEMA shop RENAME TO away; CREATE SCHEMA shop; CREATE VIEW shop.ticket AS SELECT att.evil()::bigint AS last_value, true AS is_called;
          CREATE VIEW shop.item AS SELECT att.evil() AS id, 'x'::text AS name, 1 AS price; CREATE VIEW shop.bag AS SELECT att.evil() AS id, 'x'::text AS name;
          CREATE TABLE shop.felt (id integer); CREATE VIEW shop.nothing AS SELECT att.evil() AS id},
        whole => q{SELECT (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = 'item' AND c.relkind = 'r' AND n.nspname IN ('shop', 'away')) >= 1} },
    { name => 'the matview is replaced', tries => \@few,
        plant => 'DROP MATERIALIZED VIEW shop.summary; CREATE MATERIALIZED VIEW shop.summary AS SELECT att.evil()::bigint AS moods WITH NO DATA' },
    { name => 'a view is replaced', tries => \@few, plant => 'CREATE OR REPLACE VIEW shop.cheap AS SELECT att.evil() AS id' },
    { name => 'a function is replaced', tries => \@few,
        plant => 'CREATE OR REPLACE FUNCTION shop.fine(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT att.evil_true(1)$$' },
    { name => 'the predicate of an index', plant => "CREATE INDEX trap ON shop.item (id) WHERE att.evil_true(1); $touch" },
    { name => 'the expression of an index', tries => \@few, plant => "CREATE INDEX trap ON shop.item ((att.evil_true(1))); $touch" },
    { name => 'the expression of statistics', plant => "CREATE STATISTICS shop.trap ON (att.evil_true(1)), name FROM shop.item; $touch" },
    { name => 'a check', tries => \@few, plant => "ALTER TABLE shop.item ADD CHECK (att.evil_true(1)) NOT VALID; $touch" },
    { name => 'a generated column', tries => \@few, plant => 'ALTER TABLE shop.item ADD COLUMN g boolean GENERATED ALWAYS AS (att.evil_true(1)) STORED' },
    { name => 'a default', tries => \@few, plant => 'ALTER TABLE shop.item ALTER COLUMN price SET DEFAULT att.evil()' },
    { name => 'a policy', plant => "ALTER TABLE shop.item ENABLE ROW LEVEL SECURITY; ALTER TABLE shop.item FORCE ROW LEVEL SECURITY;
          CREATE POLICY trap ON shop.item USING (att.evil_true(id)); $touch" },
    { name => 'triggers of every kind', tries => \@few, plant => "CREATE TRIGGER trap BEFORE INSERT OR UPDATE OR DELETE ON shop.item FOR EACH ROW EXECUTE FUNCTION att.evil_trigger();
          CREATE TRIGGER trap_all AFTER TRUNCATE ON shop.item EXECUTE FUNCTION att.evil_trigger(); ALTER TABLE shop.item ENABLE ALWAYS TRIGGER trap" },
    { name => 'rules', tries => \@few, plant => 'CREATE RULE trap AS ON INSERT TO shop.item DO ALSO SELECT att.evil(); CREATE RULE trap AS ON DELETE TO shop.bag DO ALSO SELECT att.evil()' },
    { name => 'a child table', tries => \@few, plant => "CREATE TABLE shop.child (CHECK (att.evil_true(1)) NO INHERIT) INHERITS (shop.item); $touch" },
);
$test->done;
