// Finds and moves what belongs to extensions.

#include "target/extension_parts.hpp"

#include <string>

#include "pg/boundary.hpp"
#include "pg/catalog_row.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "commands/alter.h"
}

namespace pagila_repl {

namespace {

Oid to_oid(const Value &value) { return static_cast<Oid>(std::stoul(*value)); }

// Server code, as AlterExtensionNamespace does it once the members have been moved.
void set_home(Oid extension, Oid schema) {
  Oid before = InvalidOid;
  change_catalog_row<Form_pg_extension>(ExtensionRelationId, ExtensionOidIndexId, Anum_pg_extension_oid, extension,
                                        [&](Form_pg_extension row) {
                                          before = row->extnamespace;
                                          row->extnamespace = schema;
                                        });
  (void)changeDependencyFor(ExtensionRelationId, extension, NamespaceRelationId, before, schema);
  CommandCounterIncrement();
}

}  // namespace

ExtensionParts extension_parts_in(Oid schema) {
  ExtensionParts parts;
  std::string oid = std::to_string(schema);
  for (const Row &row : query(
           R"(SELECT e.classid, e.objid
                FROM pg_catalog.pg_depend e JOIN pg_catalog.pg_depend n USING (classid, objid)
               WHERE e.deptype = 'e' AND e.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
                 AND n.deptype = 'n' AND n.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                 AND n.refobjid = $1::oid AND n.objsubid = 0
               ORDER BY 1, 2)",
           {oid}))
    parts.members.push_back({to_oid(row[0]), to_oid(row[1])});
  for (const Row &row :
       query("SELECT oid FROM pg_catalog.pg_extension WHERE extnamespace = $1::oid ORDER BY oid", {oid}))
    parts.extensions.push_back(to_oid(row[0]));
  return parts;
}

std::string extension_in_the_way(Oid schema) {
  return query_value(
             R"(SELECT pg_catalog.concat(
                         CASE WHEN e.extnamespace <> $1::oid THEN pg_catalog.pg_describe_object(m.classid, m.objid, 0) || ' of ' END,
                         pg_catalog.format('extension "%s" is in schema "%s"', e.extname, n.nspname))
                  FROM pg_catalog.pg_extension e
                       LEFT JOIN (pg_catalog.pg_depend m JOIN pg_catalog.pg_depend s USING (classid, objid))
                              ON m.deptype = 'e' AND m.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
                                 AND m.refobjid = e.oid AND s.deptype = 'n' AND s.refobjid = $1::oid
                                 AND s.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                       JOIN pg_catalog.pg_namespace n ON n.oid = $1::oid
                 WHERE e.extnamespace = $1::oid OR m.objid IS NOT NULL
                 ORDER BY e.extnamespace <> $1::oid, 1 LIMIT 1)",
             {std::to_string(schema)})
      .value_or("");
}

void move_objects(const std::vector<SchemaObject> &objects, Oid to) {
  if (objects.empty()) return;
  as_extension_owner([&] {
    ObjectAddresses *moved = guarded([] { return new_object_addresses(); });
    for (SchemaObject object : objects)
      guarded([=] {
        (void)AlterObjectNamespace_oid(object.catalog, object.oid, to, moved);
        CommandCounterIncrement();
      });
    guarded([moved] { free_object_addresses(moved); });
  });
}

void move_extension_parts(const ExtensionParts &parts, Oid to) {
  move_objects(parts.members, to);
  for (Oid extension : parts.extensions) guarded([=] { set_home(extension, to); });
}

}  // namespace pagila_repl
