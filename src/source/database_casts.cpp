// Reads casts and transforms of a source, and looks whether they can be made here.

#include "source/database_casts.hpp"

#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "source/answer.hpp"
#include "source/findings.hpp"

namespace pagila_repl {

namespace {

// $4: whether those are wanted that have neither a function nor a type of the wanted schemas.
constexpr const char *kCasts = R"(
, found AS (
  SELECT c.tableoid, c.oid, 'pg_cast' AS kind,
         pg_catalog.format('cast from %s to %s', pg_catalog.format_type(c.castsource, NULL),
                           pg_catalog.format_type(c.casttarget, NULL)) AS name,
         pg_catalog.format('CAST (%s AS %s)', pg_catalog.format_type(c.castsource, NULL),
                           pg_catalog.format_type(c.casttarget, NULL)) AS object,
         CASE c.castmethod WHEN 'f' THEN ' WITH FUNCTION ' || c.castfunc::pg_catalog.oid::pg_catalog.regprocedure::text
                           WHEN 'i' THEN ' WITH INOUT' ELSE ' WITHOUT FUNCTION' END
           || CASE c.castcontext WHEN 'i' THEN ' AS IMPLICIT' WHEN 'a' THEN ' AS ASSIGNMENT' ELSE '' END AS how,
         c.castfunc::pg_catalog.oid AS function, 0::pg_catalog.oid AS other_function,
         c.castsource AS type, c.casttarget AS other_type, pg_catalog.format_type(c.casttarget, NULL) AS other,
         c.castmethod = 'b' AS is_unchecked
    FROM pg_catalog.pg_cast c
  UNION ALL
  SELECT t.tableoid, t.oid, 'pg_transform',
         pg_catalog.format('transform of %s for language %s', pg_catalog.format_type(t.trftype, NULL), l.lanname),
         pg_catalog.format('TRANSFORM FOR %s LANGUAGE %I', pg_catalog.format_type(t.trftype, NULL), l.lanname),
         ' (' || pg_catalog.concat_ws(', ',
           'FROM SQL WITH FUNCTION ' || NULLIF(t.trffromsql::pg_catalog.oid, 0)::pg_catalog.regprocedure::text,
           'TO SQL WITH FUNCTION ' || NULLIF(t.trftosql::pg_catalog.oid, 0)::pg_catalog.regprocedure::text) || ')',
         t.trffromsql::pg_catalog.oid, t.trftosql::pg_catalog.oid, t.trftype, t.trftype, l.lanname::text, false
    FROM pg_catalog.pg_transform t JOIN pg_catalog.pg_language l ON l.oid = t.trflang
), placed AS (
  SELECT f.*,
         EXISTS (SELECT FROM pg_catalog.pg_type t
                  WHERE t.oid IN (f.type, f.other_type) AND t.typnamespace IN (SELECT oid FROM wanted)
                    AND NOT EXISTS (SELECT FROM member m WHERE m.classid = t.tableoid AND m.objid = t.oid)) AS has_type,
         (SELECT n.nspname FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
           WHERE p.oid IN (f.function, f.other_function) AND n.oid IN (SELECT oid FROM wanted)
             AND NOT EXISTS (SELECT FROM member m WHERE m.classid = p.tableoid AND m.objid = p.oid)
           ORDER BY 1 LIMIT 1) AS function_schema,
         EXISTS (SELECT FROM pg_catalog.pg_type t
                  WHERE t.oid IN (f.type, f.other_type) AND t.oid >= 16384 AND t.typnamespace NOT IN (SELECT oid FROM wanted)
                    AND NOT EXISTS (SELECT FROM member m WHERE m.classid = t.tableoid AND m.objid = t.oid))
           OR EXISTS (SELECT FROM pg_catalog.pg_proc p
                       WHERE p.oid IN (f.function, f.other_function) AND p.oid >= 16384
                         AND p.pronamespace NOT IN (SELECT oid FROM wanted)
                         AND NOT EXISTS (SELECT FROM member m WHERE m.classid = p.tableoid AND m.objid = p.oid)) AS has_others
    FROM found f
)
SELECT 'CREATE ' || p.object || p.how,
       'COMMENT ON ' || p.object || ' IS E' || pg_catalog.quote_literal(pg_catalog.replace(d.description, E'\\', E'\\\\')),
       p.name, p.kind, CASE WHEN NOT p.has_type THEN pg_catalog.format_type(p.type, NULL) END,
       CASE WHEN NOT p.has_type THEN p.other END, p.is_unchecked, p.has_others
  FROM placed p LEFT JOIN pg_catalog.pg_description d ON d.classoid = p.tableoid AND d.objoid = p.oid
 WHERE p.oid >= 16384 AND ($4::pg_catalog.bool OR p.has_type OR p.function_schema IS NOT NULL)
   AND NOT EXISTS (SELECT FROM member m WHERE m.classid = p.tableoid AND m.objid = p.oid)
   -- From a range to its multirange: it is made with them.
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend i WHERE i.classid = p.tableoid AND i.objid = p.oid AND i.deptype = 'i')
 ORDER BY p.kind, p.name)";

constexpr const char *kMayMakeCast = R"(
SELECT pg_catalog.pg_has_role(s.typowner, 'USAGE') OR pg_catalog.pg_has_role(t.typowner, 'USAGE')
  FROM pg_catalog.pg_type s, pg_catalog.pg_type t
 WHERE s.oid = pg_catalog.to_regtype($1)::oid AND t.oid = pg_catalog.to_regtype($2)::oid)";

constexpr const char *kMayMakeTransform =
    "SELECT pg_catalog.pg_has_role(typowner, 'USAGE') FROM pg_catalog.pg_type WHERE oid = pg_catalog.to_regtype($1)::oid";

// Neither made by a run whose copy is visible, nor by a function of what is to be replaced ($3), which is told as such.
constexpr const char *kInTheWay = R"(
SELECT FROM (SELECT tableoid, oid, castsource::text, pg_catalog.format_type(casttarget, NULL), castfunc::oid, 0::oid
               FROM pg_catalog.pg_cast WHERE casttarget = pg_catalog.to_regtype($2)::oid
             UNION ALL
             SELECT t.tableoid, t.oid, t.trftype::text, l.lanname, t.trffromsql::oid, t.trftosql::oid
               FROM pg_catalog.pg_transform t JOIN pg_catalog.pg_language l ON l.oid = t.trflang WHERE l.lanname = $2)
       x (classid, oid, type, other, function, other_function)
 WHERE x.type = pg_catalog.to_regtype($1)::oid::text
   AND NOT EXISTS (SELECT FROM pagila_repl.managed_object m JOIN pagila_repl.copy USING (run_id)
                    WHERE m.classid = x.classid AND m.objid = x.oid)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                    WHERE p.oid IN (x.function, x.other_function) AND n.nspname = ANY ($3::name[])))";

bool may_make(const SourceCast &cast) {
  Value may = cast.kind == "pg_cast" ? query_value(kMayMakeCast, {cast.type, cast.other})
                                     : query_value(kMayMakeTransform, {cast.type});
  return may != "f";
}

bool is_in_the_way(const SourceCast &cast, const std::vector<std::string> &schemas) {
  return as_extension_owner([&] { return !query(kInTheWay, {cast.type, cast.other, array_literal(schemas)}).empty(); });
}

}  // namespace

SourceCasts read_casts(Connection &source, const Wanted &wanted, const Selection &selection) {
  std::vector<Value> parameters = parameters_for(wanted);
  parameters.emplace_back(selection.schemas.empty() && selection.include.empty() ? "true" : "false");
  SourceCasts found;
  for (const Row &row : source.query(std::string(kWantedRelations) + kCasts, parameters)) {
    SourceCast cast;
    cast.statement = text_in(row, 0);
    cast.comment = optional_text_in(row, 1);
    cast.name = text_in(row, 2);
    cast.kind = text_in(row, 3);
    cast.type = optional_text_in(row, 4);
    cast.other = optional_text_in(row, 5);
    cast.is_unchecked = flag_in(row, 6);
    // Of the whole database pg_dump prints all of them.
    if (flag_in(row, 7) && !selection.everything())
      found.left_out.push_back(cast.name + " left out, since it needs what is in schemas that are not copied");
    else
      found.casts.push_back(cast);
  }
  return found;
}

std::vector<Finding> look_at_casts(const SourceCatalog &catalog) {
  Findings found;
  for (const SourceCast &cast : catalog.casts) {
    if (cast.type.empty()) continue;
    // What only superusers may create is found with the rest of that.
    if (!cast.is_unchecked && !may_make(cast))
      found.error("cast", "42501", "the role may not create the " + cast.name,
                  "Run as a superuser, or as a role that owns one of its types.");
    else if (is_in_the_way(cast, catalog.schemas))
      found.error("cast", "42710", "the " + cast.name + " exists here and no run created it",
                  "There can be only one in a database: drop it, then run again.");
  }
  if (!catalog.casts.empty())
    found.else_ok("cast", "all casts and transforms that come with the copy can be created here");
  return found.take();
}

}  // namespace pagila_repl
