SET client_encoding = 'UTF8';
CREATE SCHEMA parts;
CREATE TABLE parts.event (
    id integer NOT NULL,
    kind text NOT NULL,
    note text
)
PARTITION BY LIST (kind);
CREATE TABLE parts.event_a (
    note text,
    id integer NOT NULL,
    kind text NOT NULL
);
CREATE TABLE parts.event_b (
    id integer NOT NULL,
    kind text NOT NULL,
    note text
)
PARTITION BY RANGE (id);
CREATE TABLE parts.event_b_low (
    id integer NOT NULL,
    kind text NOT NULL,
    note text,
    CONSTRAINT low CHECK ((id < 10))
);
CREATE TABLE parts.event_b_rest (
    id integer NOT NULL,
    kind text NOT NULL,
    note text,
    doubled integer GENERATED ALWAYS AS ((id * 2)) STORED
);
CREATE TABLE parts.event_other (
    id integer NOT NULL,
    kind text NOT NULL,
    note text
);
ALTER TABLE parts.event_b_rest DROP COLUMN doubled;
ALTER TABLE ONLY parts.event ATTACH PARTITION parts.event_a FOR VALUES IN ('a');
ALTER TABLE ONLY parts.event ATTACH PARTITION parts.event_b FOR VALUES IN ('b');
ALTER TABLE ONLY parts.event_b ATTACH PARTITION parts.event_b_low FOR VALUES FROM (MINVALUE) TO (10);
ALTER TABLE ONLY parts.event_b ATTACH PARTITION parts.event_b_rest DEFAULT;
ALTER TABLE ONLY parts.event ATTACH PARTITION parts.event_other DEFAULT;
COPY parts.event (id, kind, note) FROM stdin;
1	a	through the root
2	b	low
20	b	rest
3	z	other
\.
COPY parts.event_a (id, kind, note) FROM stdin;
4	a	leaf
\.
COPY parts.event_b (id, kind, note) FROM stdin;
5	b	through the middle
\.
ALTER TABLE ONLY parts.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (kind, id);
CREATE INDEX event_note_idx ON ONLY parts.event USING btree (note);
CREATE INDEX event_a_note_idx ON parts.event_a USING btree (note);
ALTER INDEX parts.event_note_idx ATTACH PARTITION parts.event_a_note_idx;
