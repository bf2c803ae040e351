-- Functions, procedures, aggregates, operators and all that is made of them; text search; conversions; collations.
CREATE SCHEMA routines;
CREATE SCHEMA "routines elsewhere";
SET search_path = routines;

-- Functions.
CREATE TYPE pair AS (a int, b text);
CREATE TABLE t (id int PRIMARY KEY, name text, n numeric);
INSERT INTO t SELECT i, 'name ' || i, i / 3.0 FROM generate_series(1, 100) i;
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION f(int, VARIADIC text[]) RETURNS text LANGUAGE sql IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 7.5 AS 'SELECT $2[$1]';
CREATE FUNCTION f(VARIADIC "any") RETURNS int LANGUAGE internal AS 'pg_num_nulls';
CREATE FUNCTION f(a int, b text DEFAULT 'it''s; $$ \', OUT c int, INOUT d pair DEFAULT ROW(1, ')')::routines.pair) LANGUAGE plpgsql
  STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path TO routines, "routines elsewhere", '' SET "custom.Setting" TO 'it''s' SET work_mem TO '7MB'
  SET DateStyle TO 'SQL, DMY' AS $f$
DECLARE
  x text := $$;--$$; /* ; */ -- ;
BEGIN
  c := 1; -- '$'
  EXECUTE 'SELECT ''$a$'';';
END $f$;
CREATE FUNCTION many(INOUT a anyelement, OUT b anyarray, c anyarray) RETURNS SETOF record LANGUAGE sql ROWS 3 AS 'SELECT $1, $2';
CREATE FUNCTION poly(a anycompatible, b anycompatiblerange, c anycompatiblemultirange) RETURNS anycompatiblearray LANGUAGE sql AS 'SELECT ARRAY[a]';
CREATE FUNCTION tab(n int) RETURNS TABLE ("a b" int, c text) LANGUAGE plpgsql ROWS 12345 COST 0.1 AS 'BEGIN RETURN QUERY SELECT 1, ''x''; END';
CREATE FUNCTION set_of() RETURNS SETOF t LANGUAGE sql AS 'SELECT * FROM routines.t';
CREATE FUNCTION set_of_pairs() RETURNS SETOF pair[] LANGUAGE sql AS 'SELECT NULL::routines.pair[]';
CREATE FUNCTION of_row(t) RETURNS text LANGUAGE sql STABLE BEGIN ATOMIC SELECT $1.name || $1.id; END;
SET check_function_bodies = off;
CREATE FUNCTION no_dependency() RETURNS int LANGUAGE sql AS 'SELECT count(*)::int FROM no_such_table';
RESET check_function_bodies;
CREATE FUNCTION atomic(a int, OUT b int) LANGUAGE sql BEGIN ATOMIC
  INSERT INTO routines.t AS x (id, name) VALUES (a, CASE WHEN a > 0 THEN 'END;' ELSE E'\n' END)
    ON CONFLICT ON CONSTRAINT t_pkey DO UPDATE SET name = excluded.name || ';' WHERE x.id <> 0 RETURNING id;
  UPDATE routines.t SET (name, n) = (SELECT 'x' AS name, 1 AS n) FROM LATERAL (SELECT 1) l (c) WHERE id = a;
  DELETE FROM ONLY routines.t USING routines.set_of() s WHERE t.id = s.id AND false;
  MERGE INTO routines.t m USING (VALUES (1)) v (c) ON m.id = v.c WHEN MATCHED AND m.n > 0 THEN UPDATE SET n = 0 WHEN NOT MATCHED THEN DO NOTHING;
  SELECT count(*) OVER w + grouping(id) FROM routines.t GROUP BY ROLLUP (id) WINDOW w AS (ORDER BY id ROWS 1 PRECEDING);
END;
CREATE FUNCTION group_by_key() RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT name FROM routines.t GROUP BY id; END;
CREATE FUNCTION returns_expression(a int) RETURNS int LANGUAGE sql RETURN a + routines.atomic(a);
CREATE FUNCTION mutual_a(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN routines.mutual_b($1); END';
CREATE FUNCTION mutual_b(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN routines.mutual_a($1); END';
CREATE FUNCTION win(anyelement) RETURNS anyelement LANGUAGE internal WINDOW IMMUTABLE STRICT AS 'window_last_value';
CREATE FUNCTION supported(int, int) RETURNS SETOF int LANGUAGE internal IMMUTABLE STRICT ROWS 77 SUPPORT pg_catalog.generate_series_int4_support AS 'generate_series_int4';
CREATE FUNCTION "other language"(a int) RETURNS int LANGUAGE "torture language" AS $$BEGIN RETURN a; END$$;
COMMENT ON FUNCTION f(int, VARIADIC text[]) IS 'the third';
CREATE PROCEDURE p(IN a int, OUT c int, INOUT b text DEFAULT 'x', VARIADIC d int[] DEFAULT '{}') LANGUAGE plpgsql AS $$BEGIN COMMIT; c := 1; END$$;
CREATE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC INSERT INTO routines.t SELECT 1 WHERE false; DELETE FROM routines.t WHERE false; END;
COMMENT ON PROCEDURE p(int, text, int[]) IS 'with all kinds of arguments';
COMMENT ON ROUTINE p() IS 'without';
CREATE PROCEDURE trusted_path() LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS '';

-- Aggregates of all kinds.
CREATE FUNCTION add(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE AGGREGATE total(int) (SFUNC = add, STYPE = int, INITCOND = '0', COMBINEFUNC = add, PARALLEL = SAFE, SSPACE = 100,
  MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = int, MINITCOND = '0', SORTOP = >);
CREATE AGGREGATE collect(anycompatible) (SFUNC = array_append, STYPE = anycompatiblearray, INITCOND = '{}');
CREATE AGGREGATE mean(float8) (SFUNC = float8_accum, STYPE = float8[], FINALFUNC = float8_avg, FINALFUNC_MODIFY = READ_ONLY,
  COMBINEFUNC = float8_combine, INITCOND = '{0,0,0}', PARALLEL = RESTRICTED);
CREATE AGGREGATE numeric_mean(numeric) (SFUNC = numeric_avg_accum, STYPE = internal, SSPACE = 128, FINALFUNC = numeric_avg,
  SERIALFUNC = numeric_avg_serialize, DESERIALFUNC = numeric_avg_deserialize, COMBINEFUNC = numeric_avg_combine,
  MSFUNC = numeric_avg_accum, MINVFUNC = numeric_accum_inv, MSTYPE = internal, MSSPACE = 256, MFINALFUNC = numeric_avg);
CREATE AGGREGATE "number of"(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0');
CREATE FUNCTION add_up(int, VARIADIC int[]) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT coalesce($1, 0) + sum(x)::int FROM unnest($2) x';
CREATE AGGREGATE sum_of_all(VARIADIC items int[]) (SFUNC = add_up, STYPE = int);
CREATE AGGREGATE nth(float8 ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final,
  FINALFUNC_EXTRA, FINALFUNC_MODIFY = READ_WRITE);
CREATE AGGREGATE "rank'"(VARIADIC "any" ORDER BY VARIADIC "any") (SFUNC = ordered_set_transition_multi, STYPE = internal, FINALFUNC = rank_final,
  FINALFUNC_EXTRA, HYPOTHETICAL);
COMMENT ON AGGREGATE "number of"(*) IS 'of rows';
COMMENT ON AGGREGATE nth(float8 ORDER BY anyelement) IS 'ordered set';
CREATE VIEW totals AS SELECT total(id) AS t, nth(0.5) WITHIN GROUP (ORDER BY name) AS h, "rank'"(5) WITHIN GROUP (ORDER BY id) AS r,
  "number of"(*) FILTER (WHERE id > 3) AS n, total(DISTINCT id) AS d, sum(total(id)) OVER (ORDER BY total(id)) AS s FROM t;

-- Operators, their classes and families.
CREATE FUNCTION lt(pair, pair) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1.a < $2.a';
CREATE FUNCTION le(pair, pair) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1.a <= $2.a';
CREATE FUNCTION eq(pair, pair) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1.a = $2.a';
CREATE FUNCTION ne(pair, pair) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT NOT routines.eq($1, $2)';
CREATE FUNCTION ge(pair, pair) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT routines.le($2, $1)';
CREATE FUNCTION gt(pair, pair) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT routines.lt($2, $1)';
CREATE FUNCTION compare(pair, pair) RETURNS int LANGUAGE plpgsql IMMUTABLE STRICT AS
  $$BEGIN RETURN CASE WHEN $1 OPERATOR(routines.<!) $2 THEN -1 WHEN routines.eq($1, $2) THEN 0 ELSE 1 END; END$$;
CREATE FUNCTION hash(pair) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS 'SELECT hashint4($1.a)';
CREATE OPERATOR <! (FUNCTION = lt, LEFTARG = pair, RIGHTARG = pair, COMMUTATOR = >!, NEGATOR = >=!, RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR <=! (FUNCTION = le, LEFTARG = pair, RIGHTARG = pair, COMMUTATOR = >=!, NEGATOR = >!);
CREATE OPERATOR =! (FUNCTION = eq, LEFTARG = pair, RIGHTARG = pair, COMMUTATOR = =!, NEGATOR = <>!, RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR <>! (FUNCTION = ne, LEFTARG = pair, RIGHTARG = pair, COMMUTATOR = <>!, NEGATOR = =!);
CREATE OPERATOR >=! (FUNCTION = ge, LEFTARG = pair, RIGHTARG = pair, COMMUTATOR = <=!, NEGATOR = <!);
CREATE OPERATOR >! (FUNCTION = gt, LEFTARG = pair, RIGHTARG = pair, COMMUTATOR = <!, NEGATOR = <=!);
CREATE OPERATOR "routines elsewhere".@#@ (FUNCTION = f, RIGHTARG = int);
CREATE OPERATOR + (FUNCTION = add, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR ?|~%^&!`@# (FUNCTION = add, LEFTARG = int, RIGHTARG = int, COMMUTATOR = ?|~%^&!`@#);
COMMENT ON OPERATOR <! (pair, pair) IS 'less';
COMMENT ON OPERATOR "routines elsewhere".@#@ (NONE, int) IS 'prefix';
CREATE VIEW uses_operators AS SELECT 1 OPERATOR(routines.+) 2 AS own, 1 + 2 AS built_in, OPERATOR("routines elsewhere".@#@) 5 AS prefix,
  2 OPERATOR(routines.?|~%^&!`@#) 3 AS long;
CREATE OPERATOR CLASS pair_order DEFAULT FOR TYPE pair USING btree AS OPERATOR 1 <!, OPERATOR 2 <=!, OPERATOR 3 =!, OPERATOR 4 >=!, OPERATOR 5 >!,
  FUNCTION 1 compare(pair, pair), FUNCTION 4 (pair, pair) btequalimage(oid);
CREATE OPERATOR CLASS pair_hash DEFAULT FOR TYPE pair USING hash AS OPERATOR 1 =!, FUNCTION 1 hash(pair);
CREATE OPERATOR FAMILY numbers USING btree;
CREATE OPERATOR CLASS int4s FOR TYPE int4 USING btree FAMILY numbers AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
  FUNCTION 1 btint4cmp(int4, int4), FUNCTION 2 btint4sortsupport(internal);
CREATE OPERATOR CLASS int8s FOR TYPE int8 USING btree FAMILY numbers AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
  FUNCTION 1 btint8cmp(int8, int8);
ALTER OPERATOR FAMILY numbers USING btree ADD OPERATOR 1 < (int4, int8), OPERATOR 2 <= (int4, int8), OPERATOR 3 = (int4, int8),
  OPERATOR 4 >= (int4, int8), OPERATOR 5 > (int4, int8), FUNCTION 1 (int4, int8) btint48cmp(int4, int8);
CREATE OPERATOR FAMILY empty USING gist;
CREATE OPERATOR CLASS nothing FOR TYPE text USING btree AS STORAGE text;
CREATE OPERATOR CLASS boxes FOR TYPE box USING gist AS OPERATOR 3 &&, OPERATOR 15 <-> (box, point) FOR ORDER BY float_ops,
  FUNCTION 1 gist_box_consistent(internal, box, smallint, oid, internal), FUNCTION 2 gist_box_union(internal, internal),
  FUNCTION 5 gist_box_penalty(internal, internal, internal), FUNCTION 6 gist_box_picksplit(internal, internal),
  FUNCTION 7 gist_box_same(box, box, internal), STORAGE box;
CREATE TABLE pairs (p pair PRIMARY KEY, n int, q pair, EXCLUDE USING hash (q WITH =!));
INSERT INTO pairs SELECT ROW(i, 'b')::pair, i, ROW(i, 'c')::pair FROM generate_series(1, 100) i;
CREATE INDEX ON pairs USING hash (p);
CREATE INDEX ON pairs (n int4s, q DESC NULLS LAST) WHERE p >! ROW(0, '')::pair;
CREATE TABLE by_pair (p pair, x int) PARTITION BY RANGE (p pair_order);
CREATE TABLE by_pair_1 PARTITION OF by_pair FOR VALUES FROM ('(1,a)') TO ('(5,b)');
CREATE TABLE by_pair_2 PARTITION OF by_pair DEFAULT;
INSERT INTO by_pair SELECT ROW(i, 'b')::pair, i FROM generate_series(1, 10) i;

-- Casts and transforms.
CREATE FUNCTION pair_of(int) RETURNS pair LANGUAGE sql IMMUTABLE AS 'SELECT ROW($1, $1::text)::routines.pair';
CREATE FUNCTION int_of(pair, typmod int, explicit bool) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.a';
CREATE CAST (int AS pair) WITH FUNCTION pair_of(int) AS ASSIGNMENT;
CREATE CAST (pair AS int) WITH FUNCTION int_of(pair, int, bool) AS IMPLICIT;
CREATE CAST (pair AS json) WITH INOUT;
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE CAST (varchar AS colour) WITH INOUT AS IMPLICIT;
CREATE DOMAIN number AS int;
CREATE TYPE small_range AS RANGE (subtype = int4);
CREATE TYPE oid42;
CREATE FUNCTION oid42_in(cstring) RETURNS oid42 LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION oid42_out(oid42) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE oid42 (LIKE = int4, INPUT = oid42_in, OUTPUT = oid42_out);
CREATE CAST (oid42 AS int4) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (int4 AS oid42) WITHOUT FUNCTION;
COMMENT ON CAST (int AS pair) IS 'there';
COMMENT ON CAST (pair AS json) IS 'and out';
CREATE TRANSFORM FOR pair LANGUAGE plpgsql (FROM SQL WITH FUNCTION prsd_lextype(internal));
CREATE FUNCTION transformed(pair) RETURNS int LANGUAGE plpgsql TRANSFORM FOR TYPE pair AS 'BEGIN RETURN 1; END';
COMMENT ON TRANSFORM FOR pair LANGUAGE plpgsql IS 'half of one';
CREATE VIEW casts AS SELECT 5::pair AS p, (ROW(1, 'x')::pair)::int + 1 AS i, 'red'::varchar::colour AS c, 42::oid42 AS o;
CREATE TABLE with_casts (c colour DEFAULT 'red'::varchar, p pair DEFAULT 7, CHECK (p::int > 0));
INSERT INTO with_casts DEFAULT VALUES;

-- Collations.
CREATE COLLATION "libc C" (PROVIDER = libc, LOCALE = 'C');
CREATE COLLATION "two parts" (PROVIDER = libc, LC_COLLATE = 'C', LC_CTYPE = 'C.UTF-8');
CREATE COLLATION "icu blind" (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
CREATE COLLATION "icu numeric" (PROVIDER = icu, LOCALE = 'en-u-kn-true');
CREATE COLLATION "like C" FROM "C";
COMMENT ON COLLATION "icu blind" IS 'to case';
CREATE TABLE collated (a text COLLATE "icu blind" PRIMARY KEY, b text COLLATE "icu numeric", c text COLLATE "two parts", CHECK (b > 'a' COLLATE "libc C"));
INSERT INTO collated VALUES ('Straße', 'a10', 'x'), ('b', 'a9', 'X'), ('É', 'b', 'é');
CREATE INDEX ON collated (b, c COLLATE "like C", (lower(a) COLLATE "icu numeric"));
CREATE TABLE by_text (a text COLLATE "icu numeric", b int) PARTITION BY RANGE (a COLLATE "C");
CREATE TABLE by_text_1 PARTITION OF by_text FOR VALUES FROM (MINVALUE) TO ('m');
CREATE TABLE by_text_2 PARTITION OF by_text FOR VALUES FROM ('m') TO (MAXVALUE);
INSERT INTO by_text VALUES ('a', 1), ('z', 2);

-- Conversions.
CREATE CONVERSION "to utf8" FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE DEFAULT CONVERSION "default one" FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
COMMENT ON CONVERSION "default one" IS 'default in its schema';

-- Text search.
CREATE TEXT SEARCH PARSER parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, HEADLINE = prsd_headline, LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE template (INIT = dsynonym_init, LEXIZE = dsynonym_lexize);
CREATE TEXT SEARCH DICTIONARY "a 'dictionary'" (TEMPLATE = snowball, Language = english, StopWords = english);
CREATE TEXT SEARCH DICTIONARY synonyms (TEMPLATE = template, synonyms = synonym_sample, casesensitive = true);
CREATE TEXT SEARCH DICTIONARY ispell (TEMPLATE = ispell, DictFile = ispell_sample, AffFile = ispell_sample);
CREATE TEXT SEARCH CONFIGURATION "the ""config""" (PARSER = parser);
ALTER TEXT SEARCH CONFIGURATION "the ""config""" ADD MAPPING FOR asciiword, word WITH synonyms, "a 'dictionary'";
ALTER TEXT SEARCH CONFIGURATION "the ""config""" ADD MAPPING FOR numword, email WITH simple;
CREATE TEXT SEARCH CONFIGURATION copied (COPY = english);
COMMENT ON TEXT SEARCH CONFIGURATION copied IS 'of english';
CREATE TABLE texts (t text, v tsvector GENERATED ALWAYS AS (to_tsvector('routines."the ""config"""', t)) STORED);
INSERT INTO texts (t) VALUES ('the quick brown foxes e@mail.org 42'), (NULL), ('');
CREATE INDEX ON texts USING gin (v);
CREATE INDEX ON texts USING gist (to_tsvector('routines.copied', t));
RESET search_path;
