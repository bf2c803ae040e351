-- On the source: prints the statements that set another database's sequences to the same state.
SELECT format('SELECT format(''SELECT setval(%%L, %%s, %%L);'', %L, last_value, is_called) FROM %s', oid::regclass, oid::regclass)
FROM pg_class WHERE relkind = 'S' ORDER BY oid::regclass::text \gexec
