// Carries a schema's owner, privileges, comment, security labels and default privileges to the schema that takes its place.

#include "target/schema_properties.hpp"

#include <string>

#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_namespace.h"
#include "commands/comment.h"
#include "commands/seclabel.h"
#include "utils/acl.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

namespace pagila_repl {

namespace {

// Server code. Null if there are none.
Acl *privileges_in(HeapTuple schema) {
  bool none;
  Datum privileges = SysCacheGetAttr(NAMESPACEOID, schema, Anum_pg_namespace_nspacl, &none);
  return none ? nullptr : DatumGetAclP(privileges);
}

SchemaRights read_rights(Oid schema) {
  HeapTuple tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for schema %u", schema);
  SchemaRights rights{((Form_pg_namespace)GETSTRUCT(tuple))->nspowner, nullptr};
  Acl *privileges = privileges_in(tuple);
  if (privileges != nullptr) {
    rights.privileges = (Acl *)MemoryContextAlloc(TopMemoryContext, ACL_SIZE(privileges));
    memcpy(rights.privileges, privileges, ACL_SIZE(privileges));
  }
  ReleaseSysCache(tuple);
  return rights;
}

int members_of(Acl *privileges, Oid **members) {
  *members = nullptr;
  return privileges == nullptr ? 0 : aclmembers(privileges, members);
}

// GRANT could not restore the grantors, so the catalog row is written as ALTER SCHEMA ... OWNER TO writes it.
void write_rights(Oid schema, SchemaRights rights) {
  Relation catalog = table_open(NamespaceRelationId, RowExclusiveLock);
  HeapTuple tuple = SearchSysCacheCopy1(NAMESPACEOID, ObjectIdGetDatum(schema));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for schema %u", schema);
  Oid *old_members, *new_members;
  int old_count = members_of(privileges_in(tuple), &old_members);
  int new_count = members_of(rights.privileges, &new_members);

  Datum values[Natts_pg_namespace] = {};
  bool nulls[Natts_pg_namespace] = {};
  bool replaces[Natts_pg_namespace] = {};
  values[Anum_pg_namespace_nspowner - 1] = ObjectIdGetDatum(rights.owner);
  replaces[Anum_pg_namespace_nspowner - 1] = true;
  values[Anum_pg_namespace_nspacl - 1] = PointerGetDatum(rights.privileges);
  nulls[Anum_pg_namespace_nspacl - 1] = rights.privileges == nullptr;
  replaces[Anum_pg_namespace_nspacl - 1] = true;
  HeapTuple changed = heap_modify_tuple(tuple, RelationGetDescr(catalog), values, nulls, replaces);
  CatalogTupleUpdate(catalog, &changed->t_self, changed);

  changeDependencyOnOwner(NamespaceRelationId, schema, rights.owner);
  updateAclDependencies(NamespaceRelationId, schema, 0, rights.owner, old_count, old_members, new_count, new_members);
  table_close(catalog, RowExclusiveLock);
  CommandCounterIncrement();
}

void carry_comment(Oid from, Oid to) {
  char *comment = GetComment(from, NamespaceRelationId, 0);
  if (comment != nullptr) CreateComments(to, NamespaceRelationId, 0, comment);
  CommandCounterIncrement();
}

// Their providers have agreed to them when they were set.
void carry_security_labels(Oid from, Oid to) {
  for (const Row &row : query(
           R"(SELECT provider, label FROM pg_catalog.pg_seclabel
               WHERE classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND objoid = $1::oid AND objsubid = 0)",
           {std::to_string(from)})) {
    const char *provider = row[0]->c_str(), *label = row[1]->c_str();
    guarded([=] {
      ObjectAddress schema{NamespaceRelationId, to, 0};
      SetSecurityLabel(&schema, provider, label);
      CommandCounterIncrement();
    });
  }
}

}  // namespace

SchemaRights rights_of(Oid schema) {
  return guarded([schema] { return read_rights(schema); });
}

void give_rights(Oid schema, SchemaRights rights) {
  guarded([=] { write_rights(schema, rights); });
}

std::string schema_properties(Oid schema) {
  return query_value(
             R"(SELECT ROW(n.nspowner, n.nspacl IS NULL,
                           (SELECT pg_catalog.string_agg(a::text, ',' ORDER BY a::text COLLATE pg_catalog."C")
                              FROM pg_catalog.aclexplode(n.nspacl) a),
                           (SELECT pg_catalog.string_agg(ROW(d.defaclrole, d.defaclobjtype, a)::text, ','
                                                         ORDER BY d.oid, a::text COLLATE pg_catalog."C")
                              FROM pg_catalog.pg_default_acl d LEFT JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) a ON true
                             WHERE d.defaclnamespace = n.oid),
                           pg_catalog.obj_description(n.oid, 'pg_namespace'),
                           (SELECT pg_catalog.string_agg(ROW(l.provider, l.label)::text, ',' ORDER BY l.provider)
                              FROM pg_catalog.pg_seclabel l
                             WHERE l.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND l.objoid = n.oid)
                          )::text
                  FROM pg_catalog.pg_namespace n WHERE n.oid = $1::oid)",
             {std::to_string(schema)})
      .value_or("");
}

void carry_schema_properties(Oid from, Oid to) {
  give_rights(to, rights_of(from));
  guarded([=] { carry_comment(from, to); });
  carry_security_labels(from, to);
}

// In a schema default privileges only add, so grants say it all.
void carry_default_privileges(Oid from, Oid to) {
  as_extension_owner([&] {
    for (const Row &row : query(
             R"(SELECT pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA %I GRANT %s ON %s TO %s%s',
                         d.defaclrole::pg_catalog.regrole,
                         (SELECT nspname FROM pg_catalog.pg_namespace WHERE oid = $2::oid), a.privilege_type,
                         CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES'
                                              WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' END,
                         CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::pg_catalog.regrole::text END,
                         CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
                  FROM pg_catalog.pg_default_acl d, LATERAL pg_catalog.aclexplode(d.defaclacl) a
                 WHERE d.defaclnamespace = $1::oid)",
             {std::to_string(from), std::to_string(to)}))
      execute(*row[0]);
  });
}

}  // namespace pagila_repl
