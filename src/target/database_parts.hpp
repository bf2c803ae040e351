// What a database has only once for types that are in no copy: a cast between two types, a transform of a type for a
// language, a default operator class of a type. Those of the live copy and those of its stage cannot both be in place.
//
// While a stage is made, or has its real names, the live ones are set aside in their catalogs, which no other session sees, and
// put back before the commit with the OIDs that they had. New ones are taken away before the commit and made again to be published.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "pg/server.hpp"
#include "pg/spi.hpp"
#include "target/carried_types.hpp"

namespace pagila_repl {

struct DatabasePart {
  enum class Kind { cast, transform, default_class };
  Kind kind = Kind::cast;
  Oid oid = InvalidOid;         // changes when it is made again, but for an operator class
  Oid type = InvalidOid;        // cast: source type; transform: its type
  Oid other = InvalidOid;       // cast: target type; transform: its language
  Oid function = InvalidOid;    // cast: its function; transform: FROM SQL
  Oid to_sql = InvalidOid;      // of a transform
  std::string method, context;  // of a cast, as in its catalog
  Value comment;
  std::vector<Oid> functions;  // that depend on a transform
};

using DatabaseParts = std::vector<DatabasePart>;

Oid catalog_of(const DatabasePart &part);

// OIDs of all casts and transforms that users have made.
std::set<Oid> all_casts_and_transforms();

// Those of the copies in the live schemas: they call a function there, or runs whose copies are all to be replaced have made
// them. What has a type of the schemas (but carried ones) is not among them: it cannot be in the way.
DatabaseParts parts_of_copies(const std::vector<std::string> &live_oids, const std::vector<CarriedType> &carried);
// Those that the shape has made, besides what was there before.
DatabaseParts parts_made(const std::vector<std::string> &stage_oids, const std::vector<CarriedType> &carried,
                         const std::set<Oid> &before);

// Casts and transforms by their OIDs, whatever types they are of, and only those that are still there.
DatabaseParts parts_by_oid(const std::set<Oid> &oids);

// Throws 42501 if the session's role may not drop them, which take_away does.
void check_may_take_away(const DatabaseParts &parts);

// Throws 55P03 if one is gone by now. To be undone by put_back in the same transaction.
void set_aside(const DatabaseParts &parts);
void put_back(const DatabaseParts &parts);

// Drops them as the session's role, but operator classes, which stop being the default.
void take_away(const DatabaseParts &parts);
// Makes what was taken away again, with its comment. Throws 42710 if others have made such meanwhile.
void put_in_place(DatabaseParts &parts);

// Of casts and transforms alone; to be called in the transaction that publishes them, as the owner of the extension.
void record_parts(const DatabaseParts &parts, const std::string &run_id);

}  // namespace pagila_repl
