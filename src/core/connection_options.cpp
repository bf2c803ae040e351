// The options of foreign servers and user mappings.

#include "core/connection_options.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "core/host_names.hpp"
#include "core/nearest_name.hpp"

namespace pagila_repl {

namespace {

using Place = OptionPlace;
using Kind = OptionValue;

[[noreturn]] void bad_value(const std::string &name, const std::string &value, const std::string &hint) {
  throw Error("22023", "invalid value for option \"" + name + "\": \"" + value + "\"", {}, hint);
}

[[noreturn]] void only_superuser(const std::string &message, const std::string &detail) {
  throw Error("42501", message, detail, "Let a superuser set it.");
}

std::string place_name(Place place) { return place == Place::server ? "a server" : "a user mapping"; }

std::string lower(std::string text) {
  for (char &c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::string list_of_names(Place place) {
  std::string names;
  for (const ConnectionOption &option : connection_options())
    if (option.place == place) names += (names.empty() ? "" : ", ") + std::string(option.name);
  return names;
}

[[noreturn]] void unknown_option(Place place, const std::string &name) {
  std::string message = "invalid option \"" + name + "\" for " + place_name(place);
  Place other = place == Place::server ? Place::user_mapping : Place::server;
  if (find_option(other, name) != nullptr)
    throw Error("HV00D", message, {},
                "It belongs to " + place_name(other) +
                    (other == Place::server ? ": CREATE SERVER ... OPTIONS (" : ": CREATE USER MAPPING ... OPTIONS (") +
                    name + " '...').");
  const ConnectionOption *nearest = nearest_option(place, name);
  throw Error("HV00D", message, {},
              nearest != nullptr ? std::string("Perhaps you meant the option \"") + nearest->name + "\"."
                                 : "Options of " + place_name(place) + " are: " + list_of_names(place) + ".");
}

std::string words_hint(const std::vector<std::string> &words) {
  std::string hint = "It is ";
  for (size_t i = 0; i < words.size(); ++i)
    hint += (i == 0 ? "'" : i + 1 == words.size() ? " or '" : ", '") + words[i] + "'";
  return hint + ".";
}

size_t check_word(const std::string &name, const std::string &value, const std::vector<std::string> &words) {
  auto found = std::find(words.begin(), words.end(), value);
  if (found == words.end()) bad_value(name, value, words_hint(words));
  return static_cast<size_t>(found - words.begin());
}

void check_number(const std::string &name, const std::string &value, const std::string &whole, int least, int most) {
  bool is_number = !value.empty() && value.size() <= 9 && value.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number || std::stoi(value) < least || std::stoi(value) > most)
    bad_value(name, whole, "It is a number from " + std::to_string(least) + " to " + std::to_string(most) + ".");
}

bool is_address(const std::string &text) {
  std::array<char, sizeof(in6_addr)> address{};
  // The scope of a link-local address is a name of an interface.
  std::string v6 = text.substr(0, text.find('%'));
  return inet_pton(AF_INET, text.c_str(), address.data()) == 1 || inet_pton(AF_INET6, v6.c_str(), address.data()) == 1;
}

// What stands in these may be a whole connection string, password and all, so the error does not show it.
[[noreturn]] void bad_name(const std::string &name, const std::string &hint) {
  throw Error("22023", "invalid value for option \"" + name + "\"", {}, hint);
}

void check_hosts(const std::string &name, const std::string &value, bool is_superuser) {
  for (const std::string &host : comma_separated(value)) {
    bool is_socket = is_unix_socket(host);
    if (host.empty() || (!is_socket && host.find_first_of("/@=\\'\" \t\r\n") != std::string::npos))
      bad_name(name, "It is the name or address of a host, or several separated by commas.");
    if (is_socket && !is_superuser)
      only_superuser("permission denied to set option \"" + name + "\" to a Unix socket",
                     "Whoever connects through it may be taken for the user this server runs as.");
  }
}

// libpq takes such names for connection strings.
void check_database(const std::string &name, const std::string &value) {
  bool is_uri = value.compare(0, 13, "postgresql://") == 0 || value.compare(0, 11, "postgres://") == 0;
  if (is_uri || value.find('=') != std::string::npos)
    bad_name(name, "It is the name of a database, no connection string.");
}

void check_value(const ConnectionOption &option, const std::string &value, bool is_superuser) {
  const std::string name = option.name;
  std::string weaker;  // than what stands if nothing is said
  switch (option.value) {
    case Kind::text: break;
    case Kind::hosts: check_hosts(name, value, is_superuser); break;
    case Kind::addresses:
      for (const std::string &address : comma_separated(value))
        if (!is_address(address)) bad_value(name, value, "It is an IP address, or several separated by commas.");
      break;
    case Kind::ports:
      for (const std::string &port : comma_separated(value)) check_number(name, port, value, 1, 65535);
      break;
    case Kind::database: check_database(name, value); break;
    case Kind::file:
      if (value[0] != '/') bad_value(name, value, "It is the absolute path of a file on this server.");
      break;
    case Kind::boolean:
      for (const char *word : {"true", "false", "on", "off", "yes", "no", "1", "0"})
        if (lower(value) == word) return;
      bad_value(name, value, "It is 'true' or 'false'.");
    case Kind::zero_or_one: check_word(name, value, {"0", "1"}); break;
    case Kind::number: check_number(name, value, value, option.least, option.most); break;
    case Kind::ssl_mode:
      if (check_word(name, value, {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}) < 5)
        weaker = "verify-full";
      break;
    case Kind::ssl_version:
      if (check_word(name, value, {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}) < 2) weaker = "TLSv1.2";
      break;
    case Kind::channel_binding:
      if (check_word(name, value, {"disable", "prefer", "require"}) < 2) weaker = "require";
      break;
    case Kind::session_attributes:
      check_word(name, value, {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"});
      break;
  }
  if (!weaker.empty() && !is_superuser)
    only_superuser("permission denied to set option \"" + name + "\" to \"" + value + "\"",
                   "It protects less than \"" + weaker + "\".");
}

}  // namespace

const std::vector<ConnectionOption> &connection_options() {
  static const std::vector<ConnectionOption> options = {
      {"host", Place::server, Kind::hosts, true, false},
      {"hostaddr", Place::server, Kind::addresses, true, false},
      {"port", Place::server, Kind::ports, true, false},
      {"dbname", Place::server, Kind::database, true, false},
      {"sslmode", Place::server, Kind::ssl_mode, true, false},
      {"sslrootcert", Place::server, Kind::file, true, false},
      {"sslcrl", Place::server, Kind::file, true, false},
      {"ssl_min_protocol_version", Place::server, Kind::ssl_version, true, false},
      {"channel_binding", Place::server, Kind::channel_binding, true, false},
      {"target_session_attrs", Place::server, Kind::session_attributes, true, false},
      {"connect_timeout", Place::server, Kind::number, true, false, 1, 3600},
      {"keepalives", Place::server, Kind::zero_or_one, true, false},
      {"keepalives_idle", Place::server, Kind::number, true, false, 0, 32767},
      {"keepalives_interval", Place::server, Kind::number, true, false, 0, 32767},
      {"keepalives_count", Place::server, Kind::number, true, false, 0, 127},
      {"tcp_user_timeout", Place::server, Kind::number, true, false, 0, 86400000},
      {"application_name", Place::server, Kind::text, true, false},
      {"trusted", Place::server, Kind::boolean, false, true},
      {"allow_sql_ascii", Place::server, Kind::boolean, false, false},
      {"user", Place::user_mapping, Kind::text, true, false},
      {"password", Place::user_mapping, Kind::text, true, false},
      {"password_required", Place::user_mapping, Kind::boolean, false, true},
      {"sslcert", Place::user_mapping, Kind::file, true, true},
      {"sslkey", Place::user_mapping, Kind::file, true, true},
  };
  return options;
}

const ConnectionOption *find_option(OptionPlace place, const std::string &name) {
  for (const ConnectionOption &option : connection_options())
    if (option.place == place && name == option.name) return &option;
  return nullptr;
}

const ConnectionOption *nearest_option(OptionPlace place, const std::string &name) {
  std::vector<std::string> names;
  for (const ConnectionOption &option : connection_options())
    if (option.place == place) names.emplace_back(option.name);
  return find_option(place, nearest_name(name, names));
}

void check_option(OptionPlace place, const std::string &name, const std::string &value, bool is_superuser) {
  const ConnectionOption *option = find_option(place, name);
  if (option == nullptr) unknown_option(place, name);
  // An error must not show a password, not even half of one.
  if (value.empty()) throw Error("22023", "option \"" + name + "\" must not be empty");
  check_value(*option, value, is_superuser);
  // Both are booleans of which one value is the default and harmless.
  bool is_harmless = option->value == Kind::boolean && is_true(value) == (name == "password_required");
  if (option->superuser_only && !is_superuser && !is_harmless)
    only_superuser("permission denied to set option \"" + name + "\"" +
                       (option->value == Kind::boolean ? " to \"" + value + "\"" : ""),
                   option->value == Kind::boolean ? "" : "The file is read as the user this server runs as.");
}

bool is_true(const std::string &value) {
  std::string word = lower(value);
  return word == "true" || word == "on" || word == "yes" || word == "1";
}

}  // namespace pagila_repl
