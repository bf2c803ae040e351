# Types, defaults and operator classes outside of a copy whose code would run as the owner of its tables: whatever way leads there, the
# run is refused by name unless the owner of that code could act as that role anyway.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('rights_types');
my $dir = PostgreSQL::Test::Utils::tempdir;
$node->safe_psql('pagila', q{CREATE ROLE attacker LOGIN; CREATE SCHEMA att AUTHORIZATION attacker; CREATE SCHEMA trusted;
    CREATE SEQUENCE public.struck; GRANT USAGE ON SEQUENCE public.struck TO PUBLIC});

# What the other owner makes; $$ is the condition or value that calls their code.
my $code = q{
    CREATE FUNCTION SCHEMA.evil(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $f$BEGIN
      IF current_user <> 'attacker' THEN PERFORM nextval('public.struck'); END IF; RETURN true; END$f$;
    CREATE FUNCTION SCHEMA.value() RETURNS integer LANGUAGE plpgsql AS $f$BEGIN PERFORM SCHEMA.evil(1); RETURN 1; END$f$;
    CREATE FUNCTION SCHEMA.diff(integer, integer) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $f$BEGIN PERFORM SCHEMA.evil(1); RETURN $1 - $2; END$f$;
    CREATE FUNCTION SCHEMA.cmp(integer, integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $f$BEGIN PERFORM SCHEMA.evil(1); RETURN $1 - $2; END$f$;
    CREATE FUNCTION SCHEMA.set_evil(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog AS $f$BEGIN RETURN SCHEMA.evil($1); END$f$;
    CREATE DOMAIN SCHEMA.dom AS integer CHECK (SCHEMA.evil(VALUE));
    CREATE DOMAIN SCHEMA.given AS integer DEFAULT SCHEMA.value();
    CREATE TYPE SCHEMA.comp AS (a SCHEMA.dom, b integer);
    CREATE TYPE SCHEMA.plain AS (a integer);
    CREATE DOMAIN SCHEMA.over_comp AS SCHEMA.comp;
    CREATE DOMAIN SCHEMA.over_array AS SCHEMA.dom[];
    CREATE TABLE SCHEMA.tab (a SCHEMA.dom);
    CREATE VIEW SCHEMA.v AS SELECT SCHEMA.evil(1) AS a;
    CREATE TYPE SCHEMA.span AS RANGE (subtype = integer, subtype_diff = SCHEMA.diff, multirange_type_name = SCHEMA.mspan);};
for my $schema ('att', 'trusted') {
    (my $sql = $code) =~ s/SCHEMA/$schema/g;
    my (undef, $error) = run_sql($node, $sql, psql => { extra_params => $schema eq 'att' ? [ '-U', 'attacker' ] : [] });
    is($error, '', "code in schema $schema is made");
    # Only a superuser makes operator classes and functions that others rely on, out of whatever there is.
    $node->safe_psql('pagila', "CREATE OPERATOR CLASS ${schema}.class FOR TYPE integer USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =,
        OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 $schema.cmp(integer, integer);
      CREATE FUNCTION trusted.reads_$schema(integer) RETURNS boolean LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT bool_and(a) FROM $schema.v; END;");
}

my ($number, $cases) = (0, 0);

sub load {
    my ($sql, $schema, $owner) = @_;
    $sql =~ s/SCHEMA/$schema/g;
    $sql .= 'ALTER TABLE live.t OWNER TO attacker; ' if $owner;
    my ($before, $rows) = split /ROWS/, $sql, 2;
    $rows //= '';
    # Owners come before the rows, as pg_dump has it.
    my ($tail) = $rows =~ s/(ALTER TABLE live.t OWNER TO attacker; )// ? $1 : '';
    my $file = write_file("$dir/" . $number++ . '.sql', "CREATE SCHEMA live; $before $tail\n$rows");
    $node->safe_psql('pagila', 'DROP SCHEMA IF EXISTS live CASCADE; DELETE FROM pagila_repl.copy; SELECT setval(\'public.struck\', 1, false)');
    return run_sql($node, load_sql($file, undef, force => 'true'));
}

for (
    [ 'a domain', q{CREATE TABLE live.t (a SCHEMA.dom); ROWS INSERT INTO live.t VALUES (1);}, 'dom' ],
    [ 'an array of a domain', q{CREATE TABLE live.t (a SCHEMA.dom[]); ROWS INSERT INTO live.t VALUES ('{1,2}');}, 'dom' ],
    [ 'a composite type', q{CREATE TABLE live.t (a SCHEMA.comp); ROWS INSERT INTO live.t VALUES ('(1,2)');}, 'dom' ],
    [ 'an array of a composite type', q{CREATE TABLE live.t (a SCHEMA.comp[]); ROWS INSERT INTO live.t VALUES ('{"(1,2)"}');}, 'dom' ],
    [ 'a domain over a composite type', q{CREATE TABLE live.t (a SCHEMA.over_comp); ROWS INSERT INTO live.t VALUES ('(1,2)');}, 'dom' ],
    [ 'a domain over an array of a domain', q{CREATE TABLE live.t (a SCHEMA.over_array); ROWS INSERT INTO live.t VALUES ('{1}');}, 'dom' ],
    [ 'a composite type of the copy that has the domain', q{CREATE TYPE live.comp AS (a SCHEMA.dom[]); CREATE TABLE live.t (a live.comp); ROWS INSERT INTO live.t VALUES ('({1})');}, 'dom' ],
    [ 'the row type of a table', q{CREATE TABLE live.t (a SCHEMA.tab); ROWS INSERT INTO live.t VALUES ('(1)');}, 'dom' ],
    [ 'a composite type that its owner may alter', q{CREATE TABLE live.t (a SCHEMA.plain); ROWS INSERT INTO live.t VALUES ('(1)');}, 'plain' ],
    [ 'a range', q{CREATE TABLE live.t (a SCHEMA.span); ROWS INSERT INTO live.t VALUES ('[1,3)'), ('[2,5)'); CREATE INDEX ON live.t USING gist (a);}, 'diff' ],
    [ 'a multirange', q{CREATE TABLE live.t (a SCHEMA.mspan); ROWS INSERT INTO live.t VALUES ('{[1,3)}'), ('{[2,5)}'); CREATE INDEX ON live.t USING gist (a);}, 'diff' ],
    [ 'a default of a column that COPY lacks', qq{CREATE TABLE live.t (a integer, b integer DEFAULT SCHEMA.value()); ROWS COPY live.t (a) FROM stdin;\n1\n\\.\n}, 'value' ],
    [ 'a default of a column that INSERT lacks', q{CREATE TABLE live.t (a integer, b integer DEFAULT SCHEMA.value()); ROWS INSERT INTO live.t (a) VALUES (1);}, 'value' ],
    [ 'a default that INSERT asks for', q{CREATE TABLE live.t (a integer, b integer DEFAULT SCHEMA.value()); ROWS INSERT INTO live.t VALUES (1, DEFAULT);}, 'value' ],
    [ 'a default of a partitioned table', qq{CREATE TABLE live.t (a integer, b integer DEFAULT SCHEMA.value()) PARTITION BY LIST (a); CREATE TABLE live.p PARTITION OF live.t DEFAULT; ROWS COPY live.t (a) FROM stdin;\n1\n\\.\n}, 'value' ],
    [ 'the default of a domain', q{CREATE TABLE live.t (a integer, b SCHEMA.given); ROWS INSERT INTO live.t (a) VALUES (1);}, 'given' ],
    [ 'a cast in a materialized view', q{CREATE TABLE live.t (a integer); ROWS INSERT INTO live.t VALUES (1); CREATE MATERIALIZED VIEW live.m AS SELECT array[a]::SCHEMA.dom[] AS a FROM live.t WITH DATA;}, 'dom', 1 ],
    [ 'an operator class of an index', q{CREATE TABLE live.t (a integer); ROWS INSERT INTO live.t VALUES (1), (2); CREATE INDEX ON live.t (a SCHEMA.class);}, 'cmp' ],
    [ 'a partition key', q{CREATE TABLE live.t (a integer) PARTITION BY RANGE (a SCHEMA.class); CREATE TABLE live.p PARTITION OF live.t FOR VALUES FROM (1) TO (9); ROWS INSERT INTO live.t VALUES (1), (2);}, 'cmp', 1 ],
    [ 'a bound of a partition', q{CREATE TABLE live.t (a integer) PARTITION BY RANGE (a); CREATE TABLE live.p PARTITION OF live.t FOR VALUES FROM (SCHEMA.value()) TO (9); ROWS INSERT INTO live.t VALUES (1);}, 'value', 1 ],
    [ 'a constant in the predicate of an index', q{CREATE TABLE live.t (a integer); ROWS INSERT INTO live.t VALUES (1); CREATE INDEX ON live.t (a) WHERE SCHEMA.evil(1);}, 'evil' ],
    [ 'a constant in a check', q{CREATE TABLE live.t (a integer CHECK (SCHEMA.evil(1))); ROWS INSERT INTO live.t VALUES (1);}, 'evil' ],
    [ 'a constant in a generated column', q{CREATE TABLE live.t (a integer, b boolean GENERATED ALWAYS AS (SCHEMA.evil(1)) STORED); ROWS INSERT INTO live.t (a) VALUES (1);}, 'evil', 1 ],
    [ 'a constant in a partition key', q{CREATE TABLE live.t (a integer, b integer) PARTITION BY LIST ((SCHEMA.evil(1) AND a > 0)); CREATE TABLE live.p PARTITION OF live.t DEFAULT; ROWS INSERT INTO live.t VALUES (1, 1);}, 'evil', 1 ],
    [ 'a default of a column that is added', q{CREATE TABLE live.t (a integer); ALTER TABLE live.t ADD COLUMN b boolean DEFAULT SCHEMA.evil(1); ROWS INSERT INTO live.t VALUES (1, true);}, 'evil', 1 ],
    [ 'a function with a setting', q{CREATE TABLE live.t (a integer CHECK (SCHEMA.set_evil(a))); ROWS INSERT INTO live.t VALUES (1);}, 'set_evil' ],
    [ 'a view that a function reads', q{CREATE TABLE live.t (a integer CHECK (trusted.reads_SCHEMA(a))); ROWS INSERT INTO live.t VALUES (1);}, 'v' ]) {
    my ($name, $sql, $object, $by_definition) = @$_;
    my ($status, $error, $state) = load($sql, 'att');
    like($error, qr/^.*42501/m, "$name, of another role: refused") or diag "$status $error";
    # Or that by which it runs.
    like($error, qr/att\.(\Q$object\E|evil)\b/, "$name, of another role: by name") or diag $error;
    is($node->safe_psql('pagila', 'SELECT is_called FROM public.struck'), 'f', "$name, of another role: nothing of it ran");
    # These two ways are the same for all.
    next if !is_long() && $cases++ % 3 != 0;
    ($status, $error) = load($sql, 'trusted');
    is($status, 'succeeded', "$name, of the same role: loaded") or diag $error;
    ($status, $error) = load($sql, 'att', 1);
    # What a definition is made of is evaluated as whoever makes it.
    if ($by_definition) { like($error, qr/42501.* of role "attacker" would be (called|evaluated|evaluated for \w[^"]*) as role "postgres"/s, "$name, of the owner of the table: refused") or diag $status }
    else { is($status, 'succeeded', "$name, of the owner of the table: loaded") or diag $error }
    is($node->safe_psql('pagila', 'SELECT is_called FROM public.struck'), 'f', "$name, of the owner of the table: as that role");
}

# A default that no row needs is no reason.
my ($status, $error) = load(q{CREATE TABLE live.t (a integer, b integer DEFAULT SCHEMA.value()); ROWS INSERT INTO live.t VALUES (1, 2);}, 'att');
is($status, 'succeeded', 'a default that is not evaluated') or diag $error;
done_testing();
