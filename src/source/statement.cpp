// Classifies a statement of a dump by its parse tree: an allow-list, everything else is refused.

#include "source/statement.hpp"

#include <cstring>

#include "pg/boundary.hpp"
#include "pg/compat.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "parser/parser.h"
#include "tcop/cmdtag.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"
}

namespace pagila_repl {

namespace {

// The plain twin of Statement, filled by server code.
struct Parsed {
  Statement::Kind kind;
  bool creates, creates_table, refreshes, about_type, default_privileges, has_target;
  const char *schema, *name;
  List *roles, *type_schemas;  // of char *
  const char *setting, *setting_value, *global_kind, *wrapper;
  int64 sequence_value;
  bool sequence_called;
};

[[noreturn]] void refuse(int sqlstate, const char *what) {
  ereport(ERROR, (errcode(sqlstate), errmsg("a dump may not contain %s", what)));
  pg_unreachable();
}

//
// Names
//

void about(Parsed *parsed, const RangeVar *relation) {
  if (relation->relpersistence == RELPERSISTENCE_TEMP) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "temporary objects");
  if (relation->catalogname != nullptr) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "names of three parts");
  parsed->has_target = true;
  parsed->schema = relation->schemaname == nullptr ? "" : relation->schemaname;
  parsed->name = relation->relname;
}

// A list of String nodes, of which the last `inner` name something inside the object.
void about(Parsed *parsed, List *names, int inner = 0) {
  int count = list_length(names) - inner;
  if (count < 1 || count > 2) return;
  parsed->has_target = true;
  parsed->schema = count == 2 ? strVal(linitial(names)) : "";
  parsed->name = strVal(list_nth(names, count - 1));
}

void about(Parsed *parsed, const TypeName *type) { about(parsed, type->names); }

void add_type(Parsed *parsed, const TypeName *type) {
  const char *schema = list_length(type->names) == 2 ? strVal(linitial(type->names)) : "pg_catalog";
  parsed->type_schemas = lappend(parsed->type_schemas, (void *)schema);
}

// The types among what names a cast or a transform.
void about_types(Parsed *parsed, List *names) {
  ListCell *cell;
  foreach (cell, names)
    if (IsA(lfirst(cell), TypeName)) add_type(parsed, lfirst_node(TypeName, cell));
}

void about_object(Parsed *parsed, ObjectType type, Node *object) {
  parsed->about_type = type == OBJECT_TYPE || type == OBJECT_DOMAIN || type == OBJECT_DOMCONSTRAINT;
  switch (type) {
    case OBJECT_SCHEMA:
      parsed->has_target = true;
      parsed->schema = strVal(object);
      parsed->name = "";
      return;
    // They are in no schema.
    case OBJECT_CAST:
    case OBJECT_TRANSFORM: return about_types(parsed, castNode(List, object));
    case OBJECT_COLUMN:
    case OBJECT_TABCONSTRAINT:
    case OBJECT_TRIGGER:
    case OBJECT_RULE:
    case OBJECT_POLICY: about(parsed, castNode(List, object), 1); return;
    case OBJECT_OPCLASS:
    case OBJECT_OPFAMILY: {
      // The access method comes first.
      List *names = list_delete_first(list_copy(castNode(List, object)));
      about(parsed, names);
      return;
    }
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

// Statements about objects of the database: told apart by kind and name.
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

const char *role_name(RoleSpec *role) { return role->roletype == ROLESPEC_CSTRING ? role->rolename : nullptr; }

void add_role(Parsed *parsed, RoleSpec *role) {
  if (role != nullptr && role_name(role) != nullptr) parsed->roles = lappend(parsed->roles, pstrdup(role->rolename));
}

void create(Parsed *parsed) { parsed->creates = true; }

//
// Settings
//

bool is_one_of(const char *name, const char *const *names) {
  for (; *names != nullptr; names++)
    if (pg_strcasecmp(name, *names) == 0) return true;
  return false;
}

const char *const kApplied[] = {"client_encoding",
                                "standard_conforming_strings",
                                "check_function_bodies",
                                "xmloption",
                                "default_tablespace",
                                "default_table_access_method",
                                "default_toast_compression",
                                "search_path",
                                nullptr};
const char *const kIgnored[] = {"statement_timeout",     "lock_timeout",          "idle_in_transaction_session_timeout",
                                "idle_session_timeout",  "client_min_messages",   "row_security",
                                "escape_string_warning", "session_authorization", nullptr};
// Written by pg_dump of servers newer than this one may be.
const char *const kNewer[] = {"transaction_timeout", "default_toast_compression", "default_table_access_method",
                              "idle_session_timeout", nullptr};

const char *constant_text(Node *node) {
  if (node == nullptr || !IsA(node, A_Const)) return nullptr;
  return text_of_constant(castNode(A_Const, node));
}

void classify_set(Parsed *parsed, VariableSetStmt *statement) {
  const char *name = statement->name == nullptr ? "" : statement->name;
  parsed->setting = name;
  if (pg_strcasecmp(name, "default_with_oids") == 0) {
    const char *value = statement->args == NIL ? nullptr : constant_text((Node *)linitial(statement->args));
    bool on = true;
    if (value == nullptr || !parse_bool(value, &on) || on) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "tables with oids");
    parsed->kind = Statement::Kind::ignored;
    return;
  }
  if (is_one_of(name, kIgnored)) {
    parsed->kind = Statement::Kind::ignored;
    if (statement->args != NIL) parsed->setting_value = constant_text((Node *)linitial(statement->args));
    return;
  }
  if (is_one_of(name, kNewer) && GetConfigOption(name, true, false) == nullptr) {
    parsed->kind = Statement::Kind::unknown_setting;
    return;
  }
  // A server of these majors knows it and has it, but a run is not bounded by it.
  if (pg_strcasecmp(name, "transaction_timeout") == 0) {
    parsed->kind = Statement::Kind::ignored;
    return;
  }
  if (!is_one_of(name, kApplied) || statement->kind != VAR_SET_VALUE)
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a dump may not set parameter \"%s\"", name)));
  parsed->kind = Statement::Kind::setting;
  StringInfoData value;
  initStringInfo(&value);
  ListCell *cell;
  foreach (cell, statement->args) {
    const char *element = constant_text((Node *)lfirst(cell));
    if (element == nullptr) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "computed settings");
    if (value.len > 0) appendStringInfoString(&value, ", ");
    bool is_list = pg_strcasecmp(name, "search_path") == 0 && list_length(statement->args) > 0;
    appendStringInfoString(&value, is_list ? quote_identifier(element) : element);
  }
  parsed->setting_value = value.data;
}

//
// SELECT: the two functions pg_dump calls
//

void classify_setval(Parsed *parsed, FuncCall *call) {
  const char *sequence = list_length(call->args) < 2 ? nullptr : constant_text((Node *)linitial(call->args));
  const char *value = list_length(call->args) < 2 ? nullptr : constant_text((Node *)lsecond(call->args));
  const char *called = list_length(call->args) < 3 ? "true" : constant_text((Node *)lthird(call->args));
  if (sequence == nullptr || value == nullptr || called == nullptr || list_length(call->args) > 3 ||
      !parse_bool(called, &parsed->sequence_called))
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "a call of setval that is not of constants");
  parsed->sequence_value = pg_strtoint64(value);
  about(parsed, textToQualifiedNameList(cstring_to_text(sequence)));
  parsed->kind = Statement::Kind::set_sequence;
}

void classify_select(Parsed *parsed, SelectStmt *statement) {
  Node *value = nullptr;
  if (list_length(statement->targetList) == 1 && statement->fromClause == NIL && statement->whereClause == nullptr &&
      statement->valuesLists == NIL && statement->intoClause == nullptr && statement->withClause == nullptr &&
      statement->op == SETOP_NONE)
    value = linitial_node(ResTarget, statement->targetList)->val;
  if (value == nullptr || !IsA(value, FuncCall)) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "queries");

  FuncCall *call = castNode(FuncCall, value);
  if (list_length(call->funcname) == 2 && strcmp(strVal(linitial(call->funcname)), "pg_catalog") != 0)
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "queries");
  const char *name = strVal(llast(call->funcname));
  if (strcmp(name, "setval") == 0) return classify_setval(parsed, call);
  if (strcmp(name, "set_config") == 0 && list_length(call->args) == 3) {
    const char *setting = constant_text((Node *)linitial(call->args));
    const char *text = constant_text((Node *)lsecond(call->args));
    if (setting != nullptr && text != nullptr && strcmp(setting, "search_path") == 0) {
      parsed->kind = Statement::Kind::setting;
      parsed->setting = setting;
      parsed->setting_value = text;
      return;
    }
  }
  if (strncmp(name, "lo_", 3) == 0 || strcmp(name, "lowrite") == 0)
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "large objects");
  refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "queries");
}

//
// The rest
//

void classify_alter_table(Parsed *parsed, AlterTableStmt *statement) {
  about(parsed, statement->relation);
  bool only_trigger_switches = true;
  ListCell *cell;
  foreach (cell, statement->cmds) {
    auto *command = lfirst_node(AlterTableCmd, cell);
    if (command->subtype == AT_ChangeOwner) {
      parsed->kind = Statement::Kind::owner;
      add_role(parsed, command->newowner);
    }
    if (command->subtype != AT_EnableTrigAll && command->subtype != AT_DisableTrigAll) only_trigger_switches = false;
  }
  // pg_dump --disable-triggers; here no trigger exists while rows are loaded.
  if (only_trigger_switches) parsed->kind = Statement::Kind::ignored;
}

void classify_grant(Parsed *parsed, GrantStmt *statement) {
  parsed->kind = Statement::Kind::grant;
  ListCell *cell;
  foreach (cell, statement->grantees) add_role(parsed, lfirst_node(RoleSpec, cell));
  if (statement->objtype == OBJECT_LARGEOBJECT) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "large objects");
  if (statement->targtype != ACL_TARGET_OBJECT)
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "grants on all objects of a kind");
  foreach (cell, statement->objects) {
    if (is_global(statement->objtype))
      about_global(parsed, statement->objtype, (Node *)lfirst(cell));
    else
      about_object(parsed, statement->objtype, (Node *)lfirst(cell));
  }
}

void classify_default_privileges(Parsed *parsed, AlterDefaultPrivilegesStmt *statement) {
  parsed->kind = Statement::Kind::grant;
  parsed->default_privileges = true;
  ListCell *cell;
  bool in_schema = false;
  foreach (cell, statement->options) {
    auto *option = lfirst_node(DefElem, cell);
    ListCell *element;
    if (strcmp(option->defname, "roles") == 0)
      foreach (element, castNode(List, option->arg)) add_role(parsed, lfirst_node(RoleSpec, element));
    if (strcmp(option->defname, "schemas") == 0) {
      in_schema = true;
      foreach (element, castNode(List, option->arg)) about_object(parsed, OBJECT_SCHEMA, (Node *)lfirst(element));
    }
  }
  foreach (cell, statement->action->grantees) add_role(parsed, lfirst_node(RoleSpec, cell));
  // Without a schema they are of the database, which a run does not own.
  if (!in_schema) parsed->kind = Statement::Kind::left_out;
}

void classify_extension(Parsed *parsed, CreateExtensionStmt *statement) {
  parsed->kind = Statement::Kind::extension;
  parsed->name = statement->extname;
  ListCell *cell;
  foreach (cell, statement->options) {
    auto *option = lfirst_node(DefElem, cell);
    if (strcmp(option->defname, "schema") == 0) parsed->schema = defGetString(option);
    if (strcmp(option->defname, "cascade") == 0) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "CREATE EXTENSION CASCADE");
  }
}

void classify_owner(Parsed *parsed, AlterOwnerStmt *statement) {
  if (is_left_out(statement->objectType)) {
    parsed->kind = Statement::Kind::left_out;
    return;
  }
  if (statement->objectType == OBJECT_LARGEOBJECT) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "large objects");
  parsed->kind = Statement::Kind::owner;
  add_role(parsed, statement->newowner);
  if (is_global(statement->objectType)) {
    parsed->kind = Statement::Kind::left_out;
    about_global(parsed, statement->objectType, statement->object);
  } else
    about_object(parsed, statement->objectType, statement->object);
}

void classify_comment(Parsed *parsed, ObjectType type, Node *object) {
  if (is_left_out(type) || is_global(type) || type == OBJECT_LARGEOBJECT) {
    parsed->kind = Statement::Kind::left_out;
    if (is_global(type)) about_global(parsed, type, object);
  } else if (type == OBJECT_EXTENSION) {
    parsed->kind = Statement::Kind::comment_on_extension;
    parsed->name = strVal(object);
  } else
    about_object(parsed, type, object);
}

void classify_copy(Parsed *parsed, CopyStmt *statement) {
  if (statement->is_program) refuse(ERRCODE_INSUFFICIENT_PRIVILEGE, "COPY ... PROGRAM");
  if (!statement->is_from || statement->relation == nullptr) refuse(ERRCODE_INSUFFICIENT_PRIVILEGE, "COPY ... TO");
  if (statement->filename != nullptr) refuse(ERRCODE_INSUFFICIENT_PRIVILEGE, "COPY from a file");
  if (statement->whereClause != nullptr) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "COPY ... WHERE");
  parsed->kind = Statement::Kind::copy;
  about(parsed, statement->relation);
}

void classify_create_as(Parsed *parsed, CreateTableAsStmt *statement) {
  if (object_type_of(statement) != OBJECT_MATVIEW || statement->is_select_into)
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "CREATE TABLE AS");
  create(parsed);
  about(parsed, statement->into->rel);
  parsed->refreshes = !statement->into->skipData;
}

void global(Parsed *parsed, const char *kind, const char *name) {
  parsed->kind = Statement::Kind::global;
  parsed->global_kind = kind;
  parsed->name = name;
}

void classify_node(Parsed *parsed, Node *node) {
  switch (nodeTag(node)) {
    case T_CreateSchemaStmt: {
      auto *statement = castNode(CreateSchemaStmt, node);
      if (statement->schemaElts != NIL || statement->schemaname == nullptr)
        refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "CREATE SCHEMA with elements");
      parsed->kind = Statement::Kind::create_schema;
      parsed->has_target = true;
      parsed->schema = statement->schemaname;
      parsed->name = "";
      add_role(parsed, statement->authrole);
      return;
    }
    case T_CreateStmt:
      create(parsed);
      parsed->creates_table = true;
      return about(parsed, castNode(CreateStmt, node)->relation);
    case T_CreateForeignTableStmt:
      create(parsed);
      return about(parsed, castNode(CreateForeignTableStmt, node)->base.relation);
    case T_ViewStmt: create(parsed); return about(parsed, castNode(ViewStmt, node)->view);
    case T_CreateTableAsStmt: return classify_create_as(parsed, castNode(CreateTableAsStmt, node));
    case T_CreateSeqStmt: create(parsed); return about(parsed, castNode(CreateSeqStmt, node)->sequence);
    case T_CreateDomainStmt:
      create(parsed);
      parsed->about_type = true;
      return about(parsed, castNode(CreateDomainStmt, node)->domainname);
    case T_CreateEnumStmt:
      create(parsed);
      parsed->about_type = true;
      return about(parsed, castNode(CreateEnumStmt, node)->typeName);
    case T_CreateRangeStmt: create(parsed); return about(parsed, castNode(CreateRangeStmt, node)->typeName);
    case T_CompositeTypeStmt: create(parsed); return about(parsed, castNode(CompositeTypeStmt, node)->typevar);
    case T_CreateFunctionStmt: create(parsed); return about(parsed, castNode(CreateFunctionStmt, node)->funcname);
    case T_DefineStmt: create(parsed); return about(parsed, castNode(DefineStmt, node)->defnames);
    case T_CreateOpClassStmt: create(parsed); return about(parsed, castNode(CreateOpClassStmt, node)->opclassname);
    case T_CreateOpFamilyStmt: create(parsed); return about(parsed, castNode(CreateOpFamilyStmt, node)->opfamilyname);
    case T_CreateConversionStmt:
      create(parsed);
      return about(parsed, castNode(CreateConversionStmt, node)->conversion_name);
    case T_CreateStatsStmt: create(parsed); return about(parsed, castNode(CreateStatsStmt, node)->defnames);
    case T_IndexStmt:
      if (castNode(IndexStmt, node)->concurrent) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "CREATE INDEX CONCURRENTLY");
      create(parsed);
      return about(parsed, castNode(IndexStmt, node)->relation);
    case T_CreateTrigStmt: create(parsed); return about(parsed, castNode(CreateTrigStmt, node)->relation);
    case T_RuleStmt: create(parsed); return about(parsed, castNode(RuleStmt, node)->relation);
    case T_CreatePolicyStmt: create(parsed); return about(parsed, castNode(CreatePolicyStmt, node)->table);
    case T_CreateCastStmt:
      add_type(parsed, castNode(CreateCastStmt, node)->sourcetype);
      return add_type(parsed, castNode(CreateCastStmt, node)->targettype);
    case T_CreateTransformStmt: return add_type(parsed, castNode(CreateTransformStmt, node)->type_name);

    case T_AlterTableStmt: return classify_alter_table(parsed, castNode(AlterTableStmt, node));
    case T_AlterSeqStmt: return about(parsed, castNode(AlterSeqStmt, node)->sequence);
    case T_AlterEnumStmt: parsed->about_type = true; return about(parsed, castNode(AlterEnumStmt, node)->typeName);
    case T_AlterDomainStmt: parsed->about_type = true; return about(parsed, castNode(AlterDomainStmt, node)->typeName);
    case T_AlterTypeStmt: return about(parsed, castNode(AlterTypeStmt, node)->typeName);
    case T_AlterFunctionStmt: return about(parsed, castNode(AlterFunctionStmt, node)->func->objname);
    case T_AlterOperatorStmt: return about(parsed, castNode(AlterOperatorStmt, node)->opername->objname);
    case T_AlterOpFamilyStmt: return about(parsed, castNode(AlterOpFamilyStmt, node)->opfamilyname);
    case T_AlterStatsStmt: return about(parsed, castNode(AlterStatsStmt, node)->defnames);
    case T_AlterTSDictionaryStmt: return about(parsed, castNode(AlterTSDictionaryStmt, node)->dictname);
    case T_AlterTSConfigurationStmt: return about(parsed, castNode(AlterTSConfigurationStmt, node)->cfgname);
    case T_AlterObjectDependsStmt: {
      auto *statement = castNode(AlterObjectDependsStmt, node);
      if (statement->relation != nullptr) return about(parsed, statement->relation);
      return about_object(parsed, statement->objectType, statement->object);
    }
    case T_CommentStmt: {
      auto *statement = castNode(CommentStmt, node);
      return classify_comment(parsed, statement->objtype, statement->object);
    }
    case T_SecLabelStmt: {
      auto *statement = castNode(SecLabelStmt, node);
      return classify_comment(parsed, statement->objtype, statement->object);
    }
    case T_AlterOwnerStmt: return classify_owner(parsed, castNode(AlterOwnerStmt, node));
    case T_GrantStmt: return classify_grant(parsed, castNode(GrantStmt, node));
    case T_AlterDefaultPrivilegesStmt:
      return classify_default_privileges(parsed, castNode(AlterDefaultPrivilegesStmt, node));
    case T_CreateExtensionStmt: return classify_extension(parsed, castNode(CreateExtensionStmt, node));
    case T_RefreshMatViewStmt:
      parsed->kind = Statement::Kind::refresh;
      return about(parsed, castNode(RefreshMatViewStmt, node)->relation);

    case T_CreateFdwStmt: return global(parsed, "foreign-data wrapper", castNode(CreateFdwStmt, node)->fdwname);
    case T_CreateForeignServerStmt:
      parsed->wrapper = castNode(CreateForeignServerStmt, node)->fdwname;
      return global(parsed, "server", castNode(CreateForeignServerStmt, node)->servername);
    case T_CreateUserMappingStmt:
      return global(parsed, "user mapping", castNode(CreateUserMappingStmt, node)->servername);
    case T_CreatePLangStmt: return global(parsed, "language", castNode(CreatePLangStmt, node)->plname);
    case T_CreateAmStmt: return global(parsed, "access method", castNode(CreateAmStmt, node)->amname);
    case T_CreatePublicationStmt:
    case T_AlterPublicationStmt:
    case T_CreateSubscriptionStmt:
    case T_AlterSubscriptionStmt:
    case T_CreateEventTrigStmt:
    case T_AlterEventTrigStmt: parsed->kind = Statement::Kind::left_out; return;

    case T_VariableSetStmt: return classify_set(parsed, castNode(VariableSetStmt, node));
    case T_SelectStmt: return classify_select(parsed, castNode(SelectStmt, node));
    case T_CopyStmt: return classify_copy(parsed, castNode(CopyStmt, node));
    default: refuse(ERRCODE_FEATURE_NOT_SUPPORTED, psprintf("%s", CreateCommandName(node)));
  }
}

Parsed parse(const char *text) {
  Parsed parsed{};
  parsed.kind = Statement::Kind::run;
  List *statements = raw_parser(text, RAW_PARSE_DEFAULT);
  if (statements == NIL) {
    parsed.kind = Statement::Kind::ignored;
    return parsed;
  }
  if (list_length(statements) != 1) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "several statements in one");
  classify_node(&parsed, linitial_node(RawStmt, statements)->stmt);
  return parsed;
}

std::string text_or_empty(const char *text) { return text == nullptr ? "" : text; }

}  // namespace

Statement classify(const std::string &text) {
  const char *plain = text.c_str();
  Parsed parsed;
  try {
    parsed = guarded([plain] { return parse(plain); });
  } catch (const Error &error) {
    // The parser's message quotes the file, which may be anything.
    if (error.sqlstate == "42601") throw Error("42601", "syntax error in a statement of the dump");
    if (error.sqlstate == "0A000" || error.sqlstate == "42501") {
      Error refused = error;
      refused.context.clear();
      if (refused.hint.empty()) refused.hint = "Load plain-text output of pg_dump, made without --clean and --create.";
      throw refused;
    }
    throw;
  }

  Statement statement;
  statement.kind = parsed.kind;
  statement.creates = parsed.creates;
  statement.creates_table = parsed.creates_table;
  statement.refreshes = parsed.refreshes;
  statement.about_type = parsed.about_type;
  statement.default_privileges = parsed.default_privileges;
  statement.has_target = parsed.has_target;
  statement.schema = text_or_empty(parsed.schema);
  statement.name = text_or_empty(parsed.name);
  for (int i = 0; i < list_length(parsed.roles); i++)
    statement.roles.emplace_back(static_cast<const char *>(list_nth(parsed.roles, i)));
  for (int i = 0; i < list_length(parsed.type_schemas); i++)
    statement.type_schemas.emplace_back(static_cast<const char *>(list_nth(parsed.type_schemas, i)));
  statement.setting = text_or_empty(parsed.setting);
  statement.setting_value = text_or_empty(parsed.setting_value);
  statement.global_kind = text_or_empty(parsed.global_kind);
  statement.wrapper = text_or_empty(parsed.wrapper);
  statement.sequence_value = parsed.sequence_value;
  statement.sequence_called = parsed.sequence_called;
  return statement;
}

}  // namespace pagila_repl
