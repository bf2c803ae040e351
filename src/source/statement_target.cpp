// What a statement of a dump is about.

#include "source/parsed_statement.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "nodes/value.h"
}

namespace pagila_repl {

namespace {

const char *role_name(RoleSpec *role) { return role->roletype == ROLESPEC_CSTRING ? role->rolename : nullptr; }

constexpr const char *kTwoParts = "Write names as schema.object.";

}  // namespace

void target(Parsed *parsed, const char *schema, const char *name) {
  if (parsed->has_target) {
    parsed->more_schemas = lappend(parsed->more_schemas, (void *)parsed->schema);
    parsed->more_names = lappend(parsed->more_names, (void *)parsed->name);
  }
  parsed->has_target = true;
  parsed->schema = schema;
  parsed->name = name;
}

void about(Parsed *parsed, const RangeVar *relation) {
  if (relation->relpersistence == RELPERSISTENCE_TEMP)
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "temporary objects", "Take them out of the file.", relation->location);
  if (relation->catalogname != nullptr)
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "names of three parts", kTwoParts, relation->location);
  target(parsed, relation->schemaname == nullptr ? "" : relation->schemaname, relation->relname);
}

void about(Parsed *parsed, List *names, int inner) {
  int count = list_length(names) - inner;
  if (count < 1) return;
  if (count > 2) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "names of three parts", kTwoParts);
  target(parsed, count == 2 ? strVal(linitial(names)) : "", strVal(list_nth(names, count - 1)));
}

void about(Parsed *parsed, const TypeName *type) { about(parsed, type->names); }

void about_object(Parsed *parsed, ObjectType type, Node *object) {
  parsed->about_type = type == OBJECT_TYPE || type == OBJECT_DOMAIN || type == OBJECT_DOMCONSTRAINT;
  switch (type) {
    case OBJECT_SCHEMA: return target(parsed, strVal(object), "");
    // They are in no schema.
    case OBJECT_CAST:
    case OBJECT_TRANSFORM: return;
    case OBJECT_COLUMN:
    case OBJECT_TABCONSTRAINT:
    case OBJECT_TRIGGER:
    case OBJECT_RULE:
    case OBJECT_POLICY: return about(parsed, castNode(List, object), 1);
    // The access method comes first.
    case OBJECT_OPCLASS:
    case OBJECT_OPFAMILY: return about(parsed, list_delete_first(list_copy(castNode(List, object))));
    default: break;
  }
  if (object == nullptr) return;
  switch (nodeTag(object)) {
    case T_List: {
      List *list = castNode(List, object);
      if (list != NIL && IsA(linitial(list), TypeName)) return about(parsed, linitial_node(TypeName, list));
      if (list != NIL && IsA(linitial(list), String)) return about(parsed, list);
      return;
    }
    case T_TypeName: return about(parsed, castNode(TypeName, object));
    case T_ObjectWithArgs: return about(parsed, castNode(ObjectWithArgs, object)->objname);
    case T_RangeVar: return about(parsed, castNode(RangeVar, object));
    default: return;
  }
}

bool is_left_out(ObjectType type) {
  return type == OBJECT_PUBLICATION || type == OBJECT_PUBLICATION_REL || type == OBJECT_PUBLICATION_NAMESPACE ||
         type == OBJECT_SUBSCRIPTION || type == OBJECT_EVENT_TRIGGER;
}

bool is_global(ObjectType type) {
  return type == OBJECT_DATABASE || type == OBJECT_FDW || type == OBJECT_FOREIGN_SERVER || type == OBJECT_LANGUAGE ||
         type == OBJECT_ACCESS_METHOD || type == OBJECT_TABLESPACE || type == OBJECT_ROLE ||
         type == OBJECT_PARAMETER_ACL;
}

void about_global(Parsed *parsed, ObjectType type, Node *object) {
  switch (type) {
    case OBJECT_FDW: parsed->global_kind = "foreign-data wrapper"; break;
    case OBJECT_FOREIGN_SERVER: parsed->global_kind = "server"; break;
    case OBJECT_LANGUAGE: parsed->global_kind = "language"; break;
    case OBJECT_ACCESS_METHOD: parsed->global_kind = "access method"; break;
    default: parsed->global_kind = "object"; break;
  }
  if (object != nullptr && IsA(object, String)) parsed->name = strVal(object);
}

void add_role(Parsed *parsed, RoleSpec *role) {
  if (role != nullptr && role_name(role) != nullptr) parsed->roles = lappend(parsed->roles, pstrdup(role->rolename));
}

void classify_drop(Parsed *parsed, DropStmt *statement) {
  ObjectType type = statement->removeType;
  if (is_left_out(type)) {
    parsed->kind = Statement::Kind::left_out;
    return about_database_object(parsed, type, (Node *)linitial(statement->objects), DatabaseObjectCall::Part::drop);
  }
  parsed->kind = Statement::Kind::drop;
  parsed->removes = !is_global(type) && type != OBJECT_EXTENSION;
  ListCell *cell;
  foreach (cell, statement->objects) {
    auto *object = (Node *)lfirst(cell);
    if (is_global(type) || type == OBJECT_EXTENSION) {
      about_global(parsed, type, object);
      if (type == OBJECT_EXTENSION) parsed->global_kind = "extension";
      if (list_length(statement->objects) != 1)
        refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "DROP of several objects of the database",
               "Write a statement for each of them.");
    } else {
      about_object(parsed, type, object);
    }
  }
}

}  // namespace pagila_repl
