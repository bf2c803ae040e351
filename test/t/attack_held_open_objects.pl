# Objects made or dropped in the replaced schema by a transaction that is held open while a run goes on, at every step of it:
# the run refuses, waits within its bound, or brings them over. Nothing is lost in silence.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use Test::More;

my $node = new_node('held_objects', faults => 1, conf => "max_worker_processes = 40\n");
my $file = held_open_base($node);

# An object of that name in a catalog, in the live schema.
sub in_live {
    my ($catalog, $prefix, $name) = @_;
    my $namespace = $catalog eq 'pg_opclass' ? 'opcnamespace' : "${prefix}namespace";
    return "SELECT count(*) > 0 FROM $catalog WHERE ${prefix}name = '$name' AND $namespace = 'live'::regnamespace";
}

sub made {
    my ($kind, $change, $catalog, $prefix) = @_;
    return { kind => "create $kind", change => $change, visible => in_live($catalog, $prefix, 'fresh'), names => qr/\bfresh\b/ };
}

sub dropped {
    my ($kind, $change, $catalog, $prefix, $name) = @_;
    return { kind => "drop $kind", change => $change, visible => 'NOT (' . in_live($catalog, $prefix, $name) . ')', names => qr/\b$name\b/ };
}

my @cases = (
    made('table', 'CREATE TABLE live.fresh (a integer)', 'pg_class', 'rel'),
    made('table with rows', 'CREATE TABLE live.fresh AS SELECT * FROM live.item', 'pg_class', 'rel'),
    made('unlogged table', 'CREATE UNLOGGED TABLE live.fresh (a integer)', 'pg_class', 'rel'),
    made('partitioned table', 'CREATE TABLE live.fresh (a integer) PARTITION BY LIST (a)', 'pg_class', 'rel'),
    made('foreign table', 'CREATE FOREIGN TABLE live.fresh (a integer) SERVER far', 'pg_class', 'rel'),
    made('view', 'CREATE VIEW live.fresh AS SELECT 1 AS a', 'pg_class', 'rel'),
    made('view on a table', 'CREATE VIEW live.fresh AS SELECT * FROM live.item', 'pg_class', 'rel'),
    made('materialized view', 'CREATE MATERIALIZED VIEW live.fresh AS SELECT 1 AS a', 'pg_class', 'rel'),
    made('sequence', 'CREATE SEQUENCE live.fresh', 'pg_class', 'rel'),
    made('index', 'CREATE INDEX fresh ON live.item (price)', 'pg_class', 'rel'),
    # A constraint is a part of its table, which is named.
    { %{ made('constraint', 'ALTER TABLE live.item ADD CONSTRAINT fresh UNIQUE (name)', 'pg_class', 'rel') }, names => qr/\bfresh|item\b/ },
    made('composite type', 'CREATE TYPE live.fresh AS (a integer)', 'pg_type', 'typ'),
    made('enum', q{CREATE TYPE live.fresh AS ENUM ('a')}, 'pg_type', 'typ'),
    made('domain', 'CREATE DOMAIN live.fresh AS text', 'pg_type', 'typ'),
    made('range', 'CREATE TYPE live.fresh AS RANGE (subtype = date)', 'pg_type', 'typ'),
    made('function', q{CREATE FUNCTION live.fresh() RETURNS integer LANGUAGE sql AS 'SELECT 1'}, 'pg_proc', 'pro'),
    made('procedure', q{CREATE PROCEDURE live.fresh() LANGUAGE sql AS ''}, 'pg_proc', 'pro'),
    made('aggregate', 'CREATE AGGREGATE live.fresh(integer) (SFUNC = pg_catalog.int4pl, STYPE = integer)', 'pg_proc', 'pro'),
    { kind => 'create operator', change => 'CREATE OPERATOR live.@#@ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = pg_catalog.int4mi)',
        visible => in_live('pg_operator', 'opr', '@#@'), names => qr/\@#\@/ },
    made('operator class', 'CREATE OPERATOR CLASS live.fresh FOR TYPE bigint USING hash AS OPERATOR 1 =, FUNCTION 1 pg_catalog.hashint8(bigint)',
        'pg_opclass', 'opc'),
    made('operator family', 'CREATE OPERATOR FAMILY live.fresh USING hash', 'pg_opfamily', 'opf'),
    { kind => 'add family member',
        change => 'ALTER OPERATOR FAMILY live.family USING btree ADD OPERATOR 1 pg_catalog.<(integer, integer), FUNCTION 1 pg_catalog.btint4cmp(integer, integer)',
        visible => q{SELECT count(*) > 0 FROM pg_amop m JOIN pg_opfamily f ON f.oid = m.amopfamily WHERE f.opfname = 'family'
          AND f.opfnamespace = 'live'::regnamespace}, names => qr/family/ },
    made('collation', q{CREATE COLLATION live.fresh (LOCALE = 'C')}, 'pg_collation', 'coll'),
    made('conversion', q{CREATE CONVERSION live.fresh FOR 'LATIN2' TO 'UTF8' FROM iso8859_to_utf8}, 'pg_conversion', 'con'),
    made('text search dictionary', 'CREATE TEXT SEARCH DICTIONARY live.fresh (TEMPLATE = pg_catalog.simple)', 'pg_ts_dict', 'dict'),
    made('text search configuration', 'CREATE TEXT SEARCH CONFIGURATION live.fresh (COPY = pg_catalog.simple)', 'pg_ts_config', 'cfg'),
    made('text search parser', 'CREATE TEXT SEARCH PARSER live.fresh (START = pg_catalog.prsd_start, GETTOKEN = pg_catalog.prsd_nexttoken,
        END = pg_catalog.prsd_end, LEXTYPES = pg_catalog.prsd_lextype)', 'pg_ts_parser', 'prs'),
    made('text search template', 'CREATE TEXT SEARCH TEMPLATE live.fresh (LEXIZE = pg_catalog.dsimple_lexize)', 'pg_ts_template', 'tmpl'),
    { kind => 'add mapping', change => 'ALTER TEXT SEARCH CONFIGURATION live.search ADD MAPPING FOR word WITH pg_catalog.simple',
        visible => q{SELECT count(*) > 0 FROM pg_ts_config_map m JOIN pg_ts_config c ON c.oid = m.mapcfg WHERE c.cfgname = 'search'
          AND c.cfgnamespace = 'live'::regnamespace}, names => qr/\bsearch\b/ },
    made('statistics', 'CREATE STATISTICS live.fresh ON name, price FROM live.item', 'pg_statistic_ext', 'stx'),
    { kind => 'create trigger', change => 'CREATE TRIGGER fresh AFTER UPDATE ON live.item FOR EACH ROW EXECUTE FUNCTION live.note()',
        visible => q{SELECT count(*) > 0 FROM pg_trigger WHERE tgname = 'fresh' AND tgrelid = to_regclass('live.item')}, names => qr/\bitem\b/ },
    { kind => 'create rule', change => 'CREATE RULE fresh AS ON INSERT TO live.item DO ALSO NOTHING',
        visible => q{SELECT count(*) > 0 FROM pg_rewrite WHERE rulename = 'fresh' AND ev_class = to_regclass('live.item')}, names => qr/\bitem\b/ },
    { kind => 'create policy', change => 'CREATE POLICY fresh ON live.item USING (true)',
        visible => q{SELECT count(*) > 0 FROM pg_policy WHERE polname = 'fresh' AND polrelid = to_regclass('live.item')}, names => qr/\bitem\b/ },
    dropped('table', 'DROP TABLE live.sale', 'pg_class', 'rel', 'sale'),
    dropped('view', 'DROP VIEW live.cheap', 'pg_class', 'rel', 'cheap'),
    dropped('function', 'DROP FUNCTION live.twice', 'pg_proc', 'pro', 'twice'),
    dropped('type', 'DROP TYPE live.pair', 'pg_type', 'typ', 'pair'),
    dropped('collation', 'DROP COLLATION live.plain', 'pg_collation', 'coll', 'plain'),
    dropped('statistics', 'DROP STATISTICS live.together', 'pg_statistic_ext', 'stx', 'together'),
    { kind => 'drop schema', change => 'DROP SCHEMA live CASCADE', visible => q{SELECT to_regnamespace('live') IS NULL}, names => qr/\blive\b/ },
);
held_open_cases($node, $file, cases => \@cases);
done_testing();
