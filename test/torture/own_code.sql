-- Functions of the schemas themselves, called while rows are copied, indexes built, constraints checked, views filled and
-- statistics made. They name other objects in every way there is.
CREATE SCHEMA own_code;
CREATE SCHEMA "own code elsewhere";
SET search_path = own_code;
CREATE TABLE rates (k text PRIMARY KEY, v numeric NOT NULL);
INSERT INTO rates VALUES ('a', 1), ('b', 2);
CREATE TABLE "own code elsewhere"."rates too" (k text PRIMARY KEY, v numeric NOT NULL);
INSERT INTO "own code elsewhere"."rates too" VALUES ('a', 10), ('b', 20);

CREATE FUNCTION doubled(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION quadrupled(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT own_code.doubled(own_code.doubled($1))';
CREATE FUNCTION "own code elsewhere".tripled(numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 * 3; END';
CREATE FUNCTION pinned(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE SET search_path TO own_code, "own code elsewhere" AS 'SELECT doubled($1) + tripled($1)';
CREATE FUNCTION by_name(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RETURN (SELECT v FROM own_code.rates WHERE k = $1) || '/' || (SELECT v FROM "own code elsewhere"."rates too" WHERE k = $1); END $$;
CREATE FUNCTION dynamic(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE found text;
BEGIN EXECUTE format('SELECT v::text FROM %s WHERE k = $1', 'own_code.rates'::regclass) INTO found USING $1; RETURN found; END $$;
CREATE FUNCTION spoils_settings(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM set_config('search_path', 'nowhere', false), set_config('DateStyle', 'SQL, DMY', false), set_config('extra_float_digits', '-10', false); RETURN $1; END $$;
CREATE FUNCTION atomic(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE RETURN own_code.quadrupled($1) + 1;
CREATE FUNCTION is_known(text) RETURNS bool LANGUAGE plpgsql AS $$BEGIN RETURN EXISTS (SELECT FROM own_code.rates WHERE k = $1); END$$;
CREATE FUNCTION trigger_never_runs() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'it ran'; END$$;

-- The dump holds "checked" before "rates" in the order of names.
CREATE DOMAIN known AS text CHECK (own_code.by_name(VALUE) IS NOT NULL);
CREATE TABLE rows (id int PRIMARY KEY, k text CONSTRAINT is_known CHECK (own_code.is_known(k)), n numeric, f float8 DEFAULT own_code.pinned(2), at date,
  g numeric GENERATED ALWAYS AS (own_code.pinned(n)) STORED, h numeric GENERATED ALWAYS AS (own_code.atomic(n) + own_code.quadrupled(n)) STORED,
  CHECK (own_code.dynamic(k) IS NOT NULL), CHECK (own_code.spoils_settings(k) <> ''));
CREATE TRIGGER never BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON rows EXECUTE FUNCTION trigger_never_runs();
ALTER TABLE rows DISABLE TRIGGER never;
INSERT INTO rows (id, k, n, f, at) SELECT i, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, i, i / 3.0::float8, '2000-12-31'::date + i FROM generate_series(1, 500) i;
RESET DateStyle;
RESET extra_float_digits;
SET search_path = own_code;
ALTER TABLE rows ENABLE TRIGGER never;
CREATE TABLE rows_of_domain (k known, ks known[]);
INSERT INTO rows_of_domain VALUES ('a', '{b,a}');
CREATE INDEX ON rows (own_code.by_name(k), (own_code.dynamic(k) || 'x'));
CREATE UNIQUE INDEX ON rows (own_code.pinned(n), id) WHERE own_code.quadrupled(n) > 0 AND own_code.by_name(k) <> '';
CREATE STATISTICS of_own (mcv) ON own_code.by_name(k), own_code.dynamic(k) FROM rows;
ALTER TABLE rows ADD CONSTRAINT late CHECK (own_code.by_name(k) <> '') NOT VALID;
CREATE TABLE parts (n numeric, k text) PARTITION BY RANGE (own_code.pinned(n));
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (MINVALUE) TO (50);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (50) TO (MAXVALUE);
INSERT INTO parts SELECT i, 'a' FROM generate_series(1, 20) i;
CREATE INDEX ON parts (own_code.dynamic(k));
CREATE MATERIALIZED VIEW filled AS SELECT own_code.by_name(k) AS b, own_code.dynamic(k) AS d, count(*) AS c FROM rows WHERE own_code.is_known(k) GROUP BY k;
CREATE INDEX ON filled (own_code.quadrupled(c));
CREATE VIEW seen AS SELECT *, own_code.dynamic(b) FROM filled;

-- Comparison, hashing, ranges and casts by own functions.
CREATE TYPE word AS (w text);
CREATE TABLE weights (w text PRIMARY KEY, weight int);
INSERT INTO weights VALUES ('light', 1), ('heavy', 2);
CREATE FUNCTION weight_of(word) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN (SELECT weight FROM own_code.weights WHERE w = $1.w); END$$;
CREATE FUNCTION compare(word, word) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT btint4cmp(own_code.weight_of($1), own_code.weight_of($2))';
CREATE FUNCTION lt(word, word) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT own_code.compare($1, $2) < 0';
CREATE FUNCTION le(word, word) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT own_code.compare($1, $2) <= 0';
CREATE FUNCTION eq(word, word) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT own_code.compare($1, $2) = 0';
CREATE FUNCTION ge(word, word) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT own_code.compare($1, $2) >= 0';
CREATE FUNCTION gt(word, word) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT own_code.compare($1, $2) > 0';
CREATE OPERATOR #<# (FUNCTION = lt, LEFTARG = word, RIGHTARG = word);
CREATE OPERATOR #<=# (FUNCTION = le, LEFTARG = word, RIGHTARG = word);
CREATE OPERATOR #=# (FUNCTION = eq, LEFTARG = word, RIGHTARG = word);
CREATE OPERATOR #>=# (FUNCTION = ge, LEFTARG = word, RIGHTARG = word);
CREATE OPERATOR #># (FUNCTION = gt, LEFTARG = word, RIGHTARG = word);
CREATE OPERATOR CLASS by_weight DEFAULT FOR TYPE word USING btree AS OPERATOR 1 #<#, OPERATOR 2 #<=#, OPERATOR 3 #=#, OPERATOR 4 #>=#, OPERATOR 5 #>#,
  FUNCTION 1 compare(word, word);
CREATE FUNCTION distance(word, word) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT (own_code.weight_of($2) - own_code.weight_of($1))::float8';
CREATE TYPE word_range AS RANGE (subtype = word, subtype_opclass = by_weight, subtype_diff = distance);
CREATE TABLE "weights used" (w word PRIMARY KEY, r word_range, EXCLUDE USING gist (r WITH &&));
INSERT INTO "weights used" VALUES (ROW('light'), '["(light)","(light)"]'), (ROW('heavy'), 'empty');
CREATE FUNCTION word_of(text) RETURNS word LANGUAGE sql IMMUTABLE AS 'SELECT ROW($1)::own_code.word';
CREATE CAST (text AS word) WITH FUNCTION word_of(text) AS ASSIGNMENT;
RESET search_path;
