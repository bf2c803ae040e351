// Security labels and the modules that they are for.
#pragma once

#include <string>

namespace pagila_repl {

// Whether the statement is SECURITY LABEL. Needs a transaction, as do all.
bool is_security_label(const std::string &statement);
// Whether the provider of the statement is loaded, or would be in a session of this role: where background workers have not been
// given what sessions load, it is loaded now.
bool has_label_provider(const std::string &statement);
// The same by the name of the provider.
bool is_label_provider(const std::string &name);

}  // namespace pagila_repl
