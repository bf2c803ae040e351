SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA kinds;
CREATE TYPE kinds.size AS ENUM (
    'small',
    'large'
);
COMMENT ON TYPE kinds.size IS 'how big';
CREATE DOMAIN kinds.positive AS integer
	CONSTRAINT positive_check CHECK ((VALUE > 0));
CREATE DOMAIN kinds.sizes AS kinds.size[];
CREATE FUNCTION kinds.is_even(integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $_$SELECT $1 % 2 = 0$_$;
CREATE DOMAIN kinds.even AS integer
	CONSTRAINT even_check CHECK (kinds.is_even(VALUE));
CREATE TABLE kinds.thing (
    id kinds.positive NOT NULL,
    size kinds.size,
    sizes kinds.sizes,
    even kinds.even
);
COPY kinds.thing (id, size, sizes, even) FROM stdin;
1	small	{small,large}	2
\.
ALTER TABLE ONLY kinds.thing
    ADD CONSTRAINT thing_pkey PRIMARY KEY (id);
