#include "core/complaint.hpp"

#include <gtest/gtest.h>

#include "core/utf8.hpp"

namespace pagila_repl {
namespace {

size_t whole_in_utf8(const std::string &text, size_t limit) { return clip_utf8(text, limit).size(); }

std::string shown(const std::string &said, const std::string &secret = {}, bool valid = true, bool is_utf8 = true) {
  Complaint complaint;
  complaint.add(said);
  return complaint.text(secret, valid, is_utf8, whole_in_utf8);
}

TEST(Complaint, IsOneLineWithoutControlCharacters) {
  EXPECT_EQ(shown("pg_dump: error: no\npg_dump: hint: try\tit\x1b[2J\n"),
            "pg_dump: error: no pg_dump: hint: try it\\x1B[2J");
}

TEST(Complaint, NeverShowsTheSecret) {
  EXPECT_EQ(shown("error: ab cd ab", "ab"), "error: ******** cd ********");
  EXPECT_EQ(shown("error: ***", "*").find("******** "), std::string::npos);
  EXPECT_EQ(shown("error: ab", ""), "error: ab");
}

TEST(Complaint, LeavesOutTheQuery) {
  EXPECT_EQ(shown("pg_dump: error: query failed: ERROR:  no\npg_dump: detail: Query was: LOCK TABLE a\n"),
            "pg_dump: error: query failed: ERROR:  no");
}

TEST(Complaint, ReplacesWhatMayBeNoCharacters) {
  EXPECT_EQ(shown("é", {}, true), "é");
  EXPECT_EQ(shown("é", {}, false), "??");
}

TEST(Complaint, IsCutBetweenCharacters) {
  std::string text = shown("x" + std::string(1022, 'y') + "éé");
  EXPECT_EQ(text, "x" + std::string(1022, 'y') + "...");
}

// Other encodings have other characters: here each has two bytes.
TEST(Complaint, IsCutBetweenCharactersOfOtherEncodings) {
  Complaint complaint;
  for (int i = 0; i < 600; i++) complaint.add("\xb0\xa1");
  std::string text =
      complaint.text({}, true, false, [](const std::string &, size_t limit) { return (limit - 1) / 2 * 2; });
  EXPECT_EQ(text.size(), 1022u + 3u);
}

TEST(Complaint, KeepsTheErrorAmongWarnings) {
  std::string warnings;
  for (int i = 0; i < 1000; i++) warnings += "pg_dump: warning: number " + std::to_string(i) + "\n";
  Complaint complaint;
  for (char c : warnings + "pg_dump: error: this\n" + warnings) complaint.add({&c, 1});
  EXPECT_EQ(complaint.text({}, true, true, whole_in_utf8).find("pg_dump: error: this pg_dump: warning: number 0 "), 0u);
  EXPECT_LE(complaint.raw().size(), 4096u);
}

TEST(Complaint, KeepsTheLastLinesWithoutAnError) {
  Complaint complaint;
  for (int i = 0; i < 1000; i++) complaint.add("pg_dump: warning: number " + std::to_string(i) + "\n");
  EXPECT_EQ(complaint.raw().find("pg_dump: warning: number "), 0u);
  EXPECT_NE(complaint.raw().find("number 999\n"), std::string::npos);
  EXPECT_LE(complaint.raw().size(), 4096u);
}

TEST(Complaint, HasTheSqlstateOfItsCause) {
  struct {
    const char *complaint, *sqlstate;
  } cases[] = {
      {"pg_dump: error: connection to server at \"127.0.0.1\", port 1 failed: Connection refused", "08001"},
      {"pg_dump: error: connection to server on socket \"/x\" failed: FATAL:  password authentication failed for user \"x\"",
       "28P01"},
      {"pg_dump: error: connection to server at \"x\" failed: FATAL:  sorry, too many clients already", "53300"},
      {"pg_dump: error: query failed: server closed the connection unexpectedly", "08006"},
      {"pg_dump: error: query failed: FATAL:  terminating connection due to administrator command", "08006"},
      {"pg_dump: error: query failed: ERROR:  canceling statement due to lock timeout", "55P03"},
      {"pg_dump: error: query failed: ERROR:  canceling statement due to statement timeout", "55P03"},
      {"pg_dump: error: query failed: ERROR:  permission denied for table t", "42501"},
      {"pg_dump: error: query failed: ERROR:  character with byte sequence 0xe2 0x82 0xac in encoding \"UTF8\" has no "
       "equivalent in encoding \"LATIN1\"",
       "22P05"},
      {"pg_dump: error: query failed: ERROR:  invalid byte sequence for encoding \"UTF8\": 0xe9", "22021"},
      {"pg_dump: error: query failed: ERROR:  could not import the requested snapshot", "55000"},
      {"pg_dump: error: query failed: cannot allocate memory for input buffer", "53200"},
      {"pg_dump: error: aborting because of server version mismatch", "0A000"},
      {"pg_dump: error: no matching extensions were found", "42704"},
      {"pg_dump: error: something else", "38000"},
      {"", "38000"},
  };
  for (const auto &[complaint, sqlstate] : cases) EXPECT_EQ(complaint_sqlstate(complaint), sqlstate) << complaint;
}

}  // namespace
}  // namespace pagila_repl
