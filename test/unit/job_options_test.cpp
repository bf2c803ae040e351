#include "core/job_options.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace pagila_repl {
namespace {

JobOption text(const std::string &name, const std::string &value) { return {name, {"string", value}, {}}; }
JobOption boolean(const std::string &name, bool value) { return {name, {"boolean", value ? "true" : "false"}, {}}; }
JobOption number(const std::string &name, const std::string &value) { return {name, {"number", value}, {}}; }
JobOption null(const std::string &name) { return {name, {"null", "null"}, {}}; }
JobOption texts(const std::string &name, const std::vector<std::string> &values) {
  JobOption option{name, {"array", "[...]"}, {}};
  for (const std::string &value : values) option.elements.push_back({"string", value});
  return option;
}

template <class Request>
Error refusal(const JobOption &option) {
  Request request;
  try {
    apply_options({option}, request);
  } catch (const Error &error) {
    return error;
  }
  return Error("00000", "accepted");
}

const std::vector<JobOption> kCommon = {boolean("force", true),
                                        text("verify", "counts"),
                                        text("on_modified", "overwrite"),
                                        text("on_unmanaged", "drop"),
                                        text("on_dependents", "drop"),
                                        text("owners", "skip"),
                                        text("on_other_source", "replace"),
                                        text("on_object_error", "skip"),
                                        boolean("large_objects", false)};

void expect_common(const RunOptions &request) {
  EXPECT_TRUE(request.force);
  EXPECT_FALSE(request.verify_content);
  EXPECT_TRUE(request.overwrite_modified);
  EXPECT_TRUE(request.drop_unmanaged);
  EXPECT_TRUE(request.drop_dependents);
  EXPECT_FALSE(request.keep_owners);
  EXPECT_TRUE(request.replace_others);
  EXPECT_TRUE(request.skip_objects);
  EXPECT_EQ(request.large_objects, false);
}

TEST(JobOptions, AreThoseOfReplications) {
  ReplicateRequest request;
  apply_options(kCommon, request);
  apply_options({number("workers", "64"), texts("schemas", {"a", "b*"}), texts("include", {"a.t"}),
                 texts("exclude", {"log*"}), text("foreign_keys", "check")},
                request);
  expect_common(request);
  EXPECT_EQ(request.workers, 64);
  EXPECT_EQ(request.selection.schemas, (std::vector<std::string>{"a", "b*"}));
  EXPECT_EQ(request.selection.include, std::vector<std::string>{"a.t"});
  EXPECT_EQ(request.selection.exclude, std::vector<std::string>{"log*"});
  EXPECT_TRUE(request.check_foreign_keys);
  apply_options({text("foreign_keys", "trust"), text("verify", "content")}, request);
  EXPECT_FALSE(request.check_foreign_keys);
  EXPECT_TRUE(request.verify_content);
}

TEST(JobOptions, AreThoseOfLoads) {
  LoadRequest request;
  apply_options(kCommon, request);
  apply_options({boolean("strict", false)}, request);
  expect_common(request);
  EXPECT_FALSE(request.strict);
}

TEST(JobOptions, AreNotThereWhenNull) {
  ReplicateRequest request;
  request.workers = 7;
  apply_options({null("workers"), null("schemas"), null("verify"), null("force")}, request);
  EXPECT_EQ(request.workers, 7);
  EXPECT_TRUE(request.verify_content);
  EXPECT_EQ(refusal<ReplicateRequest>(null("wrokers")).sqlstate, "22023");
}

TEST(JobOptions, NameObjectsOfTheDatabase) {
  JobOption words{"database_objects", {"array", "[...]"}, {{"string", "settings"}}};
  LoadRequest request;
  apply_options({words}, request);
  EXPECT_TRUE(request.database_objects.settings);
  EXPECT_FALSE(request.database_objects.publications);
  words.elements.clear();
  apply_options({words}, request);
  EXPECT_FALSE(request.database_objects.any());
  words.elements = {{"string", "Settings"}};
  EXPECT_EQ(refusal<LoadRequest>(words).hint,
            "It is an array of any of \"publications\", \"settings\" and \"event_triggers\".");
  EXPECT_EQ(refusal<LoadRequest>(text("database_objects", "settings")).hint, "It is an array of strings.");
}

TEST(JobOptions, AreKnown) {
  EXPECT_EQ(refusal<LoadRequest>(text("verfy", "counts")).hint, "Perhaps you meant \"verify\".");
  EXPECT_EQ(refusal<LoadRequest>(text("colour", "red")).hint,
            "Options are: force, verify, on_modified, on_unmanaged, on_dependents, owners, strict, on_other_source, "
            "on_object_error, large_objects, database_objects.");
  EXPECT_EQ(refusal<LoadRequest>(number("workers", "2")).hint, "It is one of replications.");
  EXPECT_EQ(refusal<ReplicateRequest>(boolean("strict", true)).hint, "It is one of loads.");
  EXPECT_EQ(refusal<ReplicateRequest>(boolean("wait", true)).hint, "Nobody waits for the runs of a job. Leave it out.");
  EXPECT_EQ(refusal<LoadRequest>(boolean("wait", true)).sqlstate, "22023");
  EXPECT_EQ(refusal<ReplicateRequest>(text("server", "x")).sqlstate, "22023");
}

TEST(JobOptions, HaveTheRightType) {
  for (const JobOption &option :
       {text("force", "true"), number("force", "1"), boolean("verify", true), number("on_modified", "0"),
        text("workers", "2"), boolean("workers", true), text("schemas", "a"), boolean("include", true),
        number("exclude", "1"), number("foreign_keys", "1"), texts("verify", {"counts"})})
    EXPECT_EQ(refusal<ReplicateRequest>(option).sqlstate, "22023") << option.name;
  EXPECT_EQ(refusal<LoadRequest>(text("strict", "false")).sqlstate, "22023");
  JobOption mixed = texts("schemas", {"a"});
  mixed.elements.push_back({"null", "null"});
  EXPECT_EQ(refusal<ReplicateRequest>(mixed).sqlstate, "22023");
}

TEST(JobOptions, HaveAValueThatIsPossible) {
  for (const char *workers : {"0", "65", "-1", "1.5", "100000000000000000000", "1e1"})
    EXPECT_EQ(refusal<ReplicateRequest>(number("workers", workers)).sqlstate, "22023") << workers;
  EXPECT_EQ(refusal<ReplicateRequest>(text("verify", "sha")).hint, "It is 'content' or 'counts'.");
  EXPECT_EQ(refusal<ReplicateRequest>(text("owners", "")).sqlstate, "22023");
  EXPECT_EQ(refusal<ReplicateRequest>(texts("schemas", {})).sqlstate, "22023");
  EXPECT_EQ(refusal<ReplicateRequest>(texts("schemas", {"a.b"})).sqlstate, "42601");
  EXPECT_EQ(refusal<ReplicateRequest>(texts("include", {"a.b.c"})).sqlstate, "42601");
}

}  // namespace
}  // namespace pagila_repl
