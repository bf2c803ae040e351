// Judges statements by what they are about.

#include "source/shape_scope.hpp"

#include "core/error.hpp"

namespace pagila_repl {

namespace {

constexpr char kOurName[] = "pagila_repl";

}  // namespace

ShapeScope::ShapeScope(const std::vector<std::string> &schemas, bool whole_database)
    : schemas_(schemas.begin(), schemas.end()), whole_database_(whole_database) {}

std::optional<std::string> ShapeScope::left_out(const Statement &what) {
  using Kind = Statement::Kind;
  if (is_ours(what)) return "";
  if (what.kind == Kind::comment_on_extension) return {};
  if (what.kind == Kind::extension && !what.schema.empty()) {
    if (whole_database_ || wants(what.schema)) return {};
    return "";
  }
  if (is_named(what)) return "";
  if (!what.global_kind.empty())
    return "{statement|statements} about objects of the database, not of a schema, left out";
  if (!what.has_target || wants(what.schema)) return {};
  if (what.creates || what.kind == Kind::create_schema)
    throw Error("55000", "pg_dump tells of objects in schema \"" + what.schema + "\", which is not to be copied",
                "The source was changed while its shape was read.", "Run it again.");
  return "{statement|statements} about objects outside the copied schemas left out";
}

// What makes an object of the database, or is about one that the dump has made, or about one of which it tells nothing else.
bool ShapeScope::is_named(const Statement &what) {
  using Kind = Statement::Kind;
  // Without a schema it is CREATE LANGUAGE, which the parser takes for an extension.
  if (what.kind == Kind::extension) named_.insert({"language", what.name});
  if (what.kind == Kind::global) named_.insert({what.global_kind, what.name});
  if (what.global_kind.empty()) return what.kind == Kind::extension || what.kind == Kind::left_out;
  return named_.count({what.global_kind, what.name}) > 0;
}

// The source may have this extension, and servers of its own. They are not part of a copy.
bool ShapeScope::is_ours(const Statement &what) {
  using Kind = Statement::Kind;
  if (what.kind == Kind::extension || what.kind == Kind::comment_on_extension) return what.name == kOurName;
  if (what.has_target) return what.schema == kOurName;
  if (what.global_kind == "foreign-data wrapper") return what.name == kOurName;
  if (what.global_kind == "server" && what.wrapper == kOurName) our_servers_.insert(what.name);
  return (what.global_kind == "server" || what.global_kind == "user mapping") && our_servers_.count(what.name) > 0;
}

}  // namespace pagila_repl
