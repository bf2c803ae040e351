// What a program complains of on its standard error, and what that means.
#pragma once

#include <string>
#include <string_view>

namespace pagila_repl {

// Collects what a program says on its standard error: from the first error on, else the end of it; at most 4 KB.
class Complaint {
 public:
  void add(std::string_view text);
  // On one line, escaped, at most 1 KB, the secret nowhere in it. `valid`: it is right in the encoding it is shown in;
  // else bytes above 127 are replaced. `whole_characters`: how many bytes of a text, up to a limit, are such of that encoding.
  std::string text(std::string_view secret, bool valid, bool is_utf8,
                   size_t (*whole_characters)(const std::string &text, size_t limit)) const;
  // Its last character may be cut.
  const std::string &raw() const { return kept_; }

 private:
  std::string kept_;
  bool error_seen_ = false;
};

// The SQLSTATE of what pg_dump complains of, 38000 if it is nothing known.
std::string complaint_sqlstate(std::string_view complaint);

}  // namespace pagila_repl
