# Which relations of a source are wanted, what cannot be left out, and what pagila_plan says of the tables.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use Test::More;

my ($source, $target) = new_pair('selection');
my $before = content($target);

$source->safe_psql('pagila', q{
    CREATE SCHEMA shop; CREATE SCHEMA stock; CREATE SCHEMA "Odd ""name.x"; CREATE SCHEMA empty; CREATE SCHEMA ext;
    CREATE EXTENSION hstore SCHEMA ext;
    CREATE TYPE stock.mood AS ENUM ('good', 'bad');
    CREATE DOMAIN stock.word AS text;
    CREATE TYPE stock.pair AS (m stock.mood, w stock.word);
    CREATE TABLE stock.item (id serial PRIMARY KEY, name text);
    CREATE TABLE stock.part (id int GENERATED ALWAYS AS IDENTITY, item int);
    CREATE TABLE shop.film (id serial PRIMARY KEY, title text, upper_title text GENERATED ALWAYS AS (upper(title)) STORED);
    CREATE TABLE shop.film_actor (film int REFERENCES shop.film, actor int);
    CREATE VIEW shop.titles AS SELECT title FROM shop.film;
    CREATE MATERIALIZED VIEW shop.counted AS SELECT count(*) FROM shop.titles;
    CREATE SEQUENCE shop.ticket;
    CREATE TABLE shop.sale (at date, note text) PARTITION BY RANGE (at);
    CREATE TABLE shop.sale_2022 PARTITION OF shop.sale FOR VALUES FROM ('2022-01-01') TO ('2023-01-01');
    CREATE TABLE shop.sale_2023 PARTITION OF shop.sale FOR VALUES FROM ('2023-01-01') TO ('2024-01-01') PARTITION BY LIST (note);
    CREATE TABLE shop.sale_2023_a PARTITION OF shop.sale_2023 DEFAULT;
    CREATE TABLE "Odd ""name.x"."Ta$ble*" (i int); CREATE TABLE "Odd ""name.x".ta$ble (i int);
    INSERT INTO shop.film (title) SELECT repeat('x', 100) || n FROM generate_series(1, 5000) n;
    ANALYZE shop.film});

# What comes along, as sorted names, or the SQLSTATE.
sub tables {
    my (%selection) = @_;
    my $arguments = join('', map { ", $_ => ARRAY[" . join(', ', map { "'" . s/'/''/gr . "'" } @{ $selection{$_} }) . ']' } sort keys %selection);
    my ($out, $err) = run_sql($target, "SELECT string_agg(schema_name || '.' || table_name, ' ' ORDER BY schema_name COLLATE \"C\", table_name COLLATE \"C\") FROM pagila_plan('source'$arguments)");
    return $err ne '' ? sqlstate_of($err) : $out;
}

sub refusal {
    my ($arguments) = @_;
    my (undef, $err) = run_sql($target, "SELECT * FROM pagila_plan('source', $arguments)");
    return $err =~ s/^.*?(?=ERROR)//sr;
}

#
# Patterns
#

my $odd = 'Odd "name.x.Ta$ble* Odd "name.x.ta$ble';
my $shop = 'shop.film shop.film_actor shop.sale_2022 shop.sale_2023_a';
is(tables(), "$odd $shop stock.item stock.part", 'without patterns everything comes, but no tables of extensions');
is(tables(schemas => ['shop']), $shop, 'a schema');
is(tables(schemas => ['SHOP']), $shop, 'case is folded');
is(tables(schemas => ['"SHOP"']), '3F000', 'but not in quotes');
is(tables(schemas => ['st*', 'shop']), "$shop stock.item stock.part", 'two patterns');
is(tables(schemas => ['s(hop|tock)']), "$shop stock.item stock.part", 'a regular expression');
is(tables(schemas => ['s?op']), $shop, 'a question mark');
is(tables(schemas => ['hop']), '3F000', 'a pattern matches the whole name');
is(tables(schemas => ['"Odd ""name.x"']), $odd, 'quotes keep dots, quotes and spaces');
is(tables(schemas => ['"Odd ""name.x"'], include => ['ta$ble']), 'Odd "name.x.ta$ble', 'a dollar is a character');
is(tables(schemas => ['"Odd ""name.x"'], include => ['"Ta$ble*"']), 'Odd "name.x.Ta$ble*', 'quotes keep a star');
is(tables(schemas => ['empty']), '', 'a schema without tables');
is(tables(schemas => [$_]), '3F000', "schema $_ is never copied") for 'pg_catalog', 'information_schema', 'pagila_repl', 'pg_*';
is(tables(schemas => [$_]), '42601', "no pattern: $_") for '', '"shop', 'a.b', 's(', '*.*';
is(tables(include => [$_]), '42601', "no pattern: $_") for '', 'a.b.c', '.film', 'shop.', 'film[';
is(tables(exclude => ['nothing']), '42P01', 'exclude that matches nothing');
is(tables(schemas => ['stock'], exclude => ['shop.film']), '42P01', 'exclude that matches nothing that is wanted');
like(refusal(q{include => '{film,"no_such*"}'}), qr/no relation of the source matches "no_such\*"/, 'the error names the pattern');

#
# Include and exclude
#

is(tables(include => ['stock.*']), 'stock.item stock.part', 'include with a schema');
is(tables(include => ['item']), 'stock.item', 'include without a schema');
is(tables(include => ['film']), 'shop.film', 'a table without its dependents');
is(tables(exclude => ['stock.*', '"Odd ""name.x".*']), $shop, 'exclude');
is(tables(include => ['shop.*'], exclude => ['sale']), 'shop.film shop.film_actor', 'partitions are left out with their table');
is(tables(include => ['sale']), 'shop.sale_2022 shop.sale_2023_a', 'partitions come with their table, of any depth');
is(tables(include => ['sale'], exclude => ['sale_2022']), 'shop.sale_2023_a', 'unless they are excluded');
is(tables(include => ['sale'], exclude => ['sale_2023']), 'shop.sale_2022', 'then their partitions are, too');
is(tables(include => ['ticket', 'item']), 'stock.item', 'a sequence of its own');
is(tables(include => ['film'], exclude => ['film_id_seq']), 'shop.film', 'the sequence of a column comes with its table');
is(tables(include => ['sale_2022']), '2BP01', 'a partition without its table is refused');
is(tables(include => ['film_id_seq']), '2BP01', 'the sequence of a column without its table, too');
is(tables(include => ['titles']), '2BP01', 'a view without its table is refused');

my $error = refusal(q{exclude => '{film,item}'});
is(sqlstate_of($error), '2BP01', 'what others need cannot be left out');
like($error, qr/depends on what is left out.*DETAIL:  table constraint film_actor_film_fkey on shop\.film_actor depends on table shop\.film\nview shop\.titles depends on table shop\.film\n/s,
    'all such pairs are told') or diag $error;
unlike($error, qr/film_id_seq|item_id_seq|pkey/, 'what belongs to the table is none of them');
is(tables(exclude => ['film', 'film_actor', 'titles', 'counted']), "$odd shop.sale_2022 shop.sale_2023_a stock.item stock.part",
    'with all that needs it, it can');

#
# Other schemas
#

my %needs = (
    'a foreign key' => ['ALTER TABLE shop.film ADD FOREIGN KEY (id) REFERENCES stock.item NOT VALID', qr/table constraint film_id_fkey on shop\.film depends on table stock\.item/, 'ALTER TABLE shop.film DROP CONSTRAINT film_id_fkey'],
    'a type' => ['ALTER TABLE shop.film ADD m stock.mood', qr/table column shop\.film\.m depends on type stock\.mood/, 'ALTER TABLE shop.film DROP m'],
    'an array of a type' => ['ALTER TABLE shop.film ADD m stock.mood[]', qr/table column shop\.film\.m depends on type stock\.mood\[\]/, 'ALTER TABLE shop.film DROP m'],
    'a default' => [q{ALTER TABLE shop.film ALTER title SET DEFAULT nextval('stock.item_id_seq')}, qr/default value for shop\.film\.title depends on sequence stock\.item_id_seq/, 'ALTER TABLE shop.film ALTER title DROP DEFAULT'],
    'a function with a row type' => [q{CREATE FUNCTION shop.f(stock.item) RETURNS int LANGUAGE sql AS 'SELECT 1'}, qr/function shop\.f\(stock\.item\) depends on table stock\.item/, 'DROP FUNCTION shop.f'],
    'a function with a SQL body' => ['CREATE FUNCTION shop.f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM stock.item; END', qr/function shop\.f\(\) depends on table stock\.item/, 'DROP FUNCTION shop.f'],
    'a policy' => ['CREATE POLICY p ON shop.film USING (id IN (SELECT id FROM stock.item))', qr/policy p on shop\.film depends on table stock\.item/, 'DROP POLICY p ON shop.film'],
    'a rule' => ['CREATE RULE r AS ON INSERT TO shop.film DO ALSO DELETE FROM stock.item', qr/rule r on shop\.film depends on table stock\.item/, 'DROP RULE r ON shop.film'],
    'a trigger' => [q{CREATE FUNCTION stock.t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER t AFTER INSERT ON shop.film EXECUTE FUNCTION stock.t()}, qr/trigger t on shop\.film depends on function stock\.t\(\)/, 'DROP FUNCTION stock.t CASCADE'],
    'a parent' => ['CREATE TABLE shop.child () INHERITS (stock.part)', qr/table shop\.child depends on table stock\.part/, 'DROP TABLE shop.child'],
    'a partitioned table' => ['CREATE TABLE stock.p (i int) PARTITION BY LIST (i); CREATE TABLE shop.p1 PARTITION OF stock.p DEFAULT', qr/table shop\.p1 depends on table stock\.p\n/, 'DROP TABLE stock.p'],
    'a partition elsewhere' => ['CREATE TABLE stock.sale_x PARTITION OF shop.sale DEFAULT', qr/table shop\.sale depends on table stock\.sale_x/, 'DROP TABLE stock.sale_x']);
for my $what (sort keys %needs) {
    my ($make, $pair, $undo) = @{ $needs{$what} };
    $source->safe_psql('pagila', $make);
    my $refusal = refusal(q{schemas => '{shop}'});
    is(sqlstate_of($refusal), '2BP01', "$what from a schema that is left out");
    like($refusal, $pair, "$what: it is named");
    $source->safe_psql('pagila', $undo);
}
is(tables(schemas => ['shop']), $shop, 'without them the schema can be copied alone');
$source->safe_psql('pagila', 'CREATE TABLE shop.tags (t ext.hstore, a ext.hstore[])');
is(tables(schemas => ['shop']), "$shop shop.tags", 'types of extensions are no schema that is left out');
my (undef, $refused) = run_sql($target, pull_sql('source', schemas => q{'{shop}'}, exclude => q{'{film}'}));
is(sqlstate_of($refused), '2BP01', 'a run refuses what pagila_plan refuses');
is(last_run($target, 'status, sqlstate'), 'failed|2BP01', 'and records it');

#
# pagila_plan
#

$source->safe_psql('pagila', q{
    CREATE SCHEMA kinds;
    CREATE TABLE kinds.built_in (i int, n numeric, t text, a timestamptz[], r int4range, m int8multirange, j jsonb, "c""har" "char",
      g text GENERATED ALWAYS AS (i::text) STORED, p point);
    CREATE TABLE kinds.of_own (m stock.mood, w stock.word, p stock.pair, ms stock.mood[], ps stock.pair[]);
    CREATE TABLE kinds.ext (i int, h ext.hstore);
    CREATE DOMAIN stock.tags AS ext.hstore; CREATE TYPE stock.deep AS (i int, t stock.tags);
    CREATE TABLE kinds.ext_inside (i int, "Deep" stock.deep[]);
    CREATE TABLE kinds.reg (r regclass); CREATE TABLE kinds.object_id (o oid); CREATE TABLE kinds.acl (a aclitem);
    CREATE TABLE kinds.by_enum (m stock.mood) PARTITION BY HASH (m);
    CREATE TABLE kinds.by_enum_0 PARTITION OF kinds.by_enum FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    CREATE TABLE kinds.by_array (m stock.mood[], i int) PARTITION BY HASH (i, m);
    CREATE TABLE kinds.by_array_0 PARTITION OF kinds.by_array FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    CREATE TABLE kinds.by_int (i int, t text) PARTITION BY HASH (i, t);
    CREATE TABLE kinds.by_int_0 PARTITION OF kinds.by_int FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    CREATE TABLE kinds.below (i int, h ext.hstore, m stock.mood) PARTITION BY RANGE (i);
    CREATE TABLE kinds.below_0 PARTITION OF kinds.below DEFAULT PARTITION BY HASH (m);
    CREATE TABLE kinds.below_1 PARTITION OF kinds.below_0 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    CREATE UNLOGGED TABLE kinds.unlogged (i int); CREATE TABLE kinds.nothing ()});
my %plan = map { my @row = split /\|/, $_, -1; ($row[0] => "$row[1]|$row[2]|$row[3]") } split /\n/,
    (run_sql($target, q{SELECT table_name, format, format_reason, routed FROM pagila_plan('source')}))[0];
is($plan{$_}, 'binary||', "$_ travels as binary") for qw(built_in of_own by_int_0 unlogged nothing film);
is($plan{ext}, 'text|column "h" is of type ext.hstore, of an extension|', 'a type of an extension travels as text');
is($plan{ext_inside}, 'text|column "Deep" contains type ext.hstore, of an extension|', 'also inside of others');
is($plan{reg}, 'text|column "r" is of type regclass, which stands for something of the source|', 'so does what stands for an object');
like($plan{object_id}, qr/^text/, 'and an OID');
like($plan{acl}, qr/^text/, 'and what has no binary form');
is($plan{by_enum_0}, 'binary||"kinds.by_enum" is partitioned by hash of column "m", and hashes of its type are made of OIDs',
    'rows hashed by an enum are routed again');
like($plan{by_array_0}, qr/^binary\|\|"kinds.by_array" is partitioned by hash of column "m"/, 'also by arrays of one');
like($plan{below_1}, qr/^text\|column "h" is .*\|"kinds.below_0" is partitioned by hash of column "m"/, 'also below another level');
is((run_sql($target, q{SELECT schema_name, bytes >= 5000 * 100, rows_estimate, parts, publish, refused IS NULL FROM pagila_plan('source') LIMIT 1}))[0],
    'shop|t|5000|1|rename|t', 'the largest table is first');
is((run_sql($target, q{SELECT rows_estimate IS NULL FROM pagila_plan('source') WHERE table_name = 'nothing'}))[0], 't',
    'what was never analyzed has no estimate');

# Rows of a tree that is routed are asked for at once.
sub check {
    my ($arguments, $subject) = @_;
    return (run_sql($target, "SELECT sqlstate, message FROM pagila_check('source'$arguments) WHERE subject = '$subject' AND status = 'error'"))[0];
}
$source->safe_psql('pagila', q{CREATE TABLE kinds.by_enum_more (m stock.mood) PARTITION BY HASH (m);
    CREATE TABLE kinds.more_0 PARTITION OF kinds.by_enum_more FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE kinds.more_1 PARTITION OF kinds.by_enum_more FOR VALUES WITH (MODULUS 2, REMAINDER 1)});
like(check(q{, exclude => '{more_1}'}, 'partition'), qr/^0A000\|partition "kinds\.more_1" cannot be left out: .*"kinds\.by_enum_more" is partitioned by hash/,
    'so no partition of it can be left out');
is(check(q{, exclude => '{by_enum_more}'}, 'partition'), '', 'but all of it can');

ok(content($target) eq $before, 'nothing has touched the target');

# A source that is not trusted.
$target->safe_psql('pagila', q{ALTER SERVER source OPTIONS (SET trusted 'false'); CREATE ROLE puller LOGIN;
    GRANT pagila_repl_operator TO puller; GRANT USAGE ON FOREIGN SERVER source TO puller; SET log_statement = none;
    CREATE USER MAPPING FOR puller SERVER source OPTIONS (user 'postgres', password_required 'false')});
my $user = getpwuid($<);
$target->safe_psql('pagila', "ALTER USER MAPPING FOR puller SERVER source OPTIONS (SET user '$user')");
is((run_sql($target, q{SELECT DISTINCT format, format_reason FROM pagila_plan('source')}, psql => { extra_params => [ '-U', 'puller' ] }))[0],
    'text|server is not trusted', 'what is not trusted travels as text');

no_residue($target, 'after all that');
done_testing();
