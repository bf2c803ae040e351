// The options of a job: arguments of its runs by name, as members of a JSON object.
#pragma once

#include <string>
#include <vector>

#include "core/load_request.hpp"
#include "core/replicate_request.hpp"

namespace pagila_repl {

struct JsonValue {
  std::string type;  // as jsonb_typeof says
  std::string text;  // of a string without quotes
};

struct JobOption {
  std::string name;
  JsonValue value;
  std::vector<JsonValue> elements;  // of an array
};

// Put the options into the request; null stands for an option that is not there. Throw 22023 for one that is unknown
// (naming the nearest), of the other kind of job, of another type or with a value that it cannot have; 42601 for a pattern
// that is none.
void apply_options(const std::vector<JobOption> &options, ReplicateRequest &request);
void apply_options(const std::vector<JobOption> &options, LoadRequest &request);

}  // namespace pagila_repl
