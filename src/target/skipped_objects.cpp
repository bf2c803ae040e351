// Tells errors of single objects from others, and reads what a run has skipped.

#include "target/skipped_objects.hpp"

#include <algorithm>
#include <set>

#include "core/counted.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/relation_locks.hpp"

namespace pagila_repl {

bool is_of_object(const Error &error) {
  static const std::set<std::string> not_of_one = {"40", "53", "57", "58", "XX"};
  if (error.origin != Error::Origin::local || is_lock_failure(error.sqlstate)) return false;
  // The library of a C function.
  if (error.sqlstate == "58P01") return true;
  return not_of_one.count(error.sqlstate.substr(0, 2)) == 0;
}

std::vector<SkippedObject> skipped_steps(int64_t run_id) {
  std::vector<SkippedObject> skipped;
  std::vector<Row> rows = as_extension_owner([&] {
    return query(
        R"(SELECT kind, COALESCE(schema_name, ''), object_name, COALESCE(sqlstate, ''), COALESCE(error, '')
             FROM pagila_repl.run_step WHERE run_id = $1::bigint AND status = 'skipped' ORDER BY step)",
        {std::to_string(run_id)});
  });
  for (const Row &row : rows) skipped.push_back({*row[0], *row[1], *row[2], Error(*row[3], *row[4])});
  return skipped;
}

void tell_skipped_in(int64_t run_id, const std::vector<SkippedObject> &skipped) {
  std::vector<std::string> texts;
  for (const SkippedObject &object : skipped) texts.push_back(object.error.message);
  as_extension_owner([&] {
    execute(
        R"(UPDATE pagila_repl.run_step s SET error = t.text
             FROM (SELECT step, pg_catalog.row_number() OVER (ORDER BY step) AS number FROM pagila_repl.run_step
                    WHERE run_id = $1::bigint AND status = 'skipped') k
                  JOIN pg_catalog.unnest($2::text[]) WITH ORDINALITY t (text, number) USING (number)
            WHERE s.run_id = $1::bigint AND s.step = k.step AND s.error IS DISTINCT FROM t.text)",
        {std::to_string(run_id), array_literal(texts)});
  });
}

std::string remark_on_skipped(int64_t run_id) {
  constexpr size_t kNamesShown = 10;
  std::vector<std::string> names;
  for (const SkippedObject &object : skipped_steps(run_id)) {
    std::string name = object.kind + " \"" + (object.schema.empty() ? "" : object.schema + ".") + object.name + "\"";
    // An index of a partition is made and attached.
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  if (names.empty()) return {};
  std::string text = counted(names.size(), "{object|objects} skipped since {it|they} cannot be made") + ": ";
  for (size_t i = 0; i < names.size() && i < kNamesShown; i++) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kNamesShown) text += " and " + std::to_string(names.size() - kNamesShown) + " more";
  return text;
}

}  // namespace pagila_repl
