#include "core/connection_options.hpp"

#include <gtest/gtest.h>

namespace pagila_repl {
namespace {

// The SQLSTATE of an option, 00000 if it is accepted.
std::string state(OptionPlace place, const std::string &name, const std::string &value, bool is_superuser = false) {
  try {
    check_option(place, name, value, is_superuser);
    return "00000";
  } catch (const Error &error) {
    return error.sqlstate;
  }
}

std::string hint(OptionPlace place, const std::string &name, const std::string &value = "x") {
  try {
    check_option(place, name, value, false);
    return "accepted";
  } catch (const Error &error) {
    return error.hint;
  }
}

constexpr OptionPlace kServer = OptionPlace::server, kMapping = OptionPlace::user_mapping;

TEST(ConnectionOptions, AcceptsWhatIsRight) {
  for (auto [name, value] :
       std::vector<std::pair<const char *, const char *>>{{"host", "db.example.com"},
                                                          {"host", "a, b"},
                                                          {"host", "127.0.0.1"},
                                                          {"hostaddr", "10.0.0.1,fe80::1%eth0"},
                                                          {"port", "5432"},
                                                          {"port", "1, 65535"},
                                                          {"dbname", "p agila"},
                                                          {"sslmode", "verify-full"},
                                                          {"sslrootcert", "/etc/ca.pem"},
                                                          {"sslcrl", "/etc/crl.pem"},
                                                          {"channel_binding", "require"},
                                                          {"ssl_min_protocol_version", "TLSv1.3"},
                                                          {"connect_timeout", "1"},
                                                          {"target_session_attrs", "prefer-standby"},
                                                          {"keepalives", "0"},
                                                          {"tcp_user_timeout", "0"},
                                                          {"application_name", "anything"},
                                                          {"trusted", "off"},
                                                          {"allow_sql_ascii", "TRUE"}})
    EXPECT_EQ(state(kServer, name, value), "00000") << name << " " << value;
  EXPECT_EQ(state(kMapping, "user", "=x"), "00000");
  EXPECT_EQ(state(kMapping, "password", "postgresql://"), "00000");
  EXPECT_EQ(state(kMapping, "password_required", "true"), "00000");
}

TEST(ConnectionOptions, RefusesWrongValuesFromAnyone) {
  for (auto [name, value] : std::vector<std::pair<const char *, const char *>>{{"host", ""},
                                                                               {"host", "a,,b"},
                                                                               {"hostaddr", "example.com"},
                                                                               {"hostaddr", "10.0.0"},
                                                                               {"port", "0"},
                                                                               {"port", "65536"},
                                                                               {"port", "5432,"},
                                                                               {"port", "99999999999"},
                                                                               {"port", "-1"},
                                                                               {"port", " "},
                                                                               {"dbname", "host=evil"},
                                                                               {"dbname", "postgres://evil/"},
                                                                               {"sslmode", "none"},
                                                                               {"sslmode", "REQUIRE"},
                                                                               {"sslrootcert", "ca.pem"},
                                                                               {"connect_timeout", "0"},
                                                                               {"connect_timeout", "10s"},
                                                                               {"keepalives", "2"},
                                                                               {"keepalives_count", "128"},
                                                                               {"trusted", "maybe"},
                                                                               {"dbname", "postgresql://evil/"},
                                                                               {"channel_binding", "yes"},
                                                                               {"allow_sql_ascii", "2"},
                                                                               {"ssl_min_protocol_version", "SSLv3"},
                                                                               {"target_session_attrs", "master"}})
    for (bool is_superuser : {false, true})
      EXPECT_EQ(state(kServer, name, value, is_superuser), "22023") << name << " " << value;
  EXPECT_EQ(state(kMapping, "password", "", true), "22023");
}

TEST(ConnectionOptions, LeavesSomeToSuperusers) {
  for (auto [name, value] : std::vector<std::pair<const char *, const char *>>{{"host", "/run/postgresql"},
                                                                               {"host", "a,@x"},
                                                                               {"trusted", "true"},
                                                                               {"sslmode", "verify-ca"},
                                                                               {"sslmode", "disable"},
                                                                               {"channel_binding", "prefer"},
                                                                               {"ssl_min_protocol_version", "TLSv1"}}) {
    EXPECT_EQ(state(kServer, name, value, false), "42501") << name << " " << value;
    EXPECT_EQ(state(kServer, name, value, true), "00000") << name << " " << value;
  }
  for (auto [name, value] : std::vector<std::pair<const char *, const char *>>{
           {"password_required", "false"}, {"sslcert", "/x.crt"}, {"sslkey", "/x.key"}}) {
    EXPECT_EQ(state(kMapping, name, value, false), "42501") << name << " " << value;
    EXPECT_EQ(state(kMapping, name, value, true), "00000") << name << " " << value;
  }
}

TEST(ConnectionOptions, EachHasItsPlace) {
  for (const ConnectionOption &option : connection_options()) {
    OptionPlace other = option.place == kServer ? kMapping : kServer;
    EXPECT_EQ(state(other, option.name, "1", true), "HV00D") << option.name;
  }
}

TEST(ConnectionOptions, RefusesWhatWouldUseThisServersOwnIdentity) {
  for (const char *name : {"service",
                           "passfile",
                           "options",
                           "replication",
                           "gssencmode",
                           "gsslib",
                           "gssdelegation",
                           "krbsrvname",
                           "requirepeer",
                           "require_auth",
                           "fallback_application_name",
                           "client_encoding",
                           "sslpassword",
                           "sslcrldir",
                           "sslkeylogfile",
                           "oauth_issuer",
                           "servicefile",
                           "load_balance_hosts",
                           "HOST",
                           ""})
    for (OptionPlace place : {kServer, kMapping}) EXPECT_EQ(state(place, name, "x", true), "HV00D") << name;
}

TEST(ConnectionOptions, SuggestsTheNearestOption) {
  EXPECT_EQ(hint(kServer, "hots"), "Perhaps you meant the option \"host\".");
  EXPECT_EQ(hint(kServer, "SSLMODE"), "Perhaps you meant the option \"sslmode\".");
  EXPECT_EQ(hint(kServer, "db_name"), "Perhaps you meant the option \"dbname\".");
  EXPECT_EQ(hint(kMapping, "pasword"), "Perhaps you meant the option \"password\".");
  EXPECT_EQ(hint(kServer, "user"), "It belongs to a user mapping: CREATE USER MAPPING ... OPTIONS (user '...').");
  EXPECT_EQ(hint(kMapping, "port"), "It belongs to a server: CREATE SERVER ... OPTIONS (port '...').");
  EXPECT_EQ(hint(kMapping, "xyz"),
            "Options of a user mapping are: user, password, password_required, sslcert, sslkey.");
  EXPECT_EQ(hint(kMapping, std::string(100000, 'p')).substr(0, 10), "Options of");
}

TEST(ConnectionOptions, NeverShowsAPassword) {
  for (auto [name, value] : std::vector<std::pair<const char *, const char *>>{{"password", "canary"},
                                                                               {"pasword", "canary"},
                                                                               {"dbname", "host=x password=canary"},
                                                                               {"dbname", "postgres://u:canary@h/"},
                                                                               {"host", "postgres://u:canary@h/"},
                                                                               {"host", "h password=canary"}})
    try {
      check_option(kServer, name, value, true);
      ADD_FAILURE() << name << " " << value;
    } catch (const Error &error) {
      for (const std::string &text : {error.message, error.detail, error.hint, error.context})
        EXPECT_EQ(text.find("canary"), std::string::npos) << text;
    }
}

}  // namespace
}  // namespace pagila_repl
