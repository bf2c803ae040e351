--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET lock_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET client_min_messages = warning;
SET row_security = off;

CREATE SCHEMA shop;

ALTER SCHEMA shop OWNER TO nobody_of_this_name;

CREATE TYPE shop.colour AS ENUM (
    'red',
    'blue'
);

CREATE FUNCTION shop.twice(integer) RETURNS integer
    LANGUAGE sql IMMUTABLE
    AS $_$SELECT $1 * 2; -- a semicolon$_$;

CREATE TABLE shop.customer (
    customer_id integer NOT NULL,
    name text NOT NULL
);

ALTER TABLE shop.customer OWNER TO nobody_of_this_name;

CREATE SEQUENCE shop.customer_customer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE shop.customer_customer_id_seq OWNED BY shop.customer.customer_id;

CREATE TABLE shop.sale (
    sale_id integer NOT NULL,
    customer_id integer NOT NULL,
    colour shop.colour DEFAULT 'red'::shop.colour,
    amount numeric(8,2) NOT NULL,
    doubled integer GENERATED ALWAYS AS ((sale_id * 2)) STORED
);

CREATE VIEW shop.sales AS
 SELECT c.name,
    s.amount,
    shop.twice(s.sale_id) AS twice
   FROM (shop.sale s
     JOIN shop.customer c ON ((c.customer_id = s.customer_id)));

CREATE MATERIALIZED VIEW shop.totals AS
 SELECT sale.customer_id,
    sum(sale.amount) AS total
   FROM shop.sale
  GROUP BY sale.customer_id
  WITH NO DATA;

ALTER TABLE ONLY shop.customer ALTER COLUMN customer_id SET DEFAULT nextval('shop.customer_customer_id_seq'::regclass);

COPY shop.customer (customer_id, name) FROM stdin;
1	Ada
2	Grace\tH.
\.

COPY shop.sale (sale_id, customer_id, colour, amount) FROM stdin;
1	1	red	10.00
2	2	blue	20.50
3	2	\N	0.02
\.

SELECT pg_catalog.setval('shop.customer_customer_id_seq', 2, true);

ALTER TABLE ONLY shop.customer
    ADD CONSTRAINT customer_pkey PRIMARY KEY (customer_id);

ALTER TABLE ONLY shop.sale
    ADD CONSTRAINT sale_pkey PRIMARY KEY (sale_id);

CREATE INDEX sale_colour_idx ON shop.sale USING btree (colour);

ALTER TABLE ONLY shop.sale
    ADD CONSTRAINT sale_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES shop.customer(customer_id);

REFRESH MATERIALIZED VIEW shop.totals;

--
-- PostgreSQL database dump complete
--

