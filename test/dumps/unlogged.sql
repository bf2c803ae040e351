SET client_encoding = 'UTF8';
CREATE SCHEMA swift;
CREATE UNLOGGED TABLE swift.visit (
    id integer,
    page text
);
CREATE TABLE swift.page (
    name text
);
COPY swift.visit (id, page) FROM stdin;
1	home
2	about
\.
COPY swift.page (name) FROM stdin;
home
about
\.
