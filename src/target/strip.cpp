// Captures and drops what would slow down the loading of rows.
//
// The definitions come from the server (pg_get_indexdef and its kin), which prints stage names, so they can be run as
// they are before publishing.

#include "target/strip.hpp"

#include <map>
#include <set>

#include "pg/boundary.hpp"
#include "pg/lock_relief.hpp"
#include "pg/spi.hpp"
#include "target/key_triggers.hpp"
#include "target/row_checks.hpp"

extern "C" {
#include "utils/ruleutils.h"
}

namespace pagila_repl {

namespace {

Stripped stripped_of(Stripped::Group group, const std::string &kind, const std::string &schema,
                     const std::string &object, const std::vector<std::string> &create = {}) {
  Stripped stripped;
  stripped.group = group;
  stripped.kind = kind;
  stripped.schema = schema;
  stripped.object = object;
  stripped.create = create;
  return stripped;
}

// ALTER ... DEPENDS ON EXTENSION: quoted names of extensions by the OID of what goes with them.
std::multimap<std::string, std::string> extensions_needed(const std::string &catalog) {
  std::multimap<std::string, std::string> extensions;
  for (const Row &row : query(
           R"(SELECT d.objid, pg_catalog.quote_ident(e.extname)
                FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
               WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'x'
                 AND d.classid = $1::pg_catalog.regclass ORDER BY 1, 2)",
           {catalog}))
    extensions.emplace(*row[0], *row[1]);
  return extensions;
}

// What belongs to an extension stays as it is, wherever it is meanwhile. The alias is that of a catalog.
std::string not_of_extension(const std::string &alias) {
  return "NOT EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.classid = " + alias +
         ".tableoid AND x.objid = " + alias + ".oid AND x.deptype = 'e')";
}

// Rules and triggers of tables. `clones` of triggers on partitions come back with their parents; only their state is kept.
std::vector<Stripped> strip_triggers(const std::string &schemas) {
  std::vector<Stripped> stripped;
  std::multimap<std::string, std::string> needed = extensions_needed("pg_catalog.pg_trigger");
  for (const Row &row : query(
           R"(SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), t.tgname, pg_catalog.quote_ident(t.tgname),
                    pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled, t.tgparentid,
                    pg_catalog.obj_description(t.oid, 'pg_trigger'), n.nspname, t.oid, c.oid
               FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
                    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              WHERE c.relnamespace = ANY ($1::oid[]) AND )" +
               not_of_extension("c") + R"( AND c.relkind IN ('r', 'p') AND NOT t.tgisinternal
              ORDER BY t.tgparentid <> 0, c.relname, t.tgname)",
           {schemas})) {
    bool clone = *row[5] != "0";
    Stripped trigger = stripped_of(Stripped::Group::trigger, "trigger", *row[7], *row[1]);
    trigger.table = to_oid(row[9]);
    if (!clone) {
      execute("DROP TRIGGER " + *row[2] + " ON " + *row[0]);
      LockRelief::after_statement();
      trigger.create.push_back(*row[3]);
    }
    static const std::map<std::string, std::string> switches = {{"D", "DISABLE TRIGGER "},
                                                                {"R", "ENABLE REPLICA TRIGGER "},
                                                                {"A", "ENABLE ALWAYS TRIGGER "},
                                                                {"O", "ENABLE TRIGGER "}};
    if (clone || *row[4] != "O")
      trigger.create.push_back("ALTER TABLE ONLY " + *row[0] + " " + switches.at(*row[4]) + *row[2]);
    if (row[6])
      trigger.create.push_back("COMMENT ON TRIGGER " + *row[2] + " ON " + *row[0] + " IS " + quote_literal(*row[6]));
    for (auto [at, end] = needed.equal_range(*row[8]); at != end; ++at)
      trigger.create.push_back("ALTER TRIGGER " + *row[2] + " ON " + *row[0] + " DEPENDS ON EXTENSION " + at->second);
    stripped.push_back(trigger);
  }
  for (const Row &row : query(
           R"(SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), r.rulename, pg_catalog.quote_ident(r.rulename),
                    pg_catalog.pg_get_ruledef(r.oid), r.ev_enabled, pg_catalog.obj_description(r.oid, 'pg_rewrite'),
                    n.nspname, c.oid
               FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
                    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              WHERE c.relnamespace = ANY ($1::oid[]) AND )" +
               not_of_extension("c") + R"( AND c.relkind IN ('r', 'p') ORDER BY c.relname, r.rulename)",
           {schemas})) {
    Stripped rule = stripped_of(Stripped::Group::trigger, "rule", *row[6], *row[1], {*row[3]});
    rule.table = to_oid(row[7]);
    execute("DROP RULE " + *row[2] + " ON " + *row[0]);
    static const std::map<std::string, std::string> switches = {
        {"D", "DISABLE RULE "}, {"R", "ENABLE REPLICA RULE "}, {"A", "ENABLE ALWAYS RULE "}};
    if (*row[4] != "O") rule.create.push_back("ALTER TABLE " + *row[0] + " " + switches.at(*row[4]) + *row[2]);
    if (row[5])
      rule.create.push_back("COMMENT ON RULE " + *row[2] + " ON " + *row[0] + " IS " + quote_literal(*row[5]));
    stripped.push_back(rule);
  }
  return stripped;
}

std::string constraint_definition(const std::string &oid) {
  Oid constraint = static_cast<Oid>(std::stoul(oid));
  std::string definition = guarded([constraint]() -> const char * { return pg_get_constraintdef_command(constraint); });
  return definition;
}

// As pg_dump makes keys: those of partitioned tables on the parent alone, whose parts are attached; and a primary key does not make
// the columns of inheriting tables NOT NULL.
std::string on_parent_alone(const std::string &alter_table) {
  static const std::string head = "ALTER TABLE ";
  return head + "ONLY " + alter_table.substr(head.size());
}

std::vector<Stripped> strip_keys(const std::string &schemas) {
  std::vector<Stripped> stripped;
  for (const Row &row : query(
           R"(SELECT k.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), k.conname,
                    pg_catalog.quote_ident(k.conname), pg_catalog.obj_description(k.oid, 'pg_constraint'),
                    n.nspname, k.conrelid, COALESCE(pg_catalog.pg_partition_root(k.conrelid), k.conrelid)::oid,
                    k.confrelid, COALESCE(pg_catalog.pg_partition_root(k.confrelid), k.confrelid)::oid,
                    -- Partitioned tables cannot have one that is NOT VALID.
                    k.convalidated AND c.relkind = 'r'
                      AND (SELECT relkind = 'r' FROM pg_catalog.pg_class WHERE oid = k.confrelid)
               FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
                    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              WHERE c.relnamespace = ANY ($1::oid[]) AND )" +
               not_of_extension("c") + R"( AND k.contype = 'f' AND k.conparentid = 0
              ORDER BY c.relname, k.conname)",
           {schemas})) {
    Stripped key =
        stripped_of(Stripped::Group::constraint, "constraint", *row[5], *row[2], {constraint_definition(*row[0])});
    key.table = to_oid(row[6]);
    key.tree = to_oid(row[7]);
    key.referenced = to_oid(row[8]);
    key.referenced_tree = to_oid(row[9]);
    if (*row[10] == "t") key.provable = *row[2];
    drop_foreign_key(to_oid(row[0]));
    LockRelief::after_statement();
    if (row[4])
      key.create.push_back("COMMENT ON CONSTRAINT " + *row[3] + " ON " + *row[1] + " IS " + quote_literal(*row[4]));
    stripped.push_back(key);
  }
  return stripped;
}

// Whether the table, or one that inherits from it, is of another role than the one that runs: this would evaluate the check when it
// is put back, while rows come in as the owner.
bool is_of_others(const std::string &table) {
  return !query(
              R"(WITH RECURSIVE heir (oid) AS (
                   SELECT $1::oid UNION SELECT i.inhrelid FROM heir h JOIN pg_catalog.pg_inherits i ON i.inhparent = h.oid)
                 SELECT FROM heir h JOIN pg_catalog.pg_class c ON c.oid = h.oid
                  WHERE c.relowner <> (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user))",
              {table})
              .empty();
}

// Checks that are NOT VALID: rows that were there before them need not pass, and the dump adds them after its rows. And those
// that another moment or other tables may decide: all rows of the copy come before them, in whatever order.
std::vector<Stripped> strip_checks(const std::string &schemas, const std::string &carried, Checks checks) {
  std::vector<Stripped> stripped;
  for (const Row &row : query(
           R"(SELECT k.oid, CASE WHEN k.conrelid <> 0 THEN 'TABLE ' ELSE 'DOMAIN ' END,
                     pg_catalog.format('%I.%I', n.nspname, COALESCE(c.relname, t.typname)), k.conname,
                     pg_catalog.quote_ident(k.conname), pg_catalog.obj_description(k.oid, 'pg_constraint'), n.nspname,
                     k.conrelid, COALESCE(pg_catalog.pg_partition_root(k.conrelid), k.conrelid)::oid, k.contypid,
                     k.convalidated
                FROM pg_catalog.pg_constraint k LEFT JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
                     LEFT JOIN pg_catalog.pg_type t ON t.oid = k.contypid
                     JOIN pg_catalog.pg_namespace n ON n.oid = COALESCE(c.relnamespace, t.typnamespace)
               WHERE n.oid = ANY ($1::oid[]) AND )" +
               not_of_extension("c") + " AND " + not_of_extension("t") +
               R"( AND k.contype = 'c' AND k.coninhcount = 0 AND k.contypid <> ALL ($2::oid[])
               ORDER BY 2, 3, 4)",
           {schemas, carried})) {
    bool is_valid = *row[10] == "t";
    if (is_valid && scope_of_check(to_oid(row[0])) == CheckScope::row) continue;
    if (is_valid && checks == Checks::looked_at && (*row[9] != "0" || is_of_others(*row[7]))) continue;
    Stripped check =
        stripped_of(Stripped::Group::constraint, "constraint", *row[6], *row[3], {constraint_definition(*row[0])});
    check.table = to_oid(row[7]);
    check.tree = to_oid(row[8]);
    check.domain = to_oid(row[9]);
    if (is_valid) check.provable = *row[3];
    execute("ALTER " + *row[1] + *row[2] + " DROP CONSTRAINT " + *row[4]);
    LockRelief::after_statement();
    if (row[5])
      check.create.push_back("COMMENT ON CONSTRAINT " + *row[4] + " ON " + (*row[1] == "DOMAIN " ? *row[1] : "") +
                             *row[2] + " IS " + quote_literal(*row[5]));
    stripped.push_back(check);
  }
  // What its children have of their own is left, and is to be there again before it.
  if (!stripped.empty()) {
    std::vector<Stripped> of_children = strip_checks(schemas, carried, checks);
    stripped.insert(stripped.begin(), of_children.begin(), of_children.end());
  }
  return stripped;
}

struct Index {
  std::string oid, parent, root, schema, table, table_oid, tree, name, quoted, qualified, constraint, quoted_constraint;
  std::vector<std::string> create;
  std::string tablespace;
  std::vector<std::string> attach, settings;
  bool of_parts, builds_first = false, is_unique = false;
};

std::vector<Index> read_indexes(const std::string &schemas) {
  std::vector<Index> indexes;
  std::multimap<std::string, std::string> needed = extensions_needed("pg_catalog.pg_class");
  for (
      const Row &row : query(
          R"(SELECT i.indexrelid, COALESCE(h.inhparent, 0), COALESCE(pg_catalog.pg_partition_root(i.indexrelid), i.indexrelid)::oid,
                    pg_catalog.format('%I.%I', n.nspname, c.relname), x.relname, pg_catalog.quote_ident(x.relname),
                    pg_catalog.format('%I.%I', n.nspname, x.relname), k.oid, pg_catalog.quote_ident(k.conname),
                    pg_catalog.pg_get_indexdef(i.indexrelid), COALESCE(s.spcname, ''), c.relkind = 'p',
                    i.indisclustered, i.indisreplident,
                    pg_catalog.obj_description(i.indexrelid, 'pg_class'), pg_catalog.obj_description(k.oid, 'pg_constraint'),
                    (SELECT pg_catalog.quote_ident(nspname) FROM pg_catalog.pg_namespace WHERE oid = p.relnamespace) || '.'
                      || pg_catalog.quote_ident(p.relname), n.nspname,
                    c.oid, COALESCE(pg_catalog.pg_partition_root(c.oid), c.oid)::oid,
                    CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' END
                      || ' USING INDEX ' || pg_catalog.quote_ident(x.relname)
                      || CASE WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END
                      || CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END,
                    i.indisunique OR i.indisexclusion
               FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
                    JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
                    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                    LEFT JOIN pg_catalog.pg_inherits h ON h.inhrelid = i.indexrelid
                    LEFT JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
                    LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = i.indrelid AND k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
                    LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = x.reltablespace
              WHERE c.relnamespace = ANY ($1::oid[]) AND )" +
              not_of_extension("c") + R"( AND c.relkind IN ('r', 'p')
             -- Real indexes first, those that only hold parts together last.
              ORDER BY c.relkind = 'p', c.relname, k.contype = 'p' DESC NULLS LAST, x.relname)",
          {schemas})) {
    Index index;
    index.oid = *row[0];
    index.parent = *row[1];
    index.root = *row[2];
    index.schema = *row[17];
    index.table = *row[3];
    index.table_oid = *row[18];
    index.tree = *row[19];
    index.name = *row[4];
    index.quoted = *row[5];
    index.qualified = *row[6];
    bool partitioned = *row[11] == "t";
    index.of_parts = partitioned;
    index.tablespace = *row[10];
    index.is_unique = *row[21] == "t";
    if (row[7]) {
      index.constraint = *row[7];
      index.quoted_constraint = *row[8];
    }
    if (!row[7]) {
      index.create.push_back(*row[9]);
    } else if (row[20] && !partitioned) {
      // Building the index by itself leaves the table to other builders.
      index.create.push_back(*row[9]);
      index.create.push_back("ALTER TABLE ONLY " + index.table + " ADD CONSTRAINT " + index.quoted_constraint + " " +
                             *row[20]);
      index.builds_first = true;
    } else {
      // It says its tablespace itself.
      index.tablespace.clear();
      index.create.push_back(on_parent_alone(constraint_definition(*row[7])));
    }
    if (index.parent != "0") index.attach.push_back("ALTER INDEX " + *row[16] + " ATTACH PARTITION " + index.qualified);
    if (*row[12] == "t") index.settings.push_back("ALTER TABLE " + index.table + " CLUSTER ON " + index.quoted);
    if (*row[13] == "t")
      index.settings.push_back("ALTER TABLE ONLY " + index.table + " REPLICA IDENTITY USING INDEX " + index.quoted);
    if (row[14]) index.settings.push_back("COMMENT ON INDEX " + index.qualified + " IS " + quote_literal(*row[14]));
    if (row[15])
      index.settings.push_back("COMMENT ON CONSTRAINT " + index.quoted_constraint + " ON " + index.table + " IS " +
                               quote_literal(*row[15]));
    for (auto [at, end] = needed.equal_range(index.oid); at != end; ++at)
      index.settings.push_back("ALTER INDEX " + index.qualified + " DEPENDS ON EXTENSION " + at->second);
    indexes.push_back(index);
  }
  return indexes;
}

void read_index_statistics(std::vector<Index> &indexes, const std::string &schemas) {
  std::map<std::string, Index *> by_oid;
  for (Index &index : indexes) by_oid[index.oid] = &index;
  for (const Row &row : query(
           R"(SELECT a.attrelid, a.attnum, a.attstattarget FROM pg_catalog.pg_attribute a
               JOIN pg_catalog.pg_class x ON x.oid = a.attrelid
              WHERE x.relnamespace = ANY ($1::oid[]) AND x.relkind IN ('i', 'I') AND a.attstattarget >= 0)",
           {schemas})) {
    auto found = by_oid.find(*row[0]);
    if (found == by_oid.end()) continue;
    Index &index = *found->second;
    index.settings.push_back("ALTER INDEX " + index.qualified + " ALTER COLUMN " + *row[1] + " SET STATISTICS " +
                             *row[2]);
  }
}

// Roots of index trees of which a part is needed by something that is not stripped, such as a view that groups by a key.
std::set<std::string> needed_roots(const std::string &schemas) {
  std::set<std::string> roots;
  for (const Row &row : query(
           R"(SELECT DISTINCT COALESCE(pg_catalog.pg_partition_root(i.indexrelid), i.indexrelid)::oid
               FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
                    LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = i.indrelid AND k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
                    JOIN pg_catalog.pg_depend d
                      ON (d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = i.indexrelid)
                      OR (d.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.refobjid = k.oid)
              WHERE c.relnamespace = ANY ($1::oid[]) AND )" +
               not_of_extension("c") + R"( AND c.relkind IN ('r', 'p') AND d.deptype IN ('n', 'a')
                AND NOT (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = i.indexrelid))",
           {schemas}))
    roots.insert(*row[0]);
  return roots;
}

void strip_indexes(const std::string &schemas, std::vector<Stripped> &stripped) {
  std::vector<Index> indexes = read_indexes(schemas);
  read_index_statistics(indexes, schemas);
  std::set<std::string> needed = needed_roots(schemas);

  std::vector<Stripped> attached, settings;
  for (const Index &index : indexes) {
    if (needed.count(index.root) > 0) continue;
    // The parts go with the whole; a part may be the index of a constraint although the whole is not.
    if (index.parent == "0") {
      if (index.constraint.empty())
        execute("DROP INDEX " + index.qualified + " CASCADE");
      else
        execute("ALTER TABLE " + index.table + " DROP CONSTRAINT " + index.quoted_constraint);
      LockRelief::after_statement();
    }
    auto of_index = [&](Stripped::Group group, const char *kind, const std::vector<std::string> &create) {
      Stripped part = stripped_of(group, kind, index.schema, index.name, create);
      part.table = to_oid(index.table_oid);
      part.tree = to_oid(index.tree);
      part.of_parts = index.of_parts;
      part.may_be_skipped = index.constraint.empty() && !index.is_unique;
      return part;
    };
    stripped.push_back(
        of_index(Stripped::Group::index, index.constraint.empty() ? "index" : "constraint", index.create));
    stripped.back().tablespace = index.tablespace;
    stripped.back().builds_index_first = index.builds_first;
    if (!index.attach.empty()) {
      attached.push_back(of_index(Stripped::Group::index, "index", index.attach));
      attached.back().of_parts = true;
    }
    if (!index.settings.empty()) settings.push_back(of_index(Stripped::Group::setting, "setting", index.settings));
  }
  stripped.insert(stripped.end(), attached.begin(), attached.end());
  stripped.insert(stripped.end(), settings.begin(), settings.end());
}

}  // namespace

std::vector<Stripped> strip_foreign_keys(const std::vector<std::string> &stage_oids) {
  return strip_keys(array_literal(stage_oids));
}

std::vector<Stripped> strip(const std::vector<std::string> &stage_oids, const std::vector<CarriedType> &carried,
                            Checks how) {
  std::vector<Stripped> all;
  std::vector<std::string> types;
  for (const CarriedType &type : carried) types.push_back(std::to_string(type.oid));
  std::string schemas = array_literal(stage_oids);
  std::vector<Stripped> triggers = strip_triggers(schemas);
  // Before the keys they refer to.
  std::vector<Stripped> foreign_keys = strip_keys(schemas);
  strip_indexes(schemas, all);
  std::vector<Stripped> checks = strip_checks(schemas, array_literal(types), how);
  all.insert(all.end(), foreign_keys.begin(), foreign_keys.end());
  all.insert(all.end(), checks.begin(), checks.end());
  all.insert(all.end(), triggers.begin(), triggers.end());
  return all;
}

}  // namespace pagila_repl
