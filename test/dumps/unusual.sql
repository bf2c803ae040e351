-- A database of what pg_dump rarely has to print, made by psql; test/t/dump_forms.pl dumps it in every form.
-- Needs the roles unusual_owner and "Unusual ""Reader""".

SET client_min_messages = warning;

CREATE SCHEMA odd;
COMMENT ON SCHEMA odd IS 'a schema''s comment; with $$ and \ in it';
CREATE SCHEMA "Evil ""schema"", with; everything";
CREATE SCHEMA elsewhere;
GRANT USAGE ON SCHEMA odd TO "Unusual ""Reader""";

--
-- Types
--

CREATE TYPE odd.mood AS ENUM ('sad', 'it''s', 'comma,', 'new
line', '"quoted"', '\', '');
ALTER TYPE odd.mood ADD VALUE 'between' BEFORE 'comma,';
COMMENT ON TYPE odd.mood IS 'an enum';
CREATE TYPE odd.point3 AS (x numeric(10,2), y double precision, "z z" text COLLATE "C");
COMMENT ON TYPE odd.point3 IS 'a composite type';
COMMENT ON COLUMN odd.point3."z z" IS 'a column of one';
CREATE TYPE odd.path3 AS (name text, points odd.point3[]);
CREATE FUNCTION odd.float8_distance(double precision, double precision) RETURNS double precision
  LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 - $2';
CREATE TYPE odd.float_range AS RANGE (SUBTYPE = double precision, SUBTYPE_DIFF = odd.float8_distance,
  MULTIRANGE_TYPE_NAME = odd.many_floats);
CREATE DOMAIN odd.positive AS integer DEFAULT 1 CONSTRAINT is_positive CHECK (VALUE > 0);
COMMENT ON DOMAIN odd.positive IS 'a domain';
COMMENT ON CONSTRAINT is_positive ON DOMAIN odd.positive IS 'a constraint of it';
CREATE DOMAIN odd.small AS odd.positive NOT NULL CHECK (VALUE < 100);
CREATE DOMAIN odd.several AS odd.positive[] CHECK (cardinality(VALUE) < 10);
CREATE FUNCTION odd.is_word(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $_$
BEGIN
  -- Unqualified, so it depends on the search path it sets itself.
  RETURN has_letters($1);
END
$_$ SET search_path = odd, pg_temp;
CREATE FUNCTION odd.has_letters(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT $1 ~ '^[[:alpha:]]+$'$$;
CREATE DOMAIN odd.word AS text CHECK (odd.is_word(VALUE));
CREATE DOMAIN odd.unproven AS integer;
CREATE COLLATION odd.by_code (provider = libc, locale = 'C');
COMMENT ON COLLATION odd.by_code IS 'a collation';

--
-- Functions, operators, casts
--

CREATE FUNCTION odd.unusual_arguments(IN a integer, OUT b integer, INOUT c text DEFAULT 'it''s',
  VARIADIC d integer[] DEFAULT '{}')
  LANGUAGE sql STABLE STRICT PARALLEL SAFE LEAKPROOF COST 12.5 SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  SET work_mem = '5MB' AS $a$ SELECT $1 + cardinality($3), $2 || $$ $1 $$ $a$;
COMMENT ON FUNCTION odd.unusual_arguments IS 'a function';
REVOKE ALL ON FUNCTION odd.unusual_arguments FROM PUBLIC;
GRANT EXECUTE ON FUNCTION odd.unusual_arguments TO "Unusual ""Reader""" WITH GRANT OPTION;
CREATE FUNCTION odd.returns_table(n integer) RETURNS TABLE (i integer, "J" text)
  LANGUAGE sql ROWS 7 AS 'SELECT i, repeat(''x'', i) FROM generate_series(1, n) i';
CREATE FUNCTION odd.backslashes() RETURNS text LANGUAGE sql IMMUTABLE AS '
SELECT ''
\. \! \restrict
''';
CREATE FUNCTION odd.dollars() RETURNS text LANGUAGE sql AS $dollars$SELECT $_$ $$;$$ $_$ || '$dollar$'$dollars$;
CREATE PROCEDURE odd.do_nothing(INOUT a integer) LANGUAGE plpgsql AS 'BEGIN a := a + 1; END';
COMMENT ON PROCEDURE odd.do_nothing IS 'a procedure';
CREATE FUNCTION odd.atomic(a integer) RETURNS integer LANGUAGE sql
  BEGIN ATOMIC
    SELECT 1;
    SELECT CASE WHEN a > 1 THEN a ELSE (SELECT odd.float8_distance(3, 1))::integer END;
  END;
CREATE FUNCTION odd.returned(a integer) RETURNS integer LANGUAGE sql RETURN a * 2;
CREATE FUNCTION odd.sum_state(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE RETURN coalesce($1, 0) + $2;
CREATE AGGREGATE odd.total(integer) (SFUNC = odd.sum_state, STYPE = integer, INITCOND = '5', PARALLEL = safe,
  COMBINEFUNC = odd.sum_state);
COMMENT ON AGGREGATE odd.total(integer) IS 'an aggregate';
CREATE AGGREGATE odd.percentile(double precision ORDER BY double precision) (SFUNC = ordered_set_transition,
  STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
CREATE FUNCTION odd.nearly(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN abs($1 - $2) < 2;
CREATE FUNCTION odd.not_nearly(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN abs($1 - $2) >= 2;
CREATE OPERATOR odd.~=~ (FUNCTION = odd.nearly, LEFTARG = integer, RIGHTARG = integer, COMMUTATOR = OPERATOR(odd.~=~),
  RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE OPERATOR odd.!~=~ (FUNCTION = odd.not_nearly, LEFTARG = integer, RIGHTARG = integer,
  NEGATOR = OPERATOR(odd.~=~), COMMUTATOR = OPERATOR(odd.!~=~));
COMMENT ON OPERATOR odd.~=~ (integer, integer) IS 'an operator';
CREATE OPERATOR FAMILY odd.numbers USING btree;
COMMENT ON OPERATOR FAMILY odd.numbers USING btree IS 'an operator family';
CREATE FUNCTION odd.compare_backwards(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE
  RETURN sign($2 - $1)::integer;
CREATE OPERATOR CLASS odd.backwards FOR TYPE integer USING btree FAMILY odd.numbers AS
  OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <,
  FUNCTION 1 odd.compare_backwards(integer, integer);
CREATE FUNCTION odd.mood_number(odd.mood) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT length($1::text)';
CREATE CAST (odd.mood AS integer) WITH FUNCTION odd.mood_number(odd.mood) AS ASSIGNMENT;
COMMENT ON CAST (odd.mood AS integer) IS 'a cast';
CREATE CAST (text AS odd.mood) WITH INOUT;
CREATE CONVERSION odd.latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
COMMENT ON CONVERSION odd.latin IS 'a conversion';

CREATE TEXT SEARCH DICTIONARY odd.simple_words (TEMPLATE = pg_catalog.simple, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION odd.search (PARSER = pg_catalog."default");
ALTER TEXT SEARCH CONFIGURATION odd.search ADD MAPPING FOR asciiword, word WITH odd.simple_words, simple;
COMMENT ON TEXT SEARCH CONFIGURATION odd.search IS 'a configuration';
COMMENT ON TEXT SEARCH DICTIONARY odd.simple_words IS 'a dictionary';

--
-- Tables
--

CREATE TABLE odd.nothing ();
INSERT INTO odd.nothing DEFAULT VALUES;
INSERT INTO odd.nothing DEFAULT VALUES;
COMMENT ON TABLE odd.nothing IS 'a table without columns, with rows';

CREATE TABLE odd.numbered (
  id bigint GENERATED ALWAYS AS IDENTITY (START WITH 100 INCREMENT BY -5 MINVALUE -1000 MAXVALUE 100 CYCLE)
    PRIMARY KEY,
  other integer GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME odd."other's numbers" START 7 CACHE 3) UNIQUE,
  name text COLLATE odd.by_code NOT NULL,
  upper_name text GENERATED ALWAYS AS (upper(name)) STORED,
  plus integer GENERATED ALWAYS AS (other + 1) STORED,
  said text DEFAULT 'it''s' || chr(10),
  serial_number serial,
  CONSTRAINT "name is ""short""" CHECK (length(name) < 20) NO INHERIT
);
INSERT INTO odd.numbered (name, said) SELECT 'name ' || i, NULLIF(i % 3, 0) FROM generate_series(1, 25) i;
ALTER TABLE odd.numbered ADD CONSTRAINT unproven CHECK (other > 20) NOT VALID;
COMMENT ON COLUMN odd.numbered.upper_name IS 'generated';
COMMENT ON CONSTRAINT "name is ""short""" ON odd.numbered IS 'a constraint';
COMMENT ON CONSTRAINT numbered_pkey ON odd.numbered IS 'a primary key';
COMMENT ON INDEX odd.numbered_other_key IS 'an index of a constraint';

CREATE TABLE odd."values" (
  id integer PRIMARY KEY,
  b bytea, bits bit(5), varbits bit varying, n numeric, n2 numeric(6,2), f4 real, f8 double precision, m money,
  c "char", ch character(6), t text, nm name, bool boolean, d date, ts timestamp, tz timestamptz(3), ti time,
  tt timetz,
  iv interval day to second, j json, jb jsonb, x xml, u uuid, ip inet, net cidr, mac macaddr, mac8 macaddr8, p point,
  poly polygon, circ circle, v tsvector, q tsquery, path jsonpath, r int4range, mr nummultirange, fr odd.float_range,
  fmr odd.many_floats, e odd.mood, es odd.mood[], comp odd.point3, path3 odd.path3, dom odd.small, doms odd.several,
  word odd.word, a integer[], a2 text[][], o oid, lsn pg_lsn, vec oidvector
);
INSERT INTO odd."values" VALUES
(1, '\x00ff5c0a', B'10101', B'', 'NaN', 1.50, 'NaN', '-Infinity', 12.34, '\', 'ab',
 E'tab\t newline\n cr\r back\\ bell\b\f\v end', 'name', true, 'infinity', '-infinity', '2022-02-02 02:02:02.1235+02',
 '24:00', '23:59:59.999999+14', '1 day 02:03:04.5', '{"a" : 1, "a":2}', '{"a": null}', '<a b="c">&amp;</a>',
 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '::1/128', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05',
 '(1,-2.5)', '((0,0),(1,1),(1,0))', '<(0,0),3>', $$'a b':1A 'it''s':2$$, $$'a' & !'b c'$$, '$.a[*]?(@ > 1)', '[1,5)',
 '{[1,2),(3,)}', '(-Infinity,1e300]', '{(1,2),(3,4)}', E'new\nline', ARRAY['', 'comma,', NULL, '"quoted"',
 '\']::odd.mood[],
 ROW('1e-2', 'Infinity', E'a "b", (c)\n\\'), ROW('p', ARRAY[ROW(1, 2, NULL)::odd.point3, NULL]), 99, '[3:5]={1,2,3}',
 'Word', '[0:2]={1,NULL,-3}', '{{a,"b c"},{NULL,"NULL"}}', 4294967295, 'FFFFFFFF/0', '1 2 3'),
(2, '', B'00000', B'1', 'Infinity', 0, '-0', '5e-324', -0.01, '', '', '', '', false, '4713-01-01 BC',
 '294276-12-31 23:59:59.999999', '4713-01-01 00:00:00 BC', '00:00', '00:00-12', '-1 day', 'null', '[]', '',
 '00000000-0000-0000-0000-000000000000', '1.2.3.4', '::/0', '00:00:00:00:00:00', '00:00:00:00:00:00:00:00',
 '(NaN,Infinity)', '((0,0))',
 '<(0,0),0>', '', '', 'strict $', 'empty', '{}', 'empty', '{}', '', '{}', ROW(NULL, NULL, NULL), ROW(NULL, '{}'), 1,
 '{}',
 'a', '{}', '{}', 0, '0/0', '');
INSERT INTO odd."values" (id, n, t, dom) VALUES (3, '-1e-300', '\N', 5);
INSERT INTO odd."values" (id, n, f4, f8, t, dom)
VALUES (4, 123456789012345678901234567890.123456789, 1.1754944e-38, 1.7976931348623157e308, '\.', 6);
INSERT INTO odd."values" (id, t, dom, b)
SELECT 5, string_agg(md5(i::text), ''), 7, decode(string_agg(md5(i::text), ''), 'hex')
  FROM generate_series(1, 2000) i;

CREATE TABLE odd.uses_unproven (n odd.unproven);
INSERT INTO odd.uses_unproven VALUES (13), (14);
ALTER DOMAIN odd.unproven ADD CONSTRAINT later CHECK (VALUE <> 13) NOT VALID;
COMMENT ON CONSTRAINT later ON DOMAIN odd.unproven IS 'not proved';

-- What functions of the dump make while rows are loaded.
CREATE TYPE odd.base;
CREATE FUNCTION odd.base_in(cstring) RETURNS odd.base LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION odd.base_out(odd.base) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE odd.base (INPUT = odd.base_in, OUTPUT = odd.base_out, LIKE = text, CATEGORY = 'S', COLLATABLE = true);
COMMENT ON TYPE odd.base IS 'a base type';
CREATE TABLE odd.uses_base (b odd.base, bs odd.base[]);
INSERT INTO odd.uses_base VALUES ('x', '{a,b}'), (NULL, '{}');
CREATE FUNCTION odd.twice(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN odd.once($1) * 2; END';
CREATE FUNCTION odd.once(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE TABLE odd.computed (a integer, b integer GENERATED ALWAYS AS (odd.twice(a)) STORED, CHECK (odd.twice(a) > 0));
INSERT INTO odd.computed VALUES (1), (2);
CREATE INDEX computed_twice ON odd.computed (odd.twice(b));
CREATE FUNCTION odd.total_computed() RETURNS bigint LANGUAGE plpgsql
  AS 'BEGIN RETURN (SELECT sum(b) FROM odd.computed); END';
CREATE MATERIALIZED VIEW odd.total_of_computed AS SELECT odd.total_computed();
CREATE TABLE odd.rows_of (c odd.computed, cs odd.computed[]);
INSERT INTO odd.rows_of SELECT c, ARRAY[c] FROM odd.computed c;
CREATE DOMAIN odd.checked_row AS odd.computed CHECK ((VALUE).a > 0);
CREATE TABLE odd.uses_checked_row (c odd.checked_row, cs odd.checked_row[]);
INSERT INTO odd.uses_checked_row SELECT c, ARRAY[c::odd.checked_row] FROM odd.computed c;

CREATE TABLE odd.only_text (line text);
INSERT INTO odd.only_text
VALUES ('\.'), ('\N'), (''), (NULL), (E'\\.\n\\.'), ('--'), (''';'), (E'\\'), (E'\t'), ('$$'), (E'\r\n');

-- Stored properties of tables and columns.
CREATE UNLOGGED TABLE odd.stored (a text COMPRESSION pglz, b text, c integer)
  WITH (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_vacuum_cost_delay = 5,
  toast_tuple_target = 4080);
ALTER TABLE odd.stored ALTER a SET STATISTICS 77, ALTER a SET STORAGE external, ALTER b SET (n_distinct = -0.5),
  ALTER b SET STORAGE main;
ALTER TABLE odd.stored REPLICA IDENTITY FULL;
INSERT INTO odd.stored VALUES (repeat('a', 5000), repeat('b', 5000), 1);
CREATE TABLE odd.typed OF odd.point3 (x WITH OPTIONS NOT NULL DEFAULT 3, CONSTRAINT typed_x_key UNIQUE (x));
INSERT INTO odd.typed VALUES (1.25, 2, 'typed');

-- Names.
CREATE TABLE "Evil ""schema"", with; everything"."select" (
  "from" integer PRIMARY KEY, "a.b" text, "new
line" text, "quote""d" text, "back\slash" text, "'; DROP TABLE x; --" text, "$$" text, "pг📼" text,
  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn" text, " " text, "%s%n" text
);
INSERT INTO "Evil ""schema"", with; everything"."select"
SELECT i, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', '%s' FROM generate_series(1, 3) i;
CREATE INDEX "in""dex
" ON "Evil ""schema"", with; everything"."select" ("quote""d", ("new
line" || "$$"));
COMMENT ON INDEX "Evil ""schema"", with; everything"."in""dex
" IS E'a comment\nof lines; with ''quotes'' and \\';
COMMENT ON COLUMN "Evil ""schema"", with; everything"."select"."$$" IS '$$';
CREATE TABLE "Evil ""schema"", with; everything"."таблица" (
  "ключ" integer PRIMARY KEY REFERENCES "Evil ""schema"", with; everything"."select"
);
INSERT INTO "Evil ""schema"", with; everything"."таблица" VALUES (2);
CREATE VIEW "Evil ""schema"", with; everything"."v'i""e\w" AS
SELECT "from" AS "where", '\' AS "\" FROM "Evil ""schema"", with; everything"."select";
CREATE SEQUENCE "Evil ""schema"", with; everything"."s'e""q";
SELECT setval('"Evil ""schema"", with; everything"."s''e""q"', 42);
CREATE FUNCTION "Evil ""schema"", with; everything"."f(integer)"("a b" integer) RETURNS text
  LANGUAGE sql AS 'SELECT ''x''';
COMMENT ON FUNCTION "Evil ""schema"", with; everything"."f(integer)"(integer) IS 'of an evil name';
CREATE TYPE "Evil ""schema"", with; everything"."t""y;pe" AS ENUM ('--', '/*');
CREATE TABLE "Evil ""schema"", with; everything"."user" (
  e "Evil ""schema"", with; everything"."t""y;pe" DEFAULT '--', n integer
);
INSERT INTO "Evil ""schema"", with; everything"."user" VALUES ('/*', 1), (DEFAULT, 2);
CREATE TRIGGER "trig""ger" BEFORE UPDATE ON "Evil ""schema"", with; everything"."user" FOR EACH ROW
  WHEN (OLD.n > 1) EXECUTE FUNCTION suppress_redundant_updates_trigger();
COMMENT ON TRIGGER "trig""ger" ON "Evil ""schema"", with; everything"."user" IS 'a "trigger"';

-- Inheritance.
CREATE TABLE odd.mother (id integer NOT NULL, name text DEFAULT 'm', CONSTRAINT has_name CHECK (name <> ''));
CREATE TABLE odd.father (id integer NOT NULL, height numeric);
CREATE TABLE odd.child (toys text[], name text DEFAULT 'c') INHERITS (odd.mother, odd.father);
CREATE TABLE odd.grandchild (LIKE odd.child INCLUDING ALL) INHERITS (odd.child);
INSERT INTO odd.mother VALUES (1, 'Ada');
INSERT INTO odd.father VALUES (2, 1.8);
INSERT INTO odd.child VALUES (3, 'Cy', 1.1, '{ball}');
INSERT INTO odd.grandchild VALUES (4, 'Di', 0.6, '{}');
CREATE INDEX mother_name ON odd.mother (name);
ALTER TABLE odd.child ADD CONSTRAINT id_is_large CHECK (id > 3) NOT VALID;
ALTER TABLE odd.mother ADD CONSTRAINT id_is_large CHECK (id > 3) NOT VALID;
COMMENT ON CONSTRAINT id_is_large ON odd.mother IS 'not proved';

-- Partitions: of several levels, with columns in another order, default ones, an index that is not on every part.
CREATE TABLE odd.parted (id integer NOT NULL, at date NOT NULL, kind text, amount numeric DEFAULT 0)
  PARTITION BY RANGE (at);
CREATE TABLE odd.parted_2021 PARTITION OF odd.parted FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
CREATE TABLE odd.parted_2022 (amount numeric DEFAULT 22, at date NOT NULL, kind text, id integer NOT NULL)
  PARTITION BY LIST (kind);
CREATE TABLE odd.parted_2022_a PARTITION OF odd.parted_2022 FOR VALUES IN ('a', NULL);
CREATE TABLE odd.parted_2022_hash PARTITION OF odd.parted_2022 FOR VALUES IN ('b') PARTITION BY HASH (id);
CREATE TABLE elsewhere.parted_2022_hash_0 PARTITION OF odd.parted_2022_hash FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE elsewhere.parted_2022_hash_1 PARTITION OF odd.parted_2022_hash FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE odd.parted_2022_other PARTITION OF odd.parted_2022 DEFAULT;
ALTER TABLE odd.parted ATTACH PARTITION odd.parted_2022 FOR VALUES FROM ('2022-01-01') TO ('2023-01-01');
CREATE TABLE odd.parted_other PARTITION OF odd.parted DEFAULT;
CREATE TABLE odd.parted_empty PARTITION OF odd.parted FOR VALUES FROM (MINVALUE) TO ('0001-01-01 BC');
ALTER TABLE odd.parted ADD CONSTRAINT parted_key PRIMARY KEY (id, at, kind);
ALTER TABLE odd.parted ALTER COLUMN amount SET STATISTICS 5;
CREATE INDEX parted_kind ON odd.parted (kind);
COMMENT ON INDEX odd.parted_kind IS 'a partitioned index';
CREATE INDEX parted_amount ON ONLY odd.parted (amount);
CREATE INDEX parted_2021_amount ON odd.parted_2021 (amount);
ALTER INDEX odd.parted_amount ATTACH PARTITION odd.parted_2021_amount;
INSERT INTO odd.parted
SELECT i, date '2020-12-01' + i * 20, (ARRAY['a', 'b', 'c'])[i % 3 + 1], i FROM generate_series(1, 60) i;
CREATE TABLE odd.refers (
  id integer, at date, kind text, FOREIGN KEY (id, at, kind) REFERENCES odd.parted (id, at, kind)
) PARTITION BY HASH (id);
CREATE TABLE odd.refers_0 PARTITION OF odd.refers FOR VALUES WITH (MODULUS 1, REMAINDER 0);
INSERT INTO odd.refers SELECT id, at, kind FROM odd.parted WHERE id % 2 = 0;

-- Keys.
CREATE TABLE odd.keys (
  a integer, b integer, c integer, during daterange, here point, code text NOT NULL,
  PRIMARY KEY (a, b) INCLUDE (c) WITH (fillfactor = 50),
  CONSTRAINT b_key UNIQUE (b),
  CONSTRAINT later UNIQUE (b, a) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT no_twice UNIQUE NULLS NOT DISTINCT (c),
  CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&) WHERE (a > 0) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT no_same_place EXCLUDE USING gist (here WITH ~=),
  CONSTRAINT code_key UNIQUE (code)
);
COMMENT ON CONSTRAINT no_overlap ON odd.keys IS 'an exclusion constraint';
INSERT INTO odd.keys
SELECT i, i, i, daterange(date '2022-01-01' + i, date '2022-01-01' + i + 1), point(i, i), 'c' || i
  FROM generate_series(1, 9) i;
CREATE UNIQUE INDEX keys_partial ON odd.keys (b, a) INCLUDE (code) WHERE c > 2;
CREATE INDEX keys_expression ON odd.keys (lower(code) COLLATE "C" text_pattern_ops DESC NULLS LAST, (a + b))
  WITH (deduplicate_items = off);
ALTER INDEX odd.keys_expression ALTER COLUMN 2 SET STATISTICS 33;
CREATE INDEX keys_odd ON odd.keys (a odd.backwards, b);
CREATE INDEX keys_brin ON odd.keys USING brin (a) WITH (pages_per_range = 4);
CREATE INDEX keys_hash ON odd.keys USING hash (code);
CREATE INDEX keys_spgist ON odd.keys USING spgist (here);
CREATE INDEX keys_word ON odd.keys ((odd.is_word(code)));
CREATE INDEX values_gin ON odd."values" USING gin (jb jsonb_path_ops) WITH (fastupdate = off);
COMMENT ON INDEX odd.keys_partial IS 'an index';
CREATE UNIQUE INDEX keys_identity ON odd.keys (code, a, b);
ALTER TABLE odd.keys REPLICA IDENTITY USING INDEX keys_identity;
CREATE INDEX numbered_name ON odd.numbered (name);
ALTER TABLE odd.numbered CLUSTER ON numbered_name;
CREATE TABLE odd.tree (
  id integer PRIMARY KEY, parent integer REFERENCES odd.tree ON DELETE CASCADE, a integer, b integer, c integer,
  CONSTRAINT full_match FOREIGN KEY (a, b) REFERENCES odd.keys MATCH FULL ON UPDATE CASCADE ON DELETE SET NULL (b)
    DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON CONSTRAINT full_match ON odd.tree IS 'a foreign key';
INSERT INTO odd.tree VALUES (2, NULL, 1, 1), (1, 2, NULL, NULL), (3, 3, 2, 2);
INSERT INTO odd.tree VALUES (4, 3, 2, 2, 99);
ALTER TABLE odd.tree ADD CONSTRAINT broken FOREIGN KEY (c) REFERENCES odd.keys (b) NOT VALID;
CREATE TABLE odd.hen (id integer PRIMARY KEY, egg integer);
CREATE TABLE odd.egg (id integer PRIMARY KEY, hen integer REFERENCES odd.hen);
INSERT INTO odd.hen VALUES (1, 1);
INSERT INTO odd.egg VALUES (1, 1);
ALTER TABLE odd.hen ADD CONSTRAINT from_egg FOREIGN KEY (egg) REFERENCES odd.egg;
CREATE TABLE elsewhere.refers_to_odd (id integer REFERENCES odd.keys (b), mood odd.mood DEFAULT 'sad',
  n odd.positive);
INSERT INTO elsewhere.refers_to_odd VALUES (3, 'comma,', 3);

CREATE TABLE odd.registered (
  r regclass, p regprocedure, f regproc, t regtype, n regnamespace, co regcollation, ro regrole, op regoperator,
  cfg regconfig, dict regdictionary, rs regclass[]
);
INSERT INTO odd.registered VALUES
('odd.keys', 'odd.nearly(integer, integer)', 'odd.is_word', 'odd.mood[]', 'odd', 'odd.by_code', 'unusual_owner',
 'odd.~=~(integer, integer)', 'odd.search', 'odd.simple_words',
 ARRAY['odd."values"', '"Evil ""schema"", with; everything"."select"']::regclass[]);
CREATE SEQUENCE odd.keys_seq;
CREATE TABLE odd.defaults_to_class (r regclass DEFAULT 'odd.keys'::regclass,
  n integer DEFAULT nextval('odd.keys_seq'));

CREATE STATISTICS odd.related (ndistinct, dependencies) ON a, b FROM odd.keys;
CREATE STATISTICS odd.frequent (mcv) ON a, c, b FROM odd.keys;
CREATE STATISTICS odd.computed ON (a + b), lower(code) FROM odd.keys;
ALTER STATISTICS odd.frequent SET STATISTICS 55;
COMMENT ON STATISTICS odd.related IS 'statistics';

--
-- Sequences
--

CREATE SEQUENCE odd.never_used START 5;
CREATE SEQUENCE odd.descending AS smallint INCREMENT BY -3 MAXVALUE 10 MINVALUE -10 START 10 CYCLE CACHE 2;
SELECT nextval('odd.descending'), nextval('odd.descending');
CREATE SEQUENCE odd.used_once;
SELECT nextval('odd.used_once');
CREATE SEQUENCE odd.at_its_end MAXVALUE 3;
SELECT setval('odd.at_its_end', 3);
CREATE SEQUENCE odd.large MAXVALUE 9223372036854775807;
SELECT setval('odd.large', 9223372036854775807, false);
CREATE SEQUENCE odd.owned OWNED BY odd.keys.c;
COMMENT ON SEQUENCE odd.owned IS 'a sequence';
CREATE TABLE elsewhere.uses_sequence (id integer DEFAULT nextval('odd.used_once'),
  other integer DEFAULT nextval('odd.never_used'::text));

--
-- Views
--

CREATE VIEW odd.by_key AS SELECT n.id, n.name, n.said, count(*) AS times FROM odd.numbered n GROUP BY n.id;
COMMENT ON VIEW odd.by_key IS 'groups by the primary key alone';
CREATE VIEW odd.by_parted_key AS SELECT id, at, kind, amount, count(*) FROM odd.parted GROUP BY id, at, kind;
CREATE VIEW odd.checked WITH (security_barrier, security_invoker) AS SELECT * FROM odd.keys WHERE a > 1
  WITH LOCAL CHECK OPTION;
CREATE VIEW odd.checked_more AS SELECT * FROM odd.checked WHERE b > 1 WITH CASCADED CHECK OPTION;
ALTER VIEW odd.checked ALTER COLUMN a SET DEFAULT 8;
COMMENT ON COLUMN odd.checked.a IS 'a column of a view';
CREATE RECURSIVE VIEW odd.descent (id, depth) AS SELECT id, 0 FROM odd.tree WHERE parent IS NULL
  UNION ALL SELECT t.id, d.depth + 1 FROM odd.tree t JOIN descent d ON t.parent = d.id AND t.id <> d.id;
CREATE VIEW odd."uses names" AS SELECT s."$$" AS "%", s."quote""d", k.*
  FROM "Evil ""schema"", with; everything"."select" s JOIN odd.keys k ON k.a = s."from";
CREATE VIEW odd.with_types AS SELECT 'sad'::odd.mood AS m, ROW(1, 2, 'z')::odd.point3 AS p,
  (ROW(1, 2, 'z')::odd.point3)."z z",
  1 OPERATOR(odd.~=~) 2 AS near, odd.total(a) OVER (PARTITION BY b ORDER BY a) AS t,
  (odd.unusual_arguments(a, 'c', VARIADIC '{1}')).b AS u FROM odd.keys;
CREATE MATERIALIZED VIEW odd.counted WITH (fillfactor = 60) AS SELECT kind, count(*) AS n, sum(amount)
  FROM odd.parted GROUP BY kind;
CREATE UNIQUE INDEX counted_kind ON odd.counted (kind);
ALTER MATERIALIZED VIEW odd.counted CLUSTER ON counted_kind;
COMMENT ON MATERIALIZED VIEW odd.counted IS 'a materialized view';
CREATE MATERIALIZED VIEW odd.counted_twice AS SELECT count(*) AS kinds, max(n) AS most FROM odd.counted;
CREATE MATERIALIZED VIEW elsewhere.counted_thrice AS SELECT * FROM odd.counted_twice, odd.by_key;
CREATE MATERIALIZED VIEW odd.not_filled AS SELECT 1 AS one FROM odd.counted WITH NO DATA;
CREATE STATISTICS odd.of_view ON kind, n FROM odd.counted;

--
-- Triggers, rules, policies
--

CREATE FUNCTION odd.note_it() RETURNS trigger LANGUAGE plpgsql
  AS 'BEGIN RAISE EXCEPTION ''no trigger fires while rows are loaded''; END';
CREATE TRIGGER on_insert BEFORE INSERT OR UPDATE OF b ON odd.keys FOR EACH ROW WHEN (NEW.a > 1000)
  EXECUTE FUNCTION odd.note_it('a', 'it''s');
CREATE TRIGGER at_statement AFTER INSERT ON odd.keys REFERENCING NEW TABLE AS "new ones" FOR EACH STATEMENT
  EXECUTE FUNCTION odd.note_it();
CREATE TRIGGER disabled BEFORE INSERT ON odd.keys FOR EACH ROW EXECUTE FUNCTION odd.note_it();
CREATE TRIGGER always BEFORE DELETE ON odd.keys FOR EACH ROW EXECUTE FUNCTION odd.note_it();
CREATE TRIGGER on_replica BEFORE TRUNCATE ON odd.keys EXECUTE FUNCTION odd.note_it();
ALTER TABLE odd.keys DISABLE TRIGGER disabled, ENABLE ALWAYS TRIGGER always, ENABLE REPLICA TRIGGER on_replica;
COMMENT ON TRIGGER disabled ON odd.keys IS 'a trigger';
CREATE CONSTRAINT TRIGGER checks_later AFTER INSERT ON odd.hen FROM odd.egg DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION odd.note_it();
CREATE TRIGGER on_parts AFTER INSERT ON odd.parted FOR EACH ROW EXECUTE FUNCTION odd.note_it();
ALTER TABLE odd.parted_2021 DISABLE TRIGGER on_parts;
CREATE TRIGGER instead_of INSTEAD OF INSERT ON odd.by_key FOR EACH ROW EXECUTE FUNCTION odd.note_it();
CREATE RULE also AS ON INSERT TO odd.tree WHERE NEW.id > 100
  DO ALSO INSERT INTO odd.only_text VALUES ('rule; '' fired');
CREATE RULE instead AS ON DELETE TO odd.tree DO INSTEAD NOTHING;
ALTER TABLE odd.tree DISABLE RULE instead;
COMMENT ON RULE also ON odd.tree IS 'a rule';
CREATE RULE on_view AS ON UPDATE TO odd.by_key DO INSTEAD (UPDATE odd.numbered SET said = NEW.said
  WHERE id = OLD.id; NOTIFY "a b");
CREATE TABLE odd.secret (id integer, who name DEFAULT CURRENT_USER);
INSERT INTO odd.secret VALUES (1, 'a'), (2, 'b');
ALTER TABLE odd.secret ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON odd.secret USING (who = CURRENT_USER) WITH CHECK (id < (SELECT max(a) FROM odd.keys));
CREATE POLICY reader ON odd.secret AS RESTRICTIVE FOR SELECT TO "Unusual ""Reader""", unusual_owner USING (true);
COMMENT ON POLICY own ON odd.secret IS 'a policy';
ALTER TABLE elsewhere.refers_to_odd ENABLE ROW LEVEL SECURITY;

--
-- Owners and privileges
--

ALTER TABLE odd.secret OWNER TO unusual_owner;
ALTER TYPE odd.mood OWNER TO unusual_owner;
ALTER FUNCTION odd.returned(integer) OWNER TO unusual_owner;
ALTER VIEW odd.checked OWNER TO unusual_owner;
ALTER SEQUENCE odd.descending OWNER TO unusual_owner;
GRANT SELECT, INSERT ON odd.keys TO "Unusual ""Reader""" WITH GRANT OPTION;
GRANT UPDATE (c, b), SELECT (a) ON odd.tree TO "Unusual ""Reader""", PUBLIC;
GRANT USAGE ON SEQUENCE odd.owned TO PUBLIC;
GRANT ALL ON odd.by_key TO unusual_owner;
REVOKE USAGE ON TYPE odd.positive FROM PUBLIC;
REVOKE ALL ON odd.nothing FROM CURRENT_USER;
SET SESSION AUTHORIZATION "Unusual ""Reader""";
GRANT SELECT ON odd.keys TO unusual_owner;
RESET SESSION AUTHORIZATION;
ALTER DEFAULT PRIVILEGES IN SCHEMA odd GRANT SELECT ON TABLES TO "Unusual ""Reader""";
ALTER DEFAULT PRIVILEGES FOR ROLE unusual_owner IN SCHEMA odd GRANT EXECUTE ON FUNCTIONS TO "Unusual ""Reader""";

REFRESH MATERIALIZED VIEW odd.counted;
REFRESH MATERIALIZED VIEW odd.counted_twice;
REFRESH MATERIALIZED VIEW elsewhere.counted_thrice;
