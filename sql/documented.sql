-- Every object of the extension has a comment, and nothing of it is open to PUBLIC.
CREATE EXTENSION pagila_repl;

SELECT pg_describe_object(d.classid, d.objid, 0) AS without_comment
  FROM pg_depend d
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pagila_repl')
   AND d.classid <> 'pg_type'::regclass
   AND obj_description(d.objid, d.classid::regclass::name) IS NULL
 ORDER BY 1;
SELECT a.attrelid::regclass, a.attname AS without_comment
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE c.relnamespace = 'pagila_repl'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0
   AND col_description(a.attrelid, a.attnum) IS NULL
 ORDER BY 1, 2;

SELECT rolname AS without_comment FROM pg_roles
 WHERE rolname ~ '^pagila_repl_' AND shobj_description(oid, 'pg_authid') IS NULL;

SELECT p.oid::regprocedure AS open_to_public
  FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
 WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pagila_repl')
   AND EXISTS (SELECT FROM aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) WHERE grantee = 0);
SELECT c.oid::regclass AS open_to_public
  FROM pg_class c WHERE c.relnamespace = 'pagila_repl'::regnamespace
   AND EXISTS (SELECT FROM aclexplode(c.relacl) WHERE grantee = 0);
SELECT c.oid::regclass, r.rolname, a.privilege_type AS may_write
  FROM pg_class c, LATERAL aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
 WHERE c.relnamespace = 'pagila_repl'::regnamespace AND a.privilege_type <> 'SELECT'
   AND r.rolname IN ('pagila_repl_operator', 'pagila_repl_monitor');

LOAD 'pagila_repl';
SELECT name, unit, vartype, context, short_desc FROM pg_settings WHERE name LIKE 'pagila_repl.%' ORDER BY name;
DROP EXTENSION pagila_repl;
