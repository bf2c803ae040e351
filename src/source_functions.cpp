// The functions by which SQL looks at a source before a run: pagila_check and pagila_plan. They work in the caller's own
// process and touch nothing.

#include <cmath>
#include <map>

#include "core/counted.hpp"
#include "entrance.hpp"
#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "run/database_object_findings.hpp"
#include "run/earlier_copies.hpp"
#include "run/target_findings.hpp"
#include "settings.hpp"
#include "source/findings.hpp"
#include "source/member_relations.hpp"
#include "source/preflight.hpp"
#include "source/read_catalog.hpp"
#include "source/unconvertible.hpp"
#include "source/unconvertible_text.hpp"
#include "target/extension_parts.hpp"
#include "target/manifest.hpp"
#include "target/stage.hpp"

extern "C" {
#include "funcapi.h"
#include "utils/tuplestore.h"

PGDLLEXPORT Datum pagila_check(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum pagila_plan(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pagila_check);
PG_FUNCTION_INFO_V1(pagila_plan);
}

namespace pagila_repl {

namespace {

// Rows in plain memory; null is NULL.
struct PlainRows {
  char ***rows;
  uint64 count;
};

PlainRows plain_rows(const std::vector<Row> &rows) {
  uint64 count = rows.size();
  PlainRows plain{guarded([count] { return (char ***)palloc(sizeof(char **) * (count + 1)); }), count};
  for (uint64 i = 0; i < count; i++) {
    size_t columns = rows[i].size();
    char **values = guarded([columns] { return (char **)palloc0(sizeof(char *) * columns); });
    for (size_t column = 0; column < columns; column++) {
      if (!rows[i][column]) continue;
      const char *text = rows[i][column]->c_str();
      values[column] = guarded([text] { return pstrdup(text); });
    }
    plain.rows[i] = values;
  }
  return plain;
}

// Server code: makes the rows the result of the function.
void return_rows(FunctionCallInfo fcinfo, PlainRows rows) {
  auto *result = (ReturnSetInfo *)fcinfo->resultinfo;
  if (result == nullptr || !IsA(result, ReturnSetInfo) || (result->allowedModes & SFRM_Materialize) == 0)
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("set-valued function called in context that cannot accept a set")));
  MemoryContext before = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
  TupleDesc descriptor;
  if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
    elog(ERROR, "return type must be a row type");
  bool random_access = (result->allowedModes & SFRM_Materialize_Random) != 0;
  Tuplestorestate *store = tuplestore_begin_heap(random_access, false, work_mem);
  AttInMetadata *input = TupleDescGetAttInMetadata(descriptor);
  for (uint64 i = 0; i < rows.count; i++) tuplestore_puttuple(store, BuildTupleFromCStrings(input, rows.rows[i]));
  MemoryContextSwitchTo(before);
  result->returnMode = SFRM_Materialize;
  result->setResult = store;
  result->setDesc = descriptor;
}

Value unless_empty(const std::string &text) { return text.empty() ? Value() : Value(text); }

// Calls `look` with the catalog and returns the rows it makes; or those of `without_names`, where names of the source have
// characters that are not to be had here.
template <class Look>
std::vector<Row> look_at_source(FunctionCallInfo fcinfo, const char *purpose, const DatabaseObjectKinds &kinds,
                                Look look,
                                std::vector<Row> (*without_names)(const Error &, const SourceServer &) = nullptr) {
  std::string name = text_argument(fcinfo, 0, "server");
  Selection selection = selection_argument(fcinfo, 1);
  SourceServer server = find_server(name);
  Connection source(server, purpose);
  source.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
  try {
    return look(source, read_catalog(source, selection, kinds), selection);
  } catch (const Error &error) {
    if (without_names != nullptr)
      if (std::vector<Row> rows = without_names(error, server); !rows.empty()) return rows;
    throw with_unconvertible_names(error, server);
  }
}

const char *status_of(const Finding &finding) {
  switch (finding.severity) {
    case Finding::Severity::ok: return "ok";
    case Finding::Severity::warning: return "warning";
    default: return "error";
  }
}

CopyOrigin origin_of(const Connection &source, const SourceCatalog &catalog) {
  return {"replicate", catalog.system_identifier + "/" + std::to_string(catalog.database_oid), source.server().name,
          source.where()};
}

std::vector<std::string> vanished_schemas(const CopyOrigin &origin, const SourceCatalog &catalog) {
  if (!catalog.everything) return {};
  return find_vanished_schemas(origin, catalog.schemas, false);
}

// Why a run cannot remove a schema; empty if it can.
std::string kept_because(const std::string &schema) {
  for (const std::string &oid : oids_of({schema})) {
    std::string extension = extension_in_the_way(static_cast<Oid>(std::stoul(oid)));
    if (!extension.empty()) return extension + ", which the source no longer has";
  }
  return {};
}

// What becomes of the copies that are here.
std::vector<Finding> look_at_copies(const CopyOrigin &origin, const SourceCatalog &catalog) {
  Findings found;
  for (const OtherCopy &copy : find_other_copies(origin, catalog.schemas))
    found.error("other source", "55000",
                "schema \"" + copy.schema + "\" holds a copy from another source: " + copy.made_by,
                "Give the run on_other_source => 'replace' to lose it, or copy into another database.");
  found.else_ok("other source", "no schema to replace holds a copy from another source");
  for (const std::string &member : schemas_of_extensions(catalog.schemas))
    found.error("extension", "0A000", member + ", so it cannot be replaced", kTakeSchemaOut);
  for (const std::string &schema : vanished_schemas(origin, catalog)) {
    if (std::string in_the_way = kept_because(schema); !in_the_way.empty())
      found.error("vanished schema", "2BP01", in_the_way, kMoveExtension);
    found.warning("vanished schema", "schema \"" + schema + "\" will be removed, since the source no longer has it",
                  "To keep it, say which schemas to copy with schemas => ...");
  }
  found.else_ok("vanished schema", "no schema will be removed");
  return found.take();
}

Row row_of(const Finding &finding) {
  return {finding.check, status_of(finding), finding.message, unless_empty(finding.hint),
          unless_empty(finding.sqlstate)};
}

std::vector<Row> findings(Connection &source, const SourceCatalog &catalog, const Selection &selection,
                          const DatabaseObjectKinds &kinds) {
  std::vector<Row> rows;
  Findings found;
  found.add(preflight(source, catalog, {}));
  std::vector<std::string> left_out = catalog.remarks;
  std::optional<DatabaseObjectWork> database_objects;
  found.add(look_at_database_objects(source, catalog, kinds, left_out, database_objects));
  found.add(find_unconvertible_rows(source, catalog));
  CopyOrigin origin = origin_of(source, catalog);
  found.add(look_at_copies(origin, catalog));
  found.add(look_at_target(source, catalog, selection, vanished_schemas(origin, catalog), database_objects));
  found.add(look_at_large_objects(source, catalog));
  for (const Finding &finding : found.take()) rows.push_back(row_of(finding));
  if (!catalog.everything && catalog.large_objects > 0)
    left_out.push_back(counted(catalog.large_objects, "large {object|objects} left out"));
  for (const std::string &remark : remarks_on_members(catalog, extension_rows_setting())) left_out.push_back(remark);
  for (const std::string &remark : left_out) rows.push_back({"left out", "warning", remark, {}, {}});
  return rows;
}

std::vector<Row> findings_on_names(const Error &error, const SourceServer &server) {
  std::vector<Row> rows;
  for (const Finding &finding : unconvertible_names(error, server)) rows.push_back(row_of(finding));
  return rows;
}

// The rows of a tree that is routed travel as one, in the form that all leaves allow.
std::vector<Row> table_plans(const SourceCatalog &catalog) {
  std::map<uint32_t, const RoutedTree *> trees;
  std::map<uint32_t, std::string> tree_text;
  for (const RoutedTree &tree : catalog.routed) trees[tree.oid] = &tree;
  for (const SourceTable &table : catalog.tables)
    if (trees.count(table.root) > 0 && tree_text[table.root].empty()) tree_text[table.root] = table.text_because;
  std::vector<Row> rows;
  for (const SourceTable &table : catalog.tables) {
    auto tree = trees.find(table.root);
    const std::string &text = tree == trees.end() ? table.text_because : tree_text[table.root];
    rows.push_back({table.name.schema, table.name.name, std::to_string(table.bytes),
                    table.rows_estimate < 0 ? Value() : Value(std::to_string(std::llround(table.rows_estimate))),
                    text.empty() ? "binary" : "text", unless_empty(text), "1",
                    tree == trees.end() ? Value() : Value(tree->second->because), "rename",
                    unless_empty(table.refused_because)});
  }
  return rows;
}

// Of schemas as a whole, which have no table.
std::vector<Row> schema_plans(const CopyOrigin &origin, const SourceCatalog &catalog) {
  std::vector<Row> rows;
  auto add = [&](const std::string &schema, const char *publish, const Value &refused) {
    rows.push_back({schema, {}, {}, {}, {}, {}, {}, {}, publish, refused});
  };
  for (const OtherCopy &copy : find_other_copies(origin, catalog.schemas))
    add(copy.schema, "rename", "it holds a copy from another source: " + copy.made_by);
  for (const std::string &schema : catalog.schemas)
    for (const std::string &member : schemas_of_extensions({schema})) add(schema, "rename", member);
  for (const std::string &schema : vanished_schemas(origin, catalog))
    add(schema, "remove", unless_empty(kept_because(schema)));
  return rows;
}

std::vector<Row> plans(Connection &source, const SourceCatalog &catalog, const Selection &) {
  std::vector<Row> rows = table_plans(catalog), of_schemas = schema_plans(origin_of(source, catalog), catalog);
  rows.insert(rows.end(), of_schemas.begin(), of_schemas.end());
  return rows;
}

}  // namespace

}  // namespace pagila_repl

using namespace pagila_repl;

// pagila_check(server, schemas, include, exclude, database_objects)
Datum pagila_check(PG_FUNCTION_ARGS) {
  check_operator("pagila_check");
  check_not_in_run("pagila_check");
  check_not_standby("pagila_check");
  return_rows(fcinfo, entry([&] {
                DatabaseObjectKinds kinds = database_objects_argument(fcinfo, 4);
                auto look = [&](Connection &source, const SourceCatalog &catalog, const Selection &selection) {
                  return findings(source, catalog, selection, kinds);
                };
                return plain_rows(look_at_source(fcinfo, "pagila_check", kinds, look, findings_on_names));
              }));
  return (Datum)0;
}

// pagila_plan(server, schemas, include, exclude)
Datum pagila_plan(PG_FUNCTION_ARGS) {
  check_operator("pagila_plan");
  check_not_in_run("pagila_plan");
  check_not_standby("pagila_plan");
  return_rows(fcinfo, entry([&] { return plain_rows(look_at_source(fcinfo, "pagila_plan", {}, plans)); }));
  return (Datum)0;
}
