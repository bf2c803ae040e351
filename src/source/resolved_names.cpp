// Asks a source what its definitions refer to.

#include "source/resolved_names.hpp"

#include "pg/resolved_names.hpp"
#include "source/answer.hpp"

namespace pagila_repl {

ResolvedNames read_resolved_names(Connection &source, const SourceCatalog &catalog) {
  ResolvedNames names;
  names.is_same_version = catalog.version / 10000 == PG_VERSION_NUM / 10000;
  NamesCompared compared = names.is_same_version ? NamesCompared::all : NamesCompared::users;
  for (const Row &row : source.query(resolved_names_sql(compared), {array_literal(catalog.schemas), "false"})) {
    ResolvedObject object = resolved_object({text_in(row, 0), text_in(row, 1), text_in(row, 2), text_in(row, 3),
                                             text_in(row, 4), optional_text_in(row, 5)});
    names.objects.push_back(object);
  }
  return names;
}

}  // namespace pagila_repl
