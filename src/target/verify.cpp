// Verifies a staged copy.

#include "target/verify.hpp"

#include "core/counted.hpp"
#include "pg/fault.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/content.hpp"
#include "target/row_security.hpp"

namespace pagila_repl {

namespace {

struct StagedTable {
  Oid oid, root;
  std::string schema, name;
};

std::vector<StagedTable> staged_tables(const Stage &stage) {
  std::vector<StagedTable> tables;
  for (const StagedSchema &schema : stage.schemas)
    for (const Row &row : query(
             R"(SELECT oid, COALESCE(pg_catalog.pg_partition_root(oid), oid)::oid, relname FROM pg_catalog.pg_class
                 WHERE relnamespace = $1::oid AND relkind = 'r' ORDER BY relname)",
             {std::to_string(schema.stage_oid)}))
      tables.push_back(
          {static_cast<Oid>(std::stoul(*row[0])), static_cast<Oid>(std::stoul(*row[1])), schema.name, *row[2]});
  return tables;
}

std::string name_of_table(Oid table) {
  Value name = query_value("SELECT relname FROM pg_catalog.pg_class WHERE oid = $1::oid", {std::to_string(table)});
  return name.value_or("with OID " + std::to_string(table));  // someone may have dropped it
}

// Rows of each table, those of trees that were filled through their root added up there.
void compare_counts(const ExpectedRows &expected, const std::map<Oid, uint64_t> &found,
                    std::vector<std::string> &mismatches) {
  for (const auto &[table, rows] : expected) {
    auto at = found.find(table);
    uint64_t there = at == found.end() ? 0 : at->second;
    if (there != rows)
      mismatches.push_back("table " + name_of_table(table) + " holds " + counted(there, "{row|rows}") + " instead of " +
                           std::to_string(rows));
  }
}

}  // namespace

ContentHashes verify(const Stage &stage, const ExpectedRows &expected, bool with_content, RunRecord &record) {
  ContentHashes hashes;
  std::vector<std::string> mismatches;
  std::map<Oid, uint64_t> found;
  std::vector<StagedTable> tables = in_transaction([&] { return staged_tables(stage); });
  // Even to count its rows the planner evaluates the predicates of a table's indexes.
  in_steps(stage, stage.runs_own_code, [&](const RunStep &run) {
    for (const StagedTable &table : tables)
      run([&] {
        Content content = read_content(table.oid, with_content);
        found[expected.count(table.root) > 0 ? table.root : table.oid] += content.rows;
        if (!with_content) return;
        hashes[table.oid] = content.hash;
        record_content_hash(record.id(), table.schema, table.name, content.hash);
        PR_FAULT("verify");
      });
  });
  in_transaction([&] {
    compare_counts(expected, found, mismatches);
    find_invalid(stage, mismatches);
  });
  check_mismatches(mismatches);
  return hashes;
}

void find_invalid(const Stage &stage, std::vector<std::string> &mismatches) {
  std::string oids = array_literal(stage.stage_oids());
  for (const Row &row : query(
           R"(SELECT x.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
               WHERE x.relnamespace = ANY ($1::oid[]) AND NOT i.indisvalid AND x.relkind = 'i')",
           {oids}))
    mismatches.push_back("index " + *row[0] + " is not valid");
  find_unsecured(stage, mismatches);
}

void check_mismatches(const std::vector<std::string> &mismatches) {
  if (mismatches.empty()) return;
  std::string detail;
  for (const std::string &mismatch : mismatches) detail += (detail.empty() ? "" : "\n") + mismatch;
  throw Error("XX001", "verification failed", detail, "The target is unchanged.");
}

}  // namespace pagila_repl
