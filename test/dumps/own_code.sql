SET client_encoding = 'UTF8';
SET check_function_bodies = false;
CREATE SCHEMA o;
CREATE TABLE o.rates (k text, v numeric);
CREATE FUNCTION o.rate(text) RETURNS numeric LANGUAGE sql STABLE AS $$ select v from o.rates where k = $1 $$;
CREATE FUNCTION o.imm(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ begin return (select o.norm($1)); end $$;
CREATE FUNCTION o.norm(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ select lower($1) $$;
CREATE TABLE o.t (a text CHECK (o.imm(a) <> ''), b text GENERATED ALWAYS AS (o.imm(a)) STORED);
CREATE MATERIALIZED VIEW o.m AS SELECT a, o.rate(a) FROM o.t WITH NO DATA;
COPY o.rates FROM stdin;
x	1.5
\.
COPY o.t (a) FROM stdin;
x
Y
\.
CREATE INDEX i ON o.t (o.imm(a));
REFRESH MATERIALIZED VIEW o.m;
