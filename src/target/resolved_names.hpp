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

using SearchPath = std::vector<std::string>;

// How statements are run so that their names become what they are on the source.
struct NameHints {
  std::map<Home, SearchPath> paths;            // the search_path of all statements about it
  std::map<Home, std::set<SearchPath>> tried;  // those of which nothing is to be expected any more
  std::map<Home, SearchPath> needed;           // the one without which a statement about it failed
  std::map<Home, SearchPath> dumped;           // the one that the dump has set for them itself
  std::set<Home> again;                        // views that are made once more when all else is there
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

// Adds to the hints what may make the differences go; false if nothing is left to try. `there`: all that the source says.
bool add_hints(const std::vector<NameDifference> &differences, const std::vector<ResolvedObject> &there,
               NameHints &hints);

// Throws 0A000 with all of them, if there are any.
void refuse_differences(const std::vector<NameDifference> &differences, const std::string &message,
                        const std::string &hint);

// By what has references to operators and functions outside of pg_catalog: pg_catalog, then their schemas.
std::map<Home, SearchPath> search_paths_for(const std::vector<ResolvedObject> &objects);
std::string search_path_text(const SearchPath &path);

}  // namespace pagila_repl
