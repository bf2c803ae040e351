// Finds and moves what belongs to extensions.

#include "target/extension_parts.hpp"

#include <string>

#include "pg/boundary.hpp"
#include "pg/catalog_row.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/inside.hpp"

extern "C" {
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "commands/alter.h"
#include "commands/tablecmds.h"
#include "commands/typecmds.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/relcache.h"
}

namespace pagila_repl {

namespace {

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

// Server code, as ALTER TABLE ... SET SCHEMA does it, but under a lock that lets others read and write: a table of an extension has
// the same name and OID before and after, so whoever uses it may go on. Vacuum and changes of its definition wait.
void move_relation(Oid relation, Oid to, ObjectAddresses *moved) {
  Relation opened = relation_open(relation, ShareUpdateExclusiveLock);
  Oid from = RelationGetNamespace(opened);
  if (from != to) {
    Relation catalog = table_open(RelationRelationId, RowExclusiveLock);
    AlterRelationNamespaceInternal(catalog, relation, from, to, true, moved);
    if (OidIsValid(opened->rd_rel->reltype))
      (void)AlterTypeNamespaceInternal(opened->rd_rel->reltype, to, false, false, moved);
    ListCell *cell;
    foreach (cell, RelationGetIndexList(opened))
      AlterRelationNamespaceInternal(catalog, lfirst_oid(cell), from, to, false, moved);
    AlterConstraintNamespaces(relation, from, to, false, moved);
    table_close(catalog, RowExclusiveLock);
    CommandCounterIncrement();
    foreach (cell, getOwnedSequences(relation)) move_relation(lfirst_oid(cell), to, moved);
  }
  relation_close(opened, NoLock);
}

}  // namespace

ExtensionParts extension_parts_in(Oid schema) {
  ExtensionParts parts;
  std::string oid = std::to_string(schema);
  for (const Row &row : query(
           R"(SELECT DISTINCT e.classid, e.objid
                FROM pg_catalog.pg_depend e JOIN pg_catalog.pg_depend n USING (classid, objid)
               WHERE e.deptype = 'e' AND e.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
                 AND n.deptype = 'n' AND n.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                 AND n.refobjid = $1::oid AND n.refobjid = )" +
               schema_of("n.classid", "n.objid") + " ORDER BY 1, 2",
           {oid}))
    parts.members.push_back({to_oid(row[0]), to_oid(row[1])});
  for (const Row &row :
       query("SELECT oid FROM pg_catalog.pg_extension WHERE extnamespace = $1::oid ORDER BY oid", {oid}))
    parts.extensions.push_back(to_oid(row[0]));
  return parts;
}

std::string extension_in_the_way(Oid schema) {
  static const std::string sql = R"(
SELECT pg_catalog.format(kind, e.extname, n.nspname, pg_catalog.pg_describe_object(m.classid, m.objid, 0))
  FROM pg_catalog.pg_namespace n
       CROSS JOIN LATERAL (
         SELECT 1 AS rank, 'extension "%s" is in schema "%s"' AS kind, oid AS extension, NULL::oid AS classid, NULL::oid AS objid
           FROM pg_catalog.pg_extension WHERE extnamespace = n.oid
         UNION ALL
         SELECT 2, 'schema "%2$s" is a member of extension "%1$s"', refobjid, classid, objid FROM pg_catalog.pg_depend
          WHERE deptype = 'e' AND classid = n.tableoid AND objid = n.oid
         UNION ALL
         SELECT 3, '%3$s of extension "%1$s" is in schema "%2$s"', s.refobjid, s.classid, s.objid
           FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_depend s USING (classid, objid)
          WHERE d.deptype = 'n' AND d.refclassid = n.tableoid AND d.refobjid = n.oid AND s.deptype = 'e'
            AND n.oid = )" + schema_of("d.classid", "d.objid") +
                                 R"() m
       JOIN pg_catalog.pg_extension e ON e.oid = m.extension
 WHERE n.oid = $1::oid ORDER BY m.rank, 1 LIMIT 1)";
  return query_value(sql, {std::to_string(schema)}).value_or("");
}

std::vector<std::string> schemas_of_extensions(const std::vector<std::string> &names) {
  std::vector<std::string> sentences;
  for (const Row &row : query(
           R"(SELECT pg_catalog.format('schema "%s" is a member of extension "%s"', n.nspname, e.extname)
                FROM pg_catalog.pg_namespace n
                     JOIN pg_catalog.pg_depend d ON d.classid = n.tableoid AND d.objid = n.oid AND d.deptype = 'e'
                     JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
               WHERE n.nspname = ANY ($1::text[]) ORDER BY 1)",
           {array_literal(names)}))
    sentences.push_back(*row[0]);
  return sentences;
}

void check_no_schema_of_extension(const std::vector<std::string> &names) {
  std::string all;
  for (const std::string &sentence : schemas_of_extensions(names)) all += (all.empty() ? "" : "\n") + sentence;
  if (!all.empty()) throw Error("0A000", "schemas that belong to an extension cannot be replaced", all, kTakeSchemaOut);
}

namespace {

// Objects as two parameters: their catalogs and OIDs.
std::vector<Value> as_parameters(const std::vector<SchemaObject> &objects) {
  std::vector<std::string> catalogs, oids;
  for (SchemaObject object : objects) {
    catalogs.push_back(std::to_string(object.catalog));
    oids.push_back(std::to_string(object.oid));
  }
  return {array_literal(catalogs), array_literal(oids)};
}

// The server would fail to change a row that somebody else is changing: it does not wait for GRANT, say. With each object those that
// move with it.
void lock_rows(const std::vector<SchemaObject> &objects) {
  for (const Row &row : query(
           R"(WITH RECURSIVE moved (classid, objid) AS (
                SELECT * FROM ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::oid[])) o (classid, objid)
                UNION
                SELECT d.classid, d.objid FROM moved m JOIN pg_catalog.pg_depend d ON d.refclassid = m.classid AND d.refobjid = m.objid
                 WHERE d.deptype IN ('a', 'i') AND d.classid IN ('pg_catalog.pg_class'::pg_catalog.regclass,
                         'pg_catalog.pg_type'::pg_catalog.regclass, 'pg_catalog.pg_constraint'::pg_catalog.regclass))
              SELECT pg_catalog.quote_ident(c.relname), pg_catalog.array_agg(m.objid)
                FROM moved m JOIN pg_catalog.pg_class c ON c.oid = m.classid GROUP BY c.oid, c.relname ORDER BY c.oid)",
           as_parameters(objects)))
    (void)query("SELECT FROM pg_catalog." + *row[0] + " WHERE oid = ANY ($1::oid[]) ORDER BY oid FOR UPDATE", {row[1]});
  // What was changed meanwhile the server is to see in its caches.
  guarded([] { AcceptInvalidationMessages(); });
}

void check_still_in(const std::vector<SchemaObject> &objects, Oid schema) {
  static const std::string sql =
      "SELECT pg_catalog.concat(pg_catalog.pg_describe_object(classid, objid, 0)) FROM ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::oid[]))"
      " o (classid, objid) WHERE " +
      schema_of("classid", "objid") + " IS DISTINCT FROM $3::oid LIMIT 1";
  std::vector<Value> parameters = as_parameters(objects);
  parameters.push_back(std::to_string(schema));
  if (Value object = query_value(sql, parameters)) throw Error("55P03", *object + " was moved or dropped just now");
}

}  // namespace

void move_objects(const std::vector<SchemaObject> &objects, Oid from, Oid to) {
  if (objects.empty()) return;
  as_extension_owner([&] {
    lock_rows(objects);
    check_still_in(objects, from);
    ObjectAddresses *moved = guarded([] { return new_object_addresses(); });
    for (SchemaObject object : objects)
      guarded([=] {
        if (object.catalog == RelationRelationId)
          move_relation(object.oid, to, moved);
        else
          (void)AlterObjectNamespace_oid(object.catalog, object.oid, to, moved);
        CommandCounterIncrement();
      });
    guarded([moved] { free_object_addresses(moved); });
  });
}

void move_extension_parts(const ExtensionParts &parts, Oid from, Oid to) {
  move_objects(parts.members, from, to);
  if (parts.extensions.empty()) return;
  std::vector<std::string> extensions;
  for (Oid extension : parts.extensions) extensions.push_back(std::to_string(extension));
  as_extension_owner([&] {
    (void)query("SELECT FROM pg_catalog.pg_extension WHERE oid = ANY ($1::oid[]) ORDER BY oid FOR UPDATE",
                {array_literal(extensions)});
  });
  guarded([] { AcceptInvalidationMessages(); });
  for (Oid extension : parts.extensions) guarded([=] { set_home(extension, to); });
}

}  // namespace pagila_repl
