# Objects in other schemas, and of the database, that come to depend on the replaced schema in a transaction that is held open
# while a run goes on; and transactions that are prepared instead of idle. The run refuses, waits within its bound, or leaves them as
# they are. Nothing is lost in silence.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use Test::More;

my $node = new_node('held_elsewhere', faults => 1, conf => "max_worker_processes = 40\nmax_prepared_transactions = 20\nwal_level = logical\n");
my $file = held_open_base($node, more => 'CREATE FUNCTION live.same(oid) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT true$$', app => 'CREATE TABLE app.card (id integer, item integer);
    CREATE FUNCTION app.nothing() RETURNS integer LANGUAGE sql AS $$SELECT 1$$; CREATE SEQUENCE app.counter;
    CREATE FUNCTION app.told() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$; CREATE OPERATOR FAMILY app.family USING btree');

sub elsewhere {
    my ($kind, $change, $visible, $names) = @_;
    return { kind => $kind, change => $change, visible => $visible, names => $names };
}

# Whether the object depends on the live copy, not on one that was replaced.
sub on_live {
    my ($relation, $of) = @_;
    return qq{SELECT pg_get_viewdef('$relation'::regclass) LIKE '%live.$of%'};
}

my @cases = (
    elsewhere('view elsewhere', 'CREATE VIEW app.shown AS SELECT id, name FROM live.item', on_live('app.shown', 'item'), qr/\bshown\b/),
    elsewhere('view on a view elsewhere', 'CREATE VIEW app.shown AS SELECT id FROM live.cheap', on_live('app.shown', 'cheap'), qr/\bshown\b/),
    elsewhere('materialized view elsewhere', 'CREATE MATERIALIZED VIEW app.shown AS SELECT id FROM live.item', on_live('app.shown', 'item'), qr/\bshown\b/),
    elsewhere('view that calls a function', 'CREATE VIEW app.shown AS SELECT live.twice(1) AS n', on_live('app.shown', 'twice'), qr/\bshown\b/),
    elsewhere('view with a type', q{CREATE VIEW app.shown AS SELECT NULL::live.pair AS n}, on_live('app.shown', 'pair'), qr/\bshown\b/),
    elsewhere('function with a body elsewhere', 'CREATE FUNCTION app.first() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM live.item; END',
        q{SELECT pg_get_functiondef(to_regprocedure('app.first()')) LIKE '%live.item%'}, qr/\bfirst\b/),
    elsewhere('function with a type', q{CREATE FUNCTION app.first(live.pair) RETURNS integer LANGUAGE sql AS 'SELECT 1'},
        q{SELECT to_regprocedure('app.first(live.pair)') IS NOT NULL}, qr/\bfirst\b/),
    elsewhere('table with a composite column', 'CREATE TABLE app.kept (a live.pair)',
        q{SELECT atttypid = to_regtype('live.pair') FROM pg_attribute WHERE attrelid = to_regclass('app.kept') AND attnum = 1}, qr/\bkept\b/),
    elsewhere('table with an enum column', 'CREATE TABLE app.kept (a live.mood)',
        q{SELECT atttypid = to_regtype('live.mood') FROM pg_attribute WHERE attrelid = to_regclass('app.kept') AND attnum = 1}, qr/\bkept\b/),
    elsewhere('table with a domain column', 'CREATE TABLE app.kept (a live.small)',
        q{SELECT atttypid = to_regtype('live.small') FROM pg_attribute WHERE attrelid = to_regclass('app.kept') AND attnum = 1}, qr/\bkept\b/),
    elsewhere('domain elsewhere', 'CREATE DOMAIN app.kept AS live.span', q{SELECT typbasetype = to_regtype('live.span') FROM pg_type WHERE oid = to_regtype('app.kept')}, qr/\bkept\b/),
    elsewhere('foreign key elsewhere', 'ALTER TABLE app.card ADD CONSTRAINT to_item FOREIGN KEY (item) REFERENCES live.item',
        q{SELECT confrelid = to_regclass('live.item') FROM pg_constraint WHERE conname = 'to_item'}, qr/\bto_item\b/),
    elsewhere('check elsewhere', 'ALTER TABLE app.card ADD CONSTRAINT doubles CHECK (live.twice(item) > 0)',
        q{SELECT pg_get_constraintdef(oid) LIKE '%live.twice%' FROM pg_constraint WHERE conname = 'doubles'}, qr/\bdoubles\b/),
    elsewhere('default elsewhere', 'ALTER TABLE app.card ALTER COLUMN item SET DEFAULT live.twice(1)',
        q{SELECT pg_get_expr(adbin, adrelid) LIKE '%live.twice%' FROM pg_attrdef WHERE adrelid = to_regclass('app.card')}, qr/\bcard\b/),
    elsewhere('default of a sequence', q{ALTER TABLE app.card ALTER COLUMN item SET DEFAULT nextval('live.ticket')},
        q{SELECT pg_get_expr(adbin, adrelid) LIKE '%live.ticket%' FROM pg_attrdef WHERE adrelid = to_regclass('app.card')}, qr/\bcard\b/),
    elsewhere('index elsewhere', 'CREATE INDEX doubled ON app.card (live.twice(item))',
        q{SELECT pg_get_indexdef(to_regclass('app.doubled')) LIKE '%live.twice%'}, qr/\bdoubled\b/),
    elsewhere('trigger elsewhere', 'CREATE TRIGGER noted BEFORE INSERT ON app.card FOR EACH ROW EXECUTE FUNCTION live.note()',
        q{SELECT pg_get_triggerdef(oid) LIKE '%live.note%' FROM pg_trigger WHERE tgrelid = to_regclass('app.card') AND tgname = 'noted'}, qr/\bcard\b/),
    elsewhere('statistics elsewhere', 'CREATE STATISTICS app.together ON id, name FROM live.item',
        q{SELECT stxrelid = to_regclass('live.item') FROM pg_statistic_ext WHERE stxname = 'together' AND stxnamespace = 'app'::regnamespace}, qr/\btogether\b/),
    elsewhere('constraint trigger elsewhere', 'CREATE CONSTRAINT TRIGGER linked AFTER INSERT ON app.card FROM live.item DEFERRABLE FOR EACH ROW EXECUTE FUNCTION app.told()',
        q{SELECT tgconstrrelid = to_regclass('live.item') FROM pg_trigger WHERE tgname = 'linked'}, qr/\blinked|card\b/),
    elsewhere('operator in a family elsewhere', 'ALTER OPERATOR FAMILY app.family USING btree ADD OPERATOR 3 live.@=@ (integer, integer)',
        q{SELECT count(*) > 0 FROM pg_amop m JOIN pg_opfamily f ON f.oid = m.amopfamily WHERE opfname = 'family' AND opfnamespace = 'app'::regnamespace}, qr/\bfamily\b/),
    elsewhere('function in a family elsewhere', 'ALTER OPERATOR FAMILY app.family USING btree ADD FUNCTION 4 (integer, integer) live.same(oid)',
        q{SELECT count(*) > 0 FROM pg_amproc m JOIN pg_opfamily f ON f.oid = m.amprocfamily WHERE opfname = 'family' AND opfnamespace = 'app'::regnamespace}, qr/\bfamily\b/),
    elsewhere('policy elsewhere', 'CREATE POLICY doubled ON app.card USING (live.twice(item) > 0)',
        q{SELECT pg_get_expr(polqual, polrelid) LIKE '%live.twice%' FROM pg_policy WHERE polname = 'doubled'}, qr/\bcard\b/),
    elsewhere('rule elsewhere', 'CREATE RULE copied AS ON INSERT TO app.card DO ALSO INSERT INTO live.other VALUES (NEW.id)',
        q{SELECT pg_get_ruledef(oid) LIKE '%live.other%' FROM pg_rewrite WHERE rulename = 'copied'}, qr/\bcard\b/),
    elsewhere('child elsewhere', 'CREATE TABLE app.child () INHERITS (live.other)',
        q{SELECT inhparent = to_regclass('live.other') FROM pg_inherits WHERE inhrelid = to_regclass('app.child')}, qr/\bchild\b/),
    elsewhere('aggregate elsewhere', 'CREATE AGGREGATE app.summed(live.pair) (SFUNC = app.take, STYPE = integer)',
        q{SELECT to_regprocedure('app.summed(live.pair)') IS NOT NULL}, qr/\bsummed|take\b/),
    elsewhere('operator elsewhere', 'CREATE OPERATOR app.@*@ (RIGHTARG = integer, FUNCTION = live.twice)',
        q{SELECT to_regprocedure('live.twice(integer)') = oprcode FROM pg_operator WHERE oprname = '@*@'}, qr/\@\*\@/),
    elsewhere('cast', 'CREATE CAST (live.pair AS live.span) WITH FUNCTION app.made_span(live.pair)',
        q{SELECT count(*) > 0 FROM pg_cast WHERE castsource = to_regtype('live.pair')}, qr/\bpair|made_span\b/),
    elsewhere('sequence owned by a column', 'ALTER SEQUENCE app.counter OWNED BY app.card.id; CREATE VIEW app.shown AS SELECT 1 FROM live.other',
        on_live('app.shown', 'other'), qr/\bshown\b/),
    elsewhere('publication of a table', 'CREATE PUBLICATION told FOR TABLE live.item',
        q{SELECT count(*) > 0 FROM pg_publication_rel WHERE prrelid = to_regclass('live.item')}, qr/\btold|item\b/),
    elsewhere('publication of a schema', 'CREATE PUBLICATION told FOR TABLES IN SCHEMA live',
        q{SELECT count(*) > 0 FROM pg_publication_namespace WHERE pnnspid = to_regnamespace('live')}, qr/\btold|live\b/),
    elsewhere('event trigger', 'CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION live.watch()',
        q{SELECT evtfoid = to_regprocedure('live.watch()') FROM pg_event_trigger}, qr/\bwatching|watch\b/),
    elsewhere('member of an extension', 'ALTER EXTENSION plpgsql ADD VIEW live.cheap',
        q{SELECT count(*) > 0 FROM pg_depend WHERE deptype = 'e' AND objid = to_regclass('live.cheap')}, qr/\bplpgsql|cheap\b/),
    elsewhere('text search configuration elsewhere', 'CREATE TEXT SEARCH CONFIGURATION app.search (COPY = live.search); ALTER TEXT SEARCH CONFIGURATION app.search ADD MAPPING FOR word WITH live.words',
        q{SELECT d.dictnamespace = to_regnamespace('live') FROM pg_ts_config_map m JOIN pg_ts_config c ON c.oid = mapcfg JOIN pg_ts_dict d ON d.oid = mapdict
          WHERE cfgname = 'search' AND cfgnamespace = 'app'::regnamespace}, qr/\bsearch\b/),
    elsewhere('column with a collation', 'CREATE TABLE app.kept (a text COLLATE live.plain)',
        q{SELECT collnamespace = to_regnamespace('live') FROM pg_attribute a JOIN pg_collation c ON c.oid = attcollation WHERE attrelid = to_regclass('app.kept') AND attnum = 1}, qr/\bkept\b/),
);
# Functions that some of these need, in the transaction that uses them.
for my $case (@cases) {
    $case->{change} = "CREATE FUNCTION app.take(integer, live.pair) RETURNS integer LANGUAGE sql AS 'SELECT 1'; $case->{change}" if $case->{kind} =~ /^aggregate/;
    $case->{change} = "CREATE FUNCTION app.made_span(live.pair) RETURNS live.span LANGUAGE sql AS 'SELECT NULL::live.span'; $case->{change}" if $case->{kind} eq 'cast';
    $case->{change} = "CREATE FUNCTION live.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; $case->{change}" if $case->{kind} =~ /^event/;
}

my @prepared = (
    elsewhere('create table', 'CREATE TABLE live.fresh (a integer)', q{SELECT to_regclass('live.fresh') IS NOT NULL}, qr/\bfresh\b/),
    elsewhere('create function', q{CREATE FUNCTION live.fresh() RETURNS integer LANGUAGE sql AS 'SELECT 1'},
        q{SELECT to_regprocedure('live.fresh()') IS NOT NULL}, qr/\bfresh\b/),
    elsewhere('create type', 'CREATE TYPE live.fresh AS (a integer)', q{SELECT to_regtype('live.fresh') IS NOT NULL}, qr/\bfresh\b/),
    elsewhere('ALTER FUNCTION', 'ALTER FUNCTION live.twice COST 77', q{SELECT procost = 77 FROM pg_proc WHERE oid = to_regprocedure('live.twice(integer)')}, qr/\btwice\b/),
    elsewhere('comment on a type', q{COMMENT ON TYPE live.pair IS 'said meanwhile'}, q{SELECT obj_description(to_regtype('live.pair'), 'pg_type') IS NOT NULL}, qr/\bpair\b/),
    elsewhere('ALTER TYPE', 'ALTER TYPE live.pair ADD ATTRIBUTE c integer', q{SELECT relnatts = 3 FROM pg_class WHERE oid = to_regclass('live.pair')}, qr/\bpair\b/),
    elsewhere('GRANT on a table', 'GRANT SELECT ON live.item TO reader', q{SELECT has_table_privilege('reader', 'live.item', 'SELECT')}, qr/\bitem\b/),
    elsewhere('GRANT on a schema', 'GRANT USAGE ON SCHEMA live TO reader', q{SELECT has_schema_privilege('reader', 'live', 'USAGE')}, qr/\blive\b/),
    elsewhere('default privileges', 'ALTER DEFAULT PRIVILEGES IN SCHEMA live GRANT SELECT ON TABLES TO reader',
        q{SELECT count(*) > 0 FROM pg_default_acl WHERE defaclnamespace = to_regnamespace('live')}, qr/default (privileges|ACL)|\blive\b/i),
    elsewhere('INSERT', q{INSERT INTO live.other VALUES (9)}, 'SELECT count(*) = 2 FROM live.other', qr/\bother\b/),
    elsewhere('view elsewhere', 'CREATE VIEW app.shown AS SELECT id, name FROM live.item', on_live('app.shown', 'item'), qr/\bshown\b/),
);
held_open_cases($node, $file, cases => \@cases);
held_open_cases($node, $file, cases => \@prepared, with => { prepared => 1 }, $ENV{PR_ATTACK_ALL} ? () : (combinations => [ [ 'start', 'after' ], [ 'verify', 'during' ] ]));
done_testing();
