-- Objects of every kind under names that break whatever puts SQL together without quoting.
CREATE FUNCTION pg_temp.each(template text) RETURNS void LANGUAGE plpgsql AS $each$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[
    'select', 'Upper Case', ' ', 'double"quote', '""', 'quote''s', E'new\nline', E'tab\tcr\rff\f', 'back\slash', E'end\n\\.\nof copy',
    E'\\restrict x', E'\n-- PostgreSQL database dump complete\n--\n', '$$dollar$1$tag$', '%s %I %1$L %%', 'semi;colon', '-- comment', '/* open',
    'dot.ted."name"', '{a,"b"}', ':psql :''v'' \gexec', 'COPY x FROM stdin;', '''; DROP SCHEMA public CASCADE; --', 'ünïcödé 日本語',
    U&'\05E9\05DC\202Eright\200Fto', U&'e\0301 \200B \FEFF \+01F418', repeat('x', 63), repeat('é', 31) || 'x', 'text'] LOOP
    EXECUTE format(template, name);
  END LOOP;
END $each$;

CREATE SCHEMA names;
COMMENT ON SCHEMA names IS E'it''s a "comment" -- of \\ two\n$$ lines /* ünï */\n\\.\n;';

-- Relations. pg_class holds one of each name in a schema, so kinds of relations get schemas of their own.
SELECT pg_temp.each($$CREATE TABLE names.%1$I (%1$I int CONSTRAINT %1$I CHECK (%1$I > 0), "other %%" text DEFAULT %1$L)$$);
SELECT pg_temp.each($$INSERT INTO names.%1$I (%1$I) VALUES (1), (2), (NULL)$$);
SELECT pg_temp.each($$COMMENT ON TABLE names.%1$I IS %1$L$$);
SELECT pg_temp.each($$COMMENT ON COLUMN names.%1$I.%1$I IS %1$L$$);
SELECT pg_temp.each($$COMMENT ON CONSTRAINT %1$I ON names.%1$I IS %1$L$$);
SELECT pg_temp.each($$ALTER TABLE names.%1$I ALTER COLUMN %1$I SET STATISTICS 7$$);
SELECT pg_temp.each($$GRANT SELECT, INSERT (%1$I) ON names.%1$I TO "Torture ""Owner"""$$);

CREATE SCHEMA "names of ""columns""";
CREATE TABLE "names of ""columns""".t (id int PRIMARY KEY);
SELECT pg_temp.each($$ALTER TABLE "names of ""columns""".t ADD COLUMN %1$I text DEFAULT %1$L$$);
INSERT INTO "names of ""columns""".t SELECT generate_series(1, 3);

CREATE SCHEMA "names of 'indexes'";
CREATE TABLE "names of 'indexes'".t (a int, "b ""b""" text, c int UNIQUE);
SELECT pg_temp.each($$CREATE INDEX %1$I ON "names of 'indexes'".t ((a + 1), "b ""b""") WHERE "b ""b""" <> %1$L$$);
SELECT pg_temp.each($$COMMENT ON INDEX "names of 'indexes'".%1$I IS %1$L$$);
SELECT pg_temp.each($$CREATE STATISTICS "names of 'indexes'".%1$I ON a, "b ""b""" FROM "names of 'indexes'".t$$);
SELECT pg_temp.each($$COMMENT ON STATISTICS "names of 'indexes'".%1$I IS %1$L$$);
INSERT INTO "names of 'indexes'".t SELECT i, 'b' || i, i FROM generate_series(1, 50) i;

CREATE SCHEMA "names of keys";
SELECT pg_temp.each($$CREATE TABLE "names of keys".%1$I (%1$I int UNIQUE, p int,
  CONSTRAINT %1$I FOREIGN KEY (p) REFERENCES "names of keys".%1$I (%1$I))$$);
SELECT pg_temp.each($$INSERT INTO "names of keys".%1$I VALUES (1, 1), (2, 1)$$);
SELECT pg_temp.each($$COMMENT ON CONSTRAINT %1$I ON "names of keys".%1$I IS %1$L$$);

CREATE SCHEMA "names of
views";
SELECT pg_temp.each($$CREATE VIEW "names of
views".%1$I AS SELECT %1$I, %1$L::text AS "other %%" FROM names.%1$I$$);
SELECT pg_temp.each($$COMMENT ON VIEW "names of
views".%1$I IS %1$L$$);
CREATE SCHEMA "names of \matviews";
SELECT pg_temp.each($$CREATE MATERIALIZED VIEW "names of \matviews".%1$I AS SELECT %1$I FROM "names of
views".%1$I$$);
CREATE SCHEMA "names of sequences";
SELECT pg_temp.each($$CREATE SEQUENCE "names of sequences".%1$I START 5$$);
SELECT pg_temp.each($$SELECT nextval(format('%%I.%%I', 'names of sequences', %1$L))$$);

-- On tables.
CREATE SCHEMA "names of $triggers$";
CREATE TABLE "names of $triggers$".t (a int, b text);
ALTER TABLE "names of $triggers$".t ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION "names of $triggers$".f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
SELECT pg_temp.each($$CREATE TRIGGER %1$I BEFORE INSERT ON "names of $triggers$".t FOR EACH ROW WHEN (NEW.b = %1$L)
  EXECUTE FUNCTION "names of $triggers$".f(%1$L, 'x')$$);
SELECT pg_temp.each($$COMMENT ON TRIGGER %1$I ON "names of $triggers$".t IS %1$L$$);
SELECT pg_temp.each($$CREATE RULE %1$I AS ON INSERT TO "names of $triggers$".t WHERE NEW.b = %1$L DO INSTEAD NOTHING$$);
SELECT pg_temp.each($$COMMENT ON RULE %1$I ON "names of $triggers$".t IS %1$L$$);
SELECT pg_temp.each($$CREATE POLICY %1$I ON "names of $triggers$".t USING (b <> %1$L)$$);
SELECT pg_temp.each($$COMMENT ON POLICY %1$I ON "names of $triggers$".t IS %1$L$$);

-- Types.
CREATE SCHEMA "names of types";
SELECT pg_temp.each($$CREATE TYPE "names of types".%1$I AS ENUM (%1$L, 'x')$$);
SELECT pg_temp.each($$ALTER TYPE "names of types".%1$I ADD VALUE 'other' BEFORE %1$L$$);
SELECT pg_temp.each($$COMMENT ON TYPE "names of types".%1$I IS %1$L$$);
CREATE TABLE "names of types".enums ();
SELECT pg_temp.each($$ALTER TABLE "names of types".enums ADD %1$I "names of types".%1$I DEFAULT %1$L$$);
INSERT INTO "names of types".enums DEFAULT VALUES;
CREATE SCHEMA "names of domains";
SELECT pg_temp.each($$CREATE DOMAIN "names of domains".%1$I AS text CONSTRAINT %1$I CHECK (VALUE <> %1$L)$$);
SELECT pg_temp.each($$COMMENT ON DOMAIN "names of domains".%1$I IS %1$L$$);
SELECT pg_temp.each($$COMMENT ON CONSTRAINT %1$I ON DOMAIN "names of domains".%1$I IS %1$L$$);
CREATE SCHEMA "names of composites";
SELECT pg_temp.each($$CREATE TYPE "names of composites".%1$I AS (%1$I "names of domains".%1$I, "x y" int)$$);
SELECT pg_temp.each($$COMMENT ON COLUMN "names of composites".%1$I.%1$I IS %1$L$$);
CREATE TABLE "names of composites".values (a int);
SELECT pg_temp.each($$ALTER TABLE "names of composites".values ADD %1$I "names of composites".%1$I[]$$);
INSERT INTO "names of composites".values ("text") VALUES (ARRAY[ROW('a, "b" \ (c)', 1)::"names of composites"."text", NULL]);
CREATE SCHEMA "names of ranges";
CREATE SCHEMA "names of multiranges";
SELECT pg_temp.each($$CREATE TYPE "names of ranges".%1$I AS RANGE (subtype = text, collation = "C",
  multirange_type_name = "names of multiranges".%1$I)$$);

-- Routines, with arguments under these names.
CREATE SCHEMA "names of /* functions";
SELECT pg_temp.each($$CREATE FUNCTION "names of /* functions".%1$I(%1$I "names of types".%1$I DEFAULT %1$L, OUT "o o" text) LANGUAGE sql
  SET search_path TO names, "names of types", '' SET "a.b" TO %1$L BEGIN ATOMIC SELECT %1$I::text || %1$L; END$$);
SELECT pg_temp.each($$COMMENT ON FUNCTION "names of /* functions".%1$I("names of types".%1$I) IS %1$L$$);
SET check_function_bodies = off;
SELECT pg_temp.each($$CREATE PROCEDURE "names of /* functions".%1$I(a int, INOUT %1$I text) LANGUAGE plpgsql AS %1$L$$);
RESET check_function_bodies;
SELECT pg_temp.each($$CREATE AGGREGATE "names of /* functions".%1$I(a float8) (SFUNC = float8_accum, STYPE = float8[], INITCOND = '{0,0,0}')$$);
SELECT pg_temp.each($$COMMENT ON AGGREGATE "names of /* functions".%1$I(float8) IS %1$L$$);

-- The rest.
CREATE SCHEMA "names of rest";
SELECT pg_temp.each($$CREATE COLLATION "names of rest".%1$I (PROVIDER = icu, LOCALE = 'de-u-co-phonebk')$$);
SELECT pg_temp.each($$COMMENT ON COLLATION "names of rest".%1$I IS %1$L$$);
SELECT pg_temp.each($$CREATE CONVERSION "names of rest".%1$I FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8$$);
SELECT pg_temp.each($$COMMENT ON CONVERSION "names of rest".%1$I IS %1$L$$);
SELECT pg_temp.each($$CREATE OPERATOR FAMILY "names of rest".%1$I USING btree$$);
SELECT pg_temp.each($$COMMENT ON OPERATOR FAMILY "names of rest".%1$I USING btree IS %1$L$$);
SELECT pg_temp.each($$CREATE OPERATOR CLASS "names of rest".%1$I FOR TYPE int4 USING btree FAMILY "names of rest".%1$I AS
  OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int4, int4)$$);
SELECT pg_temp.each($$COMMENT ON OPERATOR CLASS "names of rest".%1$I USING btree IS %1$L$$);
CREATE TABLE "names of rest".t (a int, b text);
SELECT pg_temp.each($$CREATE INDEX ON "names of rest".t (a "names of rest".%1$I, b COLLATE "names of rest".%1$I)$$);
SELECT pg_temp.each($$CREATE TEXT SEARCH PARSER "names of rest".%1$I (START = prsd_start, GETTOKEN = prsd_nexttoken,
  END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline)$$);
SELECT pg_temp.each($$COMMENT ON TEXT SEARCH PARSER "names of rest".%1$I IS %1$L$$);
SELECT pg_temp.each($$CREATE TEXT SEARCH TEMPLATE "names of rest".%1$I (INIT = dsimple_init, LEXIZE = dsimple_lexize)$$);
SELECT pg_temp.each($$COMMENT ON TEXT SEARCH TEMPLATE "names of rest".%1$I IS %1$L$$);
SELECT pg_temp.each($$CREATE TEXT SEARCH DICTIONARY "names of rest".%1$I (TEMPLATE = "names of rest".%1$I, accept = 'false')$$);
SELECT pg_temp.each($$COMMENT ON TEXT SEARCH DICTIONARY "names of rest".%1$I IS %1$L$$);
SELECT pg_temp.each($$CREATE TEXT SEARCH CONFIGURATION "names of rest".%1$I (PARSER = "names of rest".%1$I)$$);
SELECT pg_temp.each($$ALTER TEXT SEARCH CONFIGURATION "names of rest".%1$I ADD MAPPING FOR word WITH "names of rest".%1$I, simple$$);
SELECT pg_temp.each($$COMMENT ON TEXT SEARCH CONFIGURATION "names of rest".%1$I IS %1$L$$);
CREATE SCHEMA "names of foreign tables";
SELECT pg_temp.each($$CREATE FOREIGN TABLE "names of foreign tables".%1$I (%1$I int OPTIONS (%1$I %1$L))
  SERVER "torture ""server""" OPTIONS (%1$I %1$L)$$);

-- Schemas.
SELECT pg_temp.each($$CREATE SCHEMA %1$I$$);
SELECT pg_temp.each($$COMMENT ON SCHEMA %1$I IS %1$L$$);
SELECT pg_temp.each($$CREATE TABLE %1$I.%1$I ("an id" int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, %1$I serial)$$);
SELECT pg_temp.each($$INSERT INTO %1$I.%1$I DEFAULT VALUES$$);
SELECT pg_temp.each($$CREATE VIEW %1$I."view of" AS SELECT * FROM %1$I.%1$I$$);
SELECT pg_temp.each($$GRANT USAGE ON SCHEMA %1$I TO "Torture ""Owner"""$$);
