-- Types of one's own of every sort, on top of each other, and rows of them.
CREATE SCHEMA types;
CREATE SCHEMA "types elsewhere";
SET search_path = types;

-- Enums, whose order is not that of their OIDs.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE mood ADD VALUE 'worse' BEFORE 'sad';
ALTER TYPE mood ADD VALUE 'so so' BEFORE 'ok';
ALTER TYPE mood ADD VALUE 'it''s "great" \ , {}()' AFTER 'happy';
ALTER TYPE mood ADD VALUE '' AFTER 'so so';
ALTER TYPE mood RENAME VALUE 'ok' TO 'okay';
CREATE TYPE nothing AS ENUM ();
CREATE TYPE same_name AS ENUM ('x');
CREATE TYPE "types elsewhere".same_name AS ENUM ('y');

-- Domains over everything, over each other.
CREATE DOMAIN positive AS int DEFAULT 1 CONSTRAINT "is > 0" CHECK (VALUE > 0) CHECK (VALUE < 1000000);
CREATE DOMAIN small AS positive CHECK (VALUE < 1000);
CREATE DOMAIN required AS text COLLATE "C" NOT NULL DEFAULT 'it''s';
CREATE DOMAIN unproven AS int;
CREATE TABLE uses_unproven (a unproven, b unproven[]);
INSERT INTO uses_unproven VALUES (-1, '{-2,3}');
ALTER DOMAIN unproven ADD CONSTRAINT unproven_check CHECK (VALUE > 0) NOT VALID;
COMMENT ON CONSTRAINT unproven_check ON DOMAIN unproven IS 'rows that were there need not pass';
CREATE DOMAIN list AS int[] CHECK (array_length(VALUE, 1) < 5);
CREATE DOMAIN matrix AS positive[] CHECK (VALUE IS NULL OR VALUE[1] IS NOT NULL);
CREATE DOMAIN feeling AS mood CHECK (VALUE <> 'worse');
CREATE DOMAIN weekday AS text CHECK (VALUE ~ '^\w+$' AND VALUE NOT LIKE '%\%');
CREATE FUNCTION is_even(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 2 = 0';
CREATE DOMAIN even AS int CHECK (types.is_even(VALUE));

-- Composites, in each other, in arrays, under domains.
CREATE TYPE point3 AS (x float8, y float8, "z ""z""" numeric(10,2));
CREATE TYPE tagged AS (name text COLLATE "C", feelings feeling[], place point3, many point3[], "when" tstzrange);
CREATE TYPE empty AS ();
CREATE DOMAIN valid_point AS point3 CHECK ((VALUE).x >= 0);
ALTER TYPE point3 ADD ATTRIBUTE gone int;
ALTER TYPE point3 DROP ATTRIBUTE gone;
COMMENT ON TYPE point3 IS 'three';
COMMENT ON COLUMN point3."z ""z""" IS 'the third';

-- Ranges: over own types, with own support functions, with names for their multiranges.
CREATE FUNCTION difference(float8, float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT $1 - $2';
CREATE TYPE float_range AS RANGE (subtype = float8, subtype_diff = types.difference);
CREATE TYPE feeling_range AS RANGE (subtype = mood, multirange_type_name = "many ""moods""");
CREATE TYPE name_range AS RANGE (subtype = text, collation = "C", subtype_opclass = text_pattern_ops);
CREATE TYPE positive_range AS RANGE (subtype = small);
CREATE TYPE stepped;
CREATE FUNCTION stepped_canonical(stepped) RETURNS stepped LANGUAGE internal IMMUTABLE STRICT AS 'int4range_canonical';
CREATE TYPE stepped AS RANGE (subtype = int4, canonical = stepped_canonical, subtype_diff = int4range_subdiff);

-- Base types, made of the server's own functions, and a shell that never became one.
CREATE TYPE shell;
COMMENT ON TYPE shell IS 'only a name';
CREATE TYPE int42;
CREATE FUNCTION int42_in(cstring) RETURNS int42 LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION int42_out(int42) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE FUNCTION int42_recv(internal) RETURNS int42 LANGUAGE internal IMMUTABLE STRICT AS 'int4recv';
CREATE FUNCTION int42_send(int42) RETURNS bytea LANGUAGE internal IMMUTABLE STRICT AS 'int4send';
CREATE TYPE int42 (INTERNALLENGTH = 4, INPUT = int42_in, OUTPUT = int42_out, RECEIVE = int42_recv, SEND = int42_send, ALIGNMENT = int4,
  STORAGE = plain, DEFAULT = '42', PASSEDBYVALUE, CATEGORY = 'U', PREFERRED = false, DELIMITER = ';');
CREATE TYPE words;
CREATE FUNCTION words_in(cstring) RETURNS words LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION words_out(words) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE words (INPUT = words_in, OUTPUT = words_out, STORAGE = extended, COLLATABLE = true);

CREATE TABLE rows (
  id int PRIMARY KEY, m mood, ms mood[], d small, r required, l list, x matrix, f feeling, fs feeling[], w weekday, e even,
  p point3, ps point3[], t tagged, ts tagged[], v valid_point, vs valid_point[], n empty, fr float_range, er feeling_range, em "many ""moods""",
  nr name_range, pr positive_range, st stepped, sm stepped_multirange, i int42, "is" int42[], ws words, s2 "types elsewhere".same_name);
ALTER TABLE rows ALTER r SET DEFAULT 'x', ALTER m SET DEFAULT '';
INSERT INTO rows (id) VALUES (1);
INSERT INTO rows VALUES (2, 'it''s "great" \ , {}()', ARRAY['', 'it''s "great" \ , {}()', 'worse', NULL]::mood[], 5, '', '[3:4]={1,2}', '{1,NULL}',
  'happy', '{happy,"",NULL}', 'd', 4, ROW(1.5, NULL, 2), ARRAY[ROW('NaN', '-Infinity', 1), NULL, ROW(NULL, NULL, NULL)]::point3[],
  ROW('a "b", (c) \', '{happy,okay}', ROW(1, 2, 3), ARRAY[ROW(1, 2, 3), ROW(NULL, 0, 0.1)]::point3[], '[2000-01-01 00:00+00,infinity)'),
  ARRAY[ROW('', '{}', NULL, '{}', 'empty'), NULL, ROW(NULL, NULL, NULL, NULL, NULL)]::tagged[], ROW(0, 0, 0),
  ARRAY[ROW(1, 1, 1), NULL]::valid_point[], ROW(), '[1.5,2.5)', '[worse,okay]', '{[worse,okay],[happy,happy]}', '["a b","c\\""d")', '[1,9]', '(1,5]',
  '{[1,2],[5,6]}', '-7', '{1;2;NULL}', E'some\twords\\', 'y');
CREATE INDEX ON rows (m, f, d);
CREATE INDEX ON rows USING gist (st, fr);
CREATE INDEX ON rows (er, nr, pr);
CREATE INDEX ON rows (((t).name), ((p)."z ""z"""), ((ps[1]).x));

-- Types that tables bring along, and a type under the name another type's array would like.
CREATE TABLE t (a int);
CREATE TABLE _t (a t, b t[]);
INSERT INTO _t VALUES (ROW(1), ARRAY[ROW(2), NULL]::t[]);
CREATE TYPE _rows AS (a rows, b mood);
CREATE DOMAIN __t AS _t;
CREATE TABLE __rows (a _rows, b __t);
INSERT INTO __rows SELECT ROW(rows, 'happy'::mood)::_rows FROM rows;
CREATE TYPE of_type AS (id positive, name text, place point3);
CREATE TABLE typed OF of_type (PRIMARY KEY (id), name WITH OPTIONS DEFAULT 'none' NOT NULL, CHECK ((place).x > 0));
INSERT INTO typed VALUES (1, 'a', ROW(1, 2, 3));
RESET search_path;
