// What surrounds the statements of a dump: the comments pg_dump begins and ends with, and \restrict .. \unrestrict.
#include "core/dump_frame.hpp"

#include "core/characters.hpp"

namespace pagila_repl {
namespace {

constexpr size_t kMaxRestrictToken = 1024;
constexpr std::string_view kObject = "-- Name: ";

}  // namespace

bool DumpFrame::skip_to_statement() {
  // The line a statement has just ended on is not free for a meta-command.
  if (!in_.at_line_start()) last_text_line_ = in_.line();
  for (;;) {
    int c = in_.peek();
    if (c == DumpInput::kEnd) return false;
    if (is_space(c) || c == ';') {
      if (c == ';') last_text_line_ = in_.line();
      in_.skip();
    } else if (c == '-' && in_.peek(1) == '-') {
      line_comment();
    } else if (c == '/' && in_.peek(1) == '*') {
      scratch_.clear();
      lexer_.start_text();
      lexer_.block_comment(scratch_);
      last_text_line_ = in_.line();
    } else if (c == '\\') {
      meta_command();
    } else {
      return true;
    }
  }
}

void DumpFrame::statement_begins() {
  seen_statement_ = true;
  has_trailer_ = false;
  complete_line_ = 0;
}

void DumpFrame::line_comment() {
  bool whole = in_.at_line_start();
  uint64_t line = in_.line();
  scratch_.clear();
  lexer_.start_text();
  lexer_.line_comment(scratch_);
  last_text_line_ = line;
  if (in_.peek() == '\r') in_.skip();
  if (whole && in_.peek() == '\n') note_comment(scratch_, line);
}

void DumpFrame::note_comment(std::string_view comment, uint64_t line) {
  if (comment == "-- PostgreSQL database dump") {
    has_header_ = true;
  } else if (comment == "-- PostgreSQL database cluster dump" && !seen_statement_) {
    throw Error("0A000", "dump of a whole cluster cannot be loaded", "The file was written by pg_dumpall.",
                "Dump the database by itself with pg_dump.")
        .within(line_number(line));
  } else if (comment == "-- PostgreSQL database dump complete") {
    complete_line_ = line;
  } else if (comment == "--" && complete_line_ != 0 && line == complete_line_ + 1) {
    has_trailer_ = true;
  } else if (comment.compare(0, kObject.size(), kObject) == 0) {
    note_object(comment.substr(kObject.size()));
  }
}

// "titles; Type: VIEW; Schema: shop; Owner: alice". Names may hold such words too, so the last ones count.
void DumpFrame::note_object(std::string_view words) {
  auto cut = [&](std::string_view key) {
    size_t at = words.rfind(key);
    if (at == std::string_view::npos) return std::string_view();
    std::string_view value = words.substr(at + key.size());
    words = words.substr(0, at);
    return value;
  };
  cut("; Owner: ");
  std::string_view schema = cut("; Schema: "), type = cut("; Type: ");
  object_.assign(type.empty() ? "object" : type).append(" ");
  if (!schema.empty() && schema != "-") object_.append(schema).append(".");
  object_.append(words);
}

void DumpFrame::meta_command() {
  bool own_line = last_text_line_ != in_.line();
  last_text_line_ = in_.line();
  in_.skip();
  auto next_is = [&](std::string_view word) {
    for (size_t i = 0; i < word.size(); ++i)
      if (in_.peek(i) != word[i]) return false;
    return true;
  };
  bool opens = next_is("restrict "), closes = next_is("unrestrict ");
  if (!own_line || !(opens || closes)) throw meta_command_error(in_);

  in_.advance(opens ? 9 : 11);
  std::string token;
  while ((is_letter(in_.peek()) || is_digit(in_.peek())) && token.size() <= kMaxRestrictToken) {
    token.push_back(static_cast<char>(in_.peek()));
    in_.skip();
  }
  const char *command = opens ? "\\restrict" : "\\unrestrict";
  if (token.empty() || token.size() > kMaxRestrictToken || !rest_of_line_is_blank())
    throw in_.error("42601", std::string("malformed ") + command + " line",
                    std::string(command) + " takes one alphanumeric token and stands on a line of its own.");
  if (opens && !restricted_by_.empty())
    throw in_.error("42601", "\\restrict inside \\restrict", "The first one must be closed by \\unrestrict.");
  if (closes && token != restricted_by_)
    throw in_.error("42601", "\\unrestrict does not match \\restrict",
                    restricted_by_.empty() ? "There is no \\restrict before it." : "Its token is another one.");
  restricted_by_ = opens ? token : std::string();
}

bool DumpFrame::rest_of_line_is_blank() {
  while (is_blank(in_.peek())) in_.skip();
  return in_.peek() == '\n' || in_.peek() == DumpInput::kEnd;
}

}  // namespace pagila_repl
