-- Owners, grants of every kind on everything, by others too, default privileges of schemas, and schema "public" as it is not by default.
CREATE SCHEMA granted AUTHORIZATION torture_owner;
GRANT USAGE ON SCHEMA granted TO PUBLIC;
GRANT CREATE, USAGE ON SCHEMA granted TO "Torture ""Owner""" WITH GRANT OPTION;
CREATE SCHEMA "owned by 'roles'" AUTHORIZATION "torture
'role' -- of \ two $$ lines";
CREATE SCHEMA "closed to its owner" AUTHORIZATION torture_owner;
REVOKE ALL ON SCHEMA "closed to its owner" FROM torture_owner;
COMMENT ON SCHEMA granted IS 'granted';

-- Before the objects, so that they get them too.
ALTER DEFAULT PRIVILEGES FOR ROLE torture_owner IN SCHEMA granted GRANT SELECT, INSERT ON TABLES TO torture_reader WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE torture_owner IN SCHEMA granted GRANT USAGE ON SEQUENCES TO "роль 役 תפקיד";
ALTER DEFAULT PRIVILEGES FOR ROLE "Torture ""Owner""" IN SCHEMA "owned by 'roles'" GRANT EXECUTE ON FUNCTIONS TO "torture
'role' -- of \ two $$ lines", PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE torture_owner IN SCHEMA "owned by 'roles'" GRANT USAGE ON TYPES TO torture_reader;

SET ROLE torture_owner;
CREATE TABLE granted.with_defaults (a serial);
CREATE FUNCTION granted.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
RESET ROLE;
SET search_path = granted;
CREATE TABLE t (a int, "b b" text, c int);
INSERT INTO t VALUES (1, 'x', 2);
ALTER TABLE t OWNER TO torture_owner;
GRANT SELECT (a, "b b"), UPDATE ("b b"), REFERENCES (a), INSERT (c) ON t TO torture_reader;
GRANT SELECT ON t TO torture_granter WITH GRANT OPTION;
GRANT SELECT (c) ON t TO torture_granter WITH GRANT OPTION;
GRANT ALL ON t TO "роль 役 תפקיד";
REVOKE TRUNCATE ON t FROM torture_owner;
GRANT USAGE ON SCHEMA granted TO torture_granter;
SET ROLE torture_granter;
GRANT SELECT ON granted.t TO torture_reader, "Torture ""Owner""" WITH GRANT OPTION;
GRANT SELECT (c) ON granted.t TO PUBLIC;
SET ROLE "Torture ""Owner""";
GRANT SELECT ON granted.t TO "torture
'role' -- of \ two $$ lines";
RESET ROLE;
CREATE TABLE granted_nothing (a int);
REVOKE ALL ON granted_nothing FROM CURRENT_USER;
ALTER TABLE granted_nothing OWNER TO "Torture ""Owner""";
CREATE TABLE granted_to_all (a int);
GRANT ALL ON granted_to_all TO PUBLIC;
CREATE SEQUENCE s;
ALTER SEQUENCE s OWNER TO torture_owner;
ALTER SEQUENCE s OWNED BY t.a;
ALTER TABLE t ALTER a SET DEFAULT nextval('granted.s');
GRANT USAGE, SELECT ON SEQUENCE s TO torture_reader;
CREATE SEQUENCE s2;
ALTER SEQUENCE s2 OWNER TO "torture
'role' -- of \ two $$ lines";
GRANT UPDATE ON SEQUENCE s2 TO PUBLIC;
CREATE VIEW v AS SELECT * FROM t;
ALTER VIEW v OWNER TO torture_owner;
GRANT SELECT, DELETE ON v TO torture_reader;
GRANT UPDATE (c) ON v TO PUBLIC;
CREATE MATERIALIZED VIEW m AS SELECT * FROM t;
ALTER MATERIALIZED VIEW m OWNER TO torture_owner;
GRANT SELECT ON m TO "Torture ""Owner""";
GRANT SELECT (c) ON m TO torture_reader;
CREATE FOREIGN TABLE ft (a int) SERVER torture_files OPTIONS (filename '/nowhere');
ALTER FOREIGN TABLE ft OWNER TO torture_owner;
GRANT SELECT (a) ON ft TO torture_reader;
CREATE FUNCTION f(a int, VARIADIC b text[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER FUNCTION f(int, text[]) OWNER TO "роль 役 תפקיד";
REVOKE EXECUTE ON FUNCTION f(int, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION f(int, text[]) TO torture_reader WITH GRANT OPTION;
CREATE PROCEDURE p() LANGUAGE sql AS '';
ALTER PROCEDURE p() OWNER TO torture_owner;
GRANT EXECUTE ON PROCEDURE p() TO torture_reader;
REVOKE ALL ON PROCEDURE p() FROM PUBLIC, torture_owner;
CREATE AGGREGATE g(int) (SFUNC = int4pl, STYPE = int);
ALTER AGGREGATE g(int) OWNER TO torture_owner;
REVOKE ALL ON FUNCTION g(int) FROM PUBLIC;
CREATE TYPE e AS ENUM ('a');
CREATE TYPE c AS (a int);
CREATE DOMAIN d AS int;
CREATE TYPE r AS RANGE (subtype = int);
ALTER TYPE e OWNER TO torture_owner;
ALTER TYPE c OWNER TO torture_owner;
ALTER DOMAIN d OWNER TO torture_owner;
ALTER TYPE r OWNER TO torture_owner;
REVOKE USAGE ON TYPE e FROM PUBLIC;
GRANT USAGE ON TYPE e, c, r TO torture_reader WITH GRANT OPTION;
REVOKE ALL ON DOMAIN d FROM PUBLIC, torture_owner;
CREATE TABLE uses_types (e e, c c, d d, r r);
ALTER TABLE uses_types OWNER TO torture_owner;
CREATE COLLATION k FROM "C";
ALTER COLLATION k OWNER TO torture_owner;
CREATE CONVERSION n FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
ALTER CONVERSION n OWNER TO torture_owner;
CREATE OPERATOR + (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
ALTER OPERATOR + (int, int) OWNER TO torture_owner;
CREATE OPERATOR FAMILY y USING hash;
ALTER OPERATOR FAMILY y USING hash OWNER TO torture_owner;
CREATE OPERATOR CLASS x FOR TYPE int USING hash FAMILY y AS OPERATOR 1 =, FUNCTION 1 hashint4(int);
ALTER OPERATOR CLASS x USING hash OWNER TO torture_owner;
CREATE TEXT SEARCH DICTIONARY z (TEMPLATE = simple);
ALTER TEXT SEARCH DICTIONARY z OWNER TO torture_owner;
CREATE TEXT SEARCH CONFIGURATION w (PARSER = "default");
ALTER TEXT SEARCH CONFIGURATION w OWNER TO torture_owner;
CREATE STATISTICS q ON a, c FROM t;
ALTER STATISTICS q OWNER TO torture_owner;
CREATE TABLE parted (a int) PARTITION BY LIST (a);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
ALTER TABLE parted_1 OWNER TO torture_reader;
GRANT SELECT ON parted TO torture_reader;
RESET search_path;

-- On what extensions have made.
REVOKE EXECUTE ON FUNCTION contrib.akeys(contrib.hstore) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contrib.akeys(contrib.hstore) TO torture_reader;

-- Row security that binds the owner, and rows that only others may see.
CREATE TABLE granted.forced (a int, b text);
INSERT INTO granted.forced VALUES (1, 'seen'), (2, 'unseen');
ALTER TABLE granted.forced OWNER TO torture_owner;
ALTER TABLE granted.forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON granted.forced USING (a = 1);

ALTER SCHEMA public OWNER TO torture_owner;
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO torture_reader;
COMMENT ON SCHEMA public IS 'not the standard one';
CREATE TABLE public.in_public (a int PRIMARY KEY);
INSERT INTO public.in_public VALUES (1);
ALTER TABLE public.in_public OWNER TO torture_reader;
