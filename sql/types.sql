-- Enums and domains of which the dump says the same as before stay as they are, so what uses them goes on.
\getenv directory PG_ABS_SRCDIR
\getenv results PG_ABS_BUILDDIR
\set dump :directory/test/dumps/types.sql
\set rows :results/results/types_rows.sql
\set labels :results/results/types_labels.sql
\! sed 's/^1\tsmall/2\tlarge/' "$PG_ABS_SRCDIR/test/dumps/types.sql" > "$PG_ABS_BUILDDIR/results/types_rows.sql"
\! sed "s/'small',/'small', 'middle',/" "$PG_ABS_SRCDIR/test/dumps/types.sql" > "$PG_ABS_BUILDDIR/results/types_labels.sql"
CREATE EXTENSION pagila_repl;
SET client_min_messages = warning;
SELECT status FROM pagila_load(:'dump');

SELECT 'kinds.size'::regtype::oid AS size, 'kinds.positive'::regtype::oid AS positive,
       'kinds.sizes'::regtype::oid AS sizes, 'kinds.even'::regtype::oid AS even, 'kinds.thing'::regclass::oid AS thing \gset
PREPARE things AS SELECT id, size, sizes FROM kinds.thing;
EXECUTE things;
CREATE TABLE public.of_size (size kinds.size);
INSERT INTO public.of_size VALUES ('large');

-- Other rows: the table is new, the types are not, and their users notice nothing.
SELECT status FROM pagila_load(:'rows');
EXECUTE things;
SELECT * FROM public.of_size;
SELECT 'kinds.thing'::regclass::oid <> :thing AS new_table, 'kinds.size'::regtype::oid = :size AS same_size,
       'kinds.positive'::regtype::oid = :positive AS same_positive, 'kinds.sizes'::regtype::oid = :sizes AS same_sizes,
       'kinds.even'::regtype::oid = :even AS same_even;
SELECT status FROM pagila_load(:'rows');
SELECT status FROM pagila_load(:'rows', force => true);
EXECUTE things;
SELECT obj_description('kinds.size'::regtype, 'pg_type');

-- A type altered by hand is drift; it is made anew.
DROP TABLE public.of_size;
ALTER TYPE kinds.size ADD VALUE 'huge';
\set VERBOSITY sqlstate
SELECT status FROM pagila_load(:'rows', force => true);
\set VERBOSITY default
SELECT status FROM pagila_load(:'rows', on_modified => 'overwrite');
SELECT enum_range(NULL::kinds.size), 'kinds.size'::regtype::oid = :size AS same_size;

-- A type that the dump changes is new, and so are those made of it.
SELECT 'kinds.sizes'::regtype::oid AS sizes \gset
SELECT status FROM pagila_load(:'labels');
SELECT enum_range(NULL::kinds.size), 'kinds.sizes'::regtype::oid = :sizes AS same_sizes,
       'kinds.positive'::regtype::oid = :positive AS same_positive;
SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%';
DROP EXTENSION pagila_repl;
DROP SCHEMA kinds CASCADE;
