// What is asked for arrives at the leader as it was, and names of the record are read as they are written.

#include "core/replicate_to_request.hpp"

#include <gtest/gtest.h>

#include "core/run_status.hpp"

using namespace pagila_repl;

TEST(ReplicateToRequest, ArrivesAsItWasSent) {
  ReplicateToRequest request;
  request.server = "tgt";
  request.source = "it's \"here\"";
  request.wait = false;
  request.workers = 0;
  request.force = true;
  request.check_foreign_keys = true;
  request.replace_others = true;
  request.selection.exclude = {"a*", ""};
  ReplicateToRequest copy = decode_replicate_to_request(encode(request));
  EXPECT_EQ(copy.server, "tgt");
  EXPECT_EQ(copy.source, request.source);
  EXPECT_FALSE(copy.wait);
  EXPECT_EQ(copy.workers, 0);
  EXPECT_TRUE(copy.force);
  EXPECT_TRUE(copy.check_foreign_keys);
  EXPECT_TRUE(copy.replace_others);
  EXPECT_EQ(copy.selection.exclude, request.selection.exclude);
}

TEST(ReplicateToRequest, TellsAnEmptyNameFromNone) {
  ReplicateToRequest request;
  EXPECT_FALSE(decode_replicate_to_request(encode(request)).source.has_value());
  request.source = "";
  EXPECT_EQ(decode_replicate_to_request(encode(request)).source, "");
}

TEST(RunStatus, IsReadAsItIsWritten) {
  for (int i = 0; i <= static_cast<int>(RunStatus::crashed); i++)
    EXPECT_EQ(status_named(name_of(static_cast<RunStatus>(i))), static_cast<RunStatus>(i));
  for (int i = 0; i <= static_cast<int>(Phase::done); i++)
    EXPECT_EQ(phase_named(name_of(static_cast<Phase>(i))), static_cast<Phase>(i));
  EXPECT_FALSE(status_named("paused").has_value());
  EXPECT_FALSE(phase_named("").has_value());
}
