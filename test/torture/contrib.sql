-- Rows, indexes and objects of types that extensions bring.
CREATE SCHEMA "uses contrib";
SET search_path = "uses contrib", contrib, public;
CREATE TABLE rows (id uuid DEFAULT contrib.uuid_generate_v1() PRIMARY KEY, h hstore, c citext UNIQUE, l ltree, lq lquery, lt ltxtquery, q cube, s seg, i isbn13,
  e ean13, hs hstore[], cs citext[], a int[], t text, o lo);
INSERT INTO rows (id) VALUES ('00000000-0000-0000-0000-000000000001');
INSERT INTO rows VALUES
  ('00000000-0000-0000-0000-000000000002', '', '', '', '*', 'a & !b', '()', '0', '978-0-11-000222-4', '978-0-11-000222-4',
   '{}', '{}', '{}', 'x', NULL),
  ('00000000-0000-0000-0000-000000000003', $$"a => \"b\""=>"\\ ' é", "null"=>NULL, "empty"=>"", "x"=>"NULL"$$, 'MiXed É', 'Top.a_1.B', '*.a_1|B*{1,3}.!x@%', 'a* | (b@ & c%)', '(1,2),(3,-4.5e10)', '1(+-)0.5',
   '978-0-393-04002-9', '978-0-393-04002-9', ARRAY['a=>1', NULL, 'b=>NULL']::hstore[], '{A,a,NULL}', '{1,2,3}', 'some text', NULL),
  ('00000000-0000-0000-0000-000000000004', 'x=>y', 'another', 'a.b.c', 'a.*.c', 'a', '(0)', '<5.0 .. 6', '978-0-393-04003-6', NULL, NULL, NULL, NULL, NULL, NULL);
CREATE INDEX ON rows USING gin (h);
CREATE INDEX ON rows USING gist (h gist_hstore_ops (siglen = 32), l gist_ltree_ops (siglen = 100));
CREATE INDEX ON rows USING gist (q, s);
CREATE INDEX ON rows USING gin (a gin__int_ops);
CREATE INDEX ON rows USING gin (t gin_trgm_ops, id);
CREATE INDEX ON rows USING gist (t gist_trgm_ops (siglen = 12));
CREATE INDEX ON rows USING bloom (t, (a[1])) WITH (length = 80, col1 = 2, col2 = 4);
CREATE INDEX ON rows USING hash (c);
CREATE INDEX ON rows (l, i);
CREATE OPERATOR CLASS boxes FOR TYPE box USING torture_gist AS OPERATOR 3 &&,
  FUNCTION 1 gist_box_consistent(internal, box, smallint, oid, internal), FUNCTION 2 gist_box_union(internal, internal),
  FUNCTION 5 gist_box_penalty(internal, internal, internal), FUNCTION 6 gist_box_picksplit(internal, internal),
  FUNCTION 7 gist_box_same(box, box, internal);
CREATE INDEX ON rows USING torture_gist (box(point(0, 0), point(length(t), 1)) boxes);
ALTER TABLE rows ADD CONSTRAINT "no overlap" EXCLUDE USING gist (t WITH =, q WITH &&) WHERE (t <> '');
CREATE TABLE in_other_heap (a int, h hstore) USING torture_heap;
INSERT INTO in_other_heap VALUES (1, 'a=>1'), (2, NULL);
CREATE MATERIALIZED VIEW matview_in_other_heap USING torture_heap AS SELECT h -> 'a' AS a FROM in_other_heap;
CREATE VIEW functions AS SELECT h -> 'a' AS a, h @> 'a=>1' AS b, akeys(h) AS k, c = 'MIXED É' AS same, similarity(t, 'x') AS s FROM rows;
CREATE DOMAIN email AS citext CHECK (VALUE ~ '@');
CREATE TABLE emails (e email PRIMARY KEY, es email[]);
INSERT INTO emails VALUES ('A@b.C', '{x@y}');
CREATE TEXT SEARCH DICTIONARY ints (TEMPLATE = intdict_template, maxlen = 4, rejectlong = true);
CREATE TEXT SEARCH DICTIONARY plain (TEMPLATE = contrib.unaccent, rules = 'unaccent');
CREATE FUNCTION keys(h hstore) RETURNS SETOF text LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT skeys(h); END;
CREATE FUNCTION depends_on_it() RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER FUNCTION depends_on_it() DEPENDS ON EXTENSION hstore;
CREATE INDEX depends_on_it ON rows (t);
ALTER INDEX depends_on_it DEPENDS ON EXTENSION pg_trgm;
CREATE OPERATOR CLASS hstore_first FOR TYPE hstore USING btree AS OPERATOR 1 #<#, OPERATOR 2 #<=#, OPERATOR 3 =, OPERATOR 4 #>=#, OPERATOR 5 #>#,
  FUNCTION 1 hstore_cmp(hstore, hstore);
RESET search_path;

-- Next to extensions, in the schemas they are in.
CREATE TABLE contrib."table beside" (a contrib.hstore PRIMARY KEY);
INSERT INTO contrib."table beside" VALUES ('x=>1');
CREATE TABLE public."table beside" (a bytea DEFAULT public.gen_random_bytes(8), b public.lo);
INSERT INTO public."table beside" VALUES ('x', 1);
CREATE VIEW public.hashes AS SELECT public.digest(a, 'sha256') FROM public."table beside";
CREATE TRIGGER manage_lo BEFORE UPDATE OR DELETE ON public."table beside" FOR EACH ROW EXECUTE FUNCTION public.lo_manage(b);
COMMENT ON EXTENSION hstore IS 'other words';
