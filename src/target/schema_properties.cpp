// Carries a schema's owner, privileges, comment and default privileges to the schema that takes its place.

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
#include "utils/rel.h"
#include "utils/acl.h"
#include "utils/syscache.h"
}

namespace pagila_repl {

namespace {

// GRANT could not restore the grantors, so the catalog row is written as ALTER SCHEMA ... OWNER TO writes it.
void carry_owner_and_privileges(Oid from, Oid to) {
  Relation catalog = table_open(NamespaceRelationId, RowExclusiveLock);
  HeapTuple source = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(from));
  HeapTuple target = SearchSysCacheCopy1(NAMESPACEOID, ObjectIdGetDatum(to));
  if (!HeapTupleIsValid(source) || !HeapTupleIsValid(target)) elog(ERROR, "cache lookup failed for a schema");

  Oid owner = ((Form_pg_namespace)GETSTRUCT(source))->nspowner;
  bool no_privileges;
  Datum privileges = SysCacheGetAttr(NAMESPACEOID, source, Anum_pg_namespace_nspacl, &no_privileges);

  Datum values[Natts_pg_namespace] = {};
  bool nulls[Natts_pg_namespace] = {};
  bool replaces[Natts_pg_namespace] = {};
  values[Anum_pg_namespace_nspowner - 1] = ObjectIdGetDatum(owner);
  replaces[Anum_pg_namespace_nspowner - 1] = true;
  values[Anum_pg_namespace_nspacl - 1] = privileges;
  nulls[Anum_pg_namespace_nspacl - 1] = no_privileges;
  replaces[Anum_pg_namespace_nspacl - 1] = true;
  HeapTuple changed = heap_modify_tuple(target, RelationGetDescr(catalog), values, nulls, replaces);
  CatalogTupleUpdate(catalog, &changed->t_self, changed);

  changeDependencyOnOwner(NamespaceRelationId, to, owner);
  if (!no_privileges) {
    Oid *members;
    int count = aclmembers(DatumGetAclP(privileges), &members);
    updateAclDependencies(NamespaceRelationId, to, 0, owner, 0, nullptr, count, members);
  }
  ReleaseSysCache(source);
  table_close(catalog, RowExclusiveLock);
  CommandCounterIncrement();
}

void carry_comment(Oid from, Oid to) {
  char *comment = GetComment(from, NamespaceRelationId, 0);
  if (comment != nullptr) CreateComments(to, NamespaceRelationId, 0, comment);
  CommandCounterIncrement();
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

}  // namespace

void carry_schema_properties(Oid from, Oid to) {
  guarded([=] {
    carry_owner_and_privileges(from, to);
    carry_comment(from, to);
  });
  carry_default_privileges(from, to);
}

}  // namespace pagila_repl
