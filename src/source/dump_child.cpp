// Runs pg_dump and plans what it prints.

#include "source/dump_child.hpp"

#include <sys/wait.h>

#include <cstring>
#include <set>

#include "core/dump_command.hpp"
#include "core/dump_reader.hpp"
#include "pg/boundary.hpp"
#include "pg/fixed_text.hpp"
#include "settings.hpp"
#include "source/child_process.hpp"
#include "source/nullable_columns.hpp"
#include "source/planner.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace pagila_repl {

namespace {

std::vector<std::string> environment(const std::string &password) {
  std::vector<std::string> environment = {"PATH=/usr/bin:/bin", "LC_ALL=C"};
  if (!password.empty()) environment.push_back("PGPASSWORD=" + password);
  return environment;
}

std::string shown(const Complaint &complaint, const std::string &password) {
  const char *bytes = complaint.raw().c_str();
  auto length = static_cast<int>(whole_characters(complaint.raw(), complaint.raw().size()));
  bool is_valid = guarded([=] { return pg_verifymbstr(bytes, length, true); });
  return complaint.text(password, is_valid, GetDatabaseEncoding() == PG_UTF8, whole_characters);
}

//
// Which pg_dump
//

// The one that is set, else the one beside the server's own binary.
std::string pg_dump_path() {
  std::string path = pg_dump_setting();
  if (!path.empty()) return path;
  path = my_exec_path;
  return path.substr(0, path.rfind('/') + 1) + "pg_dump";
}

Error with_hint(const Error &error, const std::string &hint) {
  Error hinted = error;
  hinted.hint = hint;
  return hinted;
}

int version_of(const std::string &path) {
  std::string printed, reason;
  try {
    ChildProcess child({path, {"--version"}, environment({})}, stall_timeout_setting());
    char buffer[256];
    while (size_t got = child.read(buffer, sizeof buffer))
      if (printed.size() < sizeof buffer) printed.append(buffer, got);
    child.wait();
    reason = shown(child.complaint(), {});
  } catch (const Error &error) {
    if (error.sqlstate != "58P01") throw;
    throw with_hint(error, "Install PostgreSQL's client programs, or set pagila_repl.pg_dump to the path of pg_dump.");
  }
  if (int version = major_version(printed)) return version;
  throw Error("58P01",
              "\"" + path + "\" is not pg_dump: " +
                  (reason.empty() ? "asked for its version it does not tell one of pg_dump" : reason),
              {}, "Set pagila_repl.pg_dump to the path of pg_dump.");
}

int check_version(const std::string &path, int source_version) {
  int have = version_of(path), needed = source_version / 10000;
  if (have >= needed) return have;
  throw Error("0A000",
              "pg_dump " + std::to_string(have) + " is too old for the source, which is version " +
                  std::to_string(needed) + ": \"" + path + "\"",
              {},
              "Install postgresql-client-" + std::to_string(needed) +
                  " and set pagila_repl.pg_dump to the path of its pg_dump.");
}

//
// Its output
//

std::string describe(int status) {
  if (WIFSIGNALED(status)) return "It was ended by signal " + std::to_string(WTERMSIG(status)) + ".";
  return "Its exit status is " + std::to_string(WEXITSTATUS(status)) + ".";
}

// What pg_dump prints; its end is only the end if pg_dump says so.
class PrintedShape : public ByteSource {
 public:
  PrintedShape(const Program &program, const std::string &password)
      : child_(program, stall_timeout_setting()), password_(password) {}

  size_t read(char *buffer, size_t size) override {
    size_t got = ended_ ? 0 : child_.read(buffer, size);
    if (got > 0 || ended_) return got;
    ended_ = true;
    int status = child_.wait();
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    std::string reason = shown(child_.complaint(), password_);
    throw Error(complaint_sqlstate(child_.complaint().raw()), "pg_dump failed",
                reason.empty() ? describe(status) : reason)
        .from(Error::Origin::source);
  }
  bool ended() const { return ended_; }

 private:
  ChildProcess child_;
  const std::string &password_;
  bool ended_ = false;
};

Error incomplete(const std::string &detail) {
  return Error("38000", "pg_dump has not printed the whole shape", detail);
}

void read_shape(PrintedShape &printed, const std::string &origin, Planner &planner) {
  planner.begin(origin);
  try {
    DumpReader reader(printed);
    while (auto item = reader.next(planner.rows())) planner.take(*item);
    if (!reader.has_header() || !reader.has_trailer()) throw incomplete("The comment that ends a dump is missing.");
  } catch (const Error &error) {
    // Cut off it is no longer SQL, but that is not what is wrong with it.
    if (error.sqlstate == "42601" && printed.ended())
      throw incomplete("It stops in a statement: " + error.message + ".").within(origin);
    throw error.within(origin);
  }
}

// What decides how the shape comes out, and nothing else.
std::string hash_of(const LoadPlan &plan) {
  Sha256 hash;
  for (const std::string &schema : plan.schemas) hash.add(schema.c_str(), schema.size() + 1);
  for (const ShapeStatement &statement : plan.shape) hash.add(statement.text.c_str(), statement.text.size() + 1);
  return hash.hex();
}

// pg_dump was told names as patterns; what it made of them must be what was meant.
void check_tables(const LoadPlan &plan, const SourceCatalog &catalog) {
  std::set<std::pair<std::string, std::string>> created;
  for (const ShapeStatement &statement : plan.shape)
    if (statement.what.creates_table) created.insert({statement.what.schema, statement.what.name});
  for (const SourceTable &table : catalog.tables)
    if (created.count({table.name.schema, table.name.name}) == 0)
      throw Error("55000", "pg_dump does not tell of table \"" + table.name.schema + "." + table.name.name + "\"",
                  "The source has it, and it is to be copied.");
  for (const QualifiedName &relation : catalog.left_out)
    if (created.count({relation.schema, relation.name}) > 0)
      throw Error("55000", "pg_dump tells of table \"" + relation.schema + "." + relation.name + "\"",
                  "It was to be left out.");
}

// Those that pg_dump leaves out of a dump of some schemas. The source has said them in the encoding of this database.
void add_casts(const SourceCatalog &catalog, Planner &planner) {
  DumpItem encoding;
  encoding.text = std::string("SET client_encoding = '") + guarded([] { return GetDatabaseEncodingName(); }) + "'";
  planner.take(encoding);
  for (const SourceCast &cast : catalog.casts)
    for (const std::string *text : {&cast.statement, &cast.comment}) {
      if (text->empty()) continue;
      DumpItem item;
      item.text = *text;
      item.object = cast.name;
      planner.take(item);
    }
}

LoadPlan plan_shape(const Program &pg_dump, const SourceServer &server, const SourceCatalog &catalog,
                    bool whole_database) {
  LoadPlan plan;
  ShapeScope scope(catalog.schemas, whole_database);
  Planner planner(plan, &scope);
  PrintedShape printed(pg_dump, server.password);
  read_shape(printed, "pg_dump of server \"" + server.name + "\"", planner);
  if (!whole_database) add_casts(catalog, planner);
  planner.finish();
  check_tables(plan, catalog);
  return plan;
}

}  // namespace

Finding find_pg_dump(int source_version) {
  Finding found{Finding::Severity::ok, "pg_dump", {}, {}, {}};
  try {
    found.message = "pg_dump " + std::to_string(check_version(pg_dump_path(), source_version));
  } catch (const Error &error) {
    // Those that tell of a cancel, or of a full system, are not about the program.
    if (error.sqlstate != "58P01" && error.sqlstate != "0A000" && error.sqlstate != "42501" &&
        error.sqlstate != "58030")
      throw;
    found = {Finding::Severity::error, "pg_dump", error.sqlstate, error.message, error.hint};
  }
  return found;
}

LoadPlan dump_shape(const SourceServer &server, const SourceCatalog &catalog, const Selection &selection,
                    const std::string &snapshot, std::string &sha256) {
  std::string path = pg_dump_path();
  check_version(path, catalog.version);
  DumpCommand command;
  command.parameters = server.parameters;
  command.connect_timeout_ms = connect_timeout_setting();
  // Converted here it is known of each object whether it can be. Of these encodings nothing is known to convert.
  std::string own = guarded([] { return GetDatabaseEncodingName(); });
  bool is_of_bytes = own == "SQL_ASCII" || catalog.encoding == "SQL_ASCII" || catalog.encoding == "MULE_INTERNAL";
  command.encoding = is_of_bytes || own == "MULE_INTERNAL" ? own : "UTF8";
  command.snapshot = snapshot;
  command.whole_database = selection.everything();

  auto shape = [&] {
    return plan_shape({path, dump_arguments(command, catalog), environment(server.password)}, server, catalog,
                      command.whole_database);
  };
  LoadPlan plan;
  try {
    plan = shape();
  } catch (const Error &error) {
    // There is no other way to ask for the extensions of some schemas, if any.
    if (error.sqlstate == "54000")
      throw with_hint(error, "Replicate whole schemas, or the whole database, so that fewer names have to be told.");
    if (error.sqlstate != "42704") throw;
    command.extensions = false;
    plan = shape();
  }
  add_nullable_columns(catalog, plan);
  sha256 = hash_of(plan);
  return plan;
}

}  // namespace pagila_repl
