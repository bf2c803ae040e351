#include "core/remote_text.hpp"

#include <gtest/gtest.h>

namespace pagila_repl {
namespace {

TEST(RemoteText, EscapesControlCharacters) {
  EXPECT_EQ(escape_controls("a\nLOG:  fake\r\n\tb", true), "a\\nLOG:  fake\\r\\n\\tb");
  EXPECT_EQ(escape_controls(std::string("\x1b[31m\x7f\0", 7), true), "\\x1B[31m\\x7F\\x00");
}

TEST(RemoteText, EscapesInvisibleCharactersOfUnicode) {
  EXPECT_EQ(escape_controls("\xC2\x9B"
                            "31m",
                            true),
            "\\u009B31m");
  EXPECT_EQ(escape_controls("\xE2\x80\xAE"
                            "x\xE2\x81\xA6y\xE2\x80\xA8",
                            true),
            "\\u202Ex\\u2066y\\u2028");
}

TEST(RemoteText, KeepsOtherCharacters) {
  for (const char *text : {"100%n %s", "gr\xC3\xBC\xC3\x9F", "\xE2\x82\xAC", "\xC2\xA0", "\\n", "\xE2\x80\x93"})
    EXPECT_EQ(escape_controls(text, true), text);
}

TEST(RemoteText, LeavesHighBytesOfOtherEncodings) { EXPECT_EQ(escape_controls("\xC2\x9B", false), "\xC2\x9B"); }

TEST(RemoteText, MakesOneLineOfSeveral) {
  EXPECT_EQ(one_line("server closed\n\tThis means \n\nx\n"), "server closed This means x");
  EXPECT_EQ(one_line(""), "");
  EXPECT_EQ(one_line(" \n \t"), "");
}

TEST(RemoteText, KeepsOnlyStatesOfErrors) {
  EXPECT_EQ(error_state("28P01", "08P01"), "28P01");
  for (const char *state : {"", "00000", "01000", "02000", "2801", "28p01", "28P011", "28-01", "\n8P01"})
    EXPECT_EQ(error_state(state, "08P01"), "08P01") << state;
}

TEST(ConnectFailure, ReadsTheStateOfARefusal) {
  ConnectFailure failure = read_connect_failure(
      "connection to server at \"10.0.0.1\", port 5432 failed: FATAL:  28P01: password authentication failed for user "
      "\"x\"\nLOCATION:  auth_failed, auth.c:335\n");
  EXPECT_EQ(failure.sqlstate, "28P01");
  EXPECT_EQ(failure.message,
            "connection to server at \"10.0.0.1\", port 5432 failed: FATAL:  password authentication failed for user "
            "\"x\"");
  EXPECT_EQ(failure.detail, "");
}

TEST(ConnectFailure, ReadsTheStateInOtherLanguages) {
  ConnectFailure failure = read_connect_failure(
      "Verbindung zum Server auf \"h\", Port 5432 fehlgeschlagen: FATAL:  3D000: Datenbank \"x\" existiert nicht\n"
      "ORT:  InitPostgres, postinit.c:974\n");
  EXPECT_EQ(failure.sqlstate, "3D000");
  EXPECT_EQ(failure.detail, "");
}

TEST(ConnectFailure, HasNoStateWhereNoServerAnswered) {
  ConnectFailure failure = read_connect_failure(
      "connection to server at \"h\", port 1 failed: Connection refused\n"
      "\tIs the server running on that host and accepting TCP/IP connections?\n");
  EXPECT_EQ(failure.sqlstate, "");
  EXPECT_EQ(failure.message, "connection to server at \"h\", port 1 failed: Connection refused");
  EXPECT_EQ(failure.detail, "Is the server running on that host and accepting TCP/IP connections?");
}

TEST(ConnectFailure, PrefersTheAddressThatAnswered) {
  ConnectFailure failure = read_connect_failure(
      "connection to server at \"h\" (::1), port 1 failed: Connection refused\n"
      "\tIs the server running?\n"
      "connection to server at \"h\" (127.0.0.1), port 1 failed: FATAL:  53300: sorry, too many clients already\n"
      "LOCATION:  ProcArrayAdd, procarray.c:481\n");
  EXPECT_EQ(failure.sqlstate, "53300");
  EXPECT_EQ(failure.message,
            "connection to server at \"h\" (127.0.0.1), port 1 failed: FATAL:  sorry, too many clients already");
  EXPECT_EQ(failure.detail,
            "connection to server at \"h\" (::1), port 1 failed: Connection refused Is the server running?");
}

TEST(ConnectFailure, SurvivesAnything) {
  for (const char *text :
       {"", "\n", "\n\n:  \n", ":  28P01", ":  28P01:", ":  28P01: ", "x.c:", ".c:1", ":  ABCDE: .c:12"})
    (void)read_connect_failure(text);
}

}  // namespace
}  // namespace pagila_repl
