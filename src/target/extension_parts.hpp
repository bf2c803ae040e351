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
// Sentences that say which of the schemas are themselves members of extensions, which another schema cannot take the place of. Needs a
// transaction.
std::vector<std::string> schemas_of_extensions(const std::vector<std::string> &names);
// Throws 0A000 if there are any.
void check_no_schema_of_extension(const std::vector<std::string> &names);
constexpr const char *kTakeSchemaOut = "Take the schema out of the extension with ALTER EXTENSION ... DROP SCHEMA.";

// Moves them there, by OID, with the rights of the extension's owner, as ALTER EXTENSION ... SET SCHEMA does; but those of
// extensions that are not relocatable, too: what these say of the schema's name stays true.
void move_extension_parts(const ExtensionParts &parts, Oid from, Oid to);
// Moves objects by OID, with the rights of the extension's owner. Waits for whoever is changing one; throws 55P03 if one has been moved
// elsewhere meanwhile.
void move_objects(const std::vector<SchemaObject> &objects, Oid from, Oid to);

}  // namespace pagila_repl
