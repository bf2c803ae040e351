// Derives from the server's own catalogs what defines an object in a schema.
//
// pg_get_catalog_foreign_keys() says which column refers to which catalog, and unique indexes say what a row is of:
// - A catalog whose rows have a name that is unique within a schema holds objects (pg_class, pg_proc).
// - A row is a part of the object that the first column of one of its unique indexes refers to (pg_trigger of a table,
//   pg_enum of a type).
// - A row that is found by (objoid, classoid) is about an object or a part (pg_description, pg_seclabel).
// All columns are compared but those below, so a column that a newer server adds is, too.

#include "target/definitions.hpp"

#include <map>

#include "pg/spi.hpp"

namespace pagila_repl {

namespace {

// What is not compared: columns, or catalogs as a whole.
constexpr const char *kNotCompared[] = {
    // Statistics.
    "pg_statistic", "pg_statistic_ext_data", "pg_class.relpages", "pg_class.reltuples", "pg_class.relallvisible",
    "pg_class.relallfrozen",
    // VACUUM, CLUSTER and TRUNCATE give tables other files and horizons.
    "pg_class.relfilenode", "pg_class.relfrozenxid", "pg_class.relminmxid", "pg_class.relrewrite",
    "pg_class.reltoastrelid",
    // Hints, of which VACUUM takes back those that are not true any more.
    "pg_class.relhasindex", "pg_class.relhasrules", "pg_class.relhastriggers", "pg_class.relhassubclass",
    // No statement changes it, but while another copy takes the place of the class.
    "pg_opclass.opcdefault",
    // Whether old snapshots may use the index.
    "pg_index.indcheckxmin",
    // What a row that is shorter than its table has in the column; rewriting the table makes them go.
    "pg_attribute.atthasmissing", "pg_attribute.attmissingval",
    // REINDEX CONCURRENTLY gives an index another OID; the constraint says the rest.
    "pg_constraint.conindid", "pg_trigger.tgconstrindid",
    // Of the library; ALTER COLLATION ... REFRESH VERSION is upkeep, and pg_dump prints it for pg_upgrade alone.
    "pg_collation.collversion",
    // What an extension's script left.
    "pg_init_privs",
    // They link a table with something that is in no schema: publishing looks for them as dependents.
    "pg_publication_rel", "pg_subscription_rel"};

// References that do not lead to what a row is a part of, though a unique index begins with them: an operator may be in
// families of other schemas.
constexpr const char *kNoPart[] = {"pg_amop.amopopr"};

// Rows of these are objects of their own, in no schema.
constexpr const char *kInNoSchema[] = {"pg_cast", "pg_transform"};

// Rows x of a catalog that alone are looked at.
const std::map<std::string, std::string> kOnly = {
    // Not the types that come with a table, and not array types, both found by OID, which has an index.
    {"pg_type", R"(NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = x.typrelid AND c.relkind <> 'c')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.oid = x.typelem AND e.typarray = x.oid))"},
    // System columns have nothing but privileges.
    {"pg_attribute", "(x.attnum > 0 OR x.attacl IS NOT NULL)"},
    // Those that come with a constraint can be switched off. A foreign key of another schema's table is a matter of that one.
    {"pg_trigger", R"((NOT x.tgisinternal
        OR x.tgenabled <> 'O' AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class r ON r.oid = k.conrelid
                                               WHERE k.oid = x.tgconstraint AND k.contype = 'f' AND k.conrelid <> x.tgrelid
                                                 AND r.relnamespace <> ALL ($1::oid[]))))"}};

// One row for each way from a catalog to what its rows are of: the catalog, its OID, the column that leads there, the
// catalog that it leads to, and its OID (none: to a schema, the rows are objects), whether rows have OIDs, the other
// columns as expressions over x. $1: kNotCompared, $2: kNoPart.
constexpr const char *kWays = R"(
WITH reference AS MATERIALIZED (
  SELECT c.oid, c.relname, f.fkcols[1]::name AS attname, f.pktable, f.is_opt
    FROM pg_catalog.pg_get_catalog_foreign_keys() f JOIN pg_catalog.pg_class c ON c.oid = f.fktable
   WHERE pg_catalog.cardinality(f.fkcols) = 1 AND NOT f.is_array AND f.pkcols = '{oid}' AND NOT c.relisshared
     AND c.relname <> ALL ($1::text[]) AND pg_catalog.concat(c.relname, '.', f.fkcols[1]) <> ALL ($1::text[])
), key AS MATERIALIZED (
  -- Columns of unique indexes that refer to something.
  SELECT r.*, k.has_name, k.leads
    FROM (SELECT a.attrelid, a.attname,
                 pg_catalog.bool_or(a.atttypid = 'pg_catalog.name'::pg_catalog.regtype)
                   OVER (PARTITION BY i.indexrelid) AS has_name,
                 -- The first column, or the next one where that may be zero.
                 COALESCE(pg_catalog.bool_and(r.is_opt IS TRUE) OVER (PARTITION BY i.indexrelid ORDER BY k.number
                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), true) AS leads
            FROM pg_catalog.pg_index i, LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY k (attnum, number),
                 LATERAL (SELECT * FROM pg_catalog.pg_attribute WHERE attrelid = i.indrelid AND attnum = k.attnum) a
                 LEFT JOIN reference r ON r.oid = a.attrelid AND r.attname = a.attname
           WHERE i.indisunique AND i.indrelid IN (SELECT oid FROM reference)) k
         JOIN reference r ON r.oid = k.attrelid AND r.attname = k.attname
), object AS MATERIALIZED (
  SELECT DISTINCT oid, relname, attname FROM key
   WHERE has_name AND pktable = 'pg_catalog.pg_namespace'::pg_catalog.regclass
), part AS (
  SELECT DISTINCT k.oid, k.relname, k.attname, o.relname AS whole, o.oid AS whole_oid
    FROM key k JOIN object o ON o.oid = k.pktable
   WHERE k.leads AND k.oid NOT IN (SELECT oid FROM object)
     AND pg_catalog.concat(k.relname, '.', k.attname) <> ALL ($2::text[])
), way AS (
  SELECT oid, relname, attname, NULL::name AS whole, NULL::oid AS whole_oid FROM object
  UNION ALL
  SELECT oid, relname, attname, whole, whole_oid FROM part
)
SELECT w.relname, w.oid, w.attname, w.whole, w.whole_oid,
       EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = w.oid AND attname = 'oid'),
       (SELECT pg_catalog.string_agg(
                 CASE WHEN a.atttypid = 'pg_catalog.aclitem[]'::pg_catalog.regtype
                        -- Roles may be renamed, and privileges be in any order.
                        THEN pg_catalog.format('x.%1$I IS NULL, (SELECT pg_catalog.string_agg(e::text, '' '' ORDER BY e::text COLLATE pg_catalog."C") FROM pg_catalog.aclexplode(x.%1$I) e)', a.attname)
                      -- What regproc and its like print depends on names.
                      WHEN pg_catalog.format_type(a.atttypid, NULL) LIKE 'reg%'
                        THEN pg_catalog.format('x.%I::pg_catalog.oid', a.attname)
                      -- REINDEX CONCURRENTLY forgets where in a statement expressions were.
                      WHEN w.relname = 'pg_index' AND a.atttypid = 'pg_catalog.pg_node_tree'::pg_catalog.regtype
                        THEN pg_catalog.format('pg_catalog.regexp_replace(x.%I::text, ''(?<!\\) :location -?[0-9]+'', '''', ''g'')', a.attname)
                      ELSE pg_catalog.format('x.%I', a.attname) END, ', ' ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname NOT IN ('oid', w.attname)
           AND pg_catalog.concat(w.relname, '.', a.attname) <> ALL ($1::text[])
           -- Such values may be of a user's type.
           AND a.atttypid <> 'pg_catalog.anyarray'::pg_catalog.regtype
           -- The schema of a part is that of the whole.
           AND (w.oid, a.attname) NOT IN (SELECT oid, attname FROM reference
                                           WHERE pktable = 'pg_catalog.pg_namespace'::pg_catalog.regclass))
  FROM way w ORDER BY w.relname, w.attname)";

// Catalogs whose rows are about objects, and their columns but those that say about which.
constexpr const char *kNotes = R"(
SELECT c.relname,
       (SELECT pg_catalog.string_agg(pg_catalog.format('x.%I', a.attname), ', ' ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname NOT IN ('objoid', 'classoid'))
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisunique
 WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND NOT c.relisshared AND c.relname <> ALL ($1::text[])
   AND (SELECT pg_catalog.array_agg(a.attname ORDER BY a.attname)
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum IN (i.indkey[0], i.indkey[1])) = '{classoid,objoid}'::name[]
 ORDER BY 1)";

struct Way {
  std::string catalog, catalog_oid, column;
  Value whole, whole_oid;
  bool has_oid;
  std::string columns;
};

bool is_in_no_schema(const std::string &catalog) {
  for (const char *other : kInNoSchema)
    if (catalog == other) return true;
  return false;
}

std::vector<Way> find_ways(const std::string &not_compared) {
  std::vector<Way> ways;
  for (const Row &row : query(kWays, {not_compared, array_literal({std::begin(kNoPart), std::end(kNoPart)})}))
    ways.push_back({*row[0], *row[1], *row[2], row[3], row[4], *row[5] == "t", *row[6]});
  return ways;
}

std::string from(const Way &way) { return " FROM pg_catalog." + quote(way.catalog) + " x WHERE "; }

std::string only(const Way &way) {
  auto condition = kOnly.find(way.catalog);
  return condition == kOnly.end() ? std::string() : " AND " + condition->second;
}

void add(std::string &all, const std::string &one) { all += (all.empty() ? "" : "\nUNION ALL ") + one; }

// (classid, objid, namespace) of what schemas hold.
std::string objects_in_schemas(const std::vector<Way> &ways) {
  std::string all;
  for (const Way &way : ways)
    if (!way.whole) {
      std::string schema = "x." + quote(way.column);
      add(all, "SELECT " + way.catalog_oid + "::oid, x.oid, " + schema + from(way) + schema + " = ANY ($1::oid[])" +
                   only(way));
    }
  return all;
}

// (classid, objid) of those that users have made, whatever they are of: what has neither a type nor a function of a schema may
// have come with a copy all the same.
std::string objects_in_no_schema(const std::vector<Way> &ways) {
  std::map<std::string, std::string> catalogs;
  for (const Way &way : ways)
    if (is_in_no_schema(way.catalog)) catalogs[way.catalog] = way.catalog_oid;
  std::string all;
  for (const auto &[catalog, oid] : catalogs)
    add(all, "SELECT " + oid + "::oid, x.oid FROM pg_catalog." + quote(catalog) + " x WHERE x.oid >= 16384");
  return all;
}

// (classid, objid, part_class, part, text) of the rows of objects and of their parts.
std::string rows_of(const std::vector<Way> &ways) {
  std::string all;
  for (const Way &way : ways) {
    bool is_part = way.whole && !is_in_no_schema(way.catalog);
    std::string of = (is_part ? *way.whole_oid : way.catalog_oid) + "::oid";
    std::string object = is_part ? "x." + quote(way.column) + "::oid" : "x.oid";
    add(all, "SELECT " + of + ", " + object + ", " + way.catalog_oid + "::oid, " + (way.has_oid ? "x.oid" : "0::oid") +
                 ", ROW(" + quote_literal(way.catalog) + "::text, " + way.columns + ")::text" + from(way) + object +
                 " IN (SELECT objid FROM object WHERE classid = " + of + ")" + (is_part ? only(way) : ""));
  }
  // The options of a table's TOAST table are set on the table.
  add(all, R"(SELECT o.classid, c.oid, 0::oid, 0::oid, ROW('toast'::text, t.reloptions)::text
  FROM object o JOIN pg_catalog.pg_class c ON c.oid = o.objid JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
 WHERE o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND t.reloptions IS NOT NULL)");
  // The column that a sequence is owned by, or the identity of.
  add(all, R"(SELECT o.classid, s.oid, 0::oid, 0::oid, ROW('owned by'::text, d.deptype, d.refobjid, d.refobjsubid)::text
  FROM object o JOIN pg_catalog.pg_class s ON s.oid = o.objid AND s.relkind = 'S'
       JOIN pg_catalog.pg_depend d ON d.classid = o.classid AND d.objid = o.objid
 WHERE o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = o.classid AND d.refobjsubid <> 0
   AND d.deptype IN ('a', 'i'))");
  return all;
}

// (classid, objid, text) of what is said about objects and their parts; the text of the part tells which.
std::string notes_on_them(const std::vector<Row> &notes) {
  std::string all;
  for (const Row &note : notes)
    add(all, "SELECT p.classid, p.objid, ROW(" + quote_literal(*note[0]) + "::text, p.text, " + *note[1] +
                 ")::text FROM part p JOIN pg_catalog." + quote(*note[0]) +
                 " x ON x.classoid = p.part_class AND x.objoid = p.part");
  // DEPENDS ON EXTENSION.
  add(all, R"(SELECT p.classid, p.objid, ROW('depends on'::text, p.text, x.objsubid, x.refclassid, x.refobjid)::text
  FROM part p JOIN pg_catalog.pg_depend x ON x.classid = p.part_class AND x.objid = p.part AND x.deptype = 'x')");
  return all;
}

std::string derive() {
  std::string not_compared = array_literal({std::begin(kNotCompared), std::end(kNotCompared)});
  std::vector<Way> ways = find_ways(not_compared);
  std::vector<Row> notes = query(kNotes, {not_compared});
  // Nor what goes with a member and is none itself: an index, a sequence that a column owns, the columns of a composite type, statistics.
  const std::string not_of_extension =
      R"(NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                      WHERE e.classid = o.classid AND e.objid = o.objid AND e.deptype = 'e')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i
                          JOIN pg_catalog.pg_depend e ON e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                                     AND e.objid = i.indrelid AND e.deptype = 'e'
                    WHERE o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND i.indexrelid = o.objid)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c
                          JOIN pg_catalog.pg_depend e ON e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
                                                     AND e.objid = c.reltype AND e.deptype = 'e'
                    WHERE o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = o.objid AND c.relkind = 'c')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_statistic_ext s
                          JOIN pg_catalog.pg_depend e ON e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                                     AND e.objid = s.stxrelid AND e.deptype = 'e'
                    WHERE o.classid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass AND s.oid = o.objid)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend s
                          JOIN pg_catalog.pg_depend e ON e.classid = s.refclassid AND e.objid = s.refobjid AND e.deptype = 'e'
                    WHERE o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND s.classid = o.classid AND s.objid = o.objid
                      AND s.refclassid = o.classid AND s.refobjsubid <> 0 AND s.deptype IN ('a', 'i')))";

  return "WITH in_schema (classid, objid, namespace) AS MATERIALIZED (\nSELECT * FROM (" + objects_in_schemas(ways) +
         ") o (classid, objid, namespace)\n WHERE " + not_of_extension + "\n), in_no_schema (classid, objid) AS (\n" +
         objects_in_no_schema(ways) +
         "\n), object (classid, objid, namespace, is_inside) AS MATERIALIZED (\nSELECT *, true FROM in_schema UNION ALL "
         "SELECT classid, objid, NULL, EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN in_schema s"
         " ON s.classid = d.refclassid AND s.objid = d.refobjid WHERE d.classid = o.classid AND d.objid = o.objid)"
         " FROM in_no_schema o WHERE " +
         not_of_extension + "\n), part (classid, objid, part_class, part, text) AS MATERIALIZED (\n" + rows_of(ways) +
         "\n), described (classid, objid, text) AS (\nSELECT classid, objid, text FROM part\nUNION ALL " +
         notes_on_them(notes) + R"(
)
SELECT o.classid, o.objid, n.nspname AS schema_name, o.is_inside,
       pg_catalog.md5(pg_catalog.string_agg(d.text, E'\n' ORDER BY d.text COLLATE pg_catalog."C")) AS hash
  FROM object o JOIN described d ON d.classid = o.classid AND d.objid = o.objid
       LEFT JOIN pg_catalog.pg_namespace n ON n.oid = o.namespace
 GROUP BY o.classid, o.objid, n.nspname, o.is_inside)";
}

}  // namespace

const std::string &definitions_sql() {
  // The catalogs of a server do not change while it runs.
  static const std::string derived = derive();
  return derived;
}

}  // namespace pagila_repl
