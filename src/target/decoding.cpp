// Sets and resets pg_class.relrewrite.

#include "target/decoding.hpp"

#include "core/error.hpp"
#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "tcop/utility.h"
}

namespace pagila_repl {

namespace {

// The tables in the schemas $1, and what their long values are in.
constexpr const char *kTablesIn = R"(
WITH own (oid, toast) AS (
  SELECT c.oid, c.reltoastrelid FROM pg_catalog.pg_class c WHERE c.relnamespace = ANY ($1::oid[]) AND c.relkind = 'r'
), relation (oid) AS (
  SELECT oid FROM own UNION ALL SELECT toast FROM own WHERE toast <> 0
))";

// Only a superuser may write to a catalog, and the extension's owner may have ceased to be one.
template <class Body>
void as_superuser(Body body) {
  as_role(BOOTSTRAP_SUPERUSERID, body);
}

// For as long as execute_hidden runs; a hook has no argument.
ProcessUtility_hook_type next_utility;
const std::vector<std::string> *schemas_to_hide;

void hide_what_is_made(PlannedStmt *statement, const char *text, bool read_only, ProcessUtilityContext context,
                       ParamListInfo parameters, QueryEnvironment *environment, DestReceiver *receiver,
                       QueryCompletion *completion) {
  (next_utility != nullptr ? next_utility : standard_ProcessUtility)(statement, text, read_only, context, parameters,
                                                                     environment, receiver, completion);
  if (!IsA(statement->utilityStmt, CreateStmt)) return;
  CommandCounterIncrement();
  entry([] { hide_from_decoding(*schemas_to_hide); });
}

class UtilityHook {
 public:
  explicit UtilityHook(const std::vector<std::string> &schema_oids) {
    next_utility = ProcessUtility_hook;
    schemas_to_hide = &schema_oids;
    ProcessUtility_hook = hide_what_is_made;
  }
  UtilityHook(const UtilityHook &) = delete;
  UtilityHook &operator=(const UtilityHook &) = delete;
  ~UtilityHook() { ProcessUtility_hook = next_utility; }
};

}  // namespace

void hide_from_decoding(const std::vector<std::string> &schema_oids) {
  as_superuser([&] {
    execute(std::string(kTablesIn) +
                "UPDATE pg_catalog.pg_class c SET relrewrite = c.oid FROM relation r WHERE c.oid = r.oid",
            {array_literal(schema_oids)});
  });
}

void show_to_decoding(const std::vector<std::string> &schema_oids) {
  as_superuser([&] {
    execute(
        std::string(kTablesIn) +
            "UPDATE pg_catalog.pg_class c SET relrewrite = 0 FROM relation r WHERE c.oid = r.oid AND c.relrewrite <> 0",
        {array_literal(schema_oids)});
  });
}

void execute_hidden(const std::string &statement, const std::vector<std::string> &schema_oids) {
  UtilityHook hook(schema_oids);
  execute(statement);
}

void check_shown_to_decoding(const std::vector<std::string> &schema_oids) {
  Value hidden = query_value(std::string(kTablesIn) +
                                 "SELECT pg_catalog.quote_ident(c.relname) FROM pg_catalog.pg_class c JOIN relation r "
                                 "ON r.oid = c.oid WHERE c.relrewrite <> 0 ORDER BY 1 LIMIT 1",
                             {array_literal(schema_oids)});
  if (hidden)
    throw Error("XX000", "the new copy is still hidden from logical decoding",
                "Table " + *hidden + " has pg_class.relrewrite set.");
}

void hide_own_tables_from_decoding() {
  std::string oid = std::to_string(extension_oid());
  // By the index of what the extension has.
  std::vector<Row> shown = query(
      R"(SELECT r.oid
           FROM pg_catalog.pg_depend d
                JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'r'
                JOIN pg_catalog.pg_class r ON r.oid IN (c.oid, c.reltoastrelid)
          WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.refobjid = $1::oid
            AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'e' AND r.relrewrite = 0)",
      {oid});
  if (shown.empty()) return;
  std::vector<std::string> oids;
  for (const Row &row : shown) oids.push_back(*row[0]);
  as_superuser([&] {
    execute(
        R"(UPDATE pg_catalog.pg_class c SET relrewrite = c.oid
             FROM (SELECT oid FROM pg_catalog.pg_class WHERE oid = ANY ($1::oid[]) FOR NO KEY UPDATE SKIP LOCKED) free
            WHERE c.oid = free.oid)",
        {array_literal(oids)});
  });
}

}  // namespace pagila_repl
