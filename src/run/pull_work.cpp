// Plans the work items of a pull.

#include "run/pull_work.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "pg/spi.hpp"
#include "target/content.hpp"

namespace pagila_repl {

namespace {

using Kind = WorkItem::Kind;

std::string list_of(const std::vector<std::string> &columns, const std::string &prefix = {}) {
  std::string list;
  for (const std::string &column : columns) list += (list.empty() ? "" : ", ") + prefix + quote(column);
  return list;
}

class Plan {
 public:
  Plan(const Stage &stage, const ReplicateRequest &request, bool in_utf8)
      : stage_(stage), request_(request), in_utf8_(in_utf8) {}

  void copy(const SourceTable &table) {
    Oid oid = staged_table(stage_, table.name);
    std::string source = quote(table.name.schema, table.name.name);
    // COPY takes no empty column list.
    std::string what =
        table.columns.empty() ? "(SELECT FROM ONLY " + source + ")" : source + " (" + list_of(table.columns) + ")";
    add_copy(oid, table.name, what, table.columns, table.text_because.empty(), table.bytes);
    items_.back().source_table = table.oid;
    // COPY has counted at both ends.
    if (request_.verify_content) verify(oid, table);
  }

  void copy_routed(const RoutedTree &tree, bool binary, uint64_t bytes) {
    Oid oid = staged_table(stage_, tree.root);
    std::string source = quote(tree.root.schema, tree.root.name);
    add_copy(oid, tree.root, "(SELECT " + list_of(tree.columns) + " FROM " + source + ")", tree.columns, binary, bytes);
    items_.back().routed = true;
    for (const Row &row :
         query("SELECT relid::oid FROM pg_catalog.pg_partition_tree($1::oid)", {std::to_string(oid)})) {
      Oid part = static_cast<Oid>(std::stoul(*row[0]));
      copy_of_[part] = copy_of_[oid];
      bytes_of_[part] = bytes;
    }
  }

  // Indexes first, since foreign keys and statistics come after them.
  void build() {
    for (const Stripped &stripped : stage_.stripped)
      if (stripped.group == Stripped::Group::index) build_index(stripped);
    for (const Stripped &stripped : stage_.stripped)
      if (stripped.group == Stripped::Group::constraint) build_constraint(stripped);
  }

  // Each table by itself, and each partitioned one over the rows of its parts. Not where there are foreign tables among
  // these: to ask their servers is not for a run.
  void analyze() {
    for (const Row &row : query(
             R"(WITH RECURSIVE above_foreign (oid) AS (
                  SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class f ON f.oid = i.inhrelid
                   WHERE f.relkind = 'f'
                  UNION SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN above_foreign a ON a.oid = i.inhrelid)
                SELECT c.oid, n.nspname, c.relname, COALESCE(pg_catalog.pg_partition_root(c.oid), c.oid)::oid,
                       c.relkind = 'p'
                  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE c.relnamespace = ANY ($1::oid[]) AND c.relkind IN ('r', 'p')
                   AND c.oid NOT IN (SELECT oid FROM above_foreign)
                 ORDER BY 2, 3)",
             {array_literal(stage_.stage_oids())})) {
      Oid table = static_cast<Oid>(std::stoul(*row[0])), tree = static_cast<Oid>(std::stoul(*row[3]));
      bool partitioned = *row[4] == "t";
      std::string name = quote(stage_.runs_own_code ? seen_as(stage_, *row[1]) : *row[1], *row[2]);
      std::vector<uint32_t> copied;
      if (partitioned) copied = all_of(copies_of_tree_[tree]);
      // It reads a sample, 30,000 pages at most.
      WorkItem &item = add_build("analyze", seen_as(stage_, *row[1]), *row[2], {},
                                 std::min(partitioned ? tree_bytes_[tree] : bytes_of_[table], uint64_t{60} << 20));
      item.locks.push_back({partitioned ? tree : table, true});
      if (partitioned) {
        item.table = table;
        item.analyzes_parts = true;
        after(item, copied);
      } else {
        item.statements = {"ANALYZE " + name};
        after_copy(item, table);
        for (uint32_t index : indexes_of_[table]) after(item, index);
      }
      for (Oid heir : heirs_[table]) after_copy(item, heir);
    }
  }

  std::vector<WorkItem> take() {
    for (WorkItem &item : items_) {
      std::sort(item.after.begin(), item.after.end());
      item.after.erase(std::unique(item.after.begin(), item.after.end()), item.after.end());
    }
    set_priorities(items_);
    if (stage_.runs_own_code) keep_order();
    return std::move(items_);
  }

 private:
  void add_copy(Oid oid, const QualifiedName &name, const std::string &what, const std::vector<std::string> &columns,
                bool binary, uint64_t bytes) {
    WorkItem item;
    item.kind = Kind::copy;
    item.step_kind = "table";
    item.schema = name.schema;
    item.object = name.name;
    item.table = oid;
    item.copy_statement = "COPY " + what + " TO STDOUT" + (binary ? " (FORMAT binary)" : "");
    item.columns = columns;
    item.binary = binary;
    item.bytes = bytes;
    item.cost = bytes + 1;
    item.locks.push_back({oid, true});
    copy_of_[oid] = static_cast<uint32_t>(items_.size());
    bytes_of_[oid] = bytes;
    Value root =
        query_value("SELECT COALESCE(pg_catalog.pg_partition_root($1::oid), $1::oid)::oid", {std::to_string(oid)});
    Oid tree = static_cast<Oid>(std::stoul(*root));
    tree_items_[tree].add(copy_of_[oid]);
    copies_of_tree_[tree].add(copy_of_[oid]);
    copies_.add(copy_of_[oid]);
    tree_bytes_[tree] += bytes;
    items_.push_back(item);
  }

  void verify(Oid oid, const SourceTable &table) {
    WorkItem item;
    item.kind = Kind::verify;
    item.step_kind = "verify";
    item.schema = table.name.schema;
    item.object = table.name.name;
    item.table = oid;
    item.source_table = table.oid;
    item.bytes = table.bytes;
    item.source_query = content_query(oid, "ONLY " + quote(table.name.schema, table.name.name), true, in_utf8_);
    item.cost = table.bytes / 2;
    item.after.push_back(copy_of_[oid]);
    item.locks.push_back({oid, false});
    items_.push_back(item);
  }

  // Items of which others come after all: after the last of them there may be a gate, which stands for those before it.
  struct Before {
    std::vector<uint32_t> items;
    void add(uint32_t item) { items.push_back(item); }
  };

  // Few items that stand for all of these. Adds an item, so no reference to one outlives it.
  std::vector<uint32_t> all_of(Before &before) {
    constexpr size_t kMaxItems = 8;
    if (before.items.size() > kMaxItems) {
      WorkItem gate;
      gate.kind = Kind::gate;
      gate.after = before.items;
      before.items = {static_cast<uint32_t>(items_.size())};
      items_.push_back(gate);
    }
    return before.items;
  }

  WorkItem &add_build(const std::string &kind, const std::string &schema, const std::string &object,
                      const std::vector<std::string> &statements, uint64_t cost) {
    WorkItem item;
    item.kind = Kind::build;
    item.step_kind = kind;
    item.schema = schema;
    item.object = object;
    item.statements = statements;
    item.cost = cost + 1;
    items_.push_back(item);
    return items_.back();
  }

  void build_index(const Stripped &stripped) {
    std::vector<uint32_t> whole_tree;
    if (stripped.of_parts) whole_tree = all_of(tree_items_[stripped.tree]);
    auto number = static_cast<uint32_t>(items_.size());
    std::vector<std::string> statements = stripped.create, later;
    if (stripped.builds_index_first && !stripped.of_parts) {
      later.assign(statements.begin() + 1, statements.end());
      statements.resize(1);
    }
    WorkItem &item = add_build(later.empty() ? stripped.kind : "index", seen_as(stage_, stripped.schema),
                               stripped.object, statements, stripped.of_parts ? 0 : bytes_of_[stripped.table] / 3);
    item.tablespace = stripped.tablespace;
    item.search_path = stripped.search_path;
    item.may_be_skipped = stage_.skips_objects && stripped.may_be_skipped;
    if (stripped.of_parts) {
      // Parents after all real indexes of the tree, attaching after both.
      after(item, whole_tree);
      item.locks.push_back({stripped.tree, true});
    } else {
      after_copy(item, stripped.table);
      item.locks.push_back({stripped.table, stripped.kind == "constraint" && later.empty()});
    }
    if (stripped.of_parts)
      tree_items_[stripped.tree].items = {number};  // it comes after all others
    else
      tree_items_[stripped.tree].add(number);
    indexes_of_[stripped.table].push_back(number);
    if (later.empty()) return;
    WorkItem &constraint = add_build(stripped.kind, seen_as(stage_, stripped.schema), stripped.object, later, 0);
    after(constraint, number);
    constraint.locks.push_back({stripped.table, true});
    tree_items_[stripped.tree].add(number + 1);
    indexes_of_[stripped.table].push_back(number + 1);
  }

  void build_constraint(const Stripped &stripped) {
    if (stripped.referenced == InvalidOid) return build_check(stripped);
    std::vector<uint32_t> own_tree = all_of(tree_items_[stripped.tree]), referenced_tree;
    if (stripped.referenced_tree != stripped.tree) referenced_tree = all_of(tree_items_[stripped.referenced_tree]);
    std::vector<std::string> statements = stripped.create;
    // What holds on the source holds only for rows that have come from there.
    bool trusted = !request_.check_foreign_keys && !stripped.provable.empty() && is_copied(stripped.table) &&
                   is_copied(stripped.referenced);
    if (trusted) statements[0] += " NOT VALID";
    WorkItem &item = add_build(stripped.kind, seen_as(stage_, stripped.schema), stripped.object, statements,
                               trusted ? 0 : tree_bytes_[stripped.tree] / 5);
    item.table = stripped.table;
    item.search_path = stripped.search_path;
    if (trusted) item.declare_valid = stripped.provable;
    after(item, own_tree);
    item.locks.push_back({stripped.tree, true});
    if (stripped.referenced_tree == stripped.tree) return;
    after(item, referenced_tree);
    item.locks.push_back({stripped.referenced_tree, true});
  }

  // One that is valid on the source holds in its snapshot, as it was evaluated there when each row was written: it may be false
  // by now, or for what else this database has.
  void build_check(const Stripped &stripped) {
    std::set<Oid> tables;  // that are locked: with those that inherit it
    if (stripped.table != InvalidOid) tables.insert(stripped.tree);
    for (Oid heir : heirs_[stripped.table]) tables.insert(heir);
    std::vector<uint32_t> before;
    auto wait_for = [&](const std::vector<uint32_t> &items) {
      before.insert(before.end(), items.begin(), items.end());
    };
    for (Oid table : tables) wait_for(all_of(tree_items_[table]));
    // That of a domain concerns every column of the domain.
    if (stripped.table == InvalidOid) wait_for(all_of(copies_));
    // In the order they were stripped in: those of children before those they inherit.
    if (last_check_) before.push_back(*last_check_);
    last_check_ = static_cast<uint32_t>(items_.size());
    std::vector<std::string> statements = stripped.create;
    if (!stripped.provable.empty()) statements[0] += " NOT VALID";
    WorkItem &item = add_build(stripped.kind, seen_as(stage_, stripped.schema), stripped.object, statements, 0);
    item.table = stripped.table;
    item.domain = stripped.domain;
    item.search_path = stripped.search_path;
    item.declare_valid = stripped.provable;
    after(item, before);
    for (Oid table : tables) item.locks.push_back({table, true});
  }

  // Functions of the source may read other tables: all rows are there before anything is built, in the order in which
  // pg_dump would have brought them.
  void keep_order() {
    std::vector<size_t> copies;
    for (size_t i = 0; i < items_.size(); i++)
      if (items_[i].kind == Kind::copy) copies.push_back(i);
    std::sort(copies.begin(), copies.end(), [&](size_t a, size_t b) {
      return std::tie(items_[a].schema, items_[a].object) < std::tie(items_[b].schema, items_[b].object);
    });
    for (WorkItem &item : items_) item.priority = 0;
    for (size_t i = 0; i < copies.size(); i++) items_[copies[i]].priority = copies.size() - i;
  }

  // Tables that inherit from others, but are no partitions: statistics of the others are of their rows too.
  static std::map<Oid, std::vector<Oid>> heirs_of_tables() {
    std::map<Oid, std::vector<Oid>> heirs;
    for (const Row &row : query(
             R"(WITH RECURSIVE heir (table_oid, oid) AS (
                  SELECT i.inhparent, i.inhrelid FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
                   WHERE c.relkind = 'r' AND NOT c.relispartition
                  UNION SELECT h.table_oid, i.inhrelid FROM heir h JOIN pg_catalog.pg_inherits i ON i.inhparent = h.oid)
                SELECT table_oid, oid FROM heir)"))
      heirs[static_cast<Oid>(std::stoul(*row[0]))].push_back(static_cast<Oid>(std::stoul(*row[1])));
    return heirs;
  }

  bool is_copied(Oid table) const { return copy_of_.count(table) > 0; }

  void after_copy(WorkItem &item, Oid table) {
    auto copy = copy_of_.find(table);
    if (copy != copy_of_.end()) after(item, copy->second);
  }

  void after(WorkItem &item, uint32_t before) { item.after.push_back(before); }
  void after(WorkItem &item, const std::vector<uint32_t> &before) {
    item.after.insert(item.after.end(), before.begin(), before.end());
  }

  const Stage &stage_;
  const ReplicateRequest &request_;
  bool in_utf8_;
  std::vector<WorkItem> items_;
  std::map<Oid, uint32_t> copy_of_;   // item that brings the rows of a table
  std::map<Oid, uint64_t> bytes_of_;  // of a table's rows
  Before copies_;
  std::map<Oid, Before> tree_items_;  // copies and indexes of a table or a partition tree
  std::map<Oid, Before> copies_of_tree_;
  std::map<Oid, std::vector<uint32_t>> indexes_of_;  // a table
  std::map<Oid, uint64_t> tree_bytes_;
  std::optional<uint32_t> last_check_;
  std::map<Oid, std::vector<Oid>> heirs_ = heirs_of_tables();
};

}  // namespace

Oid staged_table(const Stage &stage, const QualifiedName &name) {
  Value oid = query_value(
      "SELECT oid FROM pg_catalog.pg_class WHERE relnamespace = $1::oid AND relname = $2 AND relkind IN ('r', 'p', 'm')",
      {std::to_string(stage.of(name.schema).stage_oid), name.name});
  if (!oid) throw Error("42P01", "table \"" + name.schema + "." + name.name + "\" is not in the shape of the source");
  return static_cast<Oid>(std::stoul(*oid));
}

std::vector<WorkItem> plan_pull(const Stage &stage, const SourceCatalog &catalog, const ReplicateRequest &request,
                                bool in_utf8) {
  Plan plan(stage, request, in_utf8);
  struct Leaves {
    bool binary = true;
    uint64_t bytes = 0;
  };
  std::map<uint32_t, Leaves> routed;
  for (const RoutedTree &tree : catalog.routed) routed[tree.oid];
  for (const SourceTable &leaf : catalog.tables) {
    auto tree = routed.find(leaf.root);
    if (tree == routed.end()) continue;
    tree->second.binary = tree->second.binary && leaf.text_because.empty();
    tree->second.bytes += leaf.bytes;
  }
  for (const RoutedTree &tree : catalog.routed) plan.copy_routed(tree, routed[tree.oid].binary, routed[tree.oid].bytes);
  for (const SourceTable &table : catalog.tables)
    if (routed.count(table.root) == 0) plan.copy(table);
  plan.build();
  if (request.analyze) plan.analyze();
  return plan.take();
}

}  // namespace pagila_repl
