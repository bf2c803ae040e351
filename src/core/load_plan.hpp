// What a load is going to do: everything its dump files say, without the rows themselves.
// Made by source/ from the files, carried out by target/.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/dump_reader.hpp"
#include "core/resolved_object.hpp"

namespace pagila_repl {

// What a statement says of a large object.
struct LargeObjectCall {
  enum class Function { none, create, open, create_and_open, write, close, property };
  Function function = Function::none;
  uint32_t oid = 0;  // of write and close: the descriptor, which is 0 in a dump
  std::string data;  // that is written, as a bytea constant
};

// Of what belongs to the database as a whole, what a statement is about. `role`: that a setting is for, empty for all.
struct DatabaseObjectCall {
  // Event triggers last, since they are made last: until then none of them can fire.
  enum class Kind { none, publication, setting, comment, event_trigger };
  enum class Part { create, owner, change, drop };
  Kind kind = Kind::none;
  Part part = Part::change;
  std::string name, role;
  bool needs_superuser = false;  // as a publication of all tables, or of those of a schema, does
  std::string event;             // of an event trigger that is created
  std::vector<std::string> tags;
};

// A statement as the server's parser sees it.
struct Statement {
  enum class Kind {
    run,            // shape: run as it is written
    create_schema,  // CREATE SCHEMA name
    owner,          // changes an owner; subject to the owner policy; role in `roles`
    grant,          // grants or revokes, or default privileges; roles in `roles`
    extension,      // CREATE EXTENSION `name`, wanted in `schema` (may be empty)
    comment_on_extension,
    global,           // creates something outside all schemas (`global_kind`, `name`) that a run does not own
    setting,          // SET applied while the shape is made; `setting_is_local`: until the end of the transaction block
    reset_all,        // RESET ALL
    role,             // SET ROLE or SET SESSION AUTHORIZATION: from here on `roles`[0], or the caller again
    begin,            // BEGIN
    commit,           // COMMIT
    ignored,          // has no meaning here (timeouts and the like)
    passed_over,      // the same, counted: `remark`
    statistics,       // of the planner, told by pg_dump 18
    large_object,     // calls a function about a large object: `large_object`
    database,         // about the database `name`: passed over if it is this one
    drop,             // DROP: of `global_kind` `name`, or as `removes` says
    unknown_setting,  // a setting of a newer server, passed over with a notice
    left_out,         // publication, subscription, event trigger: passed over and counted
    copy,             // COPY table FROM stdin
    set_sequence,     // SELECT setval(...)
    refresh,          // REFRESH MATERIALIZED VIEW, or a materialized view created WITH DATA
  };
  Kind kind = Kind::run;
  bool creates = false;                     // a new object in a schema
  bool creates_table = false;               // that can take rows
  bool refreshes = false;                   // a materialized view that is to be filled at the end
  bool about_type = false;                  // creates, alters, comments or grants on an enum or domain
  bool default_privileges = false;          // ALTER DEFAULT PRIVILEGES in `schema`
  bool has_target = false;                  // `schema`.`name` below is the object the statement is about
  std::string schema, name;                 // schema empty if not written
  std::vector<QualifiedName> more_targets;  // further objects that it is about
  // Takes away an object or a part of it: nothing, where the dump has not made it before.
  bool removes = false;
  bool on_table = false;    // what it creates belongs to the table `schema`.`name`
  std::string makes_index;  // name of an index that is created
  // Of a table that is created: its columns, in order, as far as they are written there. Of COPY: those that it lists.
  std::vector<std::string> columns;
  std::vector<std::string> added_columns;
  // ALTER TABLE: columns that take another value by default from there on, and those whose values become other ones or go.
  std::vector<std::string> redefaulted_columns, rewritten_columns;
  std::string copy_encoding;    // that COPY says its rows have
  bool restarts = false;        // a sequence, at `sequence_value`
  bool unless_there = false;    // a schema is created IF NOT EXISTS
  bool is_unpopulated = false;  // a materialized view is created without rows
  // type: a relation, too. found_by_type: a cast, transform, operator, operator family or class, which what uses them does not name.
  enum class Makes { other, type, function, found_by_type };
  Makes makes = Makes::other;
  // What functions and what is found by type are made of, operators and families among the functions; schema empty if not written.
  std::vector<QualifiedName> of_types, of_functions;
  std::vector<std::string> roles;
  std::string setting, setting_value;  // setting, ignored, unknown_setting, role
  bool setting_is_local = false;
  LargeObjectCall large_object;
  DatabaseObjectCall database_object;
  std::string remark;       // words for counted()
  std::string global_kind;  // of the object outside all schemas that the statement is about; its name in `name`
  std::string wrapper;      // of a server that is created
  int64_t sequence_value = 0;
  bool sequence_called = false;
};

// A place in the dump, for messages.
struct Place {
  std::string file;  // its absolute path, or what else the dump is called
  uint64_t line = 0;
  std::string object;  // what is made there, where nobody can look it up
  std::string text() const {
    return (!file.empty() && file[0] == '/' ? "file \"" + file + "\"" : file) + ", " + in_file();
  }
  std::string in_file() const { return "line " + std::to_string(line) + (object.empty() ? "" : ", " + object); }
};

struct ShapeStatement {
  Statement what;
  std::string text;  // in the server's encoding
  Place place;
  std::string session_role;    // as SET SESSION AUTHORIZATION said last; empty: the caller
  bool may_be_member = false;  // about something that the dump has not created: an object of an extension, if anything
};

struct PlannedRows {
  size_t file = 0;  // index into LoadPlan::files
  Place place;
  QualifiedName table;
  std::string copy_statement;        // empty for INSERTs
  std::vector<std::string> columns;  // of INSERTs, as the block has them but in the server's encoding
  RowBlock block;
  std::string encoding;     // of the rows, by the server's name
  std::string sha256;       // of the COPY text delivered
  std::string search_path;  // in force there
  std::string text;         // of a source's table of an extension: the rows themselves, as COPY text
};

// A large object as the source has it.
struct PlannedLargeObject {
  uint32_t oid = 0;
  uint64_t bytes = 0;
  std::string content_hash;                // as kLargeObjectHashes gives it; empty if it is not known beforehand
  std::vector<ShapeStatement> properties;  // owner, grants, comment
  // Of a dump: statements that write it, which have these bytes.
  struct Part {
    size_t file = 0;  // index into LoadPlan::files
    uint64_t begin = 0, end = 0;
    Place place;
  };
  std::vector<Part> parts;
  std::string sha256;
};

// A publication, a setting or the comment of the source's database.
struct PlannedDatabaseObject {
  using Kind = DatabaseObjectCall::Kind;
  Kind kind = Kind::none;
  std::string name, role;  // as of DatabaseObjectCall
  bool needs_superuser = false;
  struct Part {
    ShapeStatement statement;
    std::string search_path;  // that it was written for
  };
  std::vector<Part> parts;  // what makes it, in order
};

// How the rows of a block are read again.
enum class RowsAs { copy_text, statements };

struct SequenceState {
  QualifiedName sequence;
  int64_t value = 0;
  bool called = false;
  Place place;
  size_t rows_before = 0;  // blocks of rows of the dump that come before it
  bool is_set = false;     // by the rows that take their numbers from there on
};

// An enum or domain of the dump and a hash of every statement about it: equal hashes, equal types.
struct PlannedType {
  QualifiedName type;
  std::string sha256;
};

// A materialized view whose owner sees tables that it reads through row-level security.
struct FilteredView {
  QualifiedName view;
  std::string owner;
  std::string content_hash;  // of what it holds on the source; empty if that is not known
  bool in_utf8 = false;      // how it was hashed
};

struct PlannedFile {
  std::string path;
  std::string sha256;
  uint64_t bytes = 0;
};

// A function of an extension on the source, as two arrays in text form: its qualified name, the types of its arguments.
struct FunctionAddress {
  std::string name, arguments;
};

// Words for counted().
constexpr const char *kAboutMembers = "{statement|statements} about objects of extensions left out";

// What the definitions of the source refer to. Dump files tell nothing of it.
struct ResolvedNames {
  bool is_same_version = true;  // else what is the server's own is left out
  std::vector<ResolvedObject> objects;
};

struct LoadPlan {
  std::vector<PlannedFile> files;
  std::vector<std::string> schemas;   // that objects are created in, in order of appearance
  std::vector<ShapeStatement> shape;  // in order; settings among them
  std::vector<PlannedRows> rows;
  std::vector<SequenceState> sequences;
  // Rows and values of tables and sequences that belong to extensions, which stay: they are merged into what is there.
  std::vector<PlannedRows> member_rows;
  std::vector<SequenceState> member_sequences;
  std::map<std::string, std::string> extension_versions;  // on the source; those that the run creates get them
  std::map<std::string, std::vector<FunctionAddress>> immutable_functions;  // made so once the run has created one
  std::vector<QualifiedName> refreshes;                                     // materialized views to fill, in order
  std::optional<std::vector<FilteredView>> filtered;  // those of the source; of a dump nobody knows
  // Name and value of settings by which the source turns values into text; materialized views are filled with them.
  std::vector<std::pair<std::string, std::string>> source_settings;
  std::vector<PlannedType> types;
  ResolvedNames resolved;
  std::optional<std::vector<PlannedLargeObject>> large_objects;  // by OID; nothing, if they are no part of the copy
  std::vector<PlannedDatabaseObject> database_objects;           // that are part of the copy
  std::vector<std::string> remarks;                              // what was passed over, for the run's message
  uint64_t total_rows = 0, total_bytes = 0;                      // of all blocks
};

}  // namespace pagila_repl
