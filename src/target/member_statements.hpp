// What a statement of a dump is about: objects of extensions, which stay when a schema is replaced, or others.
#pragma once

#include <string>
#include <vector>

#include "pg/server.hpp"

namespace pagila_repl {

enum class About {
  others,          // nothing of an extension
  staying_member,  // an object of an extension that was here before the run
  made_member,     // an object of an extension that the run has made
  nothing,         // what is named does not exist
};

// Of a statement that grants, comments, labels, alters, or makes a part of a relation. `made`: the extensions that the run has
// made. Needs a transaction.
About about_what(const std::string &statement, const std::vector<Oid> &made);

// The text that a COMMENT statement sets.
std::string comment_in(const std::string &statement);

}  // namespace pagila_repl
