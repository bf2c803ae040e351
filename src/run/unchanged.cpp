// Compares the source with what is recorded of the visible copy.

#include "run/unchanged.hpp"

#include <map>
#include <set>

#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "run/source_content.hpp"
#include "target/content.hpp"
#include "target/manifest.hpp"
#include "target/skipped_objects.hpp"

namespace pagila_repl {

namespace {

struct Recorded {
  Oid relation;
  bool is_sequence;
  std::string state;  // of a sequence; of a table its hash, empty if its rows were only counted
};

using Copy = std::map<std::pair<std::string, std::string>, Recorded>;

Copy recorded_copy(const std::vector<std::string> &schemas) {
  std::vector<Row> rows = as_extension_owner([&] {
    return query(
        R"(SELECT n.nspname, c.relname, c.oid, m.is_sequence,
                  COALESCE(CASE WHEN m.is_sequence THEN m.physical_state ELSE m.content_hash END, '')
             FROM pagila_repl.managed_content m JOIN pagila_repl.copy USING (run_id, schema_name)
                  JOIN pg_catalog.pg_class c ON c.oid = m.relid
                  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE schema_name = ANY ($1::name[]))",
        {array_literal(schemas)});
  });
  Copy copy;
  for (const Row &row : rows)
    copy[{*row[0], *row[1]}] = {static_cast<Oid>(std::stoul(*row[2])), *row[3] == "t", *row[4]};
  return copy;
}

bool are_sequences_same(const Copy &copy, const LoadPlan &plan) {
  for (const SequenceState &state : plan.sequences) {
    auto recorded = copy.find({state.sequence.schema, state.sequence.name});
    if (recorded == copy.end() || !recorded->second.is_sequence ||
        recorded->second.state != std::to_string(state.value) + (state.called ? ":t" : ":f"))
      return false;
  }
  return true;
}

Content content_there(Connection &holder, const SourceTable &table, Oid live, bool in_utf8) {
  return in_transaction([&] {
    std::string query = content_query(live, "ONLY " + quote(table.name.schema, table.name.name), true, in_utf8);
    return SourceContent(holder, query, table.oid, table.bytes).take();
  });
}

// Where rows are routed again a leaf here need not hold what the leaf there holds, the tree as a whole does.
bool is_tree_same(Connection &holder, const RoutedTree &tree, const SourceCatalog &catalog, const Copy &copy,
                  bool in_utf8) {
  Content here = no_content(), there = no_content();
  for (const SourceTable &leaf : catalog.tables) {
    if (leaf.root != tree.oid) continue;
    const Recorded &recorded = copy.at({leaf.name.schema, leaf.name.name});
    Content part;
    part.hash = recorded.state;
    part.rows = std::stoull(part.hash);
    Content source_part = content_there(holder, leaf, recorded.relation, in_utf8);
    in_transaction([&] {
      here = sum_of(here, part);
      there = sum_of(there, source_part);
    });
  }
  return here.hash == there.hash;
}

bool are_tables_same(Connection &holder, const SourceCatalog &catalog, const Copy &copy, bool in_utf8) {
  std::set<uint32_t> routed;
  for (const RoutedTree &tree : catalog.routed) routed.insert(tree.oid);
  for (const SourceTable &table : catalog.tables) {
    auto recorded = copy.find({table.name.schema, table.name.name});
    if (recorded == copy.end() || recorded->second.is_sequence || recorded->second.state.empty()) return false;
  }
  for (auto table = catalog.tables.rbegin(); table != catalog.tables.rend(); ++table) {
    if (routed.count(table->root) > 0) continue;
    const Recorded &recorded = copy.at({table->name.schema, table->name.name});
    if (content_there(holder, *table, recorded.relation, in_utf8).hash != recorded.state) return false;
  }
  for (const RoutedTree &tree : catalog.routed)
    if (!is_tree_same(holder, tree, catalog, copy, in_utf8)) return false;
  return true;
}

}  // namespace

int64_t find_unchanged(Connection &holder, const LoadPlan &plan, const SourceCatalog &catalog,
                       const std::string &fingerprint, bool in_utf8, bool skip_objects) {
  int64_t run = 0;
  Copy copy;
  in_transaction([&] {
    run = run_behind(plan.schemas);
    if (run == 0) return;
    Value made_of = as_extension_owner([&] {
      return query_value("SELECT fingerprint FROM pagila_repl.run WHERE run_id = $1::bigint", {std::to_string(run)});
    });
    if (made_of != fingerprint || (!skip_objects && !remark_on_skipped(run).empty()))
      run = 0;
    else
      copy = recorded_copy(plan.schemas);
  });
  if (run == 0 || !are_sequences_same(copy, plan) || !are_tables_same(holder, catalog, copy, in_utf8)) return 0;
  return run;
}

}  // namespace pagila_repl
