// Reads the options of jobs.

#include "core/job_options.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/name_pattern.hpp"
#include "core/nearest_name.hpp"
#include "core/run_choices.hpp"

namespace pagila_repl {

namespace {

struct Kind {
  const char *name, *other_name;
  std::vector<std::string> options, others;
};

const Kind &replication() {
  static const Kind kind = {
      "a replication",
      "loads",
      {"workers", "schemas", "include", "exclude", "force", "verify", "on_modified", "on_unmanaged", "on_dependents",
       "owners", "foreign_keys", "on_other_source", "on_object_error", "large_objects", "database_objects"},
      {"strict"}};
  return kind;
}

const Kind &load() {
  static const Kind kind = {"a load",
                            "replications",
                            {"force", "verify", "on_modified", "on_unmanaged", "on_dependents", "owners", "strict",
                             "on_other_source", "on_object_error", "large_objects", "database_objects"},
                            {"workers", "schemas", "include", "exclude", "foreign_keys"}};
  return kind;
}

bool holds(const std::vector<std::string> &names, const std::string &name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string list_of(const std::vector<std::string> &names) {
  std::string list;
  for (const std::string &name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

void check_name(const std::string &name, const Kind &kind) {
  if (holds(kind.options, name)) return;
  std::string message = "\"" + name + "\" is no option of " + kind.name;
  if (name == "wait") throw Error("22023", message, {}, "Nobody waits for the runs of a job. Leave it out.");
  if (holds(kind.others, name)) throw Error("22023", message, {}, std::string("It is one of ") + kind.other_name + ".");
  std::string nearest = nearest_name(name, kind.options);
  throw Error(
      "22023", message, {},
      nearest.empty() ? "Options are: " + list_of(kind.options) + "." : "Perhaps you meant \"" + nearest + "\".");
}

// As it stands in the JSON text, nearly.
std::string shown(const JsonValue &value) { return value.type == "string" ? "\"" + value.text + "\"" : value.text; }

bool boolean_of(const JobOption &option) {
  if (option.value.type != "boolean") refuse_value(option.name, shown(option.value), "It is true or false.");
  return option.value.text == "true";
}

int number_of_workers(const JobOption &option) {
  if (option.value.type != "number")
    refuse_value(option.name, shown(option.value), "It is between 1 and " + std::to_string(kMostWorkers) + ".");
  return workers_of(option.value.text);
}

bool is_chosen(const Choice &choice, const JobOption &option) {
  if (option.value.type != "string")
    refuse_value(option.name, shown(option.value),
                 std::string("It is \"") + choice.yes + "\" or \"" + choice.no + "\".");
  return chosen(choice, option.value.text);
}

std::vector<std::string> patterns_of(const JobOption &option) {
  std::vector<std::string> patterns;
  for (const JsonValue &element : option.elements) {
    if (element.type != "string") refuse_value(option.name, shown(element), "It is an array of strings.");
    // Only whether it is one.
    if (option.name == "schemas")
      (void)schema_pattern(element.text);
    else
      (void)relation_pattern(element.text);
    patterns.push_back(element.text);
  }
  if (patterns.empty())
    refuse_value(option.name, shown(option.value), "It is an array of strings. Leave it out to mean all.");
  return patterns;
}

DatabaseObjectKinds kinds_of(const JobOption &option) {
  if (option.value.type != "array") refuse_value(option.name, shown(option.value), "It is an array of strings.");
  std::vector<std::string> words;
  for (const JsonValue &element : option.elements) {
    if (element.type != "string") refuse_value(option.name, shown(element), "It is an array of strings.");
    words.push_back(element.text);
  }
  return database_object_kinds(words);
}

// False if it is none that all runs know.
bool apply_common(const JobOption &option, RunOptions &request) {
  if (option.name == "force") {
    request.force = boolean_of(option);
    return true;
  }
  if (option.name == "large_objects") {
    request.large_objects = boolean_of(option);
    return true;
  }
  if (option.name == "database_objects") {
    request.database_objects = kinds_of(option);
    return true;
  }
  for (const RunChoice &known : kRunChoices) {
    if (option.name != known.choice.name) continue;
    request.*known.member = is_chosen(known.choice, option);
    return true;
  }
  return false;
}

void apply_own(const JobOption &option, ReplicateRequest &request) {
  if (option.name == "workers") request.workers = number_of_workers(option);
  if (option.name == "schemas") request.selection.schemas = patterns_of(option);
  if (option.name == "include") request.selection.include = patterns_of(option);
  if (option.name == "exclude") request.selection.exclude = patterns_of(option);
  if (option.name == "foreign_keys") request.check_foreign_keys = is_chosen(kForeignKeys, option);
}

void apply_own(const JobOption &option, LoadRequest &request) {
  if (option.name == "strict") request.strict = boolean_of(option);
}

template <class Request>
void apply_all(const std::vector<JobOption> &options, const Kind &kind, Request &request) {
  for (const JobOption &option : options) {
    check_name(option.name, kind);
    if (option.value.type == "null") continue;
    if (!apply_common(option, request)) apply_own(option, request);
  }
}

}  // namespace

void apply_options(const std::vector<JobOption> &options, ReplicateRequest &request) {
  apply_all(options, replication(), request);
}

void apply_options(const std::vector<JobOption> &options, LoadRequest &request) { apply_all(options, load(), request); }

}  // namespace pagila_repl
