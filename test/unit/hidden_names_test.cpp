#include "core/hidden_names.hpp"

#include <gtest/gtest.h>

namespace pagila_repl {
namespace {

TEST(HiddenNames, AreRecognized) {
  EXPECT_EQ(stage_name(12, 1, 0xabc), "pagila_repl_stage_12_1_0000000000000abc");
  EXPECT_TRUE(is_hidden_name(stage_name(12, 1, 0)));
  EXPECT_TRUE(is_hidden_name(stage_name(INT64_MAX, 70, UINT64_MAX)));
  EXPECT_TRUE(is_hidden_name(old_name(1, 2, 0x8899aabbccddeeff)));
  EXPECT_TRUE(is_hidden_name("pagila_repl_stage_12_1")) << "as earlier versions named them";
}

TEST(HiddenNames, OthersAreNot) {
  for (const char *name : {"", "pagila_repl", "pagila_repl_stage_", "pagila_repl_stage_1", "pagila_repl_stages_1_1",
                           "my_pagila_repl_old_1_1", "pagila_repl_old_1_1_", "pagila_repl_old_1_1_zz",
                           "pagila_repl_old_1_1_00000000000000000"})
    EXPECT_FALSE(is_hidden_name(name)) << name;
}

// 63 bytes are what a name may have.
TEST(HiddenNames, FitTheServer) { EXPECT_LE(stage_name(INT64_MAX, 99999, 0).size(), 63u); }

}  // namespace
}  // namespace pagila_repl
