// Tells statements that add foreign keys to tables elsewhere.

#include "target/held_back_keys.hpp"

#include <algorithm>

#include "pg/boundary.hpp"

extern "C" {
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/lsyscache.h"
}

namespace pagila_repl {

namespace {

// Plain data: what a statement is to keys.
struct Look {
  enum Kind { other, adds_key, comments, changes_names } kind = other;
  const char *schema, *table, *key;
  Oid referred;
};

// Server code: where both tables are named with their schemas, as pg_dump does.
Look look_at_key(const RangeVar *table, const Constraint *key) {
  Look look{};
  if (key->contype != CONSTR_FOREIGN || key->conname == nullptr || table->schemaname == nullptr ||
      key->pktable->schemaname == nullptr)
    return look;
  look.referred = RangeVarGetRelid(key->pktable, NoLock, true);
  if (!OidIsValid(look.referred)) return look;
  look.kind = Look::adds_key;
  look.schema = table->schemaname;
  look.table = table->relname;
  look.key = key->conname;
  return look;
}

Look look_at_alteration(const AlterTableStmt *alter) {
  Look look{};
  ListCell *cell;
  foreach (cell, alter->cmds) {
    auto *command = lfirst_node(AlterTableCmd, cell);
    switch (command->subtype) {
      case AT_AddConstraint:
        if (list_length(alter->cmds) == 1) return look_at_key(alter->relation, castNode(Constraint, command->def));
        break;
      case AT_DropColumn:
      case AT_AlterColumnType:
      case AT_AlterConstraint:
      case AT_ValidateConstraint:
      case AT_DropConstraint:
      case AT_AttachPartition:
      case AT_DetachPartition: look.kind = Look::changes_names; break;
      default: break;
    }
  }
  return look;
}

Look look_at(const char *text) {
  Look look{};
  Node *statement = linitial_node(RawStmt, raw_parser(text, RAW_PARSE_DEFAULT))->stmt;
  if (IsA(statement, AlterTableStmt)) return look_at_alteration(castNode(AlterTableStmt, statement));
  if (IsA(statement, RenameStmt) || IsA(statement, AlterObjectSchemaStmt) || IsA(statement, DropStmt))
    look.kind = Look::changes_names;
  if (!IsA(statement, CommentStmt)) return look;
  auto *comment = castNode(CommentStmt, statement);
  if (comment->objtype != OBJECT_TABCONSTRAINT) return look;
  auto *name = castNode(List, comment->object);
  if (list_length(name) != 3) return look;
  look.kind = Look::comments;
  look.schema = strVal(linitial(name));
  look.table = strVal(lsecond(name));
  look.key = strVal(lthird(name));
  return look;
}

bool belongs_to_extension(Oid table) { return OidIsValid(getExtensionOfObject(RelationRelationId, table)); }

std::string name_of(const Look &look) {
  return std::string(look.schema) + '\0' + look.table + std::string(1, '\0') + look.key;
}

Look look_at_statement(const ShapeStatement &statement) {
  const char *text = statement.text.c_str();
  return guarded([text] { return look_at(text); });
}

}  // namespace

HeldBackKeys::HeldBackKeys(const std::vector<std::string> &schema_oids) {
  for (const std::string &oid : schema_oids) schemas_.push_back(static_cast<Oid>(std::stoul(oid)));
}

bool HeldBackKeys::holds_back(const ShapeStatement &statement) {
  Look look = look_at_statement(statement);
  if (look.kind == Look::comments) {
    if (std::find(names_.begin(), names_.end(), name_of(look)) == names_.end()) return false;
    held_.push_back({&statement, InvalidOid});
    return true;
  }
  if (look.kind != Look::adds_key) return false;
  Oid referred = look.referred;
  Oid schema = guarded([referred] { return get_rel_namespace(referred); });
  bool is_inside = std::find(schemas_.begin(), schemas_.end(), schema) != schemas_.end();
  if (is_inside && !guarded([referred] { return belongs_to_extension(referred); })) return false;
  held_.push_back({&statement, referred});
  names_.push_back(name_of(look));
  return true;
}

std::vector<HeldBackKeys::Held> HeldBackKeys::release_before(const ShapeStatement &statement) {
  std::vector<Held> released;
  if (held_.empty() || look_at_statement(statement).kind != Look::changes_names) return released;
  released.swap(held_);
  names_.clear();
  return released;
}

}  // namespace pagila_repl
