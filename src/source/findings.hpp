// Collects what was found about one side or the other.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/source_catalog.hpp"

namespace pagila_repl {

// "a, b, c and 3 more": the first ones.
inline std::string shown(const std::vector<std::string> &names, size_t most = 5) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < most; i++) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > most) text += " and " + std::to_string(names.size() - most) + " more";
  return text;
}

class Findings {
 public:
  void error(const std::string &check, const std::string &sqlstate, const std::string &message,
             const std::string &hint = {}, bool is_of_skippable = false) {
    all_.push_back({Finding::Severity::error, check, sqlstate, message, hint, is_of_skippable});
  }
  void warning(const std::string &check, const std::string &message, const std::string &hint = {}) {
    all_.push_back({Finding::Severity::warning, check, {}, message, hint, false});
  }
  // The last word on a check: said only if there was none before.
  void else_ok(const std::string &check, const std::string &message) {
    for (const Finding &finding : all_)
      if (finding.check == check) return;
    all_.push_back({Finding::Severity::ok, check, {}, message, {}, false});
  }
  void add(const std::vector<Finding> &findings) { all_.insert(all_.end(), findings.begin(), findings.end()); }
  std::vector<Finding> take() { return std::move(all_); }

 private:
  std::vector<Finding> all_;
};

}  // namespace pagila_repl
