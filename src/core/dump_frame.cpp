// What surrounds the statements of a dump: the comments pg_dump begins and ends with, \restrict .. \unrestrict, \connect.
#include "core/dump_frame.hpp"

#include <optional>

#include "core/characters.hpp"

namespace pagila_repl {
namespace {

constexpr size_t kMaxRestrictToken = 1024;
constexpr size_t kMaxConnectLine = 1024;
constexpr std::string_view kObject = "-- Name: ";

// The content of a quoted word whose quotes are doubled or escaped inside, if the text is one and nothing else.
std::optional<std::string> unquoted(std::string_view text, char quote, bool escapes) {
  if (text.size() < 2 || text.front() != quote) return std::nullopt;
  std::string content;
  for (size_t i = 1; i < text.size(); ++i) {
    bool escape = escapes && text[i] == '\\' && i + 1 < text.size();
    bool doubled = text[i] == quote && i + 1 < text.size() && text[i + 1] == quote;
    if (text[i] == quote && !doubled) return i + 1 == text.size() ? std::optional(content) : std::nullopt;
    if (escape || doubled) ++i;
    content.push_back(text[i]);
  }
  return std::nullopt;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// As psql reads the arguments, as far as pg_dump writes them.
std::optional<std::string> database_of_connect(std::string_view line) {
  constexpr std::string_view kReuse = "-reuse-previous=on ", kName = "dbname=";
  line = trimmed(line);
  while (!line.empty() && line.back() == ';') line = trimmed(line.substr(0, line.size() - 1));
  bool reuse = line.compare(0, kReuse.size(), kReuse) == 0;
  if (reuse) line = trimmed(line.substr(kReuse.size()));
  std::string name(line);
  if (!line.empty() && line.front() == '"') {
    std::optional<std::string> content = unquoted(line, '"', false);
    if (!content) return std::nullopt;
    name = *content;
  } else if (line.find_first_of(" \t\"'`:\\") != std::string_view::npos) {
    return std::nullopt;
  }
  if (!reuse)
    return name.empty() || name.find('=') != std::string::npos || name == "-" ? std::nullopt : std::optional(name);
  if (name.compare(0, kName.size(), kName) != 0) return std::nullopt;
  name.erase(0, kName.size());
  return name.empty() || name.front() != '\'' ? std::optional(name) : unquoted(name, '\'', true);
}

}  // namespace

bool DumpFrame::skip_to_statement() {
  Next next = skip_to_next();
  connect_is_next_ = next == Next::connect;
  return next == Next::statement;
}

DumpFrame::Next DumpFrame::skip_to_next() {
  if (connect_is_next_) {
    connect_is_next_ = false;
    return Next::connect;
  }
  // The line a statement has just ended on is not free for a meta-command.
  if (!in_.at_line_start()) last_text_line_ = in_.line();
  for (;;) {
    int c = in_.peek();
    if (c == DumpInput::kEnd) return Next::end;
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
      if (meta_command()) return Next::connect;
    } else {
      return Next::statement;
    }
  }
}

void DumpFrame::statement_begins() {
  seen_statement_ = true;
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
    // Another dump begins, which has an end of its own.
    has_trailer_ = false;
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

// True if it was \connect.
bool DumpFrame::meta_command() {
  bool own_line = last_text_line_ != in_.line();
  last_text_line_ = in_.line();
  in_.skip();
  auto next_is = [&](std::string_view word) {
    for (size_t i = 0; i < word.size(); ++i)
      if (in_.peek(i) != word[i]) return false;
    return true;
  };
  bool opens = next_is("restrict "), closes = next_is("unrestrict ");
  // psql takes nothing else than \unrestrict there.
  if (own_line && restricted_by_.empty())
    for (std::string_view command : {"connect ", "c "})
      if (next_is(command)) {
        connect(command.size());
        return true;
      }
  if (!own_line || !(opens || closes)) throw meta_command_error(in_);
  restrict(opens);
  return false;
}

void DumpFrame::restrict(bool opens) {
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
  if (!opens && token != restricted_by_)
    throw in_.error("42601", "\\unrestrict does not match \\restrict",
                    restricted_by_.empty() ? "There is no \\restrict before it." : "Its token is another one.");
  restricted_by_ = opens ? token : std::string();
}

// \connect name, "name", or -reuse-previous=on "dbname='name'", which pg_dump writes for a name of unusual characters.
void DumpFrame::connect(size_t command_size) {
  in_.advance(command_size);
  std::string line;
  for (int c = in_.peek(); c != '\n' && c != DumpInput::kEnd && line.size() <= kMaxConnectLine; c = in_.peek()) {
    line.push_back(static_cast<char>(c));
    in_.skip();
  }
  std::optional<std::string> name = database_of_connect(line);
  if (!name)
    throw in_.error("42601", "\\connect is not in the form that a dump may contain",
                    "It names a database and nothing else, on a line of its own.",
                    "Remove the line: the rows are loaded into the database in which the function is called.");
  database_ = *name;
}

bool DumpFrame::rest_of_line_is_blank() {
  while (is_blank(in_.peek())) in_.skip();
  return in_.peek() == '\n' || in_.peek() == DumpInput::kEnd;
}

}  // namespace pagila_repl
