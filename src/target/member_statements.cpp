// Looks up what the server's parser finds a statement to be about.

#include "target/member_statements.hpp"

#include <algorithm>

#include "pg/boundary.hpp"

extern "C" {
#include "access/relation.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "utils/rel.h"
}

namespace pagila_repl {

namespace {

// Server code below: what is found of one object.
struct Found {
  bool is_known;  // whether this kind of statement is looked at
  bool exists;
  Oid extension;
};

Found found(Oid catalog, Oid object) {
  if (!OidIsValid(object)) return {true, false, InvalidOid};
  return {true, true, getExtensionOfObject(catalog, object)};
}

Found find_relation(RangeVar *relation) { return found(RelationRelationId, RangeVarGetRelid(relation, NoLock, true)); }

Found find_function(ObjectType type, ObjectWithArgs *function) {
  return found(ProcedureRelationId, LookupFuncWithArgs(type, function, true));
}

Found find_type(TypeName *type) { return found(TypeRelationId, LookupTypeNameOid(nullptr, type, true)); }

Found find_object(ObjectType type, Node *object) {
  Relation relation = nullptr;
  ObjectAddress address = get_object_address(type, object, &relation, AccessShareLock, true);
  // A part of a relation is of the extension that the relation is of.
  Oid whole = relation == nullptr ? InvalidOid : RelationGetRelid(relation);
  if (relation != nullptr) relation_close(relation, NoLock);
  if (!OidIsValid(address.objectId)) return {true, false, InvalidOid};
  return OidIsValid(whole) ? found(RelationRelationId, whole) : found(address.classId, address.objectId);
}

Found find_granted(GrantStmt *grant, Node *object) {
  switch (grant->objtype) {
    case OBJECT_TABLE:
    case OBJECT_SEQUENCE: return find_relation(castNode(RangeVar, object));
    case OBJECT_FUNCTION:
    case OBJECT_PROCEDURE:
    case OBJECT_ROUTINE: return find_function(grant->objtype, castNode(ObjectWithArgs, object));
    case OBJECT_TYPE:
    case OBJECT_DOMAIN: return find_type(makeTypeNameFromNameList(castNode(List, object)));
    default: return {false, false, InvalidOid};
  }
}

// pg_dump names one object in each. What stays is granted on when the copy is published, all else at once.
Found find_all_granted(GrantStmt *grant) {
  Found first = find_granted(grant, static_cast<Node *>(linitial(grant->objects)));
  ListCell *cell;
  foreach (cell, grant->objects) {
    Found other = find_granted(grant, static_cast<Node *>(lfirst(cell)));
    if (other.exists != first.exists || other.extension != first.extension)
      ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                      errmsg("a statement of the dump grants on objects of an extension and on others"),
                      errhint("Write a statement for each of them.")));
  }
  return first;
}

// Of a relation that is not there the server's own error says more.
Found find_changed(RangeVar *relation) {
  Found it = find_relation(relation);
  it.is_known = it.exists;
  return it;
}

bool is_about_row_security(AlterTableStmt *statement) {
  ListCell *cell;
  foreach (cell, statement->cmds) {
    AlterTableType what = lfirst_node(AlterTableCmd, cell)->subtype;
    if (what != AT_EnableRowSecurity && what != AT_DisableRowSecurity && what != AT_ForceRowSecurity &&
        what != AT_NoForceRowSecurity)
      return false;
  }
  return true;
}

Found find_target(Node *node) {
  switch (nodeTag(node)) {
    case T_AlterTableStmt: {
      auto *statement = castNode(AlterTableStmt, node);
      return is_about_row_security(statement) ? find_relation(statement->relation) : find_changed(statement->relation);
    }
    case T_AlterSeqStmt: return find_changed(castNode(AlterSeqStmt, node)->sequence);
    case T_IndexStmt: return find_changed(castNode(IndexStmt, node)->relation);
    case T_CreateTrigStmt: return find_changed(castNode(CreateTrigStmt, node)->relation);
    case T_RuleStmt: return find_changed(castNode(RuleStmt, node)->relation);
    case T_CreatePolicyStmt: return find_relation(castNode(CreatePolicyStmt, node)->table);
    case T_AlterFunctionStmt: {
      auto *statement = castNode(AlterFunctionStmt, node);
      return find_function(statement->objtype, statement->func);
    }
    case T_AlterOwnerStmt: {
      auto *statement = castNode(AlterOwnerStmt, node);
      return find_object(statement->objectType, statement->object);
    }
    case T_CommentStmt: {
      auto *statement = castNode(CommentStmt, node);
      return find_object(statement->objtype, statement->object);
    }
    case T_SecLabelStmt: {
      auto *statement = castNode(SecLabelStmt, node);
      return find_object(statement->objtype, statement->object);
    }
    case T_GrantStmt: {
      auto *statement = castNode(GrantStmt, node);
      if (statement->targtype != ACL_TARGET_OBJECT) break;
      return find_all_granted(statement);
    }
    default: break;
  }
  return {false, false, InvalidOid};
}

Node *parse(const char *statement) { return linitial_node(RawStmt, raw_parser(statement, RAW_PARSE_DEFAULT))->stmt; }

}  // namespace

About about_what(const std::string &statement, const std::vector<Oid> &made) {
  const char *text = statement.c_str();
  Found target = guarded([text] { return find_target(parse(text)); });
  if (!target.is_known) return About::others;
  if (!target.exists) return About::nothing;
  if (!OidIsValid(target.extension)) return About::others;
  return std::find(made.begin(), made.end(), target.extension) == made.end() ? About::staying_member
                                                                             : About::made_member;
}

std::string comment_in(const std::string &statement) {
  const char *text = statement.c_str();
  const char *comment = guarded([text]() -> const char * { return castNode(CommentStmt, parse(text))->comment; });
  return comment == nullptr ? "" : comment;
}

}  // namespace pagila_repl
