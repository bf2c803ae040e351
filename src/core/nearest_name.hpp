// What someone may have meant who gave a name that does not exist.
#pragma once

#include <string>
#include <vector>

namespace pagila_repl {

// The one that is most like the name, whatever its case; empty if none is like it.
std::string nearest_name(const std::string &name, const std::vector<std::string> &names);

}  // namespace pagila_repl
