// Finds what a copy would change outside of its schemas.

#include "target/outside_changes.hpp"

#include "core/error.hpp"
#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "target/still_event_triggers.hpp"

extern "C" {
#include "access/xact.h"
}

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
  ) o (inner_class, inner_oid, verb, outer_class, outer_oid)
 ORDER BY 1)";

// Objects of schemas that are not of the copy, with the transaction that wrote their row; only of those that began with this
// one or later. What belongs to an extension that this transaction made or updated is that extension's: the third column has the
// transaction that wrote its row. A table elsewhere to which a foreign key refers gets triggers of the server, and so a new row,
// and nothing else. What event triggers that others have made make elsewhere is their business, but they have none in the
// server's own schema.
constexpr const char *kLatelyWritten = R"(
WITH own AS (SELECT pg_catalog.age(pg_catalog.pg_current_xact_id()::pg_catalog.xid) AS age)
SELECT DISTINCT pg_catalog.pg_describe_object(o.class, o.oid, 0), o.xmin::pg_catalog.text, extension.xmin::pg_catalog.text
  FROM (
    SELECT c.tableoid, c.oid, c.relnamespace, a.xmin
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
    UNION ALL
    SELECT c.tableoid, c.oid, c.relnamespace, c.xmin
      FROM pg_catalog.pg_class c CROSS JOIN own
     WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t
                        WHERE t.tgrelid = c.oid AND t.tgisinternal AND pg_catalog.age(t.xmin) <= own.age)
    UNION ALL
    SELECT p.class, p.oid, c.relnamespace, p.xmin
      FROM (SELECT tableoid, oid, tgrelid, xmin FROM pg_catalog.pg_trigger WHERE NOT tgisinternal
            UNION ALL SELECT tableoid, oid, ev_class, xmin FROM pg_catalog.pg_rewrite
            UNION ALL SELECT tableoid, oid, polrelid, xmin FROM pg_catalog.pg_policy
            UNION ALL SELECT tableoid, oid, adrelid, xmin FROM pg_catalog.pg_attrdef) p (class, oid, relation, xmin)
           JOIN pg_catalog.pg_class c ON c.oid = p.relation
    UNION ALL SELECT tableoid, oid, connamespace, xmin FROM pg_catalog.pg_constraint
    UNION ALL SELECT tableoid, oid, typnamespace, xmin FROM pg_catalog.pg_type
    UNION ALL SELECT tableoid, oid, pronamespace, xmin FROM pg_catalog.pg_proc
    UNION ALL SELECT tableoid, oid, oprnamespace, xmin FROM pg_catalog.pg_operator
    UNION ALL SELECT tableoid, oid, opcnamespace, xmin FROM pg_catalog.pg_opclass
    UNION ALL SELECT tableoid, oid, opfnamespace, xmin FROM pg_catalog.pg_opfamily
    UNION ALL SELECT tableoid, oid, collnamespace, xmin FROM pg_catalog.pg_collation
    UNION ALL SELECT tableoid, oid, connamespace, xmin FROM pg_catalog.pg_conversion
    UNION ALL SELECT tableoid, oid, stxnamespace, xmin FROM pg_catalog.pg_statistic_ext
    UNION ALL SELECT tableoid, oid, cfgnamespace, xmin FROM pg_catalog.pg_ts_config
    UNION ALL SELECT tableoid, oid, dictnamespace, xmin FROM pg_catalog.pg_ts_dict
    UNION ALL SELECT tableoid, oid, prsnamespace, xmin FROM pg_catalog.pg_ts_parser
    UNION ALL SELECT tableoid, oid, tmplnamespace, xmin FROM pg_catalog.pg_ts_template
    UNION ALL
    -- Comments and labels have no OID of their own; what has no schema is in none that could be another.
    SELECT d.classoid, d.objoid, n.oid, d.xmin
      FROM (SELECT classoid, objoid, objsubid, xmin FROM pg_catalog.pg_description
            UNION ALL SELECT classoid, objoid, objsubid, xmin FROM pg_catalog.pg_seclabel) d
           CROSS JOIN own
           CROSS JOIN LATERAL (SELECT schema FROM pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid)
                                WHERE pg_catalog.age(d.xmin) <= own.age) i
           JOIN pg_catalog.pg_namespace n ON n.nspname = i.schema
  ) o (class, oid, namespace, xmin) CROSS JOIN own
  LEFT JOIN LATERAL (
    WITH RECURSIVE whole (class, oid) AS (
      SELECT o.class, o.oid
      UNION
      SELECT d.refclassid, d.refobjid
        FROM whole w JOIN pg_catalog.pg_depend d ON d.classid = w.class AND d.objid = w.oid AND d.deptype IN ('a', 'i'))
    SELECT e.xmin
      FROM whole w JOIN pg_catalog.pg_depend d ON d.classid = w.class AND d.objid = w.oid AND d.deptype = 'e'
           JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
     LIMIT 1) extension ON true
 WHERE o.namespace <> ALL ($1::oid[]) AND pg_catalog.age(o.xmin) <= own.age
   AND o.namespace <> 'pg_toast'::pg_catalog.regnamespace
   AND NOT (o.class = 'pg_catalog.pg_opclass'::pg_catalog.regclass AND o.oid = ANY ($2::oid[]))
   AND (o.namespace = 'pg_catalog'::pg_catalog.regnamespace
        OR NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D' AND evtname <> ALL ($3::name[])))
 ORDER BY 1)";

bool is_ours(const Value &transaction) {
  if (!transaction) return false;
  auto id = static_cast<TransactionId>(std::stoul(*transaction));
  return guarded([id] { return TransactionIdIsCurrentTransactionId(id); });
}

}  // namespace

void check_made_inside(const std::vector<std::string> &stage_oids, const DatabaseParts &set_aside) {
  std::vector<std::string> classes;
  for (const DatabasePart &part : set_aside)
    if (part.kind == DatabasePart::Kind::default_class) classes.push_back(std::to_string(part.oid));
  std::string all;
  for (const Row &row : query(kLatelyWritten, {array_literal(stage_oids), array_literal(classes),
                                               array_literal(event_triggers_of_runs())}))
    if (is_ours(row[1]) && !is_ours(row[2])) all += (all.empty() ? "" : "\n") + *row[0];
  if (all.empty()) return;
  throw Error("0A000", "the copy would make or change objects in schemas that it does not replace", all,
              "Give the schema of each object, or set search_path to one that the copy replaces.");
}

void check_nothing_outside(const std::vector<std::string> &stage_oids) {
  std::string all;
  for (const Row &row : query(kOutside, {array_literal(stage_oids)})) all += (all.empty() ? "" : "\n") + *row[0];
  if (all.empty()) return;
  throw Error("0A000", "the copy would change what is in schemas that it does not replace", all,
              "Copy these schemas together.");
}

}  // namespace pagila_repl
