// Objects that a run leaves out since they cannot be made (on_object_error => 'skip'), recorded as steps with the status skipped.
#pragma once

#include <string>
#include <vector>

#include "core/error.hpp"

namespace pagila_repl {

struct SkippedObject {
  std::string kind, schema, name;  // schema as it will be seen; empty for an object of the database
  Error error;
};

// Whether an error is of the object that is made: not of the source, the server, its locks, its room, or a cancel.
bool is_of_object(const Error &error);

// What the run has skipped so far, by its steps. Needs a transaction.
std::vector<SkippedObject> skipped_steps(int64_t run_id);
// Gives the steps other texts, in the same order. Needs a transaction.
void tell_skipped_in(int64_t run_id, const std::vector<SkippedObject> &skipped);
// For the message of the run, or of one that finds its copy unchanged; empty if it has skipped nothing.
std::string remark_on_skipped(int64_t run_id);

}  // namespace pagila_repl
