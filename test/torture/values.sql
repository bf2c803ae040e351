-- Rows of every built-in type, at the edges of what it can hold. Every table also holds a row of NULLs.
CREATE SCHEMA "values";
SET search_path = "values";
SET client_min_messages = warning;

CREATE TABLE numbers (
  id int PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, n numeric, n_scaled numeric(10,3), n_negative_scale numeric(5,-2),
  n_all_scale numeric(3,5), f4 float4, f8 float8, m money, o oid, x xid, x8 xid8, c cid, t tid, l pg_lsn, s pg_snapshot, ts txid_snapshot);
INSERT INTO numbers VALUES (1);
INSERT INTO numbers VALUES
  (2, true, 32767, 2147483647, 9223372036854775807, 'NaN', 'NaN', 1234567, 0.00999, 'NaN', 'NaN', '92233720368547758.07', 4294967295,
   '4294967295', '18446744073709551615', '4294967295', '(4294967295,65535)', 'FFFFFFFF/FFFFFFFF', '10:20:10,14,15', '10:20:10,14,15'),
  (3, false, -32768, -2147483648, -9223372036854775808, 'Infinity', 1e-3, -1234567, -0.00999, 'Infinity', 'Infinity',
   '-92233720368547758.08', 0, '0', '0', '0', '(0,0)', '0/0', '1:1:', '1:1:'),
  (4, NULL, 0, 0, 0, '-Infinity', 0, 0, 0, '-Infinity', '-Infinity', 0, 1, '3', '3', '1', '(1,1)', '1/0', '1:2:1', '1:2:1'),
  (5, true, 1, 1, 1, 1.00, 1, 100, 0.00001, '-0', '-0', 0.01, 1, '1', '1', '1', '(0,1)', '0/1', '1:2:', '1:2:'),
  (6, true, -1, -1, -1, repeat('9', 1000)::numeric + 0.000, 9999999.999, 49, 0, 1.17549435e-38, 5e-324, -0.01, 1, '1', '1', '1', '(0,1)', '0/1', '1:2:', '1:2:'),
  (7, true, 2, 2, 2, ('0.' || repeat('0', 5000) || '1')::numeric, 0.001, 50, 0, 3.4028235e38, 1.7976931348623157e308, 1, 1, '1', '1', '1', '(0,1)', '0/1', '1:2:', '1:2:'),
  (8, true, 3, 3, 3, 0.1::float8::numeric - 1e-300, 0, 0, 0, 0.1, 0.1 + 0.2, 1, 1, '1', '1', '1', '(0,1)', '0/1', '1:2:', '1:2:'),
  (9, true, 3, 3, 3, 0.0000, 0, 0, 0, 1.4e-45, 2.2250738585072014e-308, 1, 1, '1', '1', '1', '(0,1)', '0/1', '1:2:', '1:2:');

CREATE TABLE times (
  id int PRIMARY KEY, d date, t time, t2 time(2), tz timetz, ts timestamp, ts0 timestamp(0), tsz timestamptz, tsz3 timestamptz(3),
  i interval, i_days interval day to second(3), i_year interval year to month);
INSERT INTO times VALUES (1);
INSERT INTO times VALUES
  (2, 'infinity', '24:00:00', '24:00:00', '24:00:00+15:59:59', 'infinity', 'infinity', 'infinity', 'infinity',
   '178000000 years', '1 day 00:00:00.123', '1 year'),
  (3, '-infinity', '00:00:00', '00:00', '00:00:00-15:59:59', '-infinity', '-infinity', '-infinity', '-infinity',
   '-178000000 years', '-1 day', '-1 mon'),
  (4, '4713-01-01 BC', '23:59:59.999999', '12:34:56.78', '00:00:00.000001+05:30', '4713-01-01 00:00:00 BC', '0001-12-31 BC',
   '4713-01-01 00:00:00+00 BC', '0001-12-31 BC', '1 mon -1 day +00:00:00.000001', '0', '0'),
  (5, '5874897-12-31', '00:00:00.000001', '00:00:00.01', '12:00+00', '294276-12-31 23:59:59.999999', '2000-01-01 00:00:01',
   '294276-12-31 23:59:59.999999+00', '1999-12-31 23:59:59.999+00', '-1 mon 1 day -12:00:00', '10 days -10:00', '-1 year 1 mon'),
  (6, '2000-02-29', '00:00', '00:00', '00:00+00', '1582-10-10', '1900-01-01', '1900-01-01 00:00:00+00:19:32', '2024-03-31 02:30+01',
   '-00:00:00.000001', '-00:00:00.001', '0'),
  (7, '0001-01-01', '00:00', '00:00', '00:00+00', '0001-01-01', '0001-01-01', '0001-01-01 00:00+00', '0001-01-01 00:00+00',
   '1 year -2147483647 days +2562047788:00:54.775807', '1 day', '0');

CREATE TABLE strings (id int PRIMARY KEY, t text, v varchar, v5 varchar(5), c5 char(5), c char, q "char", n name, b bytea, r refcursor);
INSERT INTO strings VALUES (1);
INSERT INTO strings VALUES
  (2, '', '', '', '', '', '', '', '', ''),
  (3, '\N', '\n', ' a ', ' a', ' ', ' ', ' ', '\x00', ' '),
  (4, E'tab\tnew\nreturn\rback\bform\fvertical\v\\', '\.', E'\\.\n', E'a\n', E'\n', '\', E'\n\\.', '\x5c2e0a', E'"quoted" ''cursor'''),
  (5, E'\\.\n\\.\n', 'NULL', '''', '"', '"', '"', 'NULL', '\x5c6e', 'x'),
  (6, E'\x01\x02\x03\x04\x05\x06\x07\x0e\x0f\x1b\x1f\x7f', U&'\FEFFbom', 'éüñ日本', '日本語 ', '日', 'x', repeat('é', 31), '\xff', 'x'),
  (7, U&'\05E9\05DC\202E rtl \200F e\0301 \+01F418 \FFFD \+10FFFF', U&'\0001', U&'\200B', 'a    ', 'a', '-', repeat('x', 63), '\xdeadbeef', 'x'),
  (8, repeat(E'long\t\\ ', 5000), repeat('x', 3000), '', '', '', E'\x01', '--', decode(repeat('00ff5c0a', 5000), 'hex'), 'x');
UPDATE strings SET q = '\351' WHERE id = 8;
INSERT INTO strings (id, b) SELECT 9, string_agg(decode(lpad(to_hex(i), 2, '0'), 'hex'), NULL ORDER BY i) FROM generate_series(0, 255) i;
INSERT INTO strings (id, t, b) SELECT 10, string_agg(md5(i::text), ''), string_agg(decode(md5(i::text), 'hex'), NULL) FROM generate_series(1, 20000) i;

CREATE TABLE documents (id int PRIMARY KEY, j json, jb jsonb, x xml, p jsonpath, v tsvector, q tsquery, u uuid);
INSERT INTO documents VALUES (1);
INSERT INTO documents VALUES
  (2, 'null', 'null', '', '$', '', '', '00000000-0000-0000-0000-000000000000'),
  (3, '{"a": 1, "a" :  2,   "b":[]}', '{"a": 1, "a" :  2,   "b":[]}', '<a b="&lt;&amp;">&quot;]]&gt;</a><b/>', 'strict $.a[*] ? (@.b like_regex "^\\d" flag "i")',
   $$'it''s' 'back\\slash':1A,2B,3C,4 ' ':16383 '"'$$, $$'it''s' & !('b\\s':*AB | 'x' <-> 'y') <3> ' '$$, 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
  (4, '"\u00e9\ud83d\udc18\\ \" \/"', '"\u00e9\ud83d\udc18\\ \" \/"', '<?xml version="1.0"?><a>é</a>', '$."key with \"quotes\" \\ and é".**{2 to last}', 'a:1 b:2', 'a', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
  (5, '[1.00, -0, 1e400, 1E-400, 123456789012345678901234567890]', '[1.00, -0, 1e400, 1E-400, 123456789012345678901234567890]', '<![CDATA[<x>]]>', '$ ? (@ == null || exists (@.x))', 'ö:1', 'ö', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'),
  (6, E'{"\\u0000": "\\\\.\\n"}', E'{"": "\\\\.\\n", " ": {"": [[], {}, [[]]]}}', 'just text', 'lax $[last - 1].type()', repeat('x', 2046)::tsvector, 'x', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a13');

CREATE TABLE nets (id int PRIMARY KEY, i inet, c cidr, m macaddr, m8 macaddr8, b1 bit, b bit(9), v varbit, v4 varbit(4));
INSERT INTO nets VALUES (1);
INSERT INTO nets VALUES
  (2, '0.0.0.0/0', '0.0.0.0/0', '00:00:00:00:00:00', '00:00:00:00:00:00:00:00', '0', '000000000', '', ''),
  (3, '255.255.255.255', '255.255.255.255/32', 'ff:ff:ff:ff:ff:ff', 'ff:ff:ff:ff:ff:ff:ff:ff', '1', '111111111', B'1', '1'),
  (4, '::/0', '::/0', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '1', '100000000', repeat('01', 500)::varbit, '0000'),
  (5, '::ffff:1.2.3.4/97', '2001:db8::/32', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '1', '100000000', B'000000001', '1111'),
  (6, '192.168.1.5/24', '10/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '1', '100000000', B'0', '10');

CREATE TABLE shapes (id int PRIMARY KEY, p point, l line, s lseg, b box, o path, c path, g polygon, k circle);
INSERT INTO shapes VALUES (1);
INSERT INTO shapes VALUES
  (2, '(0,0)', '{1,0,0}', '[(0,0),(0,0)]', '(0,0),(0,0)', '[(0,0)]', '((0,0))', '((0,0))', '<(0,0),0>'),
  (3, '(NaN,Infinity)', '{0,-1,NaN}', '[(-Infinity,NaN),(1e300,1e-300)]', '(Infinity,2),(1,-Infinity)', '[(1,2),(3,4)]', '((1,2),(3,4))',
   '((1,2),(3,4),(NaN,0))', '<(NaN,Infinity),Infinity>'),
  (4, '(-0,0.1)', '{0.1,-0.2,0.3}', '[(1,2),(3,4)]', '(1,2),(3,4)', '[(-0,0)]', '((0.1,0.2),(1e-10,1e10))', '((0,0),(0,1),(1,1))', '<(0.1,-0),0.3>');

CREATE TABLE arrays (id int PRIMARY KEY, i int[], t text[], d2 int[][], b bytea[], n numeric[], ts timestamptz[], j jsonb[], x box[], v int2vector, o oidvector, name name[]);
INSERT INTO arrays VALUES (1);
INSERT INTO arrays VALUES
  (2, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '', '', '{}'),
  (3, '[-2:0]={1,NULL,3}', ARRAY['', NULL, 'NULL', 'null', '{}', ',', '"', '\', ' ', E'\n', 'é', '\N'], '[0:1][-1:0]={{1,2},{3,NULL}}',
   ARRAY['\x00'::bytea, '\x5c', NULL, ''], ARRAY['NaN', 'Infinity', 1.00, NULL], ARRAY['infinity', '4713-01-01 BC'::timestamptz, NULL],
   ARRAY['{"a": "\"\\"}', 'null', NULL]::jsonb[], ARRAY['(1,1),(0,0)', NULL, '(2,2),(1,1)']::box[], '1 -1 32767', '0 4294967295', '{"a b",NULL}'),
  (4, '[2147483646:2147483646]={7}', '[5:5][6:6][7:7]={{{x}}}', '{{1,2},{3,4},{5,6}}', '{NULL}', '{1e-5}', '{1970-01-01 00:00+00}', '{1}', '{(1,2),(3,4)}', '0', '1', '{x}');

CREATE TABLE ranges (id int PRIMARY KEY, i int4range, b int8range, n numrange, d daterange, t tsrange, z tstzrange, mi int4multirange, mn nummultirange,
  mz tstzmultirange, ai int4range[], am datemultirange[]);
INSERT INTO ranges VALUES (1);
INSERT INTO ranges VALUES
  (2, 'empty', 'empty', 'empty', 'empty', 'empty', 'empty', '{}', '{}', '{}', '{}', '{}'),
  (3, '(,)', '(,)', '(,)', '(,)', '(,)', '(,)', '{(,)}', '{(,)}', '{(,)}', '{empty,"(,)",NULL}', '{"{}",NULL}'),
  (4, '[1,1]', '[-9223372036854775808,9223372036854775806]', '[-Infinity,NaN]', '[-infinity,infinity]', '(-infinity,infinity)', '["4713-01-01 00:00+00 BC",)',
   '{[1,2],[5,9)}', '{(1.0,1.50],(2,3)}', '{["2000-01-01 00:00+00",infinity)}', '{"[1,5)"}', ARRAY['{[2000-01-01,2000-01-03)}']::datemultirange[]);

CREATE TABLE catalog_names (id int PRIMARY KEY, class regclass, proc regproc, procedure regprocedure, oper regoper, operator regoperator,
  type regtype, role regrole, namespace regnamespace, "collation" regcollation, config regconfig, dictionary regdictionary, many regclass[]);
CREATE TABLE "referred ""to""" (a int);
CREATE VIEW "view of 'it'" AS SELECT * FROM "referred ""to""";
CREATE SEQUENCE "sequence of it";
CREATE FUNCTION "function f"(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION overloaded(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION overloaded(text, VARIADIC int[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE OPERATOR <<>> (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
CREATE COLLATION "own collation" FROM "C";
CREATE TEXT SEARCH CONFIGURATION "own config" (COPY = simple);
CREATE TEXT SEARCH DICTIONARY "own dictionary" (TEMPLATE = simple);
INSERT INTO catalog_names VALUES (1);
INSERT INTO catalog_names VALUES
  (2, 'pg_class', 'now', 'now()', '^@', '+(int,int)', 'int', 'torture_owner', 'pg_catalog', '"C"', 'english', 'simple', '{pg_class,NULL}'),
  (3, '"referred ""to"""', '"function f"', 'overloaded(text,int[])', '<<>>', '<<>>(int,int)', '"referred ""to"""', '"Torture ""Owner"""', 'values',
   '"own collation"', '"own config"', '"own dictionary"', ARRAY['"referred ""to"""', '"view of ''it''"', '"sequence of it"', 'catalog_names']::regclass[]),
  (4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '{0}'),
  (5, '"view of ''it''"', '"function f"', 'overloaded(int)', '<<>>', '<<>>(int,int)', 'text[]', '"роль 役 תפקיד"', 'public', '"own collation"', '"own config"', '"own dictionary"', '{}');

CREATE TABLE acls (id int, a aclitem, many aclitem[]);
INSERT INTO acls VALUES (1, NULL, NULL), (2, 'torture_owner=arwd*/torture_reader', ARRAY['=r/torture_owner'::aclitem, '"Torture ""Owner"""=U/torture_owner']);
RESET search_path;
