# What is in a schema goes with it when it is replaced, and nothing else does: what is elsewhere and has the schema as a constant, what
# was moved elsewhere, what an extension has taken in. Each is refused by name, or dropped where the caller allows it and then told of.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my ($source, $node) = new_pair('inside_schema');
my $dir = PostgreSQL::Test::Utils::tempdir;
my $has_hstore = $node->safe_psql('pagila', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'hstore'});
my $item = "CREATE TABLE live.item (id integer);\nCOPY live.item FROM stdin;\n1\n\\.\n";
my $file = dump_file('live', $item);
my $pairs = dump_file('pairs', q{CREATE TYPE live.pair AS (a integer, b integer);
    CREATE FUNCTION live.pair_text(live.pair) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'pair'::text$$;
    CREATE CAST (live.pair AS text) WITH FUNCTION live.pair_text(live.pair);
} . $item);
my $spans = dump_file('spans', "CREATE TYPE live.span AS RANGE (subtype = integer, multirange_type_name = live.spans);\n$item");

sub dump_file { return write_file("$dir/$_[0].sql", "CREATE SCHEMA live;\n$_[1]") }
sub load { my ($of, %options) = @_; return run_sql($node, load_sql($of, undef, force => 'true', %options)) }
sub sql { return $node->safe_psql('pagila', $_[0]) }
sub left { return sql(q{SELECT string_agg(nspname, ' ') FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'}) }

# A database of its own kind for each part: what was made before is gone.
sub begin_with {
    my ($of, $sql) = @_;
    $node->safe_psql('postgres', 'DROP DATABASE pagila WITH (FORCE)');
    $node->safe_psql('postgres', 'CREATE DATABASE pagila');
    sql("SET client_min_messages = warning; CREATE EXTENSION pagila_repl; CREATE SCHEMA app; $sql");
    is((load($of))[0], 'succeeded', 'a copy') if $of;
    return;
}

# Refused with this state, and a text that says all of these.
sub is_refused {
    my ($what, $result, $state, @said) = @_;
    my (undef, $error) = @$result;
    is(sqlstate_of($error), $state, "$what: refused") or diag join ' | ', @$result;
    like($error, $_, "$what: says $_") for @said;
    return;
}

# Constants of the schema, in every kind of place that is no part of it.
my %constants = (
    view => [ 'CREATE VIEW app.shown AS SELECT relname FROM pg_class WHERE relnamespace = %s', q{to_regclass('app.shown')} ],
    'view on a view' => [ 'CREATE VIEW app.under AS SELECT %s AS schema; CREATE VIEW app.over AS SELECT * FROM app.under', q{to_regclass('app.over')}, qr/view app\.under/ ],
    'materialized view' => [ 'CREATE MATERIALIZED VIEW app.counted AS SELECT count(*) AS n FROM pg_class WHERE relnamespace = %s', q{to_regclass('app.counted')} ],
    default => [ 'ALTER TABLE app.log ALTER of SET DEFAULT %s', q{(SELECT adrelid FROM pg_attrdef WHERE adrelid = 'app.log'::regclass)} ],
    'generated column' => [ q{ALTER TABLE app.log ADD sort regnamespace GENERATED ALWAYS AS (CASE WHEN id > 5 THEN %s ELSE 'app'::regnamespace END) STORED},
        q{(SELECT attname FROM pg_attribute WHERE attrelid = 'app.log'::regclass AND attgenerated <> '' AND NOT attisdropped)}, qr/sort/ ],
    check => [ 'ALTER TABLE app.log ADD CONSTRAINT right_one CHECK (of <> %s)', q{(SELECT conname FROM pg_constraint WHERE conname = 'right_one')} ],
    'check of a domain' => [ q{CREATE DOMAIN app."place of" AS regnamespace CONSTRAINT placed CHECK (VALUE <> %s)}, q{(SELECT conname FROM pg_constraint WHERE conname = 'placed')} ],
    'default of a domain' => [ 'CREATE DOMAIN app.place AS regnamespace DEFAULT %s', q{(SELECT typdefault FROM pg_type WHERE typname = 'place')} ],
    policy => [ 'CREATE POLICY hides ON app.log AS RESTRICTIVE USING (of <> %s)', q{(SELECT polname FROM pg_policy WHERE polname = 'hides')} ],
    index => [ 'CREATE INDEX somei ON app.log (id) WHERE of = %s', q{to_regclass('app.somei')} ],
    function => [ 'CREATE FUNCTION app.where_is() RETURNS oid LANGUAGE sql BEGIN ATOMIC SELECT %s::oid; END', q{to_regproc('app.where_is')} ],
    procedure => [ 'CREATE PROCEDURE app.noop() LANGUAGE sql BEGIN ATOMIC SELECT %s::oid; END', q{to_regproc('app.noop')} ],
    'default of an argument' => [ 'CREATE FUNCTION app.asks(regnamespace DEFAULT %s) RETURNS integer LANGUAGE sql RETURN 1', q{to_regproc('app.asks')} ],
    trigger => [ 'CREATE TRIGGER told AFTER INSERT ON app.log FOR EACH ROW WHEN (NEW.of = %s) EXECUTE FUNCTION app.told()', q{(SELECT tgname FROM pg_trigger WHERE tgname = 'told')} ],
    rule => [ 'CREATE RULE noted AS ON DELETE TO app.log WHERE OLD.of = %s DO NOTHING', q{(SELECT rulename FROM pg_rewrite WHERE rulename = 'noted')} ],
    statistics => [ q{CREATE STATISTICS app.together ON (CASE WHEN of = %s THEN 1 ELSE 2 END) FROM app.log}, q{(SELECT stxname FROM pg_statistic_ext)} ],
    partition => [ q{CREATE TABLE app.parts (of oid) PARTITION BY LIST ((of = %s::oid))}, q{to_regclass('app.parts')} ]);
my %stays = map { $_ => 1 } 'check of a domain', 'default of a domain', 'rule', 'partition', 'view on a view';
for my $kind (sort keys %constants) {
    my ($make, $there, $said) = @{ $constants{$kind} };
    begin_with($file, q{CREATE TABLE app.log (id integer, of regnamespace); INSERT INTO app.log VALUES (1, 'app');
        CREATE FUNCTION app.told() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$});
    sql(sprintf $make, "'live'::regnamespace");
    my $found = sql("SELECT $there");
    isnt($found, '', "$kind: it is there");
    is_refused($kind, [ load($file) ], '2BP01', qr/depend/, $said // ($kind =~ /default$/ ? qr/column of/ : qr/\Q$found\E|place/));
    is(sql("SELECT $there"), $found, "$kind: it is there still");
    my ($status, $error) = load($file, on_dependents => q{'drop'});
    if ($stays{$kind}) {
        is_refused("$kind, loss allowed", [ $status, $error ], '2BP01');
        is(sql("SELECT $there"), $found, "$kind, loss allowed: it is there still");
    } else {
        is($status, 'succeeded', "$kind, loss allowed: it goes") or diag $error;
        is(sql("SELECT $there"), '', "$kind, loss allowed: it is gone");
        like(last_run($node, 'message'), qr/; dropped: /, "$kind, loss allowed: the run says so");
    }
    is(sql('SELECT id FROM app.log'), '1', "$kind: no row is lost");
    is(left(), '', "$kind: nothing is left");
}

# The same in the copy itself is a part of it, also where a type of it would otherwise be kept.
begin_with();
my $own = dump_file('own', q{CREATE VIEW live.shown AS SELECT relname FROM pg_class WHERE relnamespace = 'live'::regnamespace AND relkind = 'r';
    CREATE DOMAIN live.place AS regnamespace DEFAULT 'live'::regnamespace; CREATE DOMAIN live.other AS regnamespace CONSTRAINT o CHECK (VALUE <> 'live'::regnamespace);
    CREATE TABLE live.log (p live.place, o live.other);
} . $item);
for my $time (1 .. 3) {
    my ($status, $error) = load($own);
    is($status, 'succeeded', "constants in the copy itself, run $time") or diag $error;
    is(sql('SELECT string_agg(relname, $$ $$ ORDER BY relname) FROM live.shown'), 'item log', 'a view shows what is in the new copy');
    is(sql(q{INSERT INTO live.log (o) VALUES ('app') RETURNING p}), 'live', 'a default is the new schema');
    is((run_sql($node, q{INSERT INTO live.log (o) VALUES ('live')}))[2] != 0, 1, 'a check is about the new schema');
    sql('DELETE FROM live.log; VACUUM (FREEZE) live.log');
    is((load($own, on_modified => q{'overwrite'}))[0], 'succeeded', 'a run');
}
is(left(), '', 'nothing is left');

# Parts of what is in the copy, moved elsewhere, and the other way round.
my @moved = (
    [ 'a multirange', 'ALTER TYPE live.spans SET SCHEMA app', 'CREATE TABLE app.t (id integer, s app.spans)', q{(1, '{[1,3)}')}, qr/type app\.spans/ ],
    [ 'a range', 'ALTER TYPE live.span SET SCHEMA app', 'CREATE TABLE app.t (id integer, s app.span)', q{(1, '[1,3)')}, qr/type app\.span|depends/ ],
    [ 'a constructor', 'ALTER FUNCTION live.span(integer, integer) SET SCHEMA app', 'CREATE TABLE app.t (id integer)', '(1)', qr/function app\.span/ ]);
for (@moved) {
    my ($what, $move, $table, $row, $said) = @$_;
    begin_with($spans);
    sql("$move; $table; INSERT INTO app.t VALUES $row");
    my $before = sql('SELECT row_to_json(t) FROM app.t');
    is_refused("$what moved elsewhere", [ load($spans) ], '55000');
    for my $dependents ("'refuse'", "'drop'") {
        is_refused("$what moved elsewhere, $dependents", [ load($spans, on_modified => q{'overwrite'}, on_dependents => $dependents) ], '2BP01', $said);
    }
    is(sql('SELECT row_to_json(t) FROM app.t'), $before, "$what moved elsewhere: columns stay");
}

# A net below all drops, should a dependency be of a kind that none of that has thought of. The server drops by it all the same.
for my $vanished (0, 1) {
    begin_with($vanished ? undef : $file);
    if ($vanished) {
        add_source($node, 'source', port => $source->port);
        $source->safe_psql('pagila', 'CREATE SCHEMA IF NOT EXISTS stays; CREATE SCHEMA live; CREATE TABLE live.item (id integer)');
        is((run_sql($node, pull_sql('source')))[0], 'succeeded', 'a copy of everything');
        $source->safe_psql('pagila', 'DROP SCHEMA live CASCADE');
    }
    sql(q{CREATE TABLE app.kept AS SELECT 7 AS n; SET allow_system_table_mods = on;
        INSERT INTO pg_depend VALUES ('pg_class'::regclass, 'app.kept'::regclass, 0, 'pg_class'::regclass, 'live.item'::regclass, 0, 'x')});
    my ($status, $error) = $vanished ? run_sql($node, pull_sql('source')) : load($file);
    is($status, 'succeeded', 'a dependency that nobody expects') or diag $error;
    is(sql('SELECT n FROM app.kept'), '7', 'what it is about stays');
    like(left(), qr/pagila_repl_old_\w+/, 'the replaced copy, too');
    like(last_run($node, 'message'), qr/kept: dropping it would also drop table app\.kept/, 'which the run tells by name');
    load($file);
    is(sql('SELECT n FROM app.kept'), '7', 'the next run leaves both alone');
    sql('DROP TABLE app.kept');
    load($file);
    is(left(), '', 'once it is gone the copy is dropped');
}

# A default operator class for a type that is not in the stage is in force once the copy is published, and not before.
begin_with(undef, 'CREATE TABLE app.t (p point)');
my %functions = (lt => '<', le => '<=', eq => '=', ge => '>=', gt => '>');
my $points = join '', map { "CREATE FUNCTION live.$_(point, point) RETURNS boolean LANGUAGE sql IMMUTABLE AS \$\$SELECT \$1[0] $functions{$_} \$2[0]\$\$;
    CREATE OPERATOR live.$functions{$_} (LEFTARG = point, RIGHTARG = point, FUNCTION = live.$_);\n" } sort keys %functions;
my $class = sub { dump_file('points', "CREATE FUNCTION live.cmp(point, point) RETURNS integer LANGUAGE sql IMMUTABLE AS \$\$SELECT pg_catalog.btfloat8cmp(\$1[0], \$2[0])\$\$;
    $points CREATE OPERATOR CLASS live.points $_[0] FOR TYPE point USING btree AS OPERATOR 1 live.<, OPERATOR 2 live.<=, OPERATOR 3 live.=, OPERATOR 4 live.>=,
    OPERATOR 5 live.>, FUNCTION 1 live.cmp(point, point);\n$item") };
is((load($class->('DEFAULT')))[0], 'succeeded', 'a default operator class for a type elsewhere is copied');
is((run_sql($node, 'CREATE INDEX points ON app.t (p)'))[2], 0, 'it is in force for everyone');
sql('DROP INDEX app.points');
is((load($class->('')))[0], 'succeeded', 'one that is not the default is copied');
is((run_sql($node, 'CREATE INDEX ON app.t (p)'))[2] != 0, 1, 'the default is in force for nobody any more');

if ($has_hstore) {
    my $extension = q{SELECT count(*) FROM pg_extension WHERE extname = 'hstore'};
    my $with = q{CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE TABLE app.bag (id integer, h ext.hstore); INSERT INTO app.bag VALUES (1, 'a=>1')};
    my @taken = (
        [ 'a view elsewhere with the constant', $file, q{CREATE VIEW ext.sizes AS SELECT relname FROM pg_class WHERE relnamespace = 'live'::regnamespace; ALTER EXTENSION hstore ADD VIEW ext.sizes},
            '2BP01', qr/view ext\.sizes of extension "hstore"/, 'ALTER EXTENSION hstore DROP VIEW ext.sizes; DROP VIEW ext.sizes' ],
        [ 'a function elsewhere with the constant', $file, q{CREATE FUNCTION ext.where_is() RETURNS oid LANGUAGE sql BEGIN ATOMIC SELECT 'live'::regnamespace::oid; END; ALTER EXTENSION hstore ADD FUNCTION ext.where_is()},
            '2BP01', qr/function ext\.where_is\(\) of extension "hstore"/, 'ALTER EXTENSION hstore DROP FUNCTION ext.where_is(); DROP FUNCTION ext.where_is' ],
        [ 'a function in there with the constant', $file, q{CREATE FUNCTION live.where_is() RETURNS oid LANGUAGE sql BEGIN ATOMIC SELECT 'live'::regnamespace::oid; END; ALTER EXTENSION hstore ADD FUNCTION live.where_is()},
            '2BP01', qr/function live\.where_is\(\) of extension "hstore"/, 'ALTER EXTENSION hstore DROP FUNCTION live.where_is(); DROP FUNCTION live.where_is' ],
        [ 'a view in there with the constant', $file, q{CREATE VIEW live.sizes AS SELECT relname FROM pg_class WHERE relnamespace = 'live'::regnamespace; ALTER EXTENSION hstore ADD VIEW live.sizes},
            '2BP01', qr/view live\.sizes of extension "hstore"/, 'ALTER EXTENSION hstore DROP VIEW live.sizes; DROP VIEW live.sizes' ],
        [ 'a cast of a type of the copy', $pairs, 'ALTER EXTENSION hstore ADD CAST (live.pair AS text)', '2BP01', qr/cast from live\.pair to text of extension "hstore"/,
            'ALTER EXTENSION hstore DROP CAST (live.pair AS text)' ],
        [ 'a multirange of a range of the copy', $spans, 'ALTER EXTENSION hstore ADD TYPE live.spans', '2BP01', qr/type live\.spans of extension "hstore"/, 'ALTER EXTENSION hstore DROP TYPE live.spans' ],
        [ 'the schema itself', $file, 'ALTER EXTENSION hstore ADD SCHEMA live', '0A000', qr/schema "live" is a member of extension "hstore"/, 'ALTER EXTENSION hstore DROP SCHEMA live' ]);
    for (@taken) {
        my ($what, $of, $take, $state, $said, $give_back) = @$_;
        begin_with($of, $with);
        sql($take);
        for my $options ({}, { on_modified => q{'overwrite'}, on_unmanaged => q{'drop'}, on_dependents => q{'drop'} }) {
            my @result = load($of, %$options);
            # What a member was is drift, too.
            is_refused("$what, a member of an extension" . (%$options ? ', loss allowed' : ''), \@result, !%$options && sqlstate_of($result[1]) eq '55000' ? '55000' : $state, %$options ? $said : ());
            is(sql($extension) . sql('SELECT h FROM app.bag'), '1"a"=>"1"', "$what: the extension stays, and columns of its types");
        }
        sql($give_back);
        is((load($of, on_modified => q{'overwrite'}))[0], 'succeeded', "$what: given back, it is replaced");
        is(left(), '', "$what: nothing is left");
    }

    # Looking beforehand says so.
    begin_with(undef, $with);
    add_source($node, 'source', port => $source->port);
    $source->safe_psql('pagila', 'DROP SCHEMA IF EXISTS live CASCADE; CREATE SCHEMA live; CREATE TABLE live.item (id integer)');
    is((run_sql($node, pull_sql('source')))[0], 'succeeded', 'a pull');
    sql('ALTER EXTENSION hstore ADD SCHEMA live');
    is_refused('a schema of an extension', [ run_sql($node, pull_sql('source', force => 'true')) ], '0A000', qr/schema "live" is a member of extension "hstore"/, qr/DROP SCHEMA/);
    like(sql(q{SELECT string_agg(concat_ws(' ', status, sqlstate, message, hint), '; ') FROM pagila_check('source') WHERE subject = 'extension'}),
        qr/error 0A000 schema "live" is a member of extension "hstore"/, 'pagila_check says so');
    like(sql(q{SELECT refused FROM pagila_plan('source') WHERE schema_name = 'live' AND refused IS NOT NULL}), qr/schema "live" is a member of extension "hstore"/, 'pagila_plan, too');
    $source->safe_psql('pagila', 'DROP SCHEMA live CASCADE');
    is_refused('a schema of an extension, gone at the source', [ run_sql($node, pull_sql('source')) ], '0A000', qr/schema "live" is a member of extension "hstore"/);
}
done_testing();
