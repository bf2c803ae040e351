// What the parts of the classification of statements share: server code, which fills plain data.
#pragma once

#include <string>

#include "core/error.hpp"
#include "core/load_plan.hpp"
#include "pg/compat.hpp"
#include "source/statement_parts.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pagila_repl {

// The plain twin of Statement, filled by server code.
struct Parsed {
  Statement::Kind kind;
  bool creates, creates_table, refreshes, about_type, default_privileges, has_target, is_unpopulated, removes, on_table;
  const char *schema, *name, *makes_index;
  List *roles, *more_schemas, *more_names;  // of char *
  StatementParts parts;
  const char *setting, *setting_value, *global_kind, *wrapper, *remark;
  bool setting_is_local;
  List *columns, *added_columns, *redefaulted_columns, *rewritten_columns;  // of char *
  const char *copy_encoding;
  bool restarts, unless_there;
  int64 sequence_value;
  bool sequence_called;
  LargeObjectCall::Function lo_function;
  uint32 lo_oid;
  const char *lo_data;
  DatabaseObjectCall::Kind do_kind;
  DatabaseObjectCall::Part do_part;
  const char *do_name, *do_role;
  bool do_needs_superuser;
  const char *do_event;
  List *do_tags;  // char *
};

// Refuses the statement. `location`: where in its text what is refused stands, -1 if it is all of it.
[[noreturn]] void refuse(int sqlstate, const char *what, const char *hint = nullptr, int location = -1);

// What the statement is about; further objects are noted as such.
void target(Parsed *parsed, const char *schema, const char *name);
void about(Parsed *parsed, const RangeVar *relation);
// A list of String nodes, of which the last `inner` name something inside the object.
void about(Parsed *parsed, List *names, int inner = 0);
void about(Parsed *parsed, const TypeName *type);
void about_object(Parsed *parsed, ObjectType type, Node *object);
void add_role(Parsed *parsed, RoleSpec *role);

// Kinds of objects that no run copies, and those of the database or the server.
bool is_left_out(ObjectType type);
bool is_global(ObjectType type);
// Statements about objects of the database: told apart by kind and name.
void about_global(Parsed *parsed, ObjectType type, Node *object);

// The text of a constant, null for NULL and for what is none.
const char *constant_text(Node *node);

// Parses one statement; null if there is none. Errors of the parser and of refuse() have their place in `text`.
Node *parse_statement(const char *text);
// Of the parser or of refuse(): in words that quote no more of the text than the token that is wrong. Any other is given back
// as it is. `is_dump`: the text is of a file that has held statements of a dump before. Not server code.
Error in_words_of_ours(const Error &error, const std::string &text, bool is_dump);

// Passed over and counted; `remark` is words for counted().
void pass_over(Parsed *parsed, const char *remark);

// The value that a new session has of a setting which a dump may set, null for others.
const char *default_of_session(const char *name);

void classify_set(Parsed *parsed, VariableSetStmt *statement);
void classify_transaction(Parsed *parsed, TransactionStmt *statement);
void classify_select(Parsed *parsed, SelectStmt *statement);
void classify_drop(Parsed *parsed, DropStmt *statement);
// Statements about large objects: calls of functions, and owner, privileges and comments of one by its number.
bool classify_large_object_query(Parsed *parsed, SelectStmt *statement);
void classify_large_object_call(Parsed *parsed, FuncCall *call);
void about_large_object(Parsed *parsed, Node *number);
// Statements about publications, event triggers, settings of a database and its comment.
void classify_create_publication(Parsed *parsed, CreatePublicationStmt *statement);
void classify_alter_publication(Parsed *parsed, AlterPublicationStmt *statement);
void classify_create_event_trigger(Parsed *parsed, CreateEventTrigStmt *statement);
void classify_alter_event_trigger(Parsed *parsed, AlterEventTrigStmt *statement);
void classify_setting_of_database(Parsed *parsed, AlterDatabaseSetStmt *statement);
void classify_setting_of_role(Parsed *parsed, AlterRoleSetStmt *statement);
void about_database(Parsed *parsed, const char *name);
// Owner, comment or removal of one of them, if the object is such.
void about_database_object(Parsed *parsed, ObjectType type, Node *object, DatabaseObjectCall::Part part);

}  // namespace pagila_repl
