// Compares where the visible copies came from with where a run copies from.

#include "run/earlier_copies.hpp"

#include "core/error.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

namespace pagila_repl {

namespace {

// Whether a run r has the origin $2 to $5. An identity without a system identifier, which the source's role may not see, is none.
constexpr const char *kSameOrigin = R"(
   (r.kind = $2
    AND (r.kind = 'load'
         OR CASE WHEN r.source_identity LIKE '_%/%' AND $3 LIKE '_%/%' THEN r.source_identity = $3
                 ELSE r.source_server = $4 AND r.source = $5 END)))";

std::vector<Row> query_copies(const std::string &sql, const std::vector<std::string> &schemas,
                              const CopyOrigin &origin) {
  return as_extension_owner([&] {
    return query(sql,
                 {array_literal(schemas), origin.kind, origin.source_identity, origin.source_server, origin.source});
  });
}

std::vector<std::string> own_schemas_among(const std::vector<std::string> &names) {
  std::vector<std::string> own;
  for (const Row &row : query("SELECT nspname FROM pg_catalog.pg_namespace"
                              " WHERE nspname = ANY ($1::name[]) AND pg_catalog.pg_has_role(nspowner, 'USAGE')",
                              {array_literal(names)}))
    own.push_back(*row[0]);
  return own;
}

}  // namespace

std::vector<OtherCopy> find_other_copies(const CopyOrigin &origin, const std::vector<std::string> &schemas) {
  std::vector<OtherCopy> copies;
  std::string sql = R"(
SELECT c.schema_name,
       pg_catalog.concat('run ', r.run_id)
       || CASE r.kind WHEN 'load' THEN ' of ' || pg_catalog.concat_ws(' and ', r.schema_file, r.data_file)
                      ELSE ' from server "' || r.source_server || '" (' || COALESCE(r.source, 'unknown') || ')' END
       || ', ' || COALESCE(pg_catalog.to_char(pg_catalog.timezone('UTC', r.finished_at), 'YYYY-MM-DD HH24:MI "UTC"'), 'unfinished')
  FROM pagila_repl.copy c JOIN pagila_repl.run r USING (run_id)
 WHERE c.schema_name = ANY ($1::name[]) AND )" +
                    std::string(kSameOrigin) + " IS NOT TRUE ORDER BY 1";
  for (const Row &row : query_copies(sql, own_schemas_among(schemas), origin)) copies.push_back({*row[0], *row[1]});
  return copies;
}

void check_other_copies(const std::vector<OtherCopy> &copies, const RunOptions &options) {
  if (copies.empty() || options.replace_others) return;
  std::string detail;
  for (const OtherCopy &copy : copies)
    detail += (detail.empty() ? "" : "\n") + ("Schema \"" + copy.schema) + "\" holds the copy of " + copy.made_by + ".";
  throw Error("55000",
              copies.size() == 1 ? "schema \"" + copies[0].schema + "\" holds a copy from another source"
                                 : std::to_string(copies.size()) + " schemas hold copies from another source",
              detail, "Give on_other_source => 'replace' to lose them, or copy into another database.");
}

std::vector<std::string> find_vanished_schemas(const CopyOrigin &origin, const std::vector<std::string> &wanted,
                                               bool of_any_origin) {
  std::vector<std::string> vanished;
  std::string sql = R"(
SELECT c.schema_name
  FROM pagila_repl.copy c JOIN pagila_repl.run r USING (run_id)
       JOIN pg_catalog.pg_namespace n ON n.nspname = c.schema_name
 WHERE r.kind = 'replicate' AND r.source_server = $4 AND c.schema_name <> ALL ($1::name[])
   AND )" + std::string(of_any_origin ? "true" : kSameOrigin) +
                    " ORDER BY 1";
  for (const Row &row : query_copies(sql, wanted, origin)) vanished.push_back(*row[0]);
  return vanished;
}

std::vector<std::string> remarks_on(const std::vector<OtherCopy> &replaced, const std::vector<StagedSchema> &removed) {
  std::vector<std::string> remarks;
  for (const OtherCopy &copy : replaced)
    remarks.push_back("schema \"" + copy.schema + "\" held a copy from another source, now replaced: " + copy.made_by);
  for (const StagedSchema &schema : removed)
    remarks.push_back("schema \"" + schema.name + "\" removed, since the source no longer has it");
  return remarks;
}

}  // namespace pagila_repl
