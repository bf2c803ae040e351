// What a run does with publications, event triggers, settings and the comment of the database.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "core/database_object_kinds.hpp"
#include "core/load_plan.hpp"

namespace pagila_repl {

struct DatabaseObjectKey {
  DatabaseObjectCall::Kind kind;
  std::string name;
  uint32_t role = 0;  // OID
  bool operator<(const DatabaseObjectKey &other) const {
    return std::tie(kind, name, role) < std::tie(other.kind, other.name, other.role);
  }
};

// Written over where it differs; the others are dropped and made again.
inline bool is_value(DatabaseObjectCall::Kind kind) {
  return kind == DatabaseObjectCall::Kind::setting || kind == DatabaseObjectCall::Kind::comment;
}

struct DatabaseObjectWork {
  std::vector<std::string> schemas;  // that the run replaces: objects of earlier runs of one of them are its own
  DatabaseObjectKinds kinds;
  std::map<DatabaseObjectKey, PlannedDatabaseObject> wanted;
  std::map<DatabaseObjectKey, std::string>
      values;                        // that settings and the comment are to have, as the catalogs hold them
  std::vector<std::string> remarks;  // what is left out
};

}  // namespace pagila_repl
