// Lets the target ask each server of its own that may be this database.

#include "run/choose_source.hpp"

#include <vector>

#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "run/run.hpp"
#include "source/answer.hpp"
#include "source/identity.hpp"

namespace pagila_repl {

namespace {

std::string literal(const std::string &text) {
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

// How this database can be reached, as far as that is known here: the target has been reached from an address of ours.
std::string how_to_define(Connection &target, const std::string &server) {
  std::string host = target.query_value("SELECT pg_catalog.host(pg_catalog.inet_client_addr())").value_or("localhost");
  Row here = in_transaction([] {
    return query("SELECT pg_catalog.current_database(), pg_catalog.current_setting('port'), session_user")[0];
  });
  std::string there = target.query_value("SELECT current_user").value_or("");
  return "On " + target.where() + ": CREATE SERVER " + quote(server) +
         " FOREIGN DATA WRAPPER pagila_repl OPTIONS (host " + literal(host) + ", port " + literal(*here[1]) +
         ", dbname " + literal(*here[0]) + "); CREATE USER MAPPING FOR " + quote(there) + " SERVER " + quote(server) +
         " OPTIONS (user " + literal(*here[2]) + ", password '...').";
}

std::string where_we_listen() {
  Row here = in_transaction([] {
    return query("SELECT pg_catalog.current_setting('listen_addresses'), pg_catalog.current_setting('port')")[0];
  });
  if (here[0]->empty()) return "This server listens on no address (listen_addresses is empty).";
  return "This server listens on " + *here[0] + ", port " + *here[1] + ".";
}

void check_named(Connection &target, const std::string &named) {
  if (target.query("SELECT FROM pg_catalog.pg_foreign_server WHERE srvname = $1", {named}).empty())
    throw Error("42704", "the target has no server \"" + named + "\"", where_we_listen(), how_to_define(target, named));
  DatabaseIdentity reached = identity_told(target, named);
  in_transaction([&] {
    if (is_here(reached) || is_standby_of_here(reached)) return;
    throw Error("55000", "server \"" + named + "\" of the target does not lead to this database",
                "It leads to " + description_of(reached) + ", started at " + reached.started_at + "; this is " +
                    description_of(identity_here()) + ", started at " + identity_here().started_at + ".",
                "Name another one, or have it altered.");
  });
}

// Servers that may lead here. The target knows this database under the name it has here, unless there is a pooler between.
std::vector<std::string> candidates(Connection &target) {
  std::string name = in_transaction([] { return *query_value("SELECT pg_catalog.current_database()"); });
  std::vector<Row> rows = target.query(
      R"(SELECT s.srvname
           FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
          WHERE w.fdwname = 'pagila_repl' AND pg_catalog.has_server_privilege(s.oid, 'USAGE')
            AND EXISTS (SELECT FROM pg_catalog.pg_options_to_table(s.srvoptions) o
                         WHERE o.option_name = 'dbname' AND o.option_value = $1)
          ORDER BY s.srvname)",
      {name});
  std::vector<std::string> names;
  for (const Row &row : rows) names.push_back(text_in(row, 0));
  return names;
}

// What is wrong with a server as the one to choose; empty: it leads here.
std::string ask(Connection &target, const std::string &server) {
  try {
    DatabaseIdentity reached = identity_told(target, server);
    return in_transaction([&] { return is_here(reached) ? "" : "leads to " + description_of(reached); });
  } catch (const Error &error) {
    // Not one of its servers has failed, but we: cancelled, or the target is lost.
    if (is_cancel(error) || !target.is_idle()) throw;
    return "cannot be asked: " + error.message;
  }
}

std::string only_one(Connection &target) {
  std::vector<std::string> found;
  std::string others, list;
  for (const std::string &server : candidates(target)) {
    std::string fault = ask(target, server);
    if (fault.empty()) {
      found.push_back(server);
      list += (list.empty() ? "\"" : ", \"") + server + "\"";
    } else {
      others += "Server \"" + server + "\" " + fault + ".\n";
    }
  }
  if (found.size() == 1) return found[0];
  if (found.empty())
    throw Error("42704", "no server of the target leads to this database", others + where_we_listen(),
                how_to_define(target, "pagila_source"));
  throw Error("55000", "several servers of the target lead to this database", "They are " + list + ".",
              "Say which one with source => '...'.");
}

}  // namespace

std::string choose_source(Connection &target, const std::optional<std::string> &named) {
  try {
    if (!named) return only_one(target);
    check_named(target, *named);
    return *named;
  } catch (const Error &error) {
    if (error.context.empty()) throw error.within("server \"" + target.server().name + "\"");
    throw;
  }
}

}  // namespace pagila_repl
