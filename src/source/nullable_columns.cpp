#include "source/nullable_columns.hpp"

#include "pg/server.hpp"
#include "pg/spi.hpp"
#include "source/answer.hpp"
#include "source/findings.hpp"

namespace pagila_repl {

namespace {

// From here on NOT NULL cannot be dropped where it is inherited, and pg_dump tells of all.
constexpr int kInheritsNotNull = 180000;

constexpr const char *kNullable = R"(
, heir (oid, ancestor) AS (
  SELECT c.oid, i.inhparent FROM relation c JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
   WHERE c.relkind IN ('r', 'f') AND NOT c.relispartition
  UNION
  SELECT h.oid, i.inhparent FROM heir h JOIN pg_catalog.pg_inherits i ON i.inhrelid = h.ancestor
)
SELECT DISTINCT c.nspname, c.relname, a.attname
  FROM heir h JOIN relation c ON c.oid = h.oid
       JOIN pg_catalog.pg_attribute a ON a.attrelid = h.oid AND a.attnum > 0 AND NOT a.attisdropped AND NOT a.attnotnull
       JOIN pg_catalog.pg_attribute p ON p.attrelid = h.ancestor AND p.attname = a.attname AND p.attnum > 0 AND p.attnotnull
 ORDER BY 1, 2, 3)";

}  // namespace

std::vector<ColumnName> find_nullable_columns(Connection &source, const Wanted &wanted) {
  std::vector<ColumnName> columns;
  if (source.version() >= kInheritsNotNull) return columns;
  for (const Row &row : source.query(std::string(kWantedRelations) + kNullable, parameters_for(wanted)))
    columns.push_back({name_in(row, 0), text_in(row, 2)});
  return columns;
}

void add_nullable_columns(const SourceCatalog &catalog, LoadPlan &plan) {
  if (PG_VERSION_NUM >= kInheritsNotNull) return;
  for (const ColumnName &column : catalog.nullable) {
    ShapeStatement statement;
    statement.what.has_target = true;
    statement.what.schema = column.table.schema;
    statement.what.name = column.table.name;
    statement.text = "ALTER TABLE ONLY " + quote(column.table.schema, column.table.name) + " ALTER COLUMN " +
                     quote(column.name) + " DROP NOT NULL";
    statement.place = {"catalog of the source", 0, "column \"" + column.name + "\""};
    plan.shape.push_back(statement);
  }
}

std::vector<Finding> look_at_nullable_columns(const SourceCatalog &catalog) {
  Findings found;
  if (PG_VERSION_NUM < kInheritsNotNull) return {};
  for (const ColumnName &column : catalog.nullable)
    found.warning("column",
                  "column \"" + column.name + "\" of table \"" + column.table.schema + "." + column.table.name +
                      "\" may be null on the source and not here, where it inherits NOT NULL",
                  "A row with null in it ends the run.");
  return found.take();
}

}  // namespace pagila_repl
