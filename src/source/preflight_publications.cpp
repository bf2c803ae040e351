// Looks for publications that cover whatever a run makes.

#include "source/preflight_publications.hpp"

#include "pg/spi.hpp"
#include "source/findings.hpp"

namespace pagila_repl {

std::vector<Finding> find_publications() {
  Findings found;
  for (const Row &row : query("SELECT pubname FROM pg_catalog.pg_publication WHERE puballtables ORDER BY 1"))
    found.warning(
        "publication",
        "publication \"" + *row[0] + "\" is FOR ALL TABLES, and no subscriber receives the rows that a run copies",
        "Publish the schemas that no run replaces, with FOR TABLES IN SCHEMA. Subscribers keep their old rows of "
        "replaced tables, and cannot subscribe again while it lists the tables of pagila_repl.");
  found.else_ok("publication", "no publication here is FOR ALL TABLES");
  return found.take();
}

}  // namespace pagila_repl
