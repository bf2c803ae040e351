// Compares what definitions refer to here with what they refer to on the source, and here again once they have been built again.
//
// pg_dump, and the server when it prints a definition, write some operators without a schema (JOIN USING, CASE, NULLIF, IS DISTINCT
// FROM, row comparisons). Under an empty search_path these become others, such as those of text for citext, or none at all.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/resolved_object.hpp"
#include "pg/resolved_names.hpp"

namespace pagila_repl {

// What statements are about: the schema and name of a relation, function, type or statistics object.
using Home = std::pair<std::string, std::string>;

// How statements are run so that their names become what they are on the source.
struct NameHints {
  std::map<Home, std::vector<std::string>> paths;   // the search_path of all statements about it
  std::map<Home, std::vector<std::string>> dumped;  // the one that the dump has set for them itself
  std::set<Home> again;                             // views that are made once more when all else is there
};

struct NameDifference {
  ResolvedObject there;  // or here, where only that is
  std::vector<std::string> only_there, only_here;
};

// What is in these schemas, also what refers to nothing. Needs a transaction.
std::vector<ResolvedObject> resolve_names(const std::vector<std::string> &schemas, NamesCompared compared);

// The same with schemas called by other names: first the name it has, then the one that it is to have.
std::vector<ResolvedObject> renamed(std::vector<ResolvedObject> objects,
                                    const std::vector<std::pair<std::string, std::string>> &names);

// Of what is on both sides. What only one side has others look at.
std::vector<NameDifference> differences(const std::vector<ResolvedObject> &there,
                                        const std::vector<ResolvedObject> &here);

// Adds to the hints what may make the differences go; false if nothing is left to try.
bool add_hints(const std::vector<NameDifference> &differences, NameHints &hints);

// Throws 0A000 with all of them, if there are any.
void refuse_differences(const std::vector<NameDifference> &differences, const std::string &message,
                        const std::string &hint);

// pg_catalog, then the schemas of the operators and functions.
std::vector<std::string> search_path_for(const ResolvedObject &object);
std::string search_path_text(const std::vector<std::string> &schemas);

}  // namespace pagila_repl
