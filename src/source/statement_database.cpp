// Classifies what a dump says of publications, event triggers and the database itself. Whether the run takes it is not decided here.

#include "source/parsed_statement.hpp"

extern "C" {
#include "nodes/value.h"
}

namespace pagila_repl {

namespace {

using Kind = DatabaseObjectCall::Kind;
using Part = DatabaseObjectCall::Part;

void database_object(Parsed *parsed, Kind kind, Part part, const char *name) {
  parsed->do_kind = kind;
  parsed->do_part = part;
  parsed->do_name = name;
}

void publish(Parsed *parsed, List *objects) {
  ListCell *cell;
  foreach (cell, objects) {
    auto *object = lfirst_node(PublicationObjSpec, cell);
    switch (object->pubobjtype) {
      case PUBLICATIONOBJ_TABLE: about(parsed, object->pubtable->relation); break;
      case PUBLICATIONOBJ_TABLES_IN_SCHEMA:
        parsed->do_needs_superuser = true;
        target(parsed, object->name, "");
        break;
      default:
        refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "a publication of the current schema",
               "Name the schema, as pg_dump does.", object->location);
    }
  }
}

void set(Parsed *parsed, const char *database, const char *role, VariableSetStmt *statement) {
  about_database(parsed, database);
  // Taking back is for what was there before.
  if (statement->kind != VAR_SET_VALUE) return;
  database_object(parsed, Kind::setting, Part::create, statement->name);
  parsed->do_role = role;
}

}  // namespace

void classify_create_publication(Parsed *parsed, CreatePublicationStmt *statement) {
  parsed->kind = Statement::Kind::left_out;
  database_object(parsed, Kind::publication, Part::create, statement->pubname);
  parsed->do_needs_superuser = statement->for_all_tables;
  publish(parsed, statement->pubobjects);
}

void classify_alter_publication(Parsed *parsed, AlterPublicationStmt *statement) {
  parsed->kind = Statement::Kind::left_out;
  database_object(parsed, Kind::publication, Part::change, statement->pubname);
  publish(parsed, statement->pubobjects);
}

void classify_create_event_trigger(Parsed *parsed, CreateEventTrigStmt *statement) {
  parsed->kind = Statement::Kind::left_out;
  database_object(parsed, Kind::event_trigger, Part::create, statement->trigname);
  parsed->do_needs_superuser = true;
  parsed->do_event = statement->eventname;
  ListCell *cell;
  foreach (cell, statement->whenclause) {
    ListCell *tag;
    foreach (tag, castNode(List, lfirst_node(DefElem, cell)->arg))
      parsed->do_tags = lappend(parsed->do_tags, pstrdup(strVal(lfirst(tag))));
  }
  about(parsed, statement->funcname);
}

void classify_alter_event_trigger(Parsed *parsed, AlterEventTrigStmt *statement) {
  parsed->kind = Statement::Kind::left_out;
  database_object(parsed, Kind::event_trigger, Part::change, statement->trigname);
}

void about_database(Parsed *parsed, const char *name) {
  parsed->kind = Statement::Kind::database;
  parsed->name = name;
}

void classify_setting_of_database(Parsed *parsed, AlterDatabaseSetStmt *statement) {
  set(parsed, statement->dbname, nullptr, statement->setstmt);
}

void classify_setting_of_role(Parsed *parsed, AlterRoleSetStmt *statement) {
  if (statement->database == nullptr)
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "settings of roles in all databases", "They are the server's, as are roles.");
  const char *role = nullptr;
  if (statement->role != nullptr) {
    if (statement->role->roletype != ROLESPEC_CSTRING)
      refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "settings of the current role", "Name the role, as pg_dump does.");
    role = statement->role->rolename;
  }
  set(parsed, statement->database, role, statement->setstmt);
}

void about_database_object(Parsed *parsed, ObjectType type, Node *object, Part part) {
  if ((type == OBJECT_PUBLICATION || type == OBJECT_EVENT_TRIGGER) && object != nullptr && IsA(object, String))
    database_object(parsed, type == OBJECT_PUBLICATION ? Kind::publication : Kind::event_trigger, part, strVal(object));
  if (type == OBJECT_DATABASE && part == Part::change) {
    database_object(parsed, Kind::comment, Part::create, strVal(object));
    parsed->name = strVal(object);
  }
}

}  // namespace pagila_repl
