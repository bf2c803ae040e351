// Classifies a statement of a dump by its parse tree: an allow-list, everything else is refused.

#include "source/statement.hpp"

#include <algorithm>

#include "core/characters.hpp"
#include "core/sql_lexer.hpp"
#include "pg/boundary.hpp"
#include "source/parsed_statement.hpp"

extern "C" {
#include "commands/defrem.h"
#include "common/keywords.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "parser/parser.h"
#include "parser/scanner.h"
#include "tcop/cmdtag.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
}

namespace pagila_repl {

namespace {

const char *text_under_way = "";  // of the statement that is classified

}  // namespace

void refuse(int sqlstate, const char *what, const char *hint, int location) {
  int position = location < 0 ? 0 : pg_mbstrlen_with_len(text_under_way, location) + 1;
  ereport(ERROR, (errcode(sqlstate), errmsg("a dump may not contain %s", what),
                  hint == nullptr ? 0 : errhint("%s", hint), errposition(position)));
  pg_unreachable();
}

const char *constant_text(Node *node) {
  if (node == nullptr) return nullptr;
  // 'name'::regclass, as psql's scripts have it, is the constant.
  if (IsA(node, TypeCast) && IsA(castNode(TypeCast, node)->arg, A_Const)) node = castNode(TypeCast, node)->arg;
  return IsA(node, A_Const) ? text_of_constant(castNode(A_Const, node)) : nullptr;
}

void pass_over(Parsed *parsed, const char *remark) {
  parsed->kind = Statement::Kind::passed_over;
  parsed->remark = remark;
}

namespace {

constexpr const char *kEachObject = "Name the objects one by one, as pg_dump does.";

void create(Parsed *parsed) { parsed->creates = true; }

void create_on(Parsed *parsed, const RangeVar *table) {
  parsed->creates = parsed->on_table = true;
  about(parsed, table);
}

// What pg_dump --clean takes off a table before it drops it.
bool takes_off(AlterTableCmd *command) {
  return command->subtype == AT_DropConstraint || command->subtype == AT_DropIdentity ||
         (command->subtype == AT_ColumnDefault && command->def == nullptr);
}

// What it does to rows that are in the table by then. They are loaded later here.
void note_columns(Parsed *parsed, AlterTableCmd *command) {
  switch (command->subtype) {
    case AT_AddColumn:
      parsed->added_columns = lappend(parsed->added_columns, castNode(ColumnDef, command->def)->colname);
      return;
    case AT_ColumnDefault:
    case AT_AddIdentity:
    case AT_DropIdentity: parsed->redefaulted_columns = lappend(parsed->redefaulted_columns, command->name); return;
    case AT_SetIdentity: {
      ListCell *cell;
      foreach (cell, castNode(List, command->def))
        if (strcmp(lfirst_node(DefElem, cell)->defname, "restart") == 0)
          parsed->redefaulted_columns = lappend(parsed->redefaulted_columns, command->name);
      return;
    }
    case AT_DropExpression:
      parsed->redefaulted_columns = lappend(parsed->redefaulted_columns, command->name);
      [[fallthrough]];
    case AT_AlterColumnType:
    case AT_DropColumn: parsed->rewritten_columns = lappend(parsed->rewritten_columns, command->name); return;
    default: return;
  }
}

void classify_alter_sequence(Parsed *parsed, AlterSeqStmt *statement) {
  about(parsed, statement->sequence);
  if (list_length(statement->options) != 1) return;
  auto *option = linitial_node(DefElem, statement->options);
  if (strcmp(option->defname, "restart") != 0 || option->arg == nullptr) return;
  parsed->restarts = true;
  parsed->sequence_value = defGetInt64(option);
}

// The columns that stand there by name; none where it may have others before them.
void note_columns(Parsed *parsed, CreateStmt *statement) {
  if (statement->inhRelations != NIL || statement->ofTypename != nullptr) return;
  ListCell *cell;
  foreach (cell, statement->tableElts) {
    if (IsA(lfirst(cell), TableLikeClause)) {
      parsed->columns = NIL;
      return;
    }
    if (IsA(lfirst(cell), ColumnDef)) parsed->columns = lappend(parsed->columns, lfirst_node(ColumnDef, cell)->colname);
  }
}

void classify_alter_table(Parsed *parsed, AlterTableStmt *statement) {
  about(parsed, statement->relation);
  bool only_trigger_switches = true;
  parsed->removes = true;
  ListCell *cell;
  foreach (cell, statement->cmds) {
    auto *command = lfirst_node(AlterTableCmd, cell);
    if (command->subtype == AT_ChangeOwner) {
      parsed->kind = Statement::Kind::owner;
      add_role(parsed, command->newowner);
    }
    note_columns(parsed, command);
    if (!takes_off(command)) parsed->removes = false;
    if (command->subtype != AT_EnableTrigAll && command->subtype != AT_DisableTrigAll) only_trigger_switches = false;
  }
  // pg_dump --disable-triggers; here no trigger exists while rows are loaded.
  if (only_trigger_switches) parsed->kind = Statement::Kind::ignored;
}

void classify_grant(Parsed *parsed, GrantStmt *statement) {
  parsed->kind = Statement::Kind::grant;
  ListCell *cell;
  foreach (cell, statement->grantees) add_role(parsed, lfirst_node(RoleSpec, cell));
  if (statement->targtype != ACL_TARGET_OBJECT)
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "grants on all objects of a kind", kEachObject);
  if (statement->objtype == OBJECT_LARGEOBJECT) {
    if (list_length(statement->objects) != 1)
      refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "grants on several large objects", kEachObject);
    return about_large_object(parsed, (Node *)linitial(statement->objects));
  }
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
    if (strcmp(option->defname, "cascade") == 0)
      refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "CREATE EXTENSION CASCADE",
             "Create each extension by itself, those first that others require.", option->location);
  }
}

void classify_owner(Parsed *parsed, AlterOwnerStmt *statement) {
  add_role(parsed, statement->newowner);
  if (is_left_out(statement->objectType)) {
    parsed->kind = Statement::Kind::left_out;
    return about_database_object(parsed, statement->objectType, statement->object, DatabaseObjectCall::Part::owner);
  }
  parsed->kind = Statement::Kind::owner;
  if (statement->objectType == OBJECT_LARGEOBJECT) return about_large_object(parsed, statement->object);
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
  constexpr const char *kHint = "Rows come as COPY ... FROM stdin, in the dump itself.";
  if (statement->is_program) refuse(ERRCODE_INSUFFICIENT_PRIVILEGE, "COPY ... PROGRAM", kHint);
  if (!statement->is_from || statement->relation == nullptr)
    refuse(ERRCODE_INSUFFICIENT_PRIVILEGE, "COPY ... TO", kHint);
  if (statement->filename != nullptr) refuse(ERRCODE_INSUFFICIENT_PRIVILEGE, "COPY from a file", kHint);
  if (statement->whereClause != nullptr) refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "COPY ... WHERE", kHint);
  parsed->kind = Statement::Kind::copy;
  about(parsed, statement->relation);
  ListCell *cell;
  foreach (cell, statement->attlist) parsed->columns = lappend(parsed->columns, strVal(lfirst(cell)));
  foreach (cell, statement->options) {
    auto *option = lfirst_node(DefElem, cell);
    if (strcmp(option->defname, "encoding") != 0) continue;
    parsed->copy_encoding = defGetString(option);
    if (pg_char_to_encoding(parsed->copy_encoding) < 0)
      refuse(ERRCODE_INVALID_PARAMETER_VALUE, "COPY of an unknown encoding", "Write a name that the server knows.",
             option->location);
  }
}

void classify_create_as(Parsed *parsed, CreateTableAsStmt *statement) {
  if (object_type_of(statement) != OBJECT_MATVIEW || statement->is_select_into)
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "CREATE TABLE AS", "Write CREATE TABLE and the rows, as pg_dump does.");
  create(parsed);
  about(parsed, statement->into->rel);
  parsed->refreshes = !statement->into->skipData;
  parsed->is_unpopulated = statement->into->skipData;
}

// A view of nothing but NULLs, which pg_dump --clean puts in the place of one that others depend on before it drops both.
bool is_placeholder(ViewStmt *statement) {
  auto *query = (SelectStmt *)statement->query;
  if (!statement->replace || !IsA(query, SelectStmt) || query->op != SETOP_NONE || query->fromClause != NIL ||
      query->whereClause != nullptr || query->withClause != nullptr || query->valuesLists != NIL)
    return false;
  ListCell *cell;
  foreach (cell, query->targetList) {
    Node *value = lfirst_node(ResTarget, cell)->val;
    if (value != nullptr && IsA(value, CollateClause)) value = castNode(CollateClause, value)->arg;
    if (value == nullptr || !IsA(value, TypeCast)) return false;
    Node *constant = castNode(TypeCast, value)->arg;
    if (!IsA(constant, A_Const) || text_of_constant(castNode(A_Const, constant)) != nullptr) return false;
  }
  return true;
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
      if (statement->schemaname == nullptr && statement->authrole->roletype == ROLESPEC_CSTRING)
        statement->schemaname = statement->authrole->rolename;
      if (statement->schemaname == nullptr)
        refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "CREATE SCHEMA without a name", "Name the schema, as pg_dump does.");
      if (statement->schemaElts != NIL)
        refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "CREATE SCHEMA with elements",
               "Create the schema and what is in it with statements of their own.");
      parsed->kind = Statement::Kind::create_schema;
      parsed->has_target = true;
      parsed->schema = statement->schemaname;
      parsed->name = "";
      parsed->unless_there = statement->if_not_exists;
      add_role(parsed, statement->authrole);
      return;
    }
    case T_CreateStmt:
      create(parsed);
      parsed->creates_table = true;
      note_columns(parsed, castNode(CreateStmt, node));
      return about(parsed, castNode(CreateStmt, node)->relation);
    case T_CreateForeignTableStmt:
      create(parsed);
      return about(parsed, castNode(CreateForeignTableStmt, node)->base.relation);
    case T_ViewStmt:
      create(parsed);
      parsed->removes = is_placeholder(castNode(ViewStmt, node));
      return about(parsed, castNode(ViewStmt, node)->view);
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
    case T_CreateStatsStmt: {
      auto *statement = castNode(CreateStatsStmt, node);
      create(parsed);
      if (statement->defnames != NIL) return about(parsed, statement->defnames);
      refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "CREATE STATISTICS without a name", "Give it a name, as pg_dump does.");
    }
    case T_IndexStmt:
      // Nobody else sees the table yet, so it locks nobody out.
      if (castNode(IndexStmt, node)->concurrent)
        refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "CREATE INDEX CONCURRENTLY", "Leave out CONCURRENTLY.");
      parsed->makes_index = castNode(IndexStmt, node)->idxname;
      return create_on(parsed, castNode(IndexStmt, node)->relation);
    case T_CreateTrigStmt: return create_on(parsed, castNode(CreateTrigStmt, node)->relation);
    case T_RuleStmt: return create_on(parsed, castNode(RuleStmt, node)->relation);
    case T_CreatePolicyStmt: return create_on(parsed, castNode(CreatePolicyStmt, node)->table);
    case T_CreateCastStmt:
    case T_CreateTransformStmt: return;

    case T_AlterTableStmt: return classify_alter_table(parsed, castNode(AlterTableStmt, node));
    case T_AlterSeqStmt: return classify_alter_sequence(parsed, castNode(AlterSeqStmt, node));
    case T_AlterEnumStmt: parsed->about_type = true; return about(parsed, castNode(AlterEnumStmt, node)->typeName);
    case T_AlterDomainStmt:
      parsed->about_type = true;
      parsed->removes = castNode(AlterDomainStmt, node)->subtype == 'X';
      return about(parsed, castNode(AlterDomainStmt, node)->typeName);
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
      if (statement->objtype == OBJECT_LARGEOBJECT) return about_large_object(parsed, statement->object);
      about_database_object(parsed, statement->objtype, statement->object, DatabaseObjectCall::Part::change);
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
    case T_CreatePublicationStmt: return classify_create_publication(parsed, castNode(CreatePublicationStmt, node));
    case T_AlterPublicationStmt: return classify_alter_publication(parsed, castNode(AlterPublicationStmt, node));
    case T_CreateSubscriptionStmt:
    case T_AlterSubscriptionStmt:
    case T_DropSubscriptionStmt: parsed->kind = Statement::Kind::left_out; return;
    case T_CreateEventTrigStmt: return classify_create_event_trigger(parsed, castNode(CreateEventTrigStmt, node));
    case T_AlterEventTrigStmt: return classify_alter_event_trigger(parsed, castNode(AlterEventTrigStmt, node));

    case T_CreatedbStmt: return about_database(parsed, castNode(CreatedbStmt, node)->dbname);
    case T_DropdbStmt: return about_database(parsed, castNode(DropdbStmt, node)->dbname);
    case T_AlterDatabaseStmt: return about_database(parsed, castNode(AlterDatabaseStmt, node)->dbname);
    case T_AlterDatabaseSetStmt: return classify_setting_of_database(parsed, castNode(AlterDatabaseSetStmt, node));
    case T_AlterRoleSetStmt: return classify_setting_of_role(parsed, castNode(AlterRoleSetStmt, node));

    case T_DropStmt: return classify_drop(parsed, castNode(DropStmt, node));
    case T_DropUserMappingStmt:
      parsed->kind = Statement::Kind::drop;
      parsed->global_kind = "user mapping";
      parsed->name = castNode(DropUserMappingStmt, node)->servername;
      return;
    case T_TransactionStmt: return classify_transaction(parsed, castNode(TransactionStmt, node));
    case T_VacuumStmt:
      return pass_over(parsed, "{ANALYZE or VACUUM statement|ANALYZE or VACUUM statements} passed over");
    case T_ConstraintsSetStmt: return pass_over(parsed, "{SET CONSTRAINTS|SET CONSTRAINTS} passed over");
    case T_VariableSetStmt: return classify_set(parsed, castNode(VariableSetStmt, node));
    case T_SelectStmt: return classify_select(parsed, castNode(SelectStmt, node));
    case T_CopyStmt: return classify_copy(parsed, castNode(CopyStmt, node));
    // Their tag is that of all that alters such an object.
    case T_RenameStmt:
      refuse(ERRCODE_FEATURE_NOT_SUPPORTED, psprintf("%s ... RENAME", CreateCommandName(node)),
             "Write the last name where the object is created and wherever the file names it, as pg_dump does.");
    case T_AlterObjectSchemaStmt:
      refuse(ERRCODE_FEATURE_NOT_SUPPORTED, psprintf("%s ... SET SCHEMA", CreateCommandName(node)),
             "Create the object in the schema where it is to be, as pg_dump does.");
    default: refuse(ERRCODE_FEATURE_NOT_SUPPORTED, psprintf("%s", CreateCommandName(node)));
  }
}

Parsed parse(const char *text) {
  Parsed parsed{};
  parsed.kind = Statement::Kind::run;
  Node *statement = parse_statement(text);
  if (statement == nullptr) {
    parsed.kind = Statement::Kind::ignored;
    return parsed;
  }
  classify_node(&parsed, statement);
  parsed.parts = parts_of_statement(statement);
  return parsed;
}

// A file that is no dump may hold secrets where a dump holds names, so a word of it is shown only if it is of SQL.
std::string name_of_strange_token(std::string_view text) {
  std::string word;
  while (word.size() < text.size() && is_name_part(static_cast<unsigned char>(text[word.size()])))
    word.push_back(lower(text[word.size()]));
  const char *plain = word.c_str();
  bool is_keyword = guarded([plain] { return ScanKeywordLookup(plain, &ScanKeywords) >= 0; });
  if (!text.empty() && (text[0] == '"' || (!word.empty() && !is_keyword))) return "a name or number";
  return name_of_token(text);
}

std::string text_or_empty(const char *text) { return text == nullptr ? "" : text; }

std::vector<std::string> texts(List *list) {
  std::vector<std::string> found;
  for (int i = 0; i < list_length(list); i++) found.emplace_back(static_cast<const char *>(list_nth(list, i)));
  return found;
}

}  // namespace

Node *parse_statement(const char *text) {
  text_under_way = text;
  List *statements = raw_parser(text, RAW_PARSE_DEFAULT);
  if (statements == NIL) return nullptr;
  // The reader and the parser see different ends.
  if (list_length(statements) != 1)
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "several statements in one", "Write each with a semicolon of its own.");
  return linitial_node(RawStmt, statements)->stmt;
}

Error in_words_of_ours(const Error &error, const std::string &text, bool is_dump) {
  bool is_syntax = error.sqlstate == "42601";
  if (!is_syntax && error.sqlstate != "0A000" && error.sqlstate != "42501") return error;
  Error refused = error;
  refused.context.clear();
  // The parser's message may quote more of the file than the token.
  if (is_syntax) {
    refused.message = "syntax error in a statement of the dump";
    refused.detail.clear();
    refused.hint = "The dump may be of a newer server, or not of PostgreSQL.";
  }
  if (error.position > 0) {
    const char *bytes = text.c_str();
    int size = static_cast<int>(text.size()), characters = error.position - 1;
    auto at = static_cast<size_t>(guarded([=] { return pg_mbcharcliplen(bytes, size, characters); }));
    std::string_view token = std::string_view(text).substr(at);
    refused.message += (is_syntax ? " at " : ", at ");
    refused.message += is_syntax && !is_dump ? name_of_strange_token(token) : name_of_token(token);
    refused.line = 1 + static_cast<uint64_t>(std::count(bytes, bytes + at, '\n'));
  }
  if (refused.hint.empty()) refused.hint = "Take it out of the file, or run it by hand before or after the load.";
  return refused;
}

Statement classify(const std::string &text, bool is_dump) {
  const char *plain = text.c_str();
  Parsed parsed;
  try {
    parsed = guarded([plain] { return parse(plain); });
  } catch (const Error &error) {
    throw in_words_of_ours(error, text, is_dump);
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
  statement.roles = texts(parsed.roles);
  for (int i = 0; i < list_length(parsed.more_schemas); i++)
    statement.more_targets.push_back({static_cast<const char *>(list_nth(parsed.more_schemas, i)),
                                      static_cast<const char *>(list_nth(parsed.more_names, i))});
  statement.makes_index = text_or_empty(parsed.makes_index);
  statement.columns = texts(parsed.columns);
  statement.added_columns = texts(parsed.added_columns);
  statement.redefaulted_columns = texts(parsed.redefaulted_columns);
  statement.rewritten_columns = texts(parsed.rewritten_columns);
  statement.copy_encoding = text_or_empty(parsed.copy_encoding);
  statement.restarts = parsed.restarts;
  statement.unless_there = parsed.unless_there;
  statement.is_unpopulated = parsed.is_unpopulated;
  statement.removes = parsed.removes;
  statement.on_table = parsed.on_table;
  statement.setting_is_local = parsed.setting_is_local;
  statement.remark = text_or_empty(parsed.remark);
  statement.makes = parsed.parts.makes;
  statement.of_types = qualified_names(parsed.parts.types);
  statement.of_functions = qualified_names(parsed.parts.functions);
  statement.setting = text_or_empty(parsed.setting);
  statement.setting_value = text_or_empty(parsed.setting_value);
  statement.global_kind = text_or_empty(parsed.global_kind);
  statement.wrapper = text_or_empty(parsed.wrapper);
  statement.sequence_value = parsed.sequence_value;
  statement.sequence_called = parsed.sequence_called;
  statement.large_object = {parsed.lo_function, parsed.lo_oid, text_or_empty(parsed.lo_data)};
  statement.database_object = {parsed.do_kind,
                               parsed.do_part,
                               text_or_empty(parsed.do_name),
                               text_or_empty(parsed.do_role),
                               parsed.do_needs_superuser,
                               text_or_empty(parsed.do_event),
                               {}};
  for (int i = 0; i < list_length(parsed.do_tags); i++)
    statement.database_object.tags.emplace_back(static_cast<const char *>(list_nth(parsed.do_tags, i)));
  return statement;
}

}  // namespace pagila_repl
