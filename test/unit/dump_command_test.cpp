#include "core/dump_command.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.hpp"

namespace pagila_repl {
namespace {

using Arguments = std::vector<std::string>;

bool has(const Arguments &arguments, const std::string &argument) {
  return std::find(arguments.begin(), arguments.end(), argument) != arguments.end();
}

bool has_option(const Arguments &arguments, const std::string &option) {
  return std::any_of(arguments.begin(), arguments.end(),
                     [&](const std::string &argument) { return argument.compare(0, option.size(), option) == 0; });
}

std::string connection_of(const DumpCommand &command) {
  for (const std::string &argument : dump_arguments(command, {}))
    if (argument.compare(0, 9, "--dbname=") == 0) return argument.substr(9);
  return {};
}

TEST(DumpCommand, AsksForTheShapeInTheSnapshotAndNeverForAPassword) {
  DumpCommand command;
  command.encoding = "LATIN1";
  command.snapshot = "00000003-0000001B-1";
  Arguments arguments = dump_arguments(command, {});
  for (const char *argument : {"--schema-only", "--no-password", "--encoding=LATIN1", "--snapshot=00000003-0000001B-1"})
    EXPECT_TRUE(has(arguments, argument)) << argument;
  command.snapshot.clear();
  EXPECT_FALSE(has_option(dump_arguments(command, {}), "--snapshot"));
}

TEST(DumpCommand, RefusesWhatIsNoSnapshot) {
  for (const char *snapshot : {"x", "00000003-0000001B-1'", "0 1", "0000000a", "1\n", "--help"}) {
    DumpCommand command;
    command.snapshot = snapshot;
    EXPECT_THROW(dump_arguments(command, {}), Error) << snapshot;
  }
  DumpCommand command;
  command.snapshot = std::string(65, '0');
  EXPECT_THROW(dump_arguments(command, {}), Error);
}

TEST(DumpCommand, NamesNoSchemaOfAWholeDatabaseButOurOwn) {
  SourceCatalog catalog;
  catalog.schemas = {"app"};
  Arguments arguments = dump_arguments({}, catalog);
  EXPECT_FALSE(has_option(arguments, "--schema="));
  EXPECT_FALSE(has_option(arguments, "--extension"));
  EXPECT_TRUE(has(arguments, "--exclude-schema=\"pagila_repl\""));
}

TEST(DumpCommand, LeavesSchemasOfExtensionsToThem) {
  SourceCatalog catalog;
  catalog.schemas = {"app"};
  catalog.extension_schemas = {"of.an*\"extension\""};
  EXPECT_TRUE(has(dump_arguments({}, catalog), "--exclude-schema=\"of.an*\"\"extension\"\"\""));
  DumpCommand command;
  command.whole_database = false;
  EXPECT_FALSE(has_option(dump_arguments(command, catalog), "--exclude-schema"));
}

TEST(DumpCommand, NamesEachWantedSchemaAndEachRelationLeftOut) {
  SourceCatalog catalog;
  catalog.schemas = {"a.b", "c\"d"};
  catalog.left_out = {{"a.b", "x*"}, {"c\"d", "$1\n"}};
  DumpCommand command;
  command.whole_database = false;
  Arguments arguments = dump_arguments(command, catalog);
  for (const char *argument : {"--schema=\"a.b\"", "--schema=\"c\"\"d\"", "--exclude-table=\"a.b\".\"x*\"",
                               "--exclude-table=\"c\"\"d\".\"$1\n\"", "--extension=*"})
    EXPECT_TRUE(has(arguments, argument)) << argument;
  EXPECT_FALSE(has_option(arguments, "--exclude-schema"));
  command.extensions = false;
  EXPECT_FALSE(has_option(dump_arguments(command, catalog), "--extension"));
}

TEST(DumpCommand, QuotesTheConnection) {
  DumpCommand command;
  command.parameters = {{"host", "/tmp/a b"}, {"dbname", "it's = \\ here"}, {"sslmode", ""}};
  std::string connection = connection_of(command);
  EXPECT_EQ(connection.find("host='/tmp/a b' dbname='it\\'s = \\\\ here' sslmode='' "), 0u) << connection;
}

TEST(DumpCommand, KeepsSecretsAndWhatMightHoldThemOut) {
  DumpCommand command;
  command.parameters = {{"password", "canary"}, {"passfile", "/home/canary"}, {"client_encoding", "canary"}};
  std::string connection = connection_of(command);
  EXPECT_EQ(connection.find("canary"), std::string::npos) << connection;
  EXPECT_NE(connection.find(" passfile='/dev/null/none'"), std::string::npos) << connection;
}

TEST(DumpCommand, SaysWhoItIsAndKeepsGivenOptions) {
  DumpCommand command;
  EXPECT_NE(connection_of(command).find("application_name='pagila_repl: pg_dump'"), std::string::npos);
  command.parameters = {{"application_name", "nightly"}, {"options", "-c work_mem=64MB"}};
  std::string connection = connection_of(command);
  EXPECT_NE(connection.find("application_name='nightly: pg_dump'"), std::string::npos) << connection;
  EXPECT_NE(connection.find("options='-c work_mem=64MB -c "), std::string::npos) << connection;
}

TEST(DumpCommand, WaitsForTheConnectionOnlySoLong) {
  DumpCommand command;
  EXPECT_EQ(connection_of(command).find("connect_timeout"), std::string::npos);
  command.connect_timeout_ms = 2500;
  EXPECT_NE(connection_of(command).find("connect_timeout=3 "), std::string::npos);
  command.parameters = {{"connect_timeout", "7"}};
  EXPECT_EQ(connection_of(command).find("connect_timeout=3"), std::string::npos);
}

TEST(DumpCommand, ReadsTheVersionOfPgDump) {
  struct {
    const char *printed;
    int version;
  } cases[] = {{"pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n", 15},
               {"pg_dump (PostgreSQL) 18beta1\n", 18},
               {"pg_dump (PostgreSQL) 17\n", 17},
               {"pg_dump (PostgreSQL) 9.6.24\n", 9},
               {"pg_dump (PostgreSQL) devel\n", 0},
               {"pg_restore (PostgreSQL) 15.20\n", 0},
               {"", 0}};
  for (const auto &[printed, version] : cases) EXPECT_EQ(major_version(printed), version) << printed;
}

}  // namespace
}  // namespace pagila_repl
