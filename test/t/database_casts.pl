# Casts and transforms between types that are not copied, and default operator classes of such types: a database has one of each, so
# the live one and the new one take turns. They belong to the copy that has their function, or to one of the whole database.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('casts');
my $dir = PostgreSQL::Test::Utils::tempdir;

sub pulls {
    my ($what, $expected, %options) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', %options));
    return is($out, $expected, $what) || diag $err;
}

sub refused {
    my ($what, $state, $pattern, %options) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', %options));
    is(sqlstate_of($err), $state, "$what: refused") or diag "$out$err";
    return like($err, $pattern, "$what: by name");
}

# All casts and transforms that users have made, as text that does not depend on OIDs.
my $casts = q{
    SELECT string_agg(concat_ws(' ', castsource::regtype, casttarget::regtype, NULLIF(castfunc, 0)::regprocedure, castmethod, castcontext,
             obj_description(oid, 'pg_cast')), E'\n' ORDER BY castsource::regtype::text, casttarget::regtype::text) FROM pg_cast WHERE oid >= 16384};
my $transforms = q{
    SELECT string_agg(concat_ws(' ', trftype::regtype, lanname, trffromsql, trftosql, obj_description(t.oid, 'pg_transform')), E'\n')
      FROM pg_transform t JOIN pg_language l ON l.oid = trflang};
my $rows = q{SELECT (SELECT string_agg(x::text, ' ') FROM w x), (SELECT string_agg(x::text, ' ') FROM y x), (SELECT string_agg(x::text, ' ') FROM z x),
    (SELECT string_agg(x::text, ' ') FROM late x), (SELECT string_agg(conname, ' ') FROM pg_constraint WHERE conrelid = 'x'::regclass)};

sub is_same {
    my ($what, $db) = @_;
    $db //= 'pagila';
    for my $sql ($casts, $transforms, $rows) {
        my ($is, $expected) = ((run_sql($target, $sql, db => $db))[0], (run_sql($source, $sql))[0]);
        is($is, $expected, "$what: the same");
    }
    return ok(copy_of($target, $db) eq copy_of($source), "$what: pg_dump says the same");
}

$source->safe_psql('pagila', q{
    CREATE FUNCTION public.v2i(text) RETURNS int IMMUTABLE STRICT LANGUAGE sql AS 'SELECT length($1)';
    CREATE CAST (text AS int) WITH FUNCTION public.v2i(text) AS IMPLICIT;
    COMMENT ON CAST (text AS int) IS 'it''s the length \\';
    CREATE TABLE public.x (code text, n int, CHECK (code = n OR n > 0)); INSERT INTO x VALUES ('4', 4), ('44', 2);
    CREATE INDEX ON public.x ((code::int)) WHERE code = n;
    CREATE VIEW public.y AS SELECT * FROM public.x WHERE code = n;
    CREATE MATERIALIZED VIEW public.z AS SELECT * FROM public.x WHERE code = n;
    CREATE TABLE public.w (code text, n int GENERATED ALWAYS AS (code::int) STORED); INSERT INTO w VALUES ('55');
    CREATE FUNCTION public.b2n(bool) RETURNS numeric IMMUTABLE STRICT LANGUAGE sql AS 'SELECT CASE WHEN $1 THEN 1.0 ELSE 0 END';
    CREATE CAST (bool AS numeric) WITH FUNCTION public.b2n(bool) AS IMPLICIT;
    CREATE TABLE public.flag (f bool); INSERT INTO public.flag VALUES (true), (true), (false);
    CREATE VIEW public.late AS SELECT sum(f) AS s FROM public.flag;
    CREATE FUNCTION public.a_first(public.late) RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE CAST (point AS text) WITH INOUT AS ASSIGNMENT;
    CREATE FUNCTION public.atomic(text) RETURNS boolean LANGUAGE sql BEGIN ATOMIC SELECT $1 = 4; END;
    CREATE TRANSFORM FOR integer LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
    COMMENT ON TRANSFORM FOR integer LANGUAGE sql IS 'nonsense';
    CREATE FUNCTION public.transformed(integer) RETURNS integer LANGUAGE sql TRANSFORM FOR TYPE integer AS 'SELECT 1'});

#
# The whole database
#

pulls('the first copy', 'succeeded', workers => 2);
is_same('the first copy');
like(last_run($target, 'message'), qr/done by one process/, 'workers do without the casts');
pulls('nothing has changed', 'skipped');
$source->safe_psql('pagila', q{INSERT INTO x VALUES ('abc', 3), ('d', 7); REFRESH MATERIALIZED VIEW z});
pulls('the second copy', 'succeeded');
is_same('the second copy');

$source->safe_psql('pagila', q{
    DROP VIEW y; DROP MATERIALIZED VIEW z; DROP INDEX x_code_idx; ALTER TABLE x DROP CONSTRAINT x_check; DROP FUNCTION atomic; DROP TABLE w;
    DROP CAST (text AS int); CREATE FUNCTION public.v2i_twice(text) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2 * length($1)';
    CREATE CAST (text AS int) WITH FUNCTION public.v2i_twice(text) AS IMPLICIT;
    CREATE VIEW public.y AS SELECT * FROM public.x WHERE code = n;
    CREATE MATERIALIZED VIEW public.z AS SELECT * FROM public.x WHERE code = n;
    CREATE TABLE public.w (code text, n int GENERATED ALWAYS AS (code::int) STORED); INSERT INTO w VALUES ('55');
    DROP CAST (point AS text)});
pulls('another function, one cast less', 'succeeded');
is_same('another function, one cast less');

#
# Changed by hand
#

$target->safe_psql('pagila', 'DROP CAST (bool AS numeric)');
refused('a cast was dropped', '55000', qr/cast from boolean to numeric was dropped/);
pulls('it comes back', 'succeeded', on_modified => q{'overwrite'});
is_same('it comes back');
$target->safe_psql('pagila', q{COMMENT ON CAST (bool AS numeric) IS 'mine'});
refused('a cast was commented on', '55000', qr/cast from boolean to numeric was altered/);
$target->safe_psql('pagila', q{COMMENT ON CAST (bool AS numeric) IS NULL});
$target->safe_psql('pagila', q{CREATE CAST (varchar AS numeric) WITH INOUT});
pulls('a cast of others stays', 'skipped');
$target->safe_psql('pagila', q{DROP CAST (varchar AS numeric);
    DROP CAST (text AS int); CREATE CAST (text AS int) WITH FUNCTION public.v2i(text)});
refused('a cast was made anew', '55000', qr/cast from text to integer was dropped/);
refused('a cast was made anew', '2BP01', qr/objects that no run created.*cast from text to integer/s, on_modified => q{'overwrite'});
pulls('it is replaced', 'succeeded', on_modified => q{'overwrite'}, on_unmanaged => q{'drop'});
is_same('it is replaced');

$source->safe_psql('pagila', 'CREATE CAST (lseg AS text) WITH INOUT');
$target->safe_psql('pagila', 'CREATE CAST (lseg AS text) WITH INOUT');
refused('one that no run made', '42710', qr/the cast from lseg to text exists here and no run created it/);
like((run_sql($target, q{SELECT status, message FROM pagila_check('source') WHERE subject = 'cast'}))[0] // '', qr/error\|the cast from lseg to text exists/,
    'one that no run made: pagila_check says so');
$target->safe_psql('pagila', 'DROP CAST (lseg AS text)');
pulls('once it is gone', 'succeeded');
is_same('once it is gone');

#
# A load of the same
#

$target->safe_psql('postgres', 'CREATE DATABASE loaded');
$target->safe_psql('loaded', 'CREATE EXTENSION pagila_repl');
system_or_bail('pg_dump', '--no-sync', '--exclude-schema=pagila_repl', '-f', "$dir/dump.sql", $source->connstr('pagila'));
for my $what ('a load', 'a second load') {
    my ($out, $err) = run_sql($target, load_sql("$dir/dump.sql", undef, force => 'true'), db => 'loaded');
    is($out, 'succeeded', $what) or diag $err;
    is_same($what, 'loaded');
}
is((run_sql($target, load_sql("$dir/dump.sql", undef), db => 'loaded'))[0], 'skipped', 'a load of the same is skipped');
$target->safe_psql('postgres', 'DROP DATABASE loaded');

#
# Some schemas
#

$source->safe_psql('pagila', q{
    CREATE SCHEMA "a Shop"; CREATE SCHEMA other;
    CREATE FUNCTION "a Shop".area(box) RETURNS float8 IMMUTABLE LANGUAGE sql AS 'SELECT area($1)';
    CREATE CAST (box AS float8) WITH FUNCTION "a Shop".area(box) AS IMPLICIT;
    COMMENT ON CAST (box AS float8) IS 'as large as it is';
    CREATE TABLE "a Shop".field (place box, size float8 GENERATED ALWAYS AS (place::float8) STORED);
    INSERT INTO "a Shop".field VALUES ('(0,0),(2,3)');
    CREATE TYPE "a Shop".span AS RANGE (subtype = int, multirange_type_name = "a Shop".multirange_of_span); CREATE TABLE "a Shop".hours (h "a Shop".span, CHECK (h::"a Shop".multirange_of_span IS NOT NULL));
    CREATE TYPE other.pair AS (a int, b int);
    CREATE TYPE "a Shop".kind AS ENUM ('small', 'large');
    CREATE CAST (other.pair AS "a Shop".kind) WITH INOUT});
for my $what ('a schema with its cast', 'a schema with its cast, again') {
    pulls($what, 'succeeded', schemas => q{ARRAY['"a Shop"']}, force => 'true');
    is($target->safe_psql('pagila', q{SELECT size FROM "a Shop".field}), '6', "$what: it is used");
    is($target->safe_psql('pagila', q{SELECT obj_description(oid, 'pg_cast') FROM pg_cast WHERE castsource = 'box'::regtype AND casttarget = 'float8'::regtype}),
        'as large as it is', "$what: it has its comment");
    like(last_run($target, 'message'), qr/cast from other\.pair to "a Shop"\.kind left out, since/, "$what: what needs other schemas is left out");
}

# What pg_dump does not print comes in the encoding of the target.
$source->safe_psql('pagila', qq{COMMENT ON CAST (box AS float8) IS 'so gro\xc3\x9f'; CREATE TYPE "a Shop"."ma\xc3\x9f" AS (a int);
    CREATE CAST (box AS "a Shop"."ma\xc3\x9f") WITH INOUT});
$target->safe_psql('postgres', q{CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'});
$target->safe_psql('latin', 'CREATE EXTENSION pagila_repl');
add_source($target, 'source', port => $source->port, db => 'latin');
{
    my ($out, $err) = run_sql($target, pull_sql('source', schemas => q{ARRAY['"a Shop"']}), db => 'latin');
    is($out, 'succeeded', 'into another encoding') or diag $err;
    is($target->safe_psql('latin', q{SELECT encode(convert_to(obj_description(oid, 'pg_cast'), 'UTF8'), 'hex') FROM pg_cast WHERE castsource = 'box'::regtype AND casttarget = 'float8'::regtype}),
        unpack('H*', "so gro\xc3\x9f"), 'into another encoding: the comment is right');
}
$target->safe_psql('postgres', 'DROP DATABASE latin');

#
# Operator classes
#

$source->safe_psql('pagila', q{
    CREATE FUNCTION "a Shop".json_cmp(json, json) RETURNS int IMMUTABLE LANGUAGE sql AS $$SELECT bttextcmp($1::text, $2::text)$$;
    CREATE FUNCTION "a Shop".json_eq(json, json) RETURNS bool IMMUTABLE LANGUAGE sql AS $$SELECT $1::text = $2::text$$;
    CREATE FUNCTION "a Shop".json_lt(json, json) RETURNS bool IMMUTABLE LANGUAGE sql AS $$SELECT $1::text < $2::text$$;
    CREATE OPERATOR "a Shop".= (LEFTARG = json, RIGHTARG = json, FUNCTION = "a Shop".json_eq);
    CREATE OPERATOR "a Shop".< (LEFTARG = json, RIGHTARG = json, FUNCTION = "a Shop".json_lt);
    CREATE OPERATOR CLASS "a Shop".json_ops DEFAULT FOR TYPE json USING btree AS
      OPERATOR 1 "a Shop".<, OPERATOR 3 "a Shop".=, FUNCTION 1 "a Shop".json_cmp(json, json);
    CREATE TABLE "a Shop".doc (j json PRIMARY KEY); INSERT INTO "a Shop".doc VALUES ('1'), ('[]');
    CREATE VIEW "a Shop".docs AS SELECT j, count(*) FROM "a Shop".doc GROUP BY j});
for my $what ('a default class', 'a default class, again') {
    pulls($what, 'succeeded', schemas => q{ARRAY['"a Shop"']}, force => 'true');
    is($target->safe_psql('pagila', q{SELECT count(*) FROM "a Shop".docs}), '2', "$what: it is used");
    is($target->safe_psql('pagila', q{SELECT string_agg(opcdefault::text, ' ') FROM pg_opclass WHERE opcname = 'json_ops' AND opcnamespace = '"a Shop"'::regnamespace}),
        'true', "$what: it is the default");
}
pulls('a default class, unchanged', 'skipped', schemas => q{ARRAY['"a Shop"']});

#
# Implicit casts to text, as in the days of 8.2: statements of a run go on to mean what they meant.
#

$source->safe_psql('postgres', 'CREATE DATABASE legacy');
$source->safe_psql('legacy', join('', map { "CREATE CAST ($_ AS text) WITH INOUT AS IMPLICIT;" } qw(int bigint smallint oid numeric float8 date timestamptz interval))
    . q{CREATE TABLE public.item (id serial PRIMARY KEY, at date, name text CHECK (length(name) > 0));
        INSERT INTO public.item (at, name) VALUES ('2026-01-31', 'one'), ('2026-02-01', '2');
        CREATE VIEW public.like_a_number AS SELECT * FROM public.item WHERE id LIKE '1%' AND length(at) = 10 AND name IN (SELECT id FROM public.item) IS FALSE;
        CREATE INDEX ON public.item (name) WHERE id LIKE '1%'});
$target->safe_psql('postgres', 'CREATE DATABASE legacy');
$target->safe_psql('legacy', 'CREATE EXTENSION pagila_repl');
add_source($target, 'source', port => $source->port, db => 'legacy', server => { dbname => 'legacy' });
for my $run ([ 'succeeded' ], [ 'skipped' ], [ 'succeeded', force => 'true', workers => 2 ]) {
    my ($expected, %options) = @$run;
    my ($is, $error) = run_sql($target, pull_sql('source', %options), db => 'legacy');
    is($is, $expected, "implicit casts to text: $expected") or diag $error;
    is((run_sql($target, 'SELECT * FROM public.like_a_number', db => 'legacy'))[0], '1|2026-01-31|one', 'implicit casts to text: the view is right');
}
is((run_sql($target, $casts, db => 'legacy'))[0], (run_sql($source, $casts, db => 'legacy'))[0], 'implicit casts to text: all are there');
$target->safe_psql('postgres', 'DROP DATABASE legacy');

#
# Rights
#

$_->safe_psql('postgres', 'CREATE ROLE etl LOGIN') for $target;
$target->safe_psql('postgres', 'CREATE DATABASE weak OWNER etl');
$target->safe_psql('weak', 'CREATE EXTENSION pagila_repl; GRANT pagila_repl_operator TO etl; ALTER SCHEMA public OWNER TO etl');
add_source($target, 'source', port => $source->port, db => 'weak');
$target->safe_psql('weak', q{GRANT USAGE ON FOREIGN SERVER source TO etl; CREATE USER MAPPING FOR etl SERVER source OPTIONS (user '} . getpwuid($<) . q{', password 'x', password_required 'false')});
my ($out, $err) = run_sql($target, 'SET SESSION AUTHORIZATION etl; ' . pull_sql('source'), db => 'weak');
is(sqlstate_of($err), '42501', 'a role that may not create casts') or diag "$out$err";
like($err, qr/the role may not create the cast from text to integer/, 'a role that may not create casts: by name');
$target->safe_psql('postgres', 'DROP DATABASE weak');

no_residue($target, 'at the end');
done_testing();
