-- Prints the content of a database in a few lines: rows and the sum of their hashes per table, state per sequence.
-- Not every type has a hash that is the same in every database: a tsvector has none, that of an enum is of its OID.
SELECT format('SELECT %L, count(*), sum(hash_record_extended(ROW(%s), 0)) FROM ONLY %s', c.oid::regclass,
              string_agg(quote_ident(attname) || CASE WHEN typtype = 'e' OR typname = 'tsvector' THEN '::text' ELSE '' END,
                         ', ' ORDER BY attnum),
              c.oid::regclass)
FROM pg_class c JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped JOIN pg_type t ON t.oid = atttypid
WHERE relkind IN ('r', 'm') AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
GROUP BY c.oid ORDER BY c.oid::regclass::text \gexec
SELECT format('SELECT %L, last_value, is_called FROM %s', oid::regclass, oid::regclass)
FROM pg_class WHERE relkind = 'S' ORDER BY oid::regclass::text \gexec
