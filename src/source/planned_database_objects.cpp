// Puts together what a dump says of one object.

#include "source/planned_database_objects.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "pg/server.hpp"

namespace pagila_repl {

namespace {

using Kind = DatabaseObjectCall::Kind;
using Part = DatabaseObjectCall::Part;

constexpr char kOurPrefix[] = "pagila_repl.";

}  // namespace

bool DatabaseObjectPlanner::wants(const Statement &what) const {
  switch (what.database_object.kind) {
    case Kind::publication: return kinds_.publications;
    case Kind::setting:
      // Names of settings are alike in any case of letters.
      return kinds_.settings &&
             pg_strncasecmp(what.database_object.name.c_str(), kOurPrefix, sizeof kOurPrefix - 1) != 0;
    case Kind::comment: return kinds_.settings;
    case Kind::event_trigger: return kinds_.event_triggers;
    default: return false;
  }
}

PlannedDatabaseObject *DatabaseObjectPlanner::find(const DatabaseObjectCall &call) {
  auto found = std::find_if(objects_.begin(), objects_.end(), [&](const PlannedDatabaseObject &object) {
    return object.kind == call.kind && object.role == call.role &&
           (call.kind == Kind::comment || object.name == call.name);
  });
  return found == objects_.end() ? nullptr : &*found;
}

void DatabaseObjectPlanner::take(const ShapeStatement &statement, const std::string &search_path) {
  const DatabaseObjectCall &call = statement.what.database_object;
  PlannedDatabaseObject *object = find(call);
  bool is_value = call.kind == Kind::setting || call.kind == Kind::comment;
  std::string described = (call.kind == Kind::publication ? "publication \"" : "event trigger \"") + call.name + "\"";
  if (is_value && object != nullptr) {
    // The last one counts.
    object->parts.clear();
  } else if (call.part == Part::create) {
    if (object != nullptr) throw Error("42710", described + " is created twice by the dump");
    objects_.emplace_back();
    object = &objects_.back();
    object->kind = call.kind;
    object->name = call.kind == Kind::comment ? "" : call.name;
    object->role = call.role;
  } else if (object == nullptr) {
    throw Error("42704", described + " does not exist", "The dump has not created it before.");
  }
  object->needs_superuser = object->needs_superuser || call.needs_superuser;
  object->parts.push_back({statement, search_path});
}

// A new owner may lack the rights to what follows, so owners come last.
std::vector<PlannedDatabaseObject> DatabaseObjectPlanner::finish() {
  for (PlannedDatabaseObject &object : objects_)
    std::stable_partition(object.parts.begin(), object.parts.end(), [](const PlannedDatabaseObject::Part &part) {
      return part.statement.what.database_object.part != Part::owner;
    });
  return std::move(objects_);
}

}  // namespace pagila_repl
