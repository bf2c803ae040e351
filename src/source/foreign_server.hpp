// Foreign servers of the wrapper "pagila_repl": where a source or target is and as whom it is reached.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "pg/server.hpp"

namespace pagila_repl {

// What a server is to us.
enum class Peer {
  source,  // what it says is run here
  target,  // it is asked to copy this database, and runs nothing here
  either   // it is asked which database it is
};
const char *name_of(Peer peer);      // as messages begin: source, target, server
Error::Origin origin_of(Peer peer);  // of what it says; one that is either is like a source: it is asked

struct SourceServer {
  std::string name;
  Peer peer = Peer::source;
  Oid oid = InvalidOid;
  // libpq keywords and values of server and user mapping and our defaults, all but the password.
  std::vector<std::pair<std::string, std::string>> parameters;
  std::string password;           // empty if there is none
  bool must_use_password = true;  // the connection is refused unless the password was asked for and is the mapping's
  bool trusted = false;           // a superuser may run what it says, its rows may travel as binary COPY
  bool allow_sql_ascii = false;
};

// Where exactly a server that names several hosts, or a host of several addresses, was reached.
struct Reached {
  std::string host, hostaddr, port;  // empty: as the server says
};
void pin(SourceServer &server, const Reached &reached);

// The server as the current user reaches it. Needs a transaction. Throws 42704 (no such server, no user mapping), 42809
// (a server of another wrapper), 42501 (no USAGE on it, host not in pagila_repl.allowed_hosts, superuser and a source that
// is not trusted).
SourceServer find_server(const std::string &name, Peer peer = Peer::source);

}  // namespace pagila_repl
