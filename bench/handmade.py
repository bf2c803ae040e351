"""The hand-made recipe: the whole shape first, then table after table through one buffer, then the sequences.

usage: handmade.py SOURCE TARGET
"""
import io
import subprocess
import sys

import psycopg2

TABLES = """
SELECT oid, format('%I.%I', relnamespace::regnamespace::name, relname)
FROM pg_class
WHERE relkind = 'r' AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
ORDER BY 2
"""
REFERENCES = "SELECT conrelid, confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid <> confrelid"
SEQUENCES = "SELECT format('%I.%I', relnamespace::regnamespace::name, relname) FROM pg_class WHERE relkind = 'S'"


def main(source_uri, target_uri):
    schema = subprocess.run(['pg_dump', '--schema-only', source_uri], check=True, capture_output=True).stdout.decode()
    with psycopg2.connect(source_uri) as source, psycopg2.connect(target_uri) as target:
        rows, out = source.cursor(), target.cursor()
        out.execute('\n'.join(line for line in schema.split('\n') if not line.startswith('\\')))
        for table in tables_in_order(rows):
            buffer = io.BytesIO()
            rows.copy_expert(f'COPY {table} TO STDOUT', buffer)
            buffer.seek(0)
            out.copy_expert(f'COPY {table} FROM STDIN', buffer)
        rows.execute(SEQUENCES)
        for (sequence,) in rows.fetchall():
            rows.execute(f'SELECT last_value, is_called FROM {sequence}')
            out.execute('SELECT setval(%s, %s, %s)', (sequence, *rows.fetchone()))
        out.execute('REFRESH MATERIALIZED VIEW public.rental_by_category')


def tables_in_order(cursor):
    """Every table after those it references, as a list written by hand would have them."""
    cursor.execute(TABLES)
    names = dict(cursor.fetchall())
    cursor.execute(REFERENCES)
    references = [pair for pair in cursor.fetchall() if pair[0] in names and pair[1] in names]
    ordered = []
    while len(ordered) < len(names):
        ready = [table for table in names
                 if table not in ordered and all(to in ordered for of, to in references if of == table)]
        if not ready:
            sys.exit('tables reference each other in a circle')
        ordered += ready
    return [names[table] for table in ordered]


main(*sys.argv[1:])
