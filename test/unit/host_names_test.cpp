#include "core/host_names.hpp"

#include <gtest/gtest.h>

namespace pagila_repl {
namespace {

TEST(HostNames, SplitsListsAndKeepsEmptyElements) {
  EXPECT_EQ(comma_separated("a, b ,c"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(comma_separated(""), (std::vector<std::string>{""}));
  EXPECT_EQ(comma_separated("a,,"), (std::vector<std::string>{"a", "", ""}));
}

TEST(HostNames, KnowsUnixSockets) {
  for (const char *host : {"/", "/var/run/postgresql", "@abstract"}) EXPECT_TRUE(is_unix_socket(host)) << host;
  for (const char *host : {"", "host", "host/x", "127.0.0.1"}) EXPECT_FALSE(is_unix_socket(host)) << host;
}

TEST(HostNames, KnowsLoopback) {
  for (const char *host : {"localhost", "LocalHost", "127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(is_loopback(host)) << host;
}

// What merely resolves to this machine is treated as any other host: protected, and to be allowed by name.
TEST(HostNames, TakesNothingElseForLoopback) {
  for (const char *host : {"", "127.1", "2130706433", "0x7f.1", "localhost.example.com", "0.0.0.0", "::", "128.0.0.1",
                           "127.0.0.1.example.com", "::ffff:10.0.0.1", "/127.0.0.1"})
    EXPECT_FALSE(is_loopback(host)) << host;
}

TEST(HostNames, AllowsAnyHostIfNoneIsNamed) {
  EXPECT_TRUE(is_allowed_host("", "db.example.com"));
  EXPECT_TRUE(is_allowed_host(" , ", "db.example.com"));
}

TEST(HostNames, AllowsOnlyWhatIsNamed) {
  const char *allowed = "db.example.com, 10.0.0.1,/run/pg";
  for (const char *host : {"db.example.com", "DB.Example.COM", "10.0.0.1", "/run/pg"})
    EXPECT_TRUE(is_allowed_host(allowed, host)) << host;
  for (const char *host :
       {"", "example.com", "xdb.example.com", "db.example.com.", "10.0.0.10", "/run", "169.254.169.254"})
    EXPECT_FALSE(is_allowed_host(allowed, host)) << host;
}

}  // namespace
}  // namespace pagila_repl
