// The SQL by which either side finds materialized views whose owners see the tables below through row-level security.
#pragma once

namespace pagila_repl {

// Goes on after a WITH RECURSIVE clause that has relation (of pg_class, with nspname): view (OID), owner (name). REFRESH reads a
// table as the owner of the materialized view, and what another view reads as the owner of that, unless it says otherwise.
constexpr const char *kFilteredViews = R"(
, seen (view, by_role, relation, relkind) AS (
  SELECT c.oid, c.relowner, c.oid, 'v'::"char" FROM relation c WHERE c.relkind = 'm'
  UNION
  SELECT s.view,
         CASE WHEN t.relkind <> 'v' OR EXISTS (SELECT FROM pg_catalog.pg_options_to_table(t.reloptions) o
                                                WHERE o.option_name = 'security_invoker' AND o.option_value::pg_catalog.bool)
              THEN s.by_role ELSE t.relowner END,
         t.oid, t.relkind
    FROM seen s JOIN pg_catalog.pg_rewrite w ON w.ev_class = s.relation
         JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
                                    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
         JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
   WHERE s.relkind = 'v' AND t.oid <> s.relation
), filtered (view, owner) AS (
  SELECT DISTINCT s.view, pg_catalog.pg_get_userbyid(c.relowner)
    FROM seen s JOIN relation c ON c.oid = s.view
         JOIN pg_catalog.pg_class t ON t.oid = s.relation AND t.relrowsecurity
         JOIN pg_catalog.pg_roles r ON r.oid = s.by_role AND NOT r.rolsuper AND NOT r.rolbypassrls
   WHERE t.relforcerowsecurity OR NOT pg_catalog.pg_has_role(s.by_role, t.relowner, 'USAGE')
))";

}  // namespace pagila_repl
