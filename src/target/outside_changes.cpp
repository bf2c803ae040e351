// Finds what a copy would change outside of its schemas.

#include "target/outside_changes.hpp"

#include "core/error.hpp"
#include "pg/spi.hpp"

namespace pagila_repl {

namespace {

constexpr const char *kOutside = R"(
SELECT pg_catalog.format('%s %s %s', pg_catalog.pg_describe_object(inner_class, inner_oid, 0), verb,
                         pg_catalog.pg_describe_object(outer_class, outer_oid, 0))
  FROM (
    SELECT c.tableoid, c.oid, 'is a child of', p.tableoid, p.oid
      FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
     WHERE c.relnamespace = ANY ($1::oid[]) AND p.relnamespace <> ALL ($1::oid[])
    UNION ALL
    SELECT t.tableoid, t.oid, 'comes with', m.tableoid, m.oid
      FROM pg_catalog.pg_range r JOIN pg_catalog.pg_type t ON t.oid = r.rngtypid JOIN pg_catalog.pg_type m ON m.oid = r.rngmultitypid
     WHERE t.typnamespace = ANY ($1::oid[]) AND m.typnamespace <> ALL ($1::oid[])
    UNION ALL
    SELECT o.tableoid, o.oid, 'is the commutator or negator of', c.tableoid, c.oid
      FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_operator c ON c.oid IN (o.oprcom, o.oprnegate) AND o.oid IN (c.oprcom, c.oprnegate)
     WHERE o.oprnamespace = ANY ($1::oid[]) AND c.oprnamespace <> ALL ($1::oid[])
    UNION ALL
    SELECT o.tableoid, o.oid, 'is in', f.tableoid, f.oid
      FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_opfamily f ON f.oid = o.opcfamily
     WHERE o.opcnamespace = ANY ($1::oid[]) AND f.opfnamespace <> ALL ($1::oid[])
    UNION ALL
    -- In force for the type, wherever that is used, before the copy is published. A type of an extension is in the stage for a while only.
    SELECT o.tableoid, o.oid, 'is the default for', t.tableoid, t.oid
      FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_type t ON t.oid = o.opcintype
     WHERE o.opcnamespace = ANY ($1::oid[]) AND o.opcdefault
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = o.tableoid AND e.objid = o.oid AND e.deptype = 'e')
       AND (t.typnamespace <> ALL ($1::oid[])
            OR EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = t.tableoid AND e.objid = t.oid AND e.deptype = 'e'))
  ) o (inner_class, inner_oid, verb, outer_class, outer_oid)
 ORDER BY 1)";

}  // namespace

void check_nothing_outside(const std::vector<std::string> &stage_oids) {
  std::string all;
  for (const Row &row : query(kOutside, {array_literal(stage_oids)})) all += (all.empty() ? "" : "\n") + *row[0];
  if (all.empty()) return;
  throw Error(
      "0A000", "the copy would change what is in schemas that it does not replace", all,
      "Copy these schemas together. Make an operator class for a type of the server or of an extension one that is not "
      "the default.");
}

}  // namespace pagila_repl
