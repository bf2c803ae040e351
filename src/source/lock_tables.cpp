// Holds the source's tables still, and reads what no snapshot holds: sequences.

#include <algorithm>

#include "source/answer.hpp"
#include "source/lock_timeout.hpp"
#include "source/read_catalog.hpp"

namespace pagila_repl {

namespace {

constexpr size_t kTablesAtOnce = 500, kSequencesAtOnce = 200;

}  // namespace

void lock_tables(Connection &source, const SourceCatalog &catalog) {
  const std::vector<std::string> &tables = catalog.lock_order;
  within_lock_timeout(source, [&] {
    for (size_t begin = 0; begin < tables.size(); begin += kTablesAtOnce) {
      std::string names;
      for (size_t i = begin; i < std::min(begin + kTablesAtOnce, tables.size()); i++)
        names += (names.empty() ? "ONLY " : ", ONLY ") + tables[i];
      source.execute("LOCK TABLE " + names + " IN ACCESS SHARE MODE");
    }
  });
}

std::vector<SequenceState> read_sequences(Connection &source, const SourceCatalog &catalog) {
  std::vector<SequenceState> states;
  const std::vector<QualifiedName> &sequences = catalog.sequences;
  for (size_t begin = 0; begin < sequences.size(); begin += kSequencesAtOnce) {
    std::string sql;
    for (size_t i = begin; i < std::min(begin + kSequencesAtOnce, sequences.size()); i++)
      sql += (sql.empty() ? "SELECT " : " UNION ALL SELECT ") + std::to_string(i) + ", last_value, is_called FROM " +
             quote(sequences[i].schema, sequences[i].name);
    for (const Row &row : source.query(sql))
      states.push_back({sequences.at(static_cast<size_t>(number_in(row, 0))), number_in(row, 1), flag_in(row, 2), {}});
  }
  return states;
}

}  // namespace pagila_repl
