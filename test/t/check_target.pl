# What a run would be refused for because of what is here, pagila_check tells beforehand: changes by hand, objects that no run
# created, dependents elsewhere, owners that cannot be set. It leaves the caller's transaction as it was.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use Test::More;

my ($source, $target) = new_pair('check');
my $user = getpwuid($<);
for my $node ($source, $target) { $node->safe_psql('pagila', 'CREATE ROLE boss; CREATE ROLE clerk; CREATE ROLE stranger') }
$source->safe_psql('pagila', q{CREATE ROLE reader LOGIN IN ROLE pg_read_all_data});
$target->safe_psql('pagila', q{CREATE ROLE etl LOGIN IN ROLE pagila_repl_operator, clerk; GRANT CREATE ON DATABASE pagila TO etl;
    GRANT USAGE ON FOREIGN SERVER source TO etl; CREATE USER MAPPING FOR etl SERVER source OPTIONS (user 'reader', password_required 'false')});
my %as_etl = (psql => { extra_params => [ '-U', 'etl' ] });
my $of_shop = q{schemas => '{shop}'};

# "status|sqlstate|message" of the subjects that a run of etl would be refused for, but not those that are fine.
sub found {
    my ($pattern, %options) = @_;
    my ($out, $err) = run_sql($target, "SELECT status, sqlstate, message FROM pagila_check('source', $of_shop)"
          . " WHERE subject ~ '^($pattern)\$' AND status <> 'ok' ORDER BY 3", %as_etl, %options);
    return $out . $err;
}
my $here = 'changed by hand|unmanaged object|dependent|subscribed table';

sub pulls {
    my ($expected, $what, %options) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', schemas => q{'{shop}'}, force => 'true', %options), %as_etl);
    return is($out || sqlstate_of($err), $expected, "$what: a run ends so") || diag $err;
}

$source->safe_psql('pagila', q{CREATE SCHEMA shop; CREATE TYPE shop.size AS ENUM ('s', 'l'); CREATE TABLE shop.item (id serial PRIMARY KEY, size shop.size);
    INSERT INTO shop.item (size) VALUES ('s'), ('l'); CREATE TABLE shop.price (id int); CREATE FUNCTION shop.f() RETURNS int LANGUAGE sql AS 'SELECT 1'});

#
# Owners
#

is(found('role'), qq{warning||objects of owner "$user" (6) will belong to "etl", which may not set that owner}, 'an owner that is here, but not for the role');
$source->safe_psql('pagila', 'ALTER TABLE shop.price OWNER TO stranger; ALTER TABLE shop.item OWNER TO clerk; ALTER FUNCTION shop.f OWNER TO boss');
is(found('role'), qq{warning||objects of owners "boss" (1), "clerk" (2), "$user" (2), "stranger" (1) will belong to "etl", which may not set these owners},
    'several, one of whom may not create in the schema');
like((run_sql($target, "SELECT hint FROM pagila_check('source', $of_shop) WHERE subject = 'role'", %as_etl))[0], qr/grant their roles to "etl", and CREATE/, 'with what to do');
pulls('succeeded', 'owners that are skipped');
like(last_run($target, 'message'), qr/; 6 owners skipped, the caller may not set them/, 'as many as were told');
is($target->safe_psql('pagila', q{SELECT string_agg(relname || ' ' || relowner::regrole, ', ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r'}),
    'item etl, price etl', 'they are not set');
# The dump tells the owner before it lets it create in the schema.
$source->safe_psql('pagila', 'GRANT CREATE, USAGE ON SCHEMA shop TO clerk');
unlike(found('role'), qr/clerk/, 'an owner whose right to create comes with the copy is not told');
pulls('succeeded', 'an owner whose right to create comes with the copy');
is($target->safe_psql('pagila', q{SELECT relowner::regrole FROM pg_class WHERE oid = 'shop.item'::regclass}), 'clerk', 'it is set, too');

#
# What is here
#

is(found($here), '', 'a copy that is as it was: nothing');
is((run_sql($target, "SELECT string_agg(subject, ', ') FROM pagila_check('source', $of_shop) WHERE status = 'ok' AND subject ~ '^($here)\$'", %as_etl))[0],
    'changed by hand, unmanaged object, dependent', 'which is said');
$target->safe_psql('pagila', q{CREATE TABLE shop.own (i int); CREATE SCHEMA elsewhere; CREATE VIEW elsewhere.v AS SELECT * FROM shop.item; CREATE TABLE elsewhere.t (size shop.size); ALTER SCHEMA elsewhere OWNER TO etl; ALTER VIEW elsewhere.v OWNER TO etl;
    UPDATE shop.price SET id = 1; INSERT INTO shop.price VALUES (1); ALTER FUNCTION shop.f() COST 7; SELECT nextval('shop.item_id_seq')});
is(found($here), join("\n",
        'error|2BP01|1 object in other schemas that depend on what would be replaced: view elsewhere.v',
        'error|2BP01|1 object in the schemas to replace that no run created: table shop.own',
        'error|55000|3 objects were changed since the last run: function shop.f() was altered, sequence shop.item_id_seq has advanced, table shop.price has other rows'),
    'one line for each kind, without what depends on types that stay');
pulls('55000', 'with all that');
pulls('2BP01', 'with objects that no run created', on_modified => q{'overwrite'});
pulls('2BP01', 'with dependents', on_modified => q{'overwrite'}, on_unmanaged => q{'drop'});
$target->safe_psql('pagila', 'SELECT format($$CREATE TABLE shop.more_%s (i int)$$, n) FROM generate_series(1, 7) n \gexec');
is(found('unmanaged object'), 'error|2BP01|8 objects in the schemas to replace that no run created: table shop.more_1, table shop.more_2, table shop.more_3, '
      . 'table shop.more_4, table shop.more_5 and 3 more', 'five names and how many more');
$source->safe_psql('pagila', q{ALTER TYPE shop.size ADD VALUE 'xl'});
like(found('dependent'), qr/^error\|2BP01\|2 objects in other schemas that depend on what would be replaced: column size of table elsewhere\.t, view elsewhere\.v$/,
    'once the type changes, what depends on it counts');
like((run_sql($target, "SELECT hint FROM pagila_check('source', $of_shop) WHERE subject = 'dependent'", %as_etl))[0], qr/^Drop or change them first; a run cannot drop 1 of them\.$/,
    'with what can be done');
$target->safe_psql('pagila', 'DROP TABLE elsewhere.t');
pulls('succeeded', 'all that lost', on_modified => q{'overwrite'}, on_unmanaged => q{'drop'}, on_dependents => q{'drop'});
is(found($here), '', 'then there is nothing again');

# Only of schemas that the role may replace.
$target->safe_psql('pagila', 'ALTER SCHEMA shop OWNER TO stranger; CREATE TABLE shop.own (i int)');
is(found($here), '', 'nothing of a schema that the role may not replace');
$target->safe_psql('pagila', 'ALTER SCHEMA shop OWNER TO etl; DROP TABLE shop.own');

#
# The caller's transaction
#

$target->safe_psql('pagila', 'VACUUM shop.price; UPDATE shop.item SET size = size; UPDATE shop.item SET size = $$l$$ WHERE id = 1; UPDATE shop.item SET size = $$s$$ WHERE id = 1');
my $settings = q{SELECT md5(string_agg(name || setting, '' ORDER BY name)) FROM pg_settings WHERE name <> 'application_name'};
my ($out, $err) = run_sql($target, "SET TimeZone = 'Asia/Tokyo'; SET lc_monetary = 'C'; SET search_path = shop; LOAD 'pagila_repl'; BEGIN; $settings;
    SELECT count(*) > 10 FROM pagila_check('source', $of_shop); $settings; COMMIT");
my @lines = split /\n/, $out;
is("$lines[1] $err", 't ', 'pagila_check within a transaction');
is($lines[2], $lines[0], 'leaves the settings as they were');
{
    my $session = $target->background_psql('pagila', on_error_stop => 1);
    $session->query_safe('BEGIN; LOCK TABLE shop.item');
    like(found($here), qr/^warning\|\|.*cannot be compared now/, 'a table that others have locked: it is not waited for long');
    $session->query_safe('ROLLBACK');
    $session->quit;
}

#
# What only superusers may create
#

my %for_superusers = (
    'an operator class' => [ q{CREATE OPERATOR CLASS shop.c FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 btint4cmp(int, int)},
        'operator class shop.c for access method btree', 'DROP OPERATOR FAMILY shop.c USING btree' ],
    'an operator with an estimator of its own' => [ 'CREATE OPERATOR shop.=== (leftarg = int, rightarg = int, function = int4eq, restrict = elsewhere._int_overlap_sel)',
        'operator shop.===(integer,integer)', 'DROP OPERATOR shop.=== (int, int)' ],
    'a shell type' => [ 'CREATE TYPE shop.shell', 'type shop.shell', 'DROP TYPE shop.shell' ],
    'a leakproof function' => [ q{CREATE FUNCTION shop.tight() RETURNS int LEAKPROOF LANGUAGE sql AS 'SELECT 1'}, 'function shop.tight()', 'DROP FUNCTION shop.tight' ],
    'an aggregate with internal state' => [ 'CREATE AGGREGATE shop.agg(bigint) (sfunc = int8_avg_accum, stype = internal, finalfunc = numeric_poly_avg)',
        'function shop.agg(bigint)', 'DROP AGGREGATE shop.agg(bigint)' ],
    'a text search template' => [ 'CREATE TEXT SEARCH TEMPLATE shop.tmpl (lexize = dsimple_lexize, init = dsimple_init)', 'text search template shop.tmpl', 'DROP TEXT SEARCH TEMPLATE shop.tmpl' ]);
if ($target->safe_psql('pagila', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'intarray'})) {
    $_->safe_psql('pagila', 'CREATE SCHEMA IF NOT EXISTS elsewhere; CREATE EXTENSION intarray SCHEMA elsewhere') for $source, $target;
} else {
    delete $for_superusers{'an operator with an estimator of its own'};
}
for my $what (sort keys %for_superusers) {
    my ($make, $name, $drop) = @{ $for_superusers{$what} };
    $source->safe_psql('pagila', $make);
    my $seen = found('superuser');
    like($seen, qr/^error\|42501\|only a superuser may create .*\Q$name\E/, "$what: pagila_check says so");
    pulls('42501', $what);
    like(last_run($target, 'error_message || phase'), qr/only a superuser may create.*connect$/, "$what: a run is refused at once");
    is((run_sql($target, "SELECT message FROM pagila_check('source', $of_shop) WHERE subject = 'superuser'"))[0], 'nothing that is wanted needs a superuser', "$what: a superuser may");
    $source->safe_psql('pagila', $drop);
}
# Casts come with their types, or with everything.
$source->safe_psql('pagila', 'CREATE CAST (int4range AS bytea) WITHOUT FUNCTION');
is(found('superuser'), '', 'a cast without a function: not with one schema');
$source->safe_psql('pagila', 'CREATE TYPE shop.span AS RANGE (subtype = int); CREATE CAST (shop.span AS bytea) WITHOUT FUNCTION');
like(found('superuser'), qr/^error\|42501\|only a superuser may create cast from shop\.span to bytea$/, 'a cast without a function, with the schema of its type');
$source->safe_psql('pagila', 'DROP TYPE shop.span CASCADE');
like((run_sql($target, q{SELECT message FROM pagila_check('source') WHERE subject = 'superuser' AND status = 'error'}, %as_etl))[0],
    qr/^only a superuser may create cast from int4range to bytea/, 'a cast without a function: only a superuser makes it');
$source->safe_psql('pagila', 'DROP CAST (int4range AS bytea)');
$source->safe_psql('pagila', q{CREATE FUNCTION shop.quiet() RETURNS int LANGUAGE sql SET log_statement = 'none' SET "app.x" = '1' SET work_mem = '1MB' AS 'SELECT 1'});
is(found('superuser'), join("\n", map { qq{error|42501|the role may not set parameter "$_", as function shop.quiet() does} } 'app.x', 'log_statement'), 'functions that set parameters of superusers');
$target->safe_psql('pagila', 'GRANT SET ON PARAMETER log_statement, app.x TO etl');
is(found('superuser'), '', 'unless the role may set them');
pulls('succeeded', 'such a function');

#
# What is no function of a language, and what is
#

$source->safe_psql('pagila', q{CREATE AGGREGATE shop.total(int) (sfunc = int4pl, stype = int, initcond = 0); CREATE FUNCTION shop.glue(text, text) RETURNS text LANGUAGE sql AS 'SELECT $1 || $2';
    CREATE AGGREGATE shop."Joined"(text) (sfunc = shop.glue, stype = text, initcond = $$$$); CREATE PROCEDURE shop.act() LANGUAGE plpgsql AS 'BEGIN END';
    CREATE FUNCTION shop.w(int) RETURNS int WINDOW LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'; CREATE OPERATOR shop.||| (leftarg = text, rightarg = text, function = shop.glue);
    CREATE OPERATOR shop.@+ (leftarg = int, rightarg = int, function = int4pl)});
is(found('language|superuser'), '', 'aggregates, procedures, window functions, operators: nothing is in the way');
pulls('succeeded', 'with aggregates and the like');
is($target->safe_psql('pagila', 'SELECT shop.total(n), shop."Joined"(n::text) FROM generate_series(1, 3) n'), '6|123', 'which work');
$source->safe_psql('pagila', q{CREATE FUNCTION shop.row_no() RETURNS bigint WINDOW LANGUAGE internal AS 'window_row_number'});
is(found('language'), 'error|42501|the role may not create functions in language "internal": shop.row_no()', 'a window function of the server\'s own code is for superusers');
no_residue($target, 'after all');
done_testing();
