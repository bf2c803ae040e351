// Finds the name that takes the fewest changes.

#include "core/nearest_name.hpp"

#include <algorithm>

namespace pagila_repl {

namespace {

constexpr size_t kLongest = 100;

std::string lower(std::string text) {
  for (char &c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

size_t edit_distance(const std::string &a, const std::string &b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_name(const std::string &name, const std::vector<std::string> &names) {
  std::string nearest;
  if (name.size() > kLongest) return nearest;
  // A name of which half must be changed is another word.
  size_t best = std::min<size_t>(name.size() / 2, 4) + 1;
  for (const std::string &candidate : names) {
    size_t distance = edit_distance(lower(name), candidate);
    if (distance >= best) continue;
    best = distance;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace pagila_repl
