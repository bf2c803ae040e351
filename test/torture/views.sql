-- Views, materialized views, rules, triggers and policies.
CREATE SCHEMA views;
CREATE SCHEMA "views elsewhere";
SET search_path = views;
CREATE TABLE t (id int PRIMARY KEY, name text, n numeric, at timestamptz DEFAULT '2000-01-01 00:00+00');
INSERT INTO t SELECT i, 'name ' || i, i * 1.5 FROM generate_series(1, 20) i;

-- Views.
CREATE VIEW plain AS SELECT * FROM t;
CREATE VIEW "views elsewhere"."over ""it""" AS SELECT p.id AS "i d", p.name || ' it''s' AS "name's", count(*) OVER (PARTITION BY n > 3) FROM views.plain p WHERE n IS NOT NULL;
CREATE VIEW over_over ("first", second) AS SELECT "i d", "name's" FROM "views elsewhere"."over ""it""" UNION ALL SELECT 0, E'\n' ORDER BY 1 LIMIT 5;
CREATE VIEW barrier WITH (security_barrier) AS SELECT id FROM t WHERE name <> 'secret';
CREATE VIEW invoker WITH (security_invoker = true, security_barrier = false) AS SELECT id FROM t;
CREATE VIEW checked WITH (check_option = local) AS SELECT * FROM t WHERE id > 0;
CREATE VIEW checked_all AS SELECT * FROM checked WHERE id < 100 WITH CASCADED CHECK OPTION;
ALTER VIEW plain ALTER COLUMN name SET DEFAULT 'from the view';
CREATE RECURSIVE VIEW counting (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counting WHERE n < 5;
CREATE VIEW complicated AS
  WITH RECURSIVE a AS MATERIALIZED (SELECT id, name FROM t), b (x, y) AS (SELECT 1, 'x'::text UNION SELECT x + 1, y FROM b WHERE x < 3) SEARCH DEPTH FIRST BY x SET ordering CYCLE x SET is_cycle USING path
  SELECT DISTINCT ON (a.id) a.*, b.x, CASE a.name WHEN 'it''s' THEN NULL ELSE a.name END AS "case", ARRAY(SELECT 1) AS arr, (ROW(1, 2))::text AS r, l.z, s.ordinality, k,
         grouping_of.c, (t.*)::text AS whole, t.at AT TIME ZONE 'Europe/Zurich' AS zone, EXTRACT(epoch FROM t.at) AS e, (t.n)::numeric(5,1), COALESCE(t.n, 0) IN (1, 2, 3) AS i, t.name ~~ '%\%' AS lk,
         t.name COLLATE "C" < 'x' AS co, overlay(t.name placing 'z' from 1), position('a' in t.name), t IS DISTINCT FROM NULL AS d, CURRENT_USER AS u, 'x'::"char" AS ch, '1 day'::interval day AS iv
    FROM a JOIN b ON a.id = b.x LEFT JOIN LATERAL (SELECT a.id + 1 AS z) l ON true CROSS JOIN unnest(ARRAY[1, 2]) WITH ORDINALITY s (v) NATURAL JOIN (SELECT 1 AS k) j
         JOIN t ON t.id = a.id FULL JOIN (SELECT count(*) AS c, n AS k FROM t GROUP BY GROUPING SETS ((n), ()) HAVING count(*) > 0) grouping_of USING (k)
   WHERE EXISTS (SELECT FROM t x WHERE x.id = a.id) AND a.id = ANY (SELECT id FROM t TABLESAMPLE SYSTEM (100) REPEATABLE (1)) ORDER BY a.id DESC NULLS LAST, b.x OFFSET 0 FETCH FIRST 10 ROWS WITH TIES;
CREATE VIEW tables_of_functions AS SELECT * FROM ROWS FROM (generate_series(1, 2), json_to_recordset('[{"a": 1}]') AS (a int, "b b" text)) WITH ORDINALITY AS f (x, y, z, o);
CREATE VIEW xml_of_it AS SELECT xmlelement(name "a b", xmlattributes(id AS "x y"), name) AS e, xmlforest(id, name AS "n'"), xt.* FROM t, xmltable('/a' PASSING xmlelement(name a) COLUMNS "o o" FOR ORDINALITY, b text PATH '@b' DEFAULT 'x') xt;
CREATE VIEW no_columns AS SELECT FROM t;
CREATE VIEW of_values AS VALUES (1, 'a'), (2, NULL);
-- A view that groups by a key is dumped with the table; one that needs a function that needs it, in two parts.
CREATE VIEW by_key AS SELECT * FROM t GROUP BY id;
CREATE VIEW circle_a AS SELECT 1 AS a, 'x'::text AS b;
CREATE FUNCTION of_circle(circle_a) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1.a';
CREATE OR REPLACE VIEW circle_a AS SELECT by_key.id AS a, by_key.name AS b FROM by_key WHERE of_circle(ROW(1, 'x')::circle_a) > 0;
CREATE VIEW circle_b AS SELECT 1 AS x;
CREATE VIEW circle_c AS SELECT x FROM circle_b;
CREATE OR REPLACE VIEW circle_b AS SELECT 1 AS x WHERE (SELECT count(*) FROM t) > 0;
CREATE TABLE with_view_type (v plain, vs circle_a[]);
INSERT INTO with_view_type SELECT ROW(plain.*)::plain, NULL FROM plain LIMIT 1;
COMMENT ON VIEW plain IS 'plain';
COMMENT ON COLUMN plain.name IS 'its name';

-- Materialized views.
CREATE MATERIALIZED VIEW filled WITH (fillfactor = 90, autovacuum_enabled = false) AS SELECT id, name, n FROM plain;
CREATE UNIQUE INDEX filled_id ON filled (id) INCLUDE (name);
CREATE INDEX ON filled ((lower(name)), n) WHERE n > 3;
ALTER MATERIALIZED VIEW filled CLUSTER ON filled_id;
ALTER MATERIALIZED VIEW filled ALTER COLUMN name SET STATISTICS 33, ALTER COLUMN name SET STORAGE EXTERNAL, ALTER COLUMN name SET COMPRESSION lz4;
CREATE STATISTICS of_filled (ndistinct) ON id, name FROM filled;
CREATE MATERIALIZED VIEW over_filled ("s S") AS SELECT sum(n) FROM filled;
CREATE MATERIALIZED VIEW over_over_filled AS SELECT "s S" AS s FROM over_filled UNION ALL SELECT n FROM filled;
CREATE MATERIALIZED VIEW "first by name, last by need" AS SELECT * FROM over_over_filled;
CREATE MATERIALIZED VIEW empty AS SELECT * FROM t WITH NO DATA;
CREATE INDEX ON empty (n);
CREATE MATERIALIZED VIEW over_empty AS SELECT * FROM empty WITH NO DATA;
CREATE MATERIALIZED VIEW "count of it" AS SELECT count(*) FROM t;
CREATE MATERIALIZED VIEW grouped AS SELECT * FROM t GROUP BY id;
CREATE UNIQUE INDEX ON grouped (id);
CREATE MATERIALIZED VIEW no_rows AS SELECT * FROM t WHERE false;
CREATE VIEW over_matview AS SELECT * FROM filled JOIN empty e (e1, e2, e3, e4) ON e1 = id JOIN over_over_filled o ON o.s > 0;
COMMENT ON MATERIALIZED VIEW filled IS 'filled';
COMMENT ON COLUMN filled.name IS 'n';

-- Rules.
CREATE TABLE ruled (id int PRIMARY KEY, name text);
CREATE TABLE log (what text, who text DEFAULT 'nobody');
CREATE VIEW updatable_by_rules AS SELECT id, name FROM ruled WHERE id > 0;
CREATE RULE insert_it AS ON INSERT TO updatable_by_rules DO INSTEAD INSERT INTO ruled VALUES (NEW.id, NEW.name) RETURNING id, name;
CREATE RULE update_it AS ON UPDATE TO updatable_by_rules DO INSTEAD (UPDATE ruled SET name = NEW.name WHERE id = OLD.id; INSERT INTO log VALUES ('update; ' || OLD.name); NOTIFY "a 'channel'");
CREATE RULE delete_it AS ON DELETE TO updatable_by_rules WHERE OLD.id = 5 DO INSTEAD NOTHING;
CREATE RULE delete_others AS ON DELETE TO updatable_by_rules DO INSTEAD DELETE FROM ruled WHERE id = OLD.id RETURNING id, name;
CREATE RULE also AS ON INSERT TO ruled WHERE NEW.name <> 'it''s' DO ALSO INSERT INTO log SELECT NEW.name;
CREATE TABLE counted (id int CONSTRAINT "counted's key" PRIMARY KEY, n int);
CREATE RULE with_conflict AS ON UPDATE TO ruled WHERE NEW.id > 100 DO ALSO INSERT INTO counted AS c VALUES (NEW.id, 1) ON CONFLICT ON CONSTRAINT "counted's key" DO UPDATE SET n = excluded.n + c.n;
CREATE RULE disabled AS ON DELETE TO ruled DO INSTEAD NOTHING;
CREATE RULE always AS ON DELETE TO log DO INSTEAD NOTHING;
CREATE RULE in_replica AS ON UPDATE TO log DO ALSO NOTHING;
ALTER TABLE ruled DISABLE RULE disabled;
ALTER TABLE log ENABLE ALWAYS RULE always;
ALTER TABLE log ENABLE REPLICA RULE in_replica;
COMMENT ON RULE also ON ruled IS 'also';
COMMENT ON RULE insert_it ON updatable_by_rules IS 'instead';
INSERT INTO ruled VALUES (1, 'a'), (2, 'b');

-- Triggers. None of them may run while rows are copied.
CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'trigger % ran', TG_NAME; END$$;
CREATE FUNCTION passes() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
CREATE TABLE triggered (id int, name text, n int DEFAULT 1);
INSERT INTO triggered SELECT i, 'x' FROM generate_series(1, 5) i;
CREATE TRIGGER each_row BEFORE INSERT OR UPDATE OF name, n OR DELETE ON triggered FOR EACH ROW EXECUTE FUNCTION fails('it''s', '\', 'ü', '');
CREATE TRIGGER each_statement AFTER TRUNCATE ON triggered EXECUTE FUNCTION fails();
CREATE TRIGGER "with 'when'" AFTER UPDATE ON triggered FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.* AND NEW.name <> 'it''s') EXECUTE FUNCTION fails();
CREATE TRIGGER with_tables AFTER UPDATE ON triggered REFERENCING OLD TABLE AS "old ""rows""" NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION fails();
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT ON triggered FROM t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION fails();
CREATE CONSTRAINT TRIGGER immediate AFTER INSERT OR DELETE ON triggered DEFERRABLE FOR EACH ROW EXECUTE FUNCTION fails();
CREATE TRIGGER disabled BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION fails();
CREATE TRIGGER always BEFORE INSERT ON triggered FOR EACH STATEMENT EXECUTE FUNCTION fails();
CREATE TRIGGER in_replica BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION fails();
CREATE TRIGGER goes_with_extension BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION fails();
ALTER TRIGGER goes_with_extension ON triggered DEPENDS ON EXTENSION hstore;
ALTER TABLE triggered DISABLE TRIGGER disabled, ENABLE ALWAYS TRIGGER always, ENABLE REPLICA TRIGGER in_replica;
COMMENT ON TRIGGER each_row ON triggered IS 'each';
CREATE TRIGGER instead INSTEAD OF INSERT OR UPDATE OR DELETE ON plain FOR EACH ROW EXECUTE FUNCTION fails('x');
COMMENT ON TRIGGER instead ON plain IS 'of the view';
CREATE TABLE parted (id int, name text) PARTITION BY LIST (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2, 3) PARTITION BY LIST (id);
CREATE TABLE parted_2_2 PARTITION OF parted_2 FOR VALUES IN (2);
INSERT INTO parted VALUES (1, 'a'), (2, 'b');
CREATE TRIGGER cloned AFTER INSERT OR UPDATE ON parted FOR EACH ROW EXECUTE FUNCTION fails();
CREATE TRIGGER cloned_too BEFORE INSERT ON parted FOR EACH ROW EXECUTE FUNCTION passes();
CREATE TRIGGER of_statement AFTER INSERT ON parted EXECUTE FUNCTION fails();
CREATE TRIGGER own BEFORE INSERT ON parted_1 FOR EACH ROW EXECUTE FUNCTION passes();
CREATE CONSTRAINT TRIGGER cloned_constraint AFTER INSERT ON parted DEFERRABLE FOR EACH ROW EXECUTE FUNCTION fails();
ALTER TABLE parted_1 DISABLE TRIGGER cloned, ENABLE ALWAYS TRIGGER cloned_too;
ALTER TABLE parted_2 ENABLE REPLICA TRIGGER cloned;
ALTER TABLE parted_2_2 DISABLE TRIGGER cloned_too;
ALTER TABLE ONLY parted DISABLE TRIGGER cloned_too;
COMMENT ON TRIGGER cloned ON parted IS 'cloned';
CREATE FUNCTION text_of(tid) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT to_json($1::text)';
CREATE FUNCTION on_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''% ran'', tg_tag; END';
CREATE FOREIGN TABLE far (a int) SERVER torture_remote;
CREATE TRIGGER on_foreign BEFORE INSERT ON far FOR EACH ROW EXECUTE FUNCTION fails();

-- Policies.
CREATE TABLE secured (id int, owner name DEFAULT CURRENT_USER, name text);
INSERT INTO secured VALUES (1, 'postgres', 'a'), (2, 'other', 'b');
ALTER TABLE secured ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE FUNCTION checks_row(int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT FROM views.t WHERE id = $1)';
CREATE POLICY of_all ON secured USING (owner = CURRENT_USER) WITH CHECK (id > 0 AND name <> 'it''s');
CREATE POLICY restrictive ON secured AS RESTRICTIVE FOR UPDATE TO torture_reader, "Torture ""Owner""" USING (id < 10) WITH CHECK (id < 20);
CREATE POLICY "for 'select'" ON secured FOR SELECT TO PUBLIC USING (EXISTS (SELECT FROM views.t WHERE t.id = secured.id));
CREATE POLICY for_insert ON secured FOR INSERT TO SESSION_USER WITH CHECK (views.checks_row(id));
CREATE POLICY for_delete ON secured FOR DELETE TO torture_owner USING (false);
CREATE TABLE not_enabled (a int);
CREATE POLICY waiting ON not_enabled USING (a > 0);
CREATE TABLE enabled_without (a int);
ALTER TABLE enabled_without ENABLE ROW LEVEL SECURITY;
ALTER TABLE parted ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_partitioned ON parted USING (id > 1);
COMMENT ON POLICY of_all ON secured IS 'of all';
RESET search_path;
