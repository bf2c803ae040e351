// The large objects that a run brings.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/load_plan.hpp"

namespace pagila_repl {

// What a run does with large objects, and how it reads them.
struct LargeObjectWork {
  std::vector<std::string> schemas;  // that the run replaces: large objects of earlier runs of one of them are its own
  std::vector<PlannedLargeObject> wanted;  // by OID
  using Take = std::function<void(const std::string &bytes)>;
  std::function<void(const PlannedLargeObject &object, const Take &take)> read;
};

}  // namespace pagila_repl
