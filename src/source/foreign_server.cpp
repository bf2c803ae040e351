// Finds a source or target among the foreign servers, and how the current user may reach it.

#include "source/foreign_server.hpp"

#include <algorithm>

#include "core/connection_options.hpp"
#include "core/host_names.hpp"
#include "pg/boundary.hpp"
#include "pg/compat.hpp"
#include "pg/spi.hpp"
#include "settings.hpp"

extern "C" {
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "utils/syscache.h"
}

namespace pagila_repl {

namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

const std::string *find(const Parameters &parameters, const char *name) {
  for (const auto &parameter : parameters)
    if (parameter.first == name) return &parameter.second;
  return nullptr;
}

// What server and mapping say together.
struct Said {
  Parameters parameters;  // libpq's, all but the password
  std::string password;
  bool trusted = false, allow_sql_ascii = false, password_required = true;
};

// Options that were set while there was no validator, or another one, are judged now, but not by who set them.
void collect(Said &said, OptionPlace place, List *options) {
  for (int i = 0; i < list_length(options); ++i) {
    auto *option = static_cast<DefElem *>(list_nth(options, i));
    std::string name = option->defname;
    std::string value = guarded([option]() -> const char * { return defGetString(option); });
    check_option(place, name, value, true);
    if (name == "password")
      said.password = value;
    else if (name == "trusted")
      said.trusted = is_true(value);
    else if (name == "allow_sql_ascii")
      said.allow_sql_ascii = is_true(value);
    else if (name == "password_required")
      said.password_required = is_true(value);
    else
      said.parameters.emplace_back(name, value);
  }
}

ForeignServer *find_foreign_server(const std::string &name) {
  const char *text = name.c_str();
  ForeignServer *server = guarded([=] { return GetForeignServerByName(text, true); });
  if (server == nullptr)
    throw Error("42704", "server \"" + name + "\" does not exist", {},
                "CREATE SERVER " + quote(name) +
                    " FOREIGN DATA WRAPPER pagila_repl OPTIONS (host '...', port '5432', dbname '...').");
  Oid wrapper_oid = server->fdwid;
  std::string wrapper = guarded([=]() -> const char * { return GetForeignDataWrapper(wrapper_oid)->fdwname; });
  if (wrapper != "pagila_repl")
    throw Error("42809", "server \"" + name + "\" is not one of the foreign-data wrapper \"pagila_repl\"",
                "Its wrapper is \"" + wrapper + "\".",
                "CREATE SERVER ... FOREIGN DATA WRAPPER pagila_repl OPTIONS (host '...', port '5432', dbname '...').");
  return server;
}

void check_rights(const std::string &name, Oid server, const Said &said, Peer peer) {
  bool may_use = guarded([server] { return may_use_foreign_server(server, GetUserId()); });
  std::string user = guarded([]() -> const char * { return GetUserNameFromId(GetUserId(), false); });
  if (!may_use)
    throw Error("42501", "permission denied for server \"" + name + "\"", {},
                "GRANT USAGE ON FOREIGN SERVER " + quote(name) + " TO " + quote(user) + ".");
  bool is_superuser = guarded([] { return superuser(); });
  if (is_superuser && !said.trusted && peer == Peer::source)
    throw Error("42501", "server \"" + name + "\" is not trusted, so no superuser may copy from it",
                "Functions and expressions that come from it would run with all rights.",
                "Do it as another role, or ALTER SERVER " + quote(name) + " OPTIONS (ADD trusted 'true').");
}

// The options of the user mapping, the own one or that of PUBLIC.
List *mapping_options(const std::string &name, Oid server) {
  bool has_one = guarded([server] {
    return SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(GetUserId()), ObjectIdGetDatum(server)) ||
           SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid), ObjectIdGetDatum(server));
  });
  if (!has_one) {
    std::string user = guarded([]() -> const char * { return GetUserNameFromId(GetUserId(), false); });
    throw Error(
        "42704", "user mapping not found for \"" + user + "\" on server \"" + name + "\"", {},
        "CREATE USER MAPPING FOR " + quote(user) + " SERVER " + quote(name) + " OPTIONS (user '...', password '...').");
  }
  return guarded([server] { return GetUserMapping(GetUserId(), server)->options; });
}

void check_complete(const std::string &name, const Parameters &parameters) {
  auto missing = [&](const std::string &option) {
    throw Error("HV00J", "server \"" + name + "\" has no option \"" + option + "\"", {},
                "ALTER SERVER " + quote(name) + " OPTIONS (ADD " + option + " '...').");
  };
  if (find(parameters, "host") == nullptr && find(parameters, "hostaddr") == nullptr) missing("host");
  if (find(parameters, "dbname") == nullptr) missing("dbname");
  if (find(parameters, "user") == nullptr)
    throw Error("HV00J", "user mapping for server \"" + name + "\" has no option \"user\"", {},
                "ALTER USER MAPPING FOR ... SERVER " + quote(name) + " OPTIONS (ADD user '...').");
}

// Where libpq will connect to: an address goes before the name.
std::vector<std::string> addressees(const Parameters &parameters) {
  const std::string *address = find(parameters, "hostaddr");
  return comma_separated(address != nullptr ? *address : *find(parameters, "host"));
}

void check_hosts(const std::string &name, const Parameters &parameters) {
  for (const std::string &host : addressees(parameters))
    if (!is_allowed_host(allowed_hosts_setting(), host))
      throw Error("42501", "host \"" + host + "\" of server \"" + name + "\" may not be connected to", {},
                  "See the setting pagila_repl.allowed_hosts.");
}

void check_password(const Said &said, bool is_superuser) {
  if (is_superuser || !said.password_required || !said.password.empty()) return;
  throw Error("2F003", "password is required", "Who is not a superuser must give the password in the user mapping.",
              "ALTER USER MAPPING ... OPTIONS (ADD password '...').");
}

void add_default(Parameters &parameters, const char *name, const std::string &value) {
  if (find(parameters, name) == nullptr) parameters.emplace_back(name, value);
}

void add_defaults(Said &said) {
  Parameters &parameters = said.parameters;
  std::vector<std::string> hosts = addressees(parameters);
  bool is_here = std::all_of(hosts.begin(), hosts.end(),
                             [](const std::string &host) { return is_unix_socket(host) || is_loopback(host); });
  if (!is_here) add_default(parameters, "sslmode", "verify-full");
  const std::string *ssl_mode = find(parameters, "sslmode");
  if (!is_here && *ssl_mode == "verify-full" && !said.password.empty())
    add_default(parameters, "channel_binding", "require");
  // A lost source is noticed within half a minute: by the fourth probe, which is after the timeout for unanswered data.
  add_default(parameters, "keepalives_idle", "10");
  add_default(parameters, "keepalives_interval", "5");
  add_default(parameters, "keepalives_count", "3");
  add_default(parameters, "tcp_user_timeout", "24000");
  // Nobody's credentials but those of the mapping: neither this server's tickets nor the certificate in its home.
  add_default(parameters, "gssencmode", "disable");
  add_default(parameters, "sslcert", "/dev/null/none");
}

}  // namespace

void pin(SourceServer &server, const Reached &reached) {
  const std::pair<const char *, const std::string *> pinned[] = {
      {"host", &reached.host}, {"hostaddr", &reached.hostaddr}, {"port", &reached.port}};
  for (const auto &[name, value] : pinned) {
    if (value->empty()) continue;
    bool known = false;
    for (auto &parameter : server.parameters) {
      if (parameter.first != name) continue;
      parameter.second = *value;
      known = true;
    }
    if (!known) server.parameters.emplace_back(name, *value);
  }
}

Error::Origin origin_of(Peer peer) { return peer == Peer::target ? Error::Origin::target : Error::Origin::source; }

const char *name_of(Peer peer) {
  switch (peer) {
    case Peer::source: return "source";
    case Peer::target: return "target";
    case Peer::either: return "server";
  }
  return "";
}

SourceServer find_server(const std::string &name, Peer peer) {
  ForeignServer *found = find_foreign_server(name);
  Said said;
  collect(said, OptionPlace::server, found->options);
  check_rights(name, found->serverid, said, peer);
  collect(said, OptionPlace::user_mapping, mapping_options(name, found->serverid));
  check_complete(name, said.parameters);
  check_hosts(name, said.parameters);
  bool is_superuser = guarded([] { return superuser(); });
  check_password(said, is_superuser);
  add_defaults(said);

  SourceServer server;
  server.name = name;
  server.peer = peer;
  server.oid = found->serverid;
  server.parameters = said.parameters;
  server.password = said.password;
  server.must_use_password = !is_superuser && said.password_required;
  server.trusted = said.trusted;
  server.allow_sql_ascii = said.allow_sql_ascii;
  return server;
}

}  // namespace pagila_repl
