// Judges the values of arguments of runs.

#include "core/run_choices.hpp"

#include "core/error.hpp"

namespace pagila_repl {

bool chosen(const Choice &choice, const std::string &value) {
  if (value == choice.yes) return true;
  if (value == choice.no) return false;
  refuse_value(choice.name, "\"" + value + "\"", std::string("It is '") + choice.yes + "' or '" + choice.no + "'.");
}

int workers_of(const std::string &value) {
  bool is_number = !value.empty() && value.size() <= 2 && value.find_first_not_of("0123456789") == std::string::npos;
  int workers = is_number ? std::stoi(value) : 0;
  if (workers < 1 || workers > kMostWorkers)
    refuse_value("workers", value, "It is between 1 and " + std::to_string(kMostWorkers) + ".");
  return workers;
}

void refuse_value(const std::string &argument, const std::string &value, const std::string &hint) {
  throw Error("22023", "invalid value for argument \"" + argument + "\": " + value, {}, hint);
}

}  // namespace pagila_repl
