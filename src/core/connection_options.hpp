// What a foreign server and its user mappings may say about a source: the whole list, everything else is refused.
#pragma once

#include <string>
#include <vector>

#include "core/error.hpp"

namespace pagila_repl {

enum class OptionPlace { server, user_mapping };

enum class OptionValue {
  text,
  hosts,
  addresses,
  ports,
  database,
  file,
  boolean,
  zero_or_one,
  number,
  ssl_mode,
  ssl_version,
  channel_binding,
  session_attributes
};

struct ConnectionOption {
  const char *name;
  OptionPlace place;
  OptionValue value;
  bool is_libpqs;       // handed to libpq, else ours
  bool superuser_only;  // whatever the value
  int least = 0, most = 0;
};

const std::vector<ConnectionOption> &connection_options();
// Null if there is no such option in that place.
const ConnectionOption *find_option(OptionPlace place, const std::string &name);
// The option of that place whose name is most like it; null if none is.
const ConnectionOption *nearest_option(OptionPlace place, const std::string &name);

// Throws HV00D for an option that may not stand there, 22023 for a value it cannot have, 42501 for what only a superuser
// may say: an option of his, a socket on this machine, less protection than the default.
void check_option(OptionPlace place, const std::string &name, const std::string &value, bool is_superuser);

// on, off, true, yes, 1 and the like, as the server reads them; only for values that were checked.
bool is_true(const std::string &value);

}  // namespace pagila_repl
