// Keeps the part of a complaint worth showing.

#include "core/complaint.hpp"

#include <algorithm>

#include "core/remote_text.hpp"

namespace pagila_repl {

namespace {

constexpr size_t kKept = 4096;

// At least so many bytes, and no part of a line is left.
void drop_first_lines(std::string &text, size_t bytes) {
  size_t line = text.find('\n', bytes - 1);
  text.erase(0, line == std::string::npos ? bytes : line + 1);
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

void replace_all(std::string &text, std::string_view from, std::string_view to) {
  if (from.empty()) return;
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

}  // namespace

void Complaint::add(std::string_view text) {
  kept_.append(text);
  if (!error_seen_) {
    size_t error = kept_.find(": error: ");
    error_seen_ = error != std::string::npos;
    if (error_seen_)
      kept_.erase(0, kept_.rfind('\n', error) + 1);
    else if (kept_.size() > kKept)
      drop_first_lines(kept_, kept_.size() - kKept / 2);
  }
  kept_.resize(std::min(kept_.size(), kKept));
}

std::string Complaint::text(std::string_view secret, bool valid, bool is_utf8,
                            size_t (*whole_characters)(const std::string &text, size_t limit)) const {
  std::string told = kept_.substr(0, kept_.find("pg_dump: detail: Query was: "));
  replace_all(told, secret, "********");
  while (!told.empty() && (told.back() == '\n' || told.back() == ' ')) told.pop_back();
  for (char &c : told) {
    if (c == '\n' || c == '\t') c = ' ';
    if ((c & 0x80) != 0 && !valid) c = '?';
  }
  if (told.size() > kMaxRemoteText) {
    told.resize(whole_characters(told, kMaxRemoteText));
    told += "...";
  }
  return escape_controls(told, is_utf8 && valid);
}

std::string complaint_sqlstate(std::string_view complaint) {
  struct Meaning {
    std::string_view part, sqlstate;
  };
  // The first that is found; the messages of a source that speaks another language are not.
  constexpr Meaning kMeanings[] = {
      {"password authentication failed", "28P01"},
      {"fe_sendauth: no password supplied", "28P01"},
      {"no pg_hba.conf entry", "28000"},
      {"remaining connection slots are reserved", "53300"},
      {"too many clients already", "53300"},
      {"too many connections for", "53300"},
      {"connection to server", "08001"},
      {"could not translate host name", "08001"},
      {"server closed the connection unexpectedly", "08006"},
      {"terminating connection", "08006"},
      {"could not receive data from server", "08006"},
      {"could not send data to server", "08006"},
      {"SSL connection has been closed unexpectedly", "08006"},
      {"SSL SYSCALL error", "08006"},
      {"no connection to the server", "08006"},
      {"connection not open", "08006"},
      {"could not import the requested snapshot", "55000"},
      {"invalid snapshot identifier", "55000"},
      {"due to lock timeout", "55P03"},
      {"due to statement timeout", "55P03"},
      {"could not obtain lock", "55P03"},
      {"has no equivalent in encoding", "22P05"},
      {"invalid byte sequence for encoding", "22021"},
      {"permission denied", "42501"},
      {"must be owner of", "42501"},
      {"aborting because of server version mismatch", "0A000"},
      {"No space left on device", "53100"},
      {"out of memory", "53200"},
      {"cannot allocate memory", "53200"},
      {"no matching extensions were found", "42704"},
      {"no matching schemas were found", "3F000"},
  };
  for (const Meaning &meaning : kMeanings)
    if (has(complaint, meaning.part)) return std::string(meaning.sqlstate);
  return "38000";
}

}  // namespace pagila_repl
