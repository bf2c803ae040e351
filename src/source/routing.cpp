// Compares what partition keys depend on: hashes of values that are told by OIDs or bytes, and the order of text.

#include "source/routing.hpp"

#include <map>

#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "source/answer.hpp"
#include "source/default_collation.hpp"

extern "C" {
#include "access/xact.h"
#include "mb/pg_wchar.h"
}

namespace pagila_repl {

namespace {

// One row per column or expression that a wanted partitioned table, of any level, is partitioned by. A value's hash differs
// if there is an enum, an object's OID or another server's type in it, or an expression may be so.
constexpr const char *kKeys = R"(
, partition_key AS MATERIALIZED (
  SELECT COALESCE(pg_catalog.pg_partition_root(c.oid), c.oid)::pg_catalog.oid AS root, c.nspname, c.relname, p.partstrat, k.place,
         a.attname, a.atttypid, k.opclass, k.collation_oid
    FROM relation c JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = c.oid
         CROSS JOIN LATERAL ROWS FROM (
           pg_catalog.unnest(p.partattrs::pg_catalog.int2[]), pg_catalog.unnest(p.partclass::pg_catalog.oid[]),
           pg_catalog.unnest(p.partcollation::pg_catalog.oid[])) WITH ORDINALITY k (attnum, opclass, collation_oid, place)
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum AND k.attnum > 0
), part (whole, type) AS (
  SELECT DISTINCT atttypid, atttypid FROM partition_key WHERE atttypid IS NOT NULL
  UNION
  SELECT p.whole, inside.type
    FROM part p JOIN pg_catalog.pg_type t ON t.oid = p.type
         CROSS JOIN LATERAL (
           SELECT t.typbasetype WHERE t.typtype = 'd'
           UNION ALL
           SELECT t.typelem WHERE t.typtype = 'b' AND t.typelem <> 0 AND t.typlen = -1
           UNION ALL
           SELECT a.atttypid FROM pg_catalog.pg_attribute a
            WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
           UNION ALL
           SELECT rngsubtype FROM pg_catalog.pg_range WHERE rngtypid = t.oid
           UNION ALL
           SELECT rngtypid FROM pg_catalog.pg_range WHERE rngmultitypid = t.oid) inside (type)
)
SELECT k.root, k.nspname, k.relname, k.partstrat, COALESCE(pg_catalog.format('column "%s"', k.attname), 'an expression'),
       o.oid >= 16384 AS own_operators,
       CASE WHEN k.atttypid IS NULL THEN i.typtype = 'p' OR i.typname = 'oid'
            ELSE EXISTS (SELECT FROM part p JOIN pg_catalog.pg_type t ON t.oid = p.type
                          WHERE p.whole = k.atttypid
                            AND (t.typtype = 'e' OR t.typname LIKE 'reg%' OR (t.oid >= 16384 AND t.typtype = 'b' AND t.typelem = 0)))
            END AS own_values,
       CASE WHEN k.atttypid IS NULL THEN i.typtype = 'p' OR i.typcategory IN ('S', 'U', 'Z')
            ELSE EXISTS (SELECT FROM part p JOIN pg_catalog.pg_type t ON t.oid = p.type
                          WHERE p.whole = k.atttypid AND t.typcategory IN ('S', 'U', 'Z')) END AS has_text,
       k.collation_oid, n.nspname, l.collname, l.collprovider, NOT l.collisdeterministic,
       pg_catalog.pg_collation_actual_version(NULLIF(l.oid, 100))
  FROM partition_key k
       JOIN pg_catalog.pg_opclass o ON o.oid = k.opclass
       JOIN pg_catalog.pg_type i ON i.oid = o.opcintype
       LEFT JOIN pg_catalog.pg_collation l ON l.oid = k.collation_oid
       LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
 ORDER BY 1, 2, 3, k.place)";

struct Key {
  std::string root, table, strategy, what;
  bool own_operators, own_values, has_text, is_nondeterministic;
  std::string collation, collation_schema, collation_name, provider, version;
};

Key key_of(const Row &row) {
  auto text = [&](size_t i) { return optional_text_in(row, i); };
  auto flag = [&](size_t i) { return optional_text_in(row, i) == "t"; };
  return {text(0),  "\"" + text(1) + "." + text(2) + "\"",
          text(3),  text(4),
          flag(5),  flag(6),
          flag(7),  flag(12),
          text(8),  text(9),
          text(10), text(11),
          text(13)};
}

// What of this side the keys are compared with.
class Here {
 public:
  explicit Here(Connection &source) {
    std::string encoding = GetDatabaseEncodingName();
    other_encoding_ = encoding != source.query_value("SELECT pg_catalog.current_setting('server_encoding')");
    other_default_ = default_collations(source).differ();
  }

  // Why rows may belong elsewhere, empty if they do not.
  std::string objection(const Key &key) const {
    if (key.strategy == "h") return objection_to_hash(key);
    // Equal texts are equal everywhere, so only an order matters to lists that have no operators of their own.
    if (key.strategy == "l" && !key.own_operators && !key.is_nondeterministic) return {};
    return objection_to_order(key);
  }

 private:
  std::string objection_to_hash(const Key &key) const {
    std::string by = key.table + " is partitioned by hash of " + key.what;
    if (key.own_operators) return by + ", with an operator class that is not built in";
    if (key.own_values) return by + ", and hashes of its type are made of OIDs";
    if (key.has_text && other_encoding_) return by + ", and the encodings differ";
    if (key.is_nondeterministic) return by + ", with a collation that is not deterministic";
    return {};
  }

  std::string objection_to_order(const Key &key) const {
    constexpr const char *kDefault = "100", *kC = "950", *kPosix = "951";
    if (key.collation == "0") return {};
    std::string by = key.table + " is partitioned by " + key.what;
    if (other_encoding_) return by + ", and the encodings differ";
    if (key.collation == kC || key.collation == kPosix) return {};
    bool differs = key.collation == kDefault ? other_default_ : !is_same_collation(key);
    return differs ? by + ", and its collation may order text otherwise here" : std::string();
  }

  bool is_same_collation(const Key &key) const {
    return !query(R"(SELECT FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
                      WHERE n.nspname = $1 AND l.collname = $2 AND l.collprovider = $3 AND l.oid < 16384
                        AND l.collencoding IN (-1, (SELECT encoding FROM pg_catalog.pg_database
                                                     WHERE datname = pg_catalog.current_database()))
                        AND COALESCE(pg_catalog.pg_collation_actual_version(l.oid), '') = $4)",
                  {key.collation_schema, key.collation_name, key.provider, key.version})
                .empty();
  }

  bool other_encoding_ = false, other_default_ = false;
};

std::vector<RoutedTree> compare(Connection &source, const std::vector<Key> &keys) {
  Here here(source);
  std::vector<RoutedTree> trees;
  for (const Key &key : keys) {
    std::string because = here.objection(key);
    auto oid = static_cast<uint32_t>(std::stoul(key.root));
    bool known = !trees.empty() && trees.back().oid == oid;
    if (because.empty() || known) continue;
    trees.push_back({});
    trees.back().oid = oid;
    trees.back().because = because;
  }
  return trees;
}

void name(Connection &source, std::vector<RoutedTree> &trees) {
  std::map<uint32_t, RoutedTree *> by_oid;
  std::vector<std::string> oids;
  for (RoutedTree &tree : trees) {
    by_oid[tree.oid] = &tree;
    oids.push_back(std::to_string(tree.oid));
  }
  for (const Row &row : source.query(
           R"(SELECT c.oid, n.nspname, c.relname, a.attname
                FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                     LEFT JOIN pg_catalog.pg_attribute a
                     ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
               WHERE c.oid = ANY ($1::pg_catalog.oid[]) ORDER BY c.oid, a.attnum)",
           {array_literal(oids)})) {
    RoutedTree &tree = *by_oid.at(oid_in(row, 0));
    tree.root = name_in(row, 1);
    std::string column = optional_text_in(row, 3);
    if (!column.empty()) tree.columns.push_back(column);
  }
}

}  // namespace

std::vector<RoutedTree> find_routed_trees(Connection &source, const Wanted &wanted) {
  std::vector<Key> keys;
  for (const Row &row : source.query(std::string(kWantedRelations) + kKeys, parameters_for(wanted)))
    keys.push_back(key_of(row));
  if (keys.empty()) return {};
  std::vector<RoutedTree> trees =
      IsTransactionState() ? compare(source, keys) : in_transaction([&] { return compare(source, keys); });
  if (!trees.empty()) name(source, trees);
  return trees;
}

}  // namespace pagila_repl
