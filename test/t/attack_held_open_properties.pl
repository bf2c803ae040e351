# Properties of objects of the replaced schema that are changed by a transaction held open while a run goes on, at every step of
# it: definitions, grants, owners, rows. The run refuses, waits within its bound, or brings them over. Nothing is lost
# in silence.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use Test::More;

leave_to_long_tests();

my $node = new_node('held_properties', faults => 1, conf => "max_worker_processes = 40\n");
my $file = held_open_base($node);

# What pg_dump says of the schema and its comments would tell too; these look only at what was changed.
sub changed {
    my ($kind, $change, $visible, $names) = @_;
    return { kind => $kind, change => $change, visible => $visible, names => $names };
}

sub proc { return "SELECT ($_[0]) FROM pg_proc WHERE proname = '" . ($_[1] // 'twice') . q{' AND pronamespace = 'live'::regnamespace} }

sub rel { return "SELECT ($_[1]) FROM pg_class WHERE oid = to_regclass('live.$_[0]')" }

sub granted { return qq{SELECT COALESCE(bool_or(grantee = 'reader'::regrole), false) FROM (SELECT (aclexplode($_[1])).grantee FROM $_[0]) g} }

my $reader = q{'reader'};
my @cases = (
    changed('ALTER FUNCTION ... COST', 'ALTER FUNCTION live.twice COST 77', proc('procost = 77'), qr/\btwice\b/),
    changed('ALTER FUNCTION ... SET', q{ALTER FUNCTION live.twice SET work_mem = '1MB'}, proc('proconfig IS NOT NULL'), qr/\btwice\b/),
    changed('ALTER FUNCTION ... OWNER', 'ALTER FUNCTION live.twice OWNER TO keeper', proc(q{proowner = 'keeper'::regrole}), qr/\btwice\b/),
    changed('ALTER FUNCTION ... RENAME', 'ALTER FUNCTION live.twice RENAME TO doubled', proc('true', 'doubled'), qr/\btwice|doubled\b/),
    changed('CREATE OR REPLACE FUNCTION', q{CREATE OR REPLACE FUNCTION live.twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $1'},
        proc(q{prosrc LIKE '%+%'}), qr/\btwice\b/),
    changed('ALTER FUNCTION ... SET SCHEMA', 'ALTER FUNCTION live.twice SET SCHEMA app', q{SELECT to_regprocedure('app.twice(integer)') IS NOT NULL}, qr/\btwice\b/),
    changed('ALTER FUNCTION ... DEPENDS ON EXTENSION', 'ALTER FUNCTION live.twice DEPENDS ON EXTENSION plpgsql',
        q{SELECT count(*) > 0 FROM pg_depend WHERE deptype = 'x' AND objid = to_regprocedure('live.twice(integer)')}, qr/\btwice\b/),
    changed('ALTER AGGREGATE ... OWNER', 'ALTER AGGREGATE live.total(integer) OWNER TO keeper', proc(q{proowner = 'keeper'::regrole}, 'total'), qr/\btotal\b/),
    changed('ALTER TYPE ... ADD ATTRIBUTE', 'ALTER TYPE live.pair ADD ATTRIBUTE c integer', rel('pair', 'relnatts = 3'), qr/\bpair\b/),
    changed('ALTER TYPE ... ADD VALUE', q{ALTER TYPE live.mood ADD VALUE 'new'},
        q{SELECT count(*) = 3 FROM pg_enum WHERE enumtypid = to_regtype('live.mood')}, qr/\bmood\b/),
    changed('ALTER TYPE ... RENAME VALUE', q{ALTER TYPE live.mood RENAME VALUE 'sad' TO 'glad'},
        q{SELECT count(*) = 1 FROM pg_enum WHERE enumtypid = to_regtype('live.mood') AND enumlabel = 'glad'}, qr/\bmood\b/),
    changed('ALTER TYPE ... OWNER', 'ALTER TYPE live.pair OWNER TO keeper', q{SELECT typowner = 'keeper'::regrole FROM pg_type WHERE oid = to_regtype('live.pair')}, qr/\bpair\b/),
    changed('ALTER DOMAIN ... ADD CONSTRAINT', 'ALTER DOMAIN live.small ADD CONSTRAINT positive CHECK (VALUE > 0)',
        q{SELECT count(*) = 1 FROM pg_constraint WHERE conname = 'positive' AND contypid = to_regtype('live.small')}, qr/\bsmall\b/),
    changed('ALTER DOMAIN ... SET DEFAULT', 'ALTER DOMAIN live.small SET DEFAULT 5', q{SELECT typdefault = '5' FROM pg_type WHERE oid = to_regtype('live.small')}, qr/\bsmall\b/),
    changed('ALTER OPERATOR ... SET', 'ALTER OPERATOR live.@=@ (integer, integer) SET (RESTRICT = pg_catalog.eqsel)',
        q{SELECT oprrest <> 0 FROM pg_operator WHERE oprname = '@=@' AND oprnamespace = 'live'::regnamespace}, qr/\@=\@/),
    changed('ALTER TEXT SEARCH DICTIONARY', q{ALTER TEXT SEARCH DICTIONARY live.words (accept = false)},
        q{SELECT dictinitoption IS NOT NULL FROM pg_ts_dict WHERE dictname = 'words' AND dictnamespace = 'live'::regnamespace}, qr/\bwords\b/),
    changed('ALTER COLLATION ... RENAME', 'ALTER COLLATION live.plain RENAME TO plainer',
        q{SELECT count(*) > 0 FROM pg_collation WHERE collname = 'plainer' AND collnamespace = 'live'::regnamespace}, qr/\bplain(er)?\b/),
    changed('ALTER STATISTICS', 'ALTER STATISTICS live.together SET STATISTICS 7',
        q{SELECT stxstattarget = 7 FROM pg_statistic_ext WHERE stxname = 'together' AND stxnamespace = 'live'::regnamespace}, qr/\btogether\b/),
    changed('ALTER TABLE ... ADD COLUMN', 'ALTER TABLE live.item ADD COLUMN more integer', rel('item', 'relnatts = 4'), qr/\bitem\b/),
    changed('ALTER TABLE ... SET', 'ALTER TABLE live.item SET (fillfactor = 50)', rel('item', 'reloptions IS NOT NULL'), qr/\bitem\b/),
    changed('ALTER TABLE ... SET (toast)', 'ALTER TABLE live.item SET (toast.autovacuum_enabled = false)',
        q{SELECT t.reloptions IS NOT NULL FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid WHERE c.oid = to_regclass('live.item')}, qr/\bitem\b/),
    changed('ALTER TABLE ... ENABLE ROW LEVEL SECURITY', 'ALTER TABLE live.item ENABLE ROW LEVEL SECURITY', rel('item', 'relrowsecurity'), qr/\bitem\b/),
    changed('ALTER TABLE ... SET STATISTICS', 'ALTER TABLE live.item ALTER COLUMN name SET STATISTICS 17',
        q{SELECT attstattarget = 17 FROM pg_attribute WHERE attrelid = to_regclass('live.item') AND attname = 'name'}, qr/\bitem\b/),
    changed('ALTER TABLE ... REPLICA IDENTITY', 'ALTER TABLE live.item REPLICA IDENTITY FULL', rel('item', q{relreplident = 'f'}), qr/\bitem\b/),
    changed('ALTER TABLE ... DISABLE TRIGGER', 'ALTER TABLE live.item DISABLE TRIGGER noted',
        q{SELECT tgenabled = 'D' FROM pg_trigger WHERE tgname = 'noted' AND tgrelid = to_regclass('live.item')}, qr/\bitem\b/),
    changed('ALTER TABLE ... OWNER', 'ALTER TABLE live.item OWNER TO keeper', rel('item', q{relowner = 'keeper'::regrole}), qr/\bitem\b/),
    changed('ALTER TABLE ... RENAME', 'ALTER TABLE live.sale RENAME TO sold', rel('sold', 'true'), qr/\bsale|sold\b/),
    changed('ALTER TABLE ... SET SCHEMA', 'ALTER TABLE live.other SET SCHEMA app', q{SELECT to_regclass('app.other') IS NOT NULL}, qr/\bother\b/),
    changed('ALTER VIEW ... SET', 'ALTER VIEW live.cheap SET (security_barrier)', rel('cheap', 'reloptions IS NOT NULL'), qr/\bcheap\b/),
    changed('CREATE OR REPLACE VIEW', 'CREATE OR REPLACE VIEW live.cheap AS SELECT id FROM live.item WHERE price < 2',
        q{SELECT pg_get_viewdef('live.cheap'::regclass) LIKE '%2%'}, qr/\bcheap\b/),
    changed('ALTER MATERIALIZED VIEW ... OWNER', 'ALTER MATERIALIZED VIEW live.summary OWNER TO keeper', rel('summary', q{relowner = 'keeper'::regrole}), qr/\bsummary\b/),
    changed('ALTER SEQUENCE ... INCREMENT', 'ALTER SEQUENCE live.ticket INCREMENT 5', q{SELECT seqincrement = 5 FROM pg_sequence WHERE seqrelid = to_regclass('live.ticket')}, qr/\bticket\b/),
    changed('ALTER SEQUENCE ... OWNED BY', 'ALTER SEQUENCE live.ticket OWNED BY live.other.id',
        q{SELECT count(*) > 0 FROM pg_depend WHERE objid = to_regclass('live.ticket') AND deptype = 'a'}, qr/\bticket\b/),
    { %{ changed('nextval', q{SELECT nextval('live.ticket')}, 'SELECT is_called FROM live.ticket', qr/\bticket\b/) }, outlives_rollback => 1 },
    changed('ALTER INDEX ... SET', 'ALTER INDEX live.item_name SET (fillfactor = 50)', rel('item_name', 'reloptions IS NOT NULL'), qr/\bitem(_name)?\b/),
    changed('ALTER FOREIGN TABLE', q{ALTER FOREIGN TABLE live.far_away ADD COLUMN more integer}, rel('far_away', 'relnatts = 2'), qr/\bfar_away\b/),
    changed('GRANT on a table', 'GRANT SELECT ON live.item TO reader', granted(q{pg_class WHERE oid = to_regclass('live.item')}, 'relacl'), qr/\bitem\b/),
    changed('REVOKE on a table', 'REVOKE SELECT ON live.item FROM CURRENT_USER, postgres; GRANT UPDATE ON live.item TO reader',
        granted(q{pg_class WHERE oid = to_regclass('live.item')}, 'relacl'), qr/\bitem\b/),
    changed('GRANT on a column', 'GRANT SELECT (name) ON live.item TO reader',
        granted(q{pg_attribute WHERE attrelid = to_regclass('live.item') AND attname = 'name'}, 'attacl'), qr/\bitem\b/),
    changed('GRANT on a view', 'GRANT SELECT ON live.cheap TO reader', granted(q{pg_class WHERE oid = to_regclass('live.cheap')}, 'relacl'), qr/\bcheap\b/),
    changed('GRANT on a sequence', 'GRANT USAGE ON SEQUENCE live.ticket TO reader', granted(q{pg_class WHERE oid = to_regclass('live.ticket')}, 'relacl'), qr/\bticket\b/),
    changed('GRANT on a schema', 'GRANT USAGE ON SCHEMA live TO reader', granted(q{pg_namespace WHERE nspname = 'live'}, 'nspacl'), qr/\blive\b/),
    changed('GRANT on a function', 'GRANT EXECUTE ON FUNCTION live.twice TO reader', granted(q{pg_proc WHERE oid = to_regprocedure('live.twice(integer)')}, 'proacl'), qr/\btwice\b/),
    changed('GRANT on a type', 'GRANT USAGE ON TYPE live.pair TO reader', granted(q{pg_type WHERE oid = to_regtype('live.pair')}, 'typacl'), qr/\bpair\b/),
    changed('GRANT on all tables', 'GRANT SELECT ON ALL TABLES IN SCHEMA live TO reader', granted(q{pg_class WHERE oid = to_regclass('live.sale')}, 'relacl'), qr/\bitem|sale\b/),
    changed('ALTER DEFAULT PRIVILEGES', 'ALTER DEFAULT PRIVILEGES IN SCHEMA live GRANT SELECT ON TABLES TO reader',
        q{SELECT count(*) > 0 FROM pg_default_acl WHERE defaclnamespace = to_regnamespace('live')}, qr/default (privileges|ACL)|\blive\b/i),
    changed('ALTER SCHEMA ... OWNER', 'ALTER SCHEMA live OWNER TO keeper', q{SELECT nspowner = 'keeper'::regrole FROM pg_namespace WHERE nspname = 'live'}, qr/\blive\b/),
    changed('ALTER SCHEMA ... RENAME', 'ALTER SCHEMA live RENAME TO lively', q{SELECT to_regclass('lively.item') IS NOT NULL}, qr/\blive(ly)?\b/),
    changed('INSERT', q{INSERT INTO live.sale VALUES (9, 1, 9, 'sad')}, 'SELECT count(*) = 1 FROM live.sale WHERE id = 9', qr/\bsale\b/),
    changed('UPDATE', q{UPDATE live.item SET name = 'changed' WHERE id = 1}, q{SELECT count(*) = 1 FROM live.item WHERE name = 'changed'}, qr/\bitem\b/),
    changed('DELETE', 'DELETE FROM live.other', 'SELECT count(*) = 0 FROM live.other', qr/\bother\b/),
    changed('TRUNCATE', 'TRUNCATE live.other', 'SELECT count(*) = 0 FROM live.other', qr/\bother\b/),
);
held_open_cases($node, $file, cases => \@cases);
done_testing();
