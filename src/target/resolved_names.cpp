// Compares what names were resolved to.

#include "target/resolved_names.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "core/error.hpp"

namespace pagila_repl {

namespace {

constexpr size_t kMaxShown = 20;

using Key = std::tuple<std::string, std::string, std::string, std::string>;

Key key_of(const ResolvedObject &object) { return {object.kind, object.schema, object.name, object.part}; }

using Objects = std::map<Key, const ResolvedObject *>;

Objects by_key(const std::vector<ResolvedObject> &objects) {
  Objects found;
  for (const ResolvedObject &object : objects) found[key_of(object)] = &object;
  return found;
}

std::vector<std::string> less(const std::vector<std::string> &all, const std::vector<std::string> &some) {
  std::vector<std::string> rest;
  std::set_difference(all.begin(), all.end(), some.begin(), some.end(), std::back_inserter(rest));
  return rest;
}

std::string listed(const std::vector<std::string> &texts) {
  std::string text;
  for (const std::string &one : texts) text += (text.empty() ? "" : ", ") + one;
  return text.empty() ? "nothing" : text;
}

std::string sentence(const NameDifference &difference) {
  return difference.there.text() + ": " + listed(difference.only_here) + " instead of " + listed(difference.only_there);
}

SearchPath search_path_for(const ResolvedObject &object) {
  SearchPath path{"pg_catalog"};
  path.insert(path.end(), object.schemas.begin(), object.schemas.end());
  return path;
}

// Where they shadow the server's own operators.
SearchPath before_the_servers(SearchPath path) {
  std::rotate(path.begin(), path.begin() + 1, path.end());
  return path;
}

// As pg_dump has it.
const SearchPath kNoSchemas{"pg_catalog"};

// The first of the candidates that was not tried; the one in use has led to a difference.
bool try_another(const Home &home, const std::vector<SearchPath> &candidates, NameHints &hints) {
  std::set<SearchPath> &tried = hints.tried[home];
  auto used = hints.paths.find(home);
  tried.insert(used == hints.paths.end() ? kNoSchemas : used->second);
  for (const SearchPath &candidate : candidates)
    if (tried.insert(candidate).second) {
      hints.paths[home] = candidate;
      return true;
    }
  return false;
}

void replace_all(std::string &text, const std::string &from, const std::string &to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

}  // namespace

std::vector<ResolvedObject> resolve_names(const std::vector<std::string> &schemas, NamesCompared compared) {
  std::vector<ResolvedObject> objects;
  for (const Row &row : query(resolved_names_sql(compared), {array_literal(schemas), "true"}))
    objects.push_back(resolved_object(row));
  return objects;
}

std::vector<ResolvedObject> renamed(std::vector<ResolvedObject> objects,
                                    const std::vector<std::pair<std::string, std::string>> &names) {
  // From the last on: the name of the first may begin that of the tenth.
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    const auto &[from, to] = *name;
    std::string written = query_value("SELECT pg_catalog.quote_ident($1)", {to}).value_or(to);
    for (ResolvedObject &object : objects) {
      if (object.schema == from) object.schema = to;
      replace_all(object.part, from, written);
      for (std::string &reference : object.refers_to) replace_all(reference, from, written);
    }
  }
  for (ResolvedObject &object : objects) std::sort(object.refers_to.begin(), object.refers_to.end());
  return objects;
}

std::vector<NameDifference> differences(const std::vector<ResolvedObject> &there,
                                        const std::vector<ResolvedObject> &here) {
  std::vector<NameDifference> found;
  Objects others = by_key(there);
  for (const ResolvedObject &object : here) {
    auto other = others.find(key_of(object));
    static const std::vector<std::string> nothing;
    const std::vector<std::string> &expected = other == others.end() ? nothing : other->second->refers_to;
    if (expected == object.refers_to) continue;
    found.push_back({other == others.end() ? object : *other->second, less(expected, object.refers_to),
                     less(object.refers_to, expected)});
  }
  return found;
}

bool add_hints(const std::vector<NameDifference> &differences, const std::vector<ResolvedObject> &there,
               NameHints &hints) {
  std::map<Home, SearchPath> paths = search_paths_for(there);
  std::set<Home> homes;
  bool is_new = false;
  for (const NameDifference &difference : differences) {
    Home home{difference.there.schema, difference.there.name};
    // The schemas of all that the statements about it refer to, of what this does alone, none, and those before pg_catalog.
    if (auto path = paths.find(home); path != paths.end() && homes.insert(home).second)
      is_new = try_another(home,
                           {path->second, search_path_for(difference.there), kNoSchemas,
                            before_the_servers(path->second), before_the_servers(search_path_for(difference.there))},
                           hints) ||
               is_new;
    // It may have been made before the operator class that it groups by, on which nothing depends.
    if (difference.there.kind == "view") is_new = hints.again.insert(home).second || is_new;
  }
  return is_new;
}

void refuse_differences(const std::vector<NameDifference> &differences, const std::string &message,
                        const std::string &hint) {
  if (differences.empty()) return;
  std::string detail;
  for (size_t i = 0; i < differences.size() && i < kMaxShown; i++)
    detail += (i == 0 ? "" : "\n") + sentence(differences[i]);
  if (differences.size() > kMaxShown) detail += "\nand " + std::to_string(differences.size() - kMaxShown) + " more";
  throw Error("0A000", message, detail, hint);
}

std::map<Home, SearchPath> search_paths_for(const std::vector<ResolvedObject> &objects) {
  std::map<Home, SearchPath> paths;
  for (const ResolvedObject &object : objects) {
    if (object.schemas.empty()) continue;
    SearchPath &path = paths[{object.schema, object.name}];
    for (const std::string &schema : search_path_for(object))
      if (std::find(path.begin(), path.end(), schema) == path.end()) path.push_back(schema);
  }
  return paths;
}

std::string search_path_text(const SearchPath &path) {
  std::string text;
  for (const std::string &schema : path) text += (text.empty() ? "" : ", ") + quote(schema);
  return text;
}

}  // namespace pagila_repl
