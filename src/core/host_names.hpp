// What the host names of a source say about where it is, as libpq reads them: host and hostaddr may be lists.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pagila_repl {

// The elements between the commas, less the blanks around them; at least one, maybe empty.
std::vector<std::string> comma_separated(std::string_view list);
// A directory of Unix sockets, or an abstract socket.
bool is_unix_socket(std::string_view host);
// A name or address of this very machine. What only resolves to it does not count.
bool is_loopback(std::string_view host);
// Whether the list of allowed hosts is empty or names the host.
bool is_allowed_host(std::string_view allowed, std::string_view host);

}  // namespace pagila_repl
