// Keeps the default privileges of the role that runs away from the copy.

#include "target/default_privileges.hpp"

#include "pg/spi.hpp"
#include "pg/transaction.hpp"

namespace pagila_repl {

namespace {

// Privileges by the OIDs of their roles.
constexpr const char *kByRoles =
    "(SELECT pg_catalog.string_agg(a::pg_catalog.text, ' ') FROM pg_catalog.aclexplode(defaclacl) a)";

// Roles are named in them, and may have other names by now.
void put_back(const Row &row) {
  execute("UPDATE pg_catalog.pg_default_acl SET defaclacl = $2::pg_catalog.aclitem[] WHERE oid = $1::pg_catalog.oid",
          {row[0], row[1]});
  if (query_value(std::string("SELECT ") + kByRoles + " FROM pg_catalog.pg_default_acl WHERE oid = $1::pg_catalog.oid",
                  {row[0]}) != row[2])
    throw Error("40001", "roles were renamed while the shape of the copy was made",
                "They have default privileges of the role that runs.", "Call for another run.");
}

}  // namespace

void without_default_privileges(const std::function<void()> &work) {
  // As rows: to drop them and make them again would leave others who wait for the rows without any.
  std::vector<Row> rows = as_extension_owner([] {
    std::vector<Row> locked =
        query(std::string("SELECT oid, defaclacl::text, ") + kByRoles + R"( FROM pg_catalog.pg_default_acl
            WHERE defaclnamespace = 0
              AND defaclrole = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user)
            ORDER BY oid FOR UPDATE)");
    for (const Row &row : locked)
      execute(
          R"(UPDATE pg_catalog.pg_default_acl
                SET defaclacl = pg_catalog.acldefault(CASE defaclobjtype WHEN 'S' THEN 's' ELSE defaclobjtype END, defaclrole)
              WHERE oid = $1::oid)",
          {row[0]});
    return locked;
  });
  work();
  as_extension_owner([&] {
    for (const Row &row : rows) put_back(row);
  });
}

std::string default_privileges_of_database() {
  return query_value(
             R"(SELECT pg_catalog.string_agg(CASE defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences'
                         WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' ELSE 'schemas' END, ', ' ORDER BY defaclobjtype)
                  FROM pg_catalog.pg_default_acl
                 WHERE defaclnamespace = 0
                   AND defaclrole = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user))")
      .value_or("");
}

std::vector<std::string> schemas_with_default_privileges(const std::vector<std::string> &schema_oids) {
  std::vector<std::string> names;
  for (const Row &row : query(
           R"(SELECT n.nspname FROM pg_catalog.pg_namespace n
               WHERE n.oid = ANY ($1::oid[])
                 AND EXISTS (SELECT FROM pg_catalog.pg_default_acl d, LATERAL pg_catalog.aclexplode(d.defaclacl) a
                              WHERE d.defaclnamespace = n.oid AND a.grantee <> d.defaclrole
                                AND d.defaclrole = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user))
               ORDER BY 1)",
           {array_literal(schema_oids)}))
    names.push_back(*row[0]);
  return names;
}

namespace {

// How many objects have been made in the schema that its default privileges apply to.
int count_granted_by_default(Oid schema, const std::vector<CarriedType> &carried) {
  std::vector<std::string> types;
  for (const CarriedType &type : carried) types.push_back(std::to_string(type.oid));
  return std::stoi(*query_value(
      R"(WITH granted AS (
           SELECT DISTINCT d.defaclobjtype AS kind
             FROM pg_catalog.pg_default_acl d, LATERAL pg_catalog.aclexplode(d.defaclacl) a
            WHERE d.defaclnamespace = $1::oid AND a.grantee <> d.defaclrole
              AND d.defaclrole = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user)
         ), made (classid, objid, kind) AS (
           SELECT c.tableoid, c.oid, CASE c.relkind WHEN 'S' THEN 'S' ELSE 'r' END FROM pg_catalog.pg_class c
            WHERE c.relnamespace = $1::oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
           UNION ALL
           SELECT p.tableoid, p.oid, 'f' FROM pg_catalog.pg_proc p WHERE p.pronamespace = $1::oid
           UNION ALL
           SELECT t.tableoid, t.oid, 'T' FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
            WHERE t.typnamespace = $1::oid AND COALESCE(c.relkind, 'c') = 'c' AND t.oid <> ALL ($2::oid[])
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid))
         SELECT pg_catalog.count(*) FROM made JOIN granted ON granted.kind = made.kind::"char"
          WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                             WHERE e.classid = made.classid AND e.objid = made.objid AND e.deptype = 'e'))",
      {std::to_string(schema), array_literal(types)}));
}

}  // namespace

std::string remark_on_defaults_of_database() {
  std::string kinds = default_privileges_of_database();
  if (kinds.empty()) return {};
  return "default privileges of role \"" + *query_value("SELECT session_user") + "\" on " + kinds + " not applied";
}

std::string remark_on_defaults_of_schema(const std::string &name, Oid schema, const std::vector<CarriedType> &carried) {
  int count = count_granted_by_default(schema, carried);
  if (count == 0) return {};
  return "default privileges of schema \"" + name + "\" granted more on " + std::to_string(count) +
         (count == 1 ? " object" : " objects");
}

}  // namespace pagila_repl
