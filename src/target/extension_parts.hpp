// What belongs to extensions in a schema that is replaced: it stays, so it moves to the schema that takes the name.
#pragma once

#include <string>
#include <vector>

#include "pg/server.hpp"

namespace pagila_repl {

struct SchemaObject {
  Oid catalog, oid;
};

struct ExtensionParts {
  std::vector<SchemaObject> members;  // in the schema, whatever schema is the home of their extension
  std::vector<Oid> extensions;        // whose home the schema is
};

// Need a transaction.
ExtensionParts extension_parts_in(Oid schema);
// What of an extension is in a schema that nothing takes the place of, as a sentence; empty if nothing is.
std::string extension_in_the_way(Oid schema);
// Moves them there, by OID, with the rights of the extension's owner, as ALTER EXTENSION ... SET SCHEMA does; but those of
// extensions that are not relocatable, too: what these say of the schema's name stays true.
void move_extension_parts(const ExtensionParts &parts, Oid to);
// Moves objects by OID, with the rights of the extension's owner.
void move_objects(const std::vector<SchemaObject> &objects, Oid to);

}  // namespace pagila_repl
